"""Compare two snapshots of MySQL or MariaDB: by name alone, since their catalogue has no numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.diff import sql_catalogue
from schemas.diff.model import Change, Policy
from schemas.diff.mysql_types import parsed
from schemas.diff.sql_document import check
from schemas.diff.sql_frame import Frame


def diff(old: Any, new: Any, policy: Policy) -> Iterable[Change]:
    """Yield what changed; BadDocument when one is not a snapshot of MySQL."""
    check(old, "mysql", "old")
    check(new, "mysql", "new")
    return sql_catalogue.catalogue(Frame("mysql", policy, numbered=False, parse=parsed, old=old, new=new))
