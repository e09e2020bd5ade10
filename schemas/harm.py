"""Which changes of a relation a route must not run over: by the columns that its contract names, and its direction."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.model import Route
from schemas.diff.model import Change, Effect
from schemas.notice import impact

_MOVES = (".type.", ".null.", ".unique.", ".key.", ".collation", ".default.", ".generated.", ".identity.")
_RIGHTS = (".acl.revoke", ".access.lost", ".access.schema", ".acl.schema")
_BEYOND = (".rls.", *_RIGHTS)  # what no version of a contract answers for


def of(route: Route, changes: Iterable[Change], role: str, *, fresh: bool = False) -> list[Change]:
    """Return the changes that a route must not run over; `fresh`: its contract was written anew, and is checked apart."""
    return [
        c for c in changes
        if (not fresh or any(word in c.rule for word in _BEYOND)) and harms(route, c, role)
    ]  # fmt: skip


def harms(route: Route, change: Change, role: str) -> bool:
    """Tell whether a change of a relation harms a route that reads or writes it as a role."""
    if any(word in change.rule for word in _RIGHTS) and str(change.before).rpartition(":")[0] not in {role, "public"}:
        return False  # somebody else's rights
    side = "writer" if route.outbound else "reader"
    column, dataset = impact.column_of(change), route.dataset
    if column is None:
        return change.effect(side) == Effect.breaking or change.undecided(side)  # type: ignore[arg-type]  # one of both
    if column in dataset.key or column == dataset.cursor:
        moved = any(word in f"{change.rule}." for word in _MOVES) and change.effect("both") > Effect.info
        return moved or change.effect("both") == Effect.breaking or change.undecided("both")
    if column not in dataset.columns or change.rule.endswith(".null.allow"):  # a missing value is judged row by row
        return False
    return change.effect(side) == Effect.breaking or change.undecided(side)  # type: ignore[arg-type]  # one of both
