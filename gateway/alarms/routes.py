"""Looks at routes: what did not come, what nobody tried, what fails, and what will not keep its promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from gateway import pg, settings
from gateway.alarms.alarm import BURNING, FAILING, LATE, OVERRUN, SILENT, Look, Wrong
from gateway.deployment import Deployment
from gateway.errors import GatewayError, PermanentError, RouteHeld
from gateway.ledger import ledger
from gateway.model import Catalog
from gateway.settings import CHINA
from gateway.sla import occurrences, rates
from gateway.sla.occurrences import PLATFORM_FAULTS
from gateway.sla.periods import Period
from gateway.sql import queries

_SQL = queries(__file__)
_TRIES = 3  # in vain one after the other, of a fault that may pass by itself
_BEFORE = timedelta(days=2)


def deliveries(deployment: Deployment) -> Iterator[Wrong]:
    """Yield what was due and did not come, and what nobody tried to carry."""
    now = settings.now()
    period = _period(now)
    with closing(deployment.hub(name="gateway alarms")) as hub, pg.hub_errors("look at deliveries"), hub:
        oldest: datetime | None = pg.one(hub, _SQL["since"])[0]
    begins = min(period.begins - _BEFORE, oldest or now)
    occurrences.refresh(deployment, begins, period.ends, now)
    for row in _rows(deployment, "missing", {"now": now}):
        yield _missing(deployment.catalog, row)


def failures(deployment: Deployment) -> Iterator[Wrong]:
    """Yield routes that fail for good, and those whose tries fail one after the other; what is retired fails no more."""
    with closing(deployment.hub(name="gateway alarms", autocommit=True)) as hub, pg.hub_errors("look at routes"):
        retired = ledger.retired(hub)
    values = {"routes": sorted(deployment.catalog.routes.keys() - retired), "now": settings.now()}
    for row in _rows(deployment, "failing", values):
        known = _ERRORS.get(row["error_code"] or "", GatewayError)
        if known is RouteHeld or (row["tries"] < _TRIES and not issubclass(known, PermanentError)):
            continue
        code = f"[{known.code}] {known.chinese}" if row["error_code"] else "进程中断 a worker was lost"
        yield Wrong(
            FAILING, row["route"], _answers(deployment.catalog, row["route"], row["error_code"]),
            f"{_named(deployment.catalog, row['route'])}连续{row['tries']}次失败，最近一次：{code}。 {row['tries']} tries in vain.",
            f"打开链路页查看原因与处理办法 · open the route's page: {_page(row['route'])}", row["since"], row["muted"],
        )  # fmt: skip


def budgets(deployment: Deployment) -> Iterator[Wrong]:
    """Yield routes that have used up the misses of this period, or use them twice as fast as it passes."""
    now = settings.now()
    period = _period(now)
    whole, gone = period.ends - period.begins, now - period.begins
    for row in _rows(deployment, "budget", {"begins": period.begins, "ends": period.ends, "now": now}):
        allowed, late = rates.allowed(row["counted"], row["target_bp"]), row["late"]
        if late <= allowed and late * whole <= 2 * allowed * gone:
            continue
        ours = 2 * row["late_hub"] >= late
        yield Wrong(
            BURNING, row["route"], deployment.catalog.bureau if ours else row["unit"],
            f"{_named(deployment.catalog, row['route'])}：{period.chinese}容许迟到{allowed}次，已迟到{late}次"
            f"（交换平台责任{row['late_hub']}次）。 {late} late of {allowed} allowed in {period.name}.",
            f"查看迟到明细 · see which: gateway sla report --period {period.name}", row["since"],
        )  # fmt: skip


def overruns(deployment: Deployment) -> Iterator[Wrong]:
    """Yield runs that were said to take too long until one of their route has ended."""
    for row in _rows(deployment, "overrun", {}):
        yield Wrong(**row)


def overrun(catalog: Catalog, route: str, run: str, begun: datetime, minutes: int) -> Wrong:
    """Return what is wrong when a run takes longer than its route may take."""
    return Wrong(
        OVERRUN, route, catalog.bureau,
        f"{_named(catalog, route)}的运行 {run} 超过{minutes}分钟仍未结束。 Run {run} has not ended within {minutes} minutes.",
        f"查看任务日志；平台的池是否已满、平台是否变慢 · see its log, the platform's pool and pace: {_page(route)}", begun,
    )  # fmt: skip


LOOKS = (
    Look("deliveries", (LATE, SILENT), deliveries),
    Look("failures", (FAILING,), failures),
    Look("budgets", (BURNING,), budgets),
    Look("overruns", (OVERRUN,), overruns),
)


def _missing(catalog: Catalog, row: Mapping[str, Any]) -> Wrong:
    route, due = row["route"], f"{row['due'].astimezone(CHINA):%Y-%m-%d %H:%M}"
    if not row["measured"]:
        return Wrong(
            SILENT, route, catalog.bureau,
            f"{_named(catalog, route)}应于{due}前送达，但无人执行。 Due {due} (China time), and nothing ran.",
            f"DAG 是否暂停、调度器与工作进程是否在运行 · is its DAG paused, do scheduler and workers run? gateway route show {route}",
            row["since"], row["muted"],
        )  # fmt: skip
    code = f"（[{row['error_code']}] {_ERRORS[row['error_code']].chinese}）" if row["error_code"] in _ERRORS else ""
    return Wrong(
        LATE, route, _answers(catalog, route, row["error_code"]),
        f"{_named(catalog, route)}应于{due}前送达，尚未送达{code}。 Due {due} (China time), and not there.",
        f"打开链路页查看原因与处理办法 · open the route's page: {_page(route)}", row["since"], row["muted"],
    )  # fmt: skip


def _answers(catalog: Catalog, route: str, code: str | None) -> str:
    """Return who acts: the platform's unit where it refused us or was away, else who runs the gateway."""
    return catalog.routes[route].peer.unit if code in PLATFORM_FAULTS and route in catalog.routes else catalog.bureau


def _named(catalog: Catalog, route: str) -> str:
    known = catalog.routes.get(route)
    return f"{known.peer.name}·{known.dataset.chinese}（{route}）" if known else route


def _page(route: str) -> str:
    return f"{settings.public_url() or ''}/exchange/routes/{route}"


def _period(now: datetime) -> Period:
    return Period.around(now.astimezone(CHINA).date())


def _rows(deployment: Deployment, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    with closing(deployment.hub(name="gateway alarms", autocommit=True)) as hub, pg.hub_errors("look at routes"):
        return pg.dicts(hub, _SQL[name], values)


def _codes(base: type[GatewayError]) -> Iterator[tuple[str, type[GatewayError]]]:
    for known in base.__subclasses__():
        yield known.code, known
        yield from _codes(known)


_ERRORS = {code: known for code, known in _codes(GatewayError) if code != GatewayError.code}
