"""Compare two snapshots of PostgreSQL. Numbers of relations and columns count only within one database of one server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.diff import sql_catalogue
from schemas.diff.model import Change, Policy
from schemas.diff.pg_types import parsed
from schemas.diff.sql_frame import Frame, check

_MAJOR = 10_000


def diff(old: Any, new: Any, policy: Policy) -> Iterable[Change]:
    """Yield what changed; BadDocument when one is not a snapshot of PostgreSQL."""
    check(old, "pg", "old")
    check(new, "pg", "new")
    servers = old["server"], new["server"]
    same = all(
        servers[0].get(key) is not None and servers[0].get(key) == servers[1].get(key)
        for key in ("system_identifier", "database_oid")
    )
    major = {int(s.get("version_num") or 0) // _MAJOR for s in servers}
    return sql_catalogue.catalogue(Frame("pg", policy, same and len(major) == 1, parsed, old, new))
