"""The overview: the city as a picture, today's figures, and what somebody has to act upon.

It is the same for everybody who may open it, so that those who look at once share one reading; only the frame is each one's own.

This file must not postpone its annotations.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request, Response

from backup import incidents, plans
from backup.plans import Plan, Plans
from exchange_app import figures, frame, languages, words
from exchange_app.kept import Kept
from exchange_app.pages import routes, topology
from exchange_app.rights import READ, VisitorDep
from gateway import settings
from gateway.model import Catalog, Route
from gateway.sla.periods import Period
from gateway.sql import queries

_SQL = queries(__file__)
_PLANS = Kept(60)
_SHARED = Kept(1, times=3)
_LEVELS = ("bad", "warn")
Ends = Callable[[Route], tuple[str, str]]  # the names of what a route leads from and to, in the language of a page

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Task:
    """Something to act upon: how bad, what, since when, and the page that tells more."""

    level: str
    chinese: str
    english: str
    what: str
    path: str
    since: datetime | None = None
    more: tuple[str, str] = ("", "")  # beside `what`, in Chinese and in English


@router.get("/")
def overview(request: Request, visitor: VisitorDep) -> Response:
    """Show how the city's exchange is; whoever only has an inbox is led there."""
    if visitor.unit_only:
        return frame.seen(request, "inbox")
    if not visitor.may(READ):
        raise HTTPException(403)
    key = (settings.hub_dsn(), frame.above(request), languages.of(request))
    shared = (_SHARED.anew if frame.acted(request) else _SHARED.get)(key, lambda: _part(request))
    return frame.drawing(request, "overview.html", shared._asdict())


def _part(request: Request) -> frame.Part:
    city, period = frame.city(), Period.around(frame.today())
    day, half = figures.of_day(frame.today()), figures.of(period)
    with frame.hub() as hub:
        found = {name: frame.rows(hub, statement, {"today": frame.today()}) for name, statement in _SQL.items()}
    states = {row["route"]: _standing(row) for row in found["routes"]}
    nodes = topology.nodes(city, states)
    tasks = sorted(_tasks(city, found, half, frame.said(request).ends), key=lambda task: _LEVELS.index(task.level))
    shown = {
        "city": city, "day": day, "half": half, "period": period, "nodes": nodes, "tasks": tasks, "notices_open": found["notices"],
        "picture": topology.picture(nodes, {row["route"]: row["read"] for row in day["routes"]}),
        "held": sum(1 for row in found["routes"] if row["hold"]), "incidents": len(found["incidents"]),
        "awaited": sum(row["awaited"] for row in found["notices"]), "overdue": sum(row["overdue"] for row in found["notices"]),
        "proven": len({row["plan"] for row in found["proven"]} & _plans(city).keys()), "plans": len(_plans(city)),
    }  # fmt: skip
    return frame.part(request, "overview_part.html", shown)


def _standing(row: Mapping[str, Any]) -> str:
    return routes.standing(stopped=row["stopped"], hold=row["hold"], newest=row["newest"], loaded=row["loaded"])


def _plans(city: Catalog) -> Mapping[str, Plan]:
    found: Plans = _PLANS.get(city.root, lambda: plans.load(city))
    return found.plans


def _tasks(
    city: Catalog, found: Mapping[str, list[dict[str, Any]]], half: Mapping[str, Any], ends: Ends
) -> Iterator[Task]:
    yield from _of_routes(city, found["routes"], ends)
    for row in found["incidents"]:
        name = city.platforms[row["platform"]].name if row["platform"] in city.platforms else row["platform"]
        where = f"routes/{_q(row['route'])}" if row["route"] else "changes"
        yield Task("bad", "结构未经通知变更", "a structure changed unannounced", name, where, row["opened_at"])
    for row in found["notices"]:
        if row["overdue"]:
            more = (f" · {row['overdue']} 个单位", f" · {row['overdue']} units")
            where = f"notice/{row['notice']}"
            yield Task("bad", "变更通知单逾期未回执", "notice not answered in time", row["number"], where, more=more)
    for row in found["backups"]:
        chinese, english = incidents.WORDS[row["kind"]]
        plan = _plans(city).get(row["plan"])
        yield Task(
            "bad", chinese, english, plan.name if plan else row["plan"], f"backups/{_q(row['plan'])}", row["opened_at"]
        )
    yield from _of_limits(city, half, ends)


def _of_routes(city: Catalog, rows: Iterable[Mapping[str, Any]], ends: Ends) -> Iterator[Task]:
    for row in rows:
        level, chinese, english = words.ROUTE_STATES[_standing(row)]
        if level in _LEVELS and row["route"] in city.routes:
            code = row["error_code"] if _standing(row) == "failed" else None
            more = (f" · {words.error_name(code)}", f" · {code}") if code else ("", "")
            since = row["raised_at"] if row["hold"] else row["opened_at"] if code else None
            what, where = _named(city, row["route"], ends), f"routes/{_q(row['route'])}"
            yield Task(level, chinese, english, what, where, since, more)
    for name in sorted(city.broken):
        yield Task("bad", "链路文件有误", "the route's file is wrong", name, f"routes/{_q(name)}")


def _of_limits(city: Catalog, half: Mapping[str, Any], ends: Ends) -> Iterator[Task]:
    for row in half["routes"]:
        if row["left"] < 0:
            late, allowed = row["late"], row["allowed"]
            more = (f" · 迟到 {late} 次，允许 {allowed} 次", f" · late {late}, allowed {allowed}")
            what, where = _named(city, row["route"], ends), f"sla/{half['period']}/{_q(row['route'])}"
            yield Task("warn", "本期已超出允许迟到次数", "more late than allowed", what, where, more=more)


def _named(city: Catalog, route: str, ends: Ends) -> str:
    found = city.routes.get(route)
    return f"{found.dataset.chinese}：{' → '.join(ends(found))}" if found else route


def _q(name: str) -> str:
    return quote(name, safe="")
