"""What is a unit's own, for its programs: figures of a period, and rejected rows.

This file must not postpone its annotations.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from exchange_app import frame
from exchange_app.api import base
from exchange_app.api.base import REFUSALS, Limit, Unit
from exchange_app.api.model import Figures, Miss, Rejected, RejectedPage, RouteFigures
from gateway import pg, settings
from gateway.exchange import quarantine
from gateway.sla import figures
from gateway.sla.periods import Period
from gateway.sql import queries

_SQL = queries(__file__)
_MISSES = 500
PeriodName = Annotated[
    str, Query(max_length=8, description="2026-11A, 2026-11B or 2026-11; the half month that runs when left out.")
]
Below = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="The `below` of an earlier answer.")]

router = APIRouter()


@router.get("/sla", responses=REFUSALS, response_model=Figures)
def own_figures(request: Request, unit: Unit, period: PeriodName = "") -> Response:
    """Show how the unit's routes did in a period, and each occurrence that was late, exempt or unmeasured."""
    now = settings.now().replace(microsecond=0)
    of = Period.of(period) if period else Period.around(now.astimezone(settings.CHINA).date())
    with base.hub() as hub:
        pg.run(hub, "set transaction isolation level repeatable read")
        routes = [row for row in figures.read(hub, frame.city(), of, now)["routes"] if row["unit"] == unit]
        misses = figures.misses(hub, of, now, unit)
    found = Figures(
        period=of.name, as_of=now, routes=[RouteFigures(**row) for row in routes],
        misses=[Miss(**row) for row in misses[:_MISSES]], more=len(misses) > _MISSES,
    )  # fmt: skip
    return base.tagged(request, found)


@router.get("/quarantine", responses=REFUSALS, response_model=RejectedPage)
def own_rows(request: Request, unit: Unit, below: Below = None, limit: Limit = 50) -> Response:
    """List the unit's rejected rows that nobody decided on yet, newest first."""
    with base.hub() as hub:
        rows = frame.rows(hub, _SQL["rows"], {"unit": unit, "below": below, "limit": limit + 1})
    items = []
    for row in rows[:limit]:
        chinese, english = quarantine.reason(frame.city().datasets, row["dataset"], row["rule"], row.pop("words"))
        items.append(Rejected(**row, reason=chinese, reason_en=english))
    return base.tagged(request, RejectedPage(items=items, below=items[-1].row if len(rows) > limit else None))
