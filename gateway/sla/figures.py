"""The figures of a period: one document of integers and text, of which everything else is made.

A unit answers for what came late by it: by the source for what it brings, by the target for what it takes. What came late by
the gateway counts against the gateway, whatever unit waited for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from importlib.metadata import entry_points
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.deployment import Deployment
from gateway.exchange.outcome import utc
from gateway.model import Catalog
from gateway.settings import CHINA
from gateway.sla import deadlines, occurrences, rates
from gateway.sla.calendar import Calendar
from gateway.sla.periods import Period
from gateway.sql import queries

_SQL = queries(__file__)
COUNTS = ("expected", "on_time", "late", "exempt", "unmeasured", "open", "late_source", "late_hub", "late_target")
_UNPROMISED = dict.fromkeys(("rpo_promised_s", "rpo_worst_s", "rto_promised_s", "rto_worst_ms")) | {"kept": False}
_CLOSES = 17  # o'clock: what is sent later counts as sent on the next working day


def report(deployment: Deployment, period: Period, as_of: datetime) -> dict[str, Any]:
    """Bring the occurrences of a period up to date and return its figures."""
    as_of = as_of.replace(microsecond=0)  # as the document says it
    refresh(deployment, period, as_of)
    hub = deployment.hub(name="gateway sla report")
    try:
        with pg.hub_errors("read the figures"), hub:
            pg.run(hub, "set transaction isolation level repeatable read")
            return read(hub, deployment.catalog, period, as_of)
    finally:
        hub.close()


def refresh(deployment: Deployment, period: Period, as_of: datetime) -> None:
    """Bring up to date all that the figures of a period are made of."""
    occurrences.refresh(deployment, period.begins, period.ends, as_of)
    deadlines.refresh(deployment, period, as_of)


def read(hub: Connection, catalog: Catalog, period: Period, as_of: datetime) -> dict[str, Any]:
    """Return the figures of a period as its occurrences stand; one snapshot when the caller's transaction is one."""
    span = {"begins": period.begins, "ends": period.ends, "as_of": as_of}
    calendar = Calendar.from_files(catalog.calendar_files)
    days = list(calendar.days(period.first, period.last))
    counts = pg.dicts(hub, _SQL["counts"], span)
    routes = _routes(hub, span, counts)
    fresh = {row.pop("route"): _plain(row) for row in pg.dicts(hub, _SQL["fresh"], span)}
    for route in routes:
        route.update(_aged(fresh[route["route"]], as_of))
    units = _units(routes, catalog)
    return {
        "period": period.name, "chinese": period.chinese, "first": period.first.isoformat(), "last": period.last.isoformat(),
        "as_of": utc(as_of), "workdays": sum(d.is_work for d in days),
        "provisional": any(d.basis == "provisional" for d in days),
        "totals": {kind: _total(r for r in routes if kind in ("all", r["kind"])) for kind in ("all", "scheduled", "real_time")},
        "units": units, "routes": routes, "days": _days(counts), "notices": _notices(hub, span, calendar),
        "incidents": [_plain(row) for row in pg.dicts(hub, _SQL["incidents"], span)],
        "epochs": [_plain(row) for row in pg.dicts(hub, _SQL["epochs"], span)], "backups": _backups(hub, catalog, span),
        "deadlines": deadlines.read(hub, period),
    }  # fmt: skip


def misses(hub: Connection, period: Period, as_of: datetime, unit: str | None = None) -> list[dict[str, Any]]:
    """Return the occurrences that were late, exempt or unmeasured, with their three clocks."""
    values = {"begins": period.begins, "ends": period.ends, "as_of": as_of, "unit": unit}
    return pg.dicts(hub, _SQL["occurrences"], values)


def rulings(hub: Connection, since: datetime, as_of: datetime) -> list[dict[str, Any]]:
    """Return the dockets that were ruled on or withdrawn since a moment."""
    return [_plain(row) for row in pg.dicts(hub, _SQL["rulings"], {"since": since, "as_of": as_of})]


def _days(counts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in ("day", "on_time", "late")} for row in counts if row["day"] is not None]


