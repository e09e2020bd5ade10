"""An exact restore point: a position in WAL and a snapshot that show the very same rows.

A snapshot and a position are two cuts. They are one when between them nobody held a transaction number: then what the
snapshot sees is what recovery to the point brings back, and hashes taken in the snapshot are true of the recovered copy.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from backup import snapshot, survey
from backup.snapshot import Held
from gateway import pg
from gateway.errors import BackupFailed
from gateway.sql import queries

_SQL = queries(__file__)
TRIES = 500


@dataclass(frozen=True, slots=True)
class Point:
    """A named position in WAL, and where the sequences stood shortly before it."""

    name: str
    lsn: str
    sequences: dict[str, tuple[int | None, bool]]
    tries: int


@contextmanager
def held(dsn: str, marker_dsn: str, exclude: Sequence[str], tries: int = TRIES) -> Iterator[tuple[Held, Point]]:
    """Hold the moment of a restore point while the block runs; BackupFailed when writers leave no gap between them."""
    with (
        closing(snapshot.connect(dsn, "gateway backup holder")) as holder,
        closing(pg.connect(marker_dsn, name="gateway restore point", autocommit=True)) as marker,
    ):
        pg.run(holder, "set idle_in_transaction_session_timeout = 0; set statement_timeout = 0")
        numbers = survey.sequences(holder, exclude)  # before: a recovered sequence may be further, never behind
        wanted = survey.tables(holder, exclude)
        holder.commit()
        holder.set_session(isolation_level="REPEATABLE READ", readonly=True)
        token = secrets.token_hex(4)
        for attempt in range(1, tries + 1):
            try:
                snapshot.lock(holder, wanted)
            except snapshot.CHANGING:  # a table is being changed, or is gone
                holder.rollback()
                wanted = survey.tables(holder, exclude)
                holder.rollback()
                continue
            name = f"gateway_{token}_{attempt}"
            exported, lsn = _mark(holder, marker, name)
            if lsn and (now := survey.tables(holder, exclude)) == wanted and [t.oid for t in now] == [t.oid for t in wanted]:  # fmt: skip
                said = survey.server(holder)
                moment = Held(id=exported, table_bytes=sum(t.bytes for t in now), **said)
                yield moment, Point(name, lsn, numbers, attempt)
                return
            if lsn:
                wanted = now
            holder.rollback()
    raise BackupFailed(
        f"in {tries} tries there was no moment without an open transaction that writes",
        "End long writers and prepared transactions, or take the base when fewer write; earlier backups are untouched.",
    )


def _mark(holder: Connection, marker: Connection, name: str) -> tuple[str, str]:
    """Take a snapshot, then a point; return both, the point only when nobody wrote in between.

    Equal snapshots alone do not tell: a transaction may have written its commit and still be invisible. Its lock tells.
    """
    exported, seen = pg.one(holder, _SQL["snapshot"])
    lsn = pg.one(marker, _SQL["point"], {"name": name})[0]
    writing, now = pg.one(marker, _SQL["writing"])[0], pg.one(marker, _SQL["now"])[0]
    return exported, lsn if not writing and now == seen else ""
