"""What doctor looks at inside the hub: messages that wait or were given up, slots that keep WAL, and its archive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.alarms import machine
from gateway.cli.finding import Finding
from gateway.sql import queries

_SQL = queries(__file__)
_WAITS = timedelta(hours=1)
_GIB = 1 << 30


def findings(connection: Connection) -> Iterator[Finding]:
    """Yield what is to be said of messages, slots and the archive."""
    yield _messages(connection)
    yield from map(_slot, machine.kept(connection))
    yield from _archive(connection)


def _messages(connection: Connection) -> Finding:
    row = pg.dicts(connection, _SQL["messages"], {})[0]
    late = row["oldest"] is not None and row["oldest"] > _WAITS
    detail = f"{row['dead']} given up, {row['waiting']} wait" + (f", the oldest {row['oldest']}" if late else "")
    hint = "Run `gateway outbox list --state dead`; mend the channel or the contact, then `gateway outbox retry`."
    return Finding("messages", "warn" if row["dead"] or late else "ok", detail, hint)


def _slot(row: dict[str, Any]) -> Finding:
    """Judge a slot: what nobody reads fills the disk, and what was thrown away is lost to its reader."""
    behind, status = row["lag_bytes"], row["status"]
    detail = f"{'read' if row['active'] else 'not read'} now, {behind / _GIB:.2f} GiB of WAL behind, {status}"
    state = "fail" if status == "lost" else "warn" if status == "unreserved" or behind > machine.LAG_BYTES else "ok"
    hint = "Start what reads it, or drop it: `gateway backup wal PLAN --status` names a plan's own."
    return Finding(f"slot {row['slot']}", state, detail, hint)


def _archive(connection: Connection) -> Iterator[Finding]:
    row = pg.dicts(connection, _SQL["archive"], {})[0]
    if row["mode"] == "off":
        return
    detail = f"last archived {row['last_archived_time'] or 'never'}, {row['failed_count']} failed"
    hint = "See the server's log: archive_command fails, and WAL stays on the disk."
    yield Finding("hub WAL archive", "warn" if row["failing"] else "ok", detail, hint)