def _routes(hub: Connection, span: Mapping[str, Any], counts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    carried = {row["route"]: row for row in pg.dicts(hub, _SQL["carried"], span)}
    compared = {row["route"]: row for row in pg.dicts(hub, _SQL["compared"], span)}
    return [_route(row, carried, compared) for row in counts if row["day"] is None]


def _route(row: Mapping[str, Any], carried: Mapping[str, Any], compared: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: row[name] for name in ("route", "dataset", "unit", "outbound", "kind", "target_bp", *COUNTS)}
    found: list[int | None]
    if row["kind"] == "scheduled":
        count, found = row["timed_n"], [int(ms) for ms in row["exact_ms"] or ()] or [None, None, None]
    else:
        count, found = sum(row["histogram"]), rates.percentiles(row["histogram"], occurrences.BUCKETS)
    may = rates.allowed(row["on_time"] + row["late"] + row["open"], row["target_bp"])
    ran = carried.get(row["route"], {"batches": 0, "read": 0, "rejected": 0})
    checked = compared.get(row["route"], {"comparisons": 0, "failed": 0, "compared": 0, "differing": 0})
    return {
        **named, **rates.judged(named), "allowed": may, "left": may - row["late"],
        "latency": rates.latency(count, row["longest_ms"], found),
        **{name: ran[name] for name in ("batches", "read", "rejected")},
        "rejected_bp": rates.rate(ran["rejected"], ran["read"]),
        **{name: checked[name] for name in ("comparisons", "failed", "compared", "differing")},
        "agreeing_bp": rates.rate(checked["compared"] - checked["differing"], checked["compared"]),
    }  # fmt: skip


def _total(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    summed = dict.fromkeys((*COUNTS, "allowed", "batches", "read", "rejected", "compared", "differing"), 0)
    for row in rows:
        for name in summed:
            summed[name] += row[name]
    return {
        **summed, **rates.judged(summed), "rejected_bp": rates.rate(summed["rejected"], summed["read"]),
        "agreeing_bp": rates.rate(summed["compared"] - summed["differing"], summed["compared"]),
    }  # fmt: skip


def _units(routes: Iterable[Mapping[str, Any]], catalog: Catalog) -> list[dict[str, Any]]:
    """Return the units in the order of their places, those with real-time data and those with slots apart."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for route in routes:
        name = catalog.units[route["unit"]].name if route["unit"] in catalog.units else route["unit"]
        empty = {
            "kind": route["kind"],
            "unit": route["unit"],
            "name": name,
            **dict.fromkeys((*COUNTS, "late_own", "allowed"), 0),
        }
        row = found.setdefault((route["kind"], route["unit"]), empty)
        for count in (*COUNTS, "allowed"):
            row[count] += route[count]
        row["late_own"] += route["late_target" if route["outbound"] else "late_source"]
    for row in found.values():
        row.update(rates.judged(row))
        row["rate_bp"] = rates.rate(row["on_time"], row["on_time"] + row["late_own"])
    return [
        row
        for kind in ("scheduled", "real_time")
        for row in rates.ranked([found[key] for key in sorted(found) if key[0] == kind])
    ]


def _aged(found: Mapping[str, Any], as_of: datetime) -> dict[str, Any]:
    """Return up to when a route holds what its source had, how long ago that is, and how far it is compared."""
    at = found["fresh_at"]
    age = None if at is None else max(0, int((as_of - datetime.fromisoformat(at)).total_seconds()))
    return {**found, "fresh_s": age}


def _backups(hub: Connection, catalog: Catalog, span: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the backup plans: what was stored and drilled, and beside what was promised what was reached.

    What is promised only the package of backups can read, and what is reached only it can measure: it brings both.
    """
    promised = {
        row["plan"]: row for row in _brought("backups")(hub, catalog, span["begins"], min(span["ends"], span["as_of"]))
    }
    values = {**span, "plans": list(promised), "units": [row["unit"] for row in promised.values()]}
    rows = []
    for row in pg.dicts(hub, _SQL["backups"], values):
        age = None if row["drilled_at"] is None else (span["as_of"] - row["drilled_at"]).days
        rows.append({**_UNPROMISED, **promised.get(row["plan"], {}), **_plain(row), "drill_age_days": age})
    return rows


def _brought(name: str) -> Callable[..., list[dict[str, Any]]]:
    """Return what a package above the core adds to the figures; nothing when none does."""
    for entry in entry_points(group="gateway.figures", name=name):
        found: Callable[..., list[dict[str, Any]]] = entry.load()
        return found
    return lambda *_: []


def _notices(hub: Connection, span: Mapping[str, Any], calendar: Calendar) -> list[dict[str, Any]]:
    rows = []
    for row in pg.dicts(hub, _SQL["notices"], span):
        due, answered = row["answers_due"], row["answered_at"]
        lead = calendar.workdays_between(_day_zero(row["announced_at"], calendar), row["effective_on"])
        hours = None if answered is None else int((answered - row["announced_at"]).total_seconds()) // 3600
        in_time = due is None or (answered is not None and answered.astimezone(CHINA).date() <= due)
        rows.append(
            _plain({**row, "lead_workdays": lead, "required": due is not None, "in_time": in_time, "hours": hours})
        )
    return rows


def _day_zero(moment: datetime, calendar: Calendar) -> date:
    local = moment.astimezone(CHINA)
    day = local.date() + timedelta(days=local.hour >= _CLOSES)
    while not calendar.is_work(day):
        day += timedelta(days=1)
    return day


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as JSON holds it: moments in UTC, days as they are written."""
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc(value)
    return value.isoformat() if isinstance(value, date) else value
