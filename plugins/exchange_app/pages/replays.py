"""Several quarantined rows replayed with one form, each by itself: what became of each is told row by row.

This file must not postpone its annotations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from exchange_app import connections, frame
from exchange_app.pages.quarantine import acting_login
from exchange_app.rights import Mender, Posted, Visitor
from gateway.deployment import Deployment
from gateway.errors import GatewayError, HubUnavailable, NotFound, RuleRefused, SelectionRefused
from gateway.exchange import carry
from gateway.exchange.unmask import refuse_unreasoned
from gateway.sql import queries

MOST = 20  # rows at once: each is a run of its own, and somebody waits at the page
_SQL = queries(__file__)
_DIGITS = 18

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a row: `carried`, `still` against a rule, or `refused` with the error that says why."""

    row: int
    what: str
    batch: int | None = None
    error: GatewayError | None = None


@router.post("/quarantine/replay")
def replayed(request: Request, visitor: Mender, form: Posted) -> Response:
    """Judge the chosen rows again, one after the other, each in a run and an entry of its own."""
    chosen = _chosen(form)
    found = _found(chosen, visitor)
    why = form.get("why", "")
    refuse_unreasoned(why)
    told = _all(connections.deployment(), chosen, visitor.login, why)
    counted = {what: sum(one.what == what for one in told) for what in ("carried", "still", "refused")}
    return frame.page(request, "replays.html", {"told": told, "counted": counted, "why": why, **found})


def _chosen(form: Mapping[str, str]) -> list[int]:
    """Return the rows whose boxes are ticked; SelectionRefused when there are none, or too many."""
    named = [name.removeprefix("row.") for name in form if name.startswith("row.")]
    rows = sorted({int(one) for one in named if one.isascii() and one.isdigit() and len(one) <= _DIGITS})
    if not 1 <= len(rows) <= MOST:
        raise SelectionRefused(
            f"{len(rows)} rows were chosen", f"Choose 1 to {MOST} rows of the list; nothing was done."
        )
    return rows


def _found(rows: list[int], visitor: Visitor) -> dict[str, Any]:
    """Return rule and route of all of them; NotFound when one is not the visitor's, SelectionRefused when they are several."""
    with frame.hub() as hub:
        found = frame.rows(hub, _SQL["chosen"], {"rows": rows, "login": acting_login(visitor)})
    if lacking := set(rows) - {row["id"] for row in found}:
        raise NotFound(
            f"there is no quarantined row {min(lacking)} for you", "Choose rows of the list; nothing was done."
        )
    kinds = {(row["route"], row["rule"]) for row in found}
    if len(kinds) > 1:
        raise SelectionRefused(
            f"rows of {len(kinds)} routes or rules were chosen",
            "One reason is kept for all of them: choose rows of one route and rule; nothing was done.",
        )
    route, rule = kinds.pop()
    return {"route": route, "rule": rule}


def _all(deployment: Deployment, rows: list[int], who: str, why: str) -> list[Told]:
    """Replay the rows; what is refused does not stop the others, but a hub that is away does."""
    told: list[Told] = []
    for row in rows:
        lost = told[-1].error if told and isinstance(told[-1].error, HubUnavailable) else None
        told.append(Told(row, "refused", error=lost) if lost else _one(deployment, row, who, why))
    return told


def _one(deployment: Deployment, row: int, who: str, why: str) -> Told:
    try:
        outcome = carry.replay(deployment, row, who=who, why=why)
    except GatewayError as refused:
        return Told(row, "still" if isinstance(refused, RuleRefused) else "refused", error=refused)
    return Told(row, "still" if outcome.rejected else "carried", batch=outcome.batch)
