"""Time limits: the board of a half month with its places, and one route's occurrences down to the single receipt.

Every figure is read from the gateway's own figures; a unit sees what it answers for, which the statements decide by its login.
This file must not postpone its annotations.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from exchange_app import figures, frame, words
from exchange_app.rights import INBOX, READ, Visitor, VisitorDep
from gateway import settings
from gateway.errors import NotFound, PeriodInvalid
from gateway.model import Catalog
from gateway.sla import board, rates
from gateway.sla.board import View
from gateway.sla.calendar import Calendar
from gateway.sla.periods import Period
from gateway.sla.printed import percent

_HALVES = 24  # that can be picked: a year

router = APIRouter()


def _looker(found: VisitorDep) -> Visitor:
    if not (found.may(READ) or found.may(INBOX)):
        raise HTTPException(403)
    return found


Looker = Annotated[Visitor, Depends(_looker)]


@router.get("/sla")
def whole(request: Request, visitor: Looker) -> Response:
    """Show a half month: units by place, routes with what they promised and kept, days, and dockets."""
    city, period = frame.city(), _period(request.query_params.get("period"))
    made = figures.of(period)
    view = _view(period, visitor)
    with frame.hub() as hub:
        own = set(board.routes(hub, view)) if visitor.unit_only else None
        unit = board.unit(hub, visitor.login) if visitor.unit_only else None
        dockets = board.dockets(hub, view)
    rows = [{**row, "result": board.result(row)} for row in made["routes"] if own is None or row["route"] in own]
    shown = {
        "city": city, "period": period, "halves": _halves(), "made": made, "dockets": dockets, "unit": unit,
        "units": [row for row in made["units"] if not visitor.unit_only or row["unit"] == unit],
        "rows": sorted(rows, key=lambda row: (_WORST.index(row["result"]), row["route"])),
        "results": {name: sum(row["result"] == name for row in rows) for name in words.RESULTS},
        "days": None if visitor.unit_only else _city_days(city, period, made),
    }  # fmt: skip
    return frame.drawing(request, "sla.html", shown)


@router.get("/sla/{period}/{route}")
def of_route(request: Request, period: str, route: str, visitor: Looker) -> Response:
    """Show the days of a route and its occurrences, newest first; of one day or verdict where asked for."""
    city, found, asked = frame.city(), _period(period), request.query_params
    day, before = _day(asked.get("day"), found), _moment(asked.get("before"))
    verdict = asked.get("verdict") if asked.get("verdict") in words.VERDICTS else None
    view = _view(found, visitor)
    with frame.hub() as hub:
        if route not in board.routes(hub, view):
            raise NotFound(f"nothing is expected of a route {route} in {found.name}", "See the page of time limits.")
        days = board.days(hub, view, route)
        rows = board.occurrences(hub, _view(found, visitor, day), route, verdict, before)
        dockets = board.dockets(hub, view, route)
    line = figures.line(found, route)
    shown = {
        "name": route, "route": city.routes.get(route), "period": found, "day": day, "verdict": verdict, "dockets": dockets,
        "line": line, "result": board.result(line) if line else "open", "days": _days(city, found, days),
        "rows": rows[: board.PAGE], "next": rows[board.PAGE - 1]["slot"].isoformat() if len(rows) > board.PAGE else None,
    }  # fmt: skip
    return frame.drawing(request, "sla_route.html", shown)


_WORST = ("missed", "unmeasured", "met", "open")


def _period(name: str | None) -> Period:
    try:
        found = Period.of(name) if name else Period.around(frame.today())
    except PeriodInvalid as error:
        raise NotFound(error.message, error.hint) from None
    return found


def _view(period: Period, visitor: Visitor, day: date | None = None) -> View:
    only = Period(period.name, day, day) if day else period
    return View(only.begins, only.ends, settings.now(), visitor.login if visitor.unit_only else None)


def _halves() -> list[Period]:
    found = [Period.around(frame.today())]
    while len(found) < _HALVES:
        found.append(found[-1].before)
    return found


def _day(text: str | None, period: Period) -> date | None:
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        raise HTTPException(404) from None
    if found and not period.first <= found <= period.last:
        raise HTTPException(404)
    return found


def _moment(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise HTTPException(404) from None
    return found if found and found.tzinfo else None


def _city_days(city: Catalog, period: Period, made: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the days of all routes: among so many some are late each day, so red is what kept not even the lowest target."""
    floor = min((row["target_bp"] for row in made["routes"]), default=0)
    found = _days(city, period, [{**row, "day": date.fromisoformat(row["day"])} for row in made["days"]])
    for day in found:
        bp = rates.rate(day["on_time"], day["on_time"] + day["late"])
        if bp is not None:
            day["rate"] = f"{percent(bp)}%"
            if floor <= bp < rates.FULL:
                day["level"] = "some"
    return found


def _days(city: Catalog, period: Period, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every day of a period with what came of it: late, unmeasured, on time, nothing, or no working day."""
    calendar, counted = Calendar.from_files(city.calendar_files), {row["day"]: row for row in rows}
    found = []
    for offset in range((period.last - period.first).days + 1):
        day = period.first + timedelta(days=offset)
        row = counted.get(day, {})
        level = next((n for n in ("late", "unmeasured", "on_time", "exempt", "open") if row.get(n)), "none")
        found.append({"day": day.isoformat(), "level": level, "work": calendar.is_work(day), **{
            name: row.get(name, 0) for name in ("on_time", "late", "exempt", "unmeasured")}})  # fmt: skip
    return found
