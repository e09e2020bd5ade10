"""The chain of receipts in the hub: appending inside a transaction, epochs, and proving all of it.

An epoch begins with the ledger, and again whenever the hub turns out to be another server, another timeline, or an
older state than the witness file remembers; the chain records the fork and batch numbers jump past it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from gateway import pg, settings
from gateway.errors import ChainBroken, NotFound
from gateway.ledger import receipts
from gateway.security.crypto import Keys
from gateway.sql import queries

_SQL = queries(__file__)
_EPOCH_SIZE = 1_000_000_000


def append(
    connection: Connection,
    keys: Keys,
    kind: str,
    body: Mapping[str, Any],
    *,
    batch: int | None = None,
    route: str | None = None,
) -> receipts.Entry:
    """Add an entry inside the caller's transaction; the head stays locked until that transaction ends."""
    head = pg.one(connection, _SQL["head"])
    last = _last(connection, head[0]) if head else None
    entry = receipts.make(last, {"kind": kind, **body}, keys)
    values = {
        "no": entry.no,
        "kind": kind,
        "batch": batch,
        "route": route,
        "prev": entry.prev,
        "body": receipts.canonical(entry.body).decode(),
        "hash": entry.hash,
        "signature": entry.signature,
        "key_id": entry.key_id,
    }
    pg.run(connection, _SQL["add"], values)
    new_head = receipts.make_head(entry, keys)
    pg.run(connection, _SQL["move_head"], _head_values(new_head))
    return entry


def ensure_epoch(connection: Connection, keys: Keys) -> int:
    """Return the current epoch; begin one when the hub is new, moved, or older than what was witnessed."""
    with connection:
        pg.run(connection, _SQL["epoch"])
        identity = str(pg.one(connection, _SQL["identity"])[0])
        newest = pg.one(connection, _SQL["newest_epoch"])
        reason = _fork(connection, newest[1] if newest else None, identity)
        if reason is None:
            return int(newest[0])
        epoch = (int(newest[0]) if newest else 0) + 1
        seen = witness()
        if seen and seen.get("epoch", 0) >= epoch:
            epoch = int(seen["epoch"]) + 1
        pg.run(connection, _SQL["add_epoch"], {"epoch": epoch, "identity": identity, "reason": reason})
        pg.one(connection, _SQL["jump"], {"start": max(1, (epoch - 1) * _EPOCH_SIZE)})
        pg.run(connection, _SQL["resync"], {"why": reason})
        body = {"epoch": epoch, "identity": identity, "reason": reason, "witness": seen or None}
        entry = append(connection, keys, "epoch", body)
    note_witness(entry, epoch)
    return epoch


def witness() -> dict[str, Any] | None:
    """Return the newest entry this deployment has seen committed, from a file outside the hub."""
    path = _witness_path()
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def remember(connection: Connection, entry: receipts.Entry) -> None:
    """Note an entry that was just committed outside of a run."""
    newest = pg.one(connection, _SQL["newest_epoch"])
    note_witness(entry, int(newest[0]) if newest else 0)


def note_witness(entry: receipts.Entry, epoch: int) -> None:
    """Remember a committed entry outside the hub, so that a hub restored to an older point is recognised."""
    path = _witness_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{secrets.token_hex(4)}")  # hosts that share the folder may share process numbers
    draft.write_text(json.dumps({"no": entry.no, "hash": entry.hash, "epoch": epoch}))
    draft.replace(path)


def entries(connection: Connection) -> Iterator[receipts.Entry]:
    """Yield the whole chain in order, in constant memory; needs a transaction."""
    with connection.cursor(name="chain", cursor_factory=RealDictCursor) as cursor:
        cursor.itersize = 2000
        cursor.execute(_SQL["entries"])
        for row in cursor:
            yield _entry(row)


def head(connection: Connection) -> receipts.Head | None:
    """Return the signed head."""
    found = pg.one(connection, _SQL["peek"])
    return receipts.Head(*found) if found else None


def listing(connection: Connection, route: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Return receipts, newest first, with their bodies parsed."""
    found = pg.dicts(connection, _SQL["listing"], {"route": route, "limit": limit})
    return [{**row, "body": json.loads(row["body"])} for row in found]


def get(connection: Connection, no: int) -> dict[str, Any]:
    """Return one receipt with its body parsed; NotFound when there is none of that number, ChainBroken when it was written over."""
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(_SQL["get"], {"no": no})
        row = cursor.fetchone()
    if row is None:
        raise NotFound(f"there is no receipt {no}", "Run `gateway receipts list`.")
    try:
        return {**row, "body": json.loads(row["body"])}
    except ValueError:
        raise ChainBroken(
            f"receipt {no} was written over", "Run `gateway receipts verify`; restore the ledger."
        ) from None


def _fork(connection: Connection, known: str | None, identity: str) -> str | None:
    """Return why a new epoch must begin, or None."""
    if known is None:
        return "first use of this hub"
    if known != identity:
        return "the hub is another server or another timeline"
    return contradiction(connection, witness())


def contradiction(connection: Connection, seen: Mapping[str, Any] | None) -> str | None:
    """Return how the hub's chain contradicts the witness, or None; take the witness before the transaction begins."""
    if seen is None:
        return None
    found = pg.one(connection, _SQL["hash_at"], {"no": seen["no"]})
    if found is None:
        return f"the hub lacks receipt {seen['no']}, which was committed before: it was restored to an older point"
    if found[0] != seen["hash"]:
        return f"receipt {seen['no']} is not the one that was committed before"
    return None


def _last(connection: Connection, no: int) -> receipts.Entry:
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(_SQL["last"], {"no": no})
        return _entry(cursor.fetchall()[0])


def _entry(row: Mapping[str, Any]) -> receipts.Entry:
    values = {name: row[name] for name in ("no", "prev", "hash", "signature", "key_id")}
    return receipts.Entry(body=json.loads(row["body"]), **values)


def _head_values(new_head: receipts.Head) -> dict[str, Any]:
    return {
        "no": new_head.no,
        "hash": new_head.hash,
        "signature": new_head.signature,
        "key_id": new_head.key_id,
    }


def _witness_path() -> Path:
    return settings.home() / "witness.json"
