"""The benchmark's line of the overview: fifty viewers open it at once, against only asking the hub what stands on it.

Two hundred routes in windows, a half month of them measured; the figures are read anew once, as each minute in life.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from gateway import settings
from gateway.deployment import Deployment
from gateway.model import Platform
from gateway.sla import agreements, occurrences
from gateway.sla.calendar import Calendar
from gateway.sla.periods import Period
from gateway.sql import queries
from sandbox import meter

_PLUGINS = Path(__file__).parent.parent / "plugins"
_ROUTES, _PLATFORMS, _VIEWERS = 200, 40, 50
_STATES = """
insert into gateway.route_state (route, dataset, source, loaded) select 'bench_' || g, 'bench.person', 'bench', true from generate_series(1, %(routes)s) g;
insert into gateway.batch (batch_id, route, dataset, source, kind, attempt, state, closed_at)
select nextval('gateway.batch_no'), 'bench_' || r, 'bench.person', 'bench', 'delta', n, 'committed', now()
  from generate_series(1, 100) n cross join generate_series(1, %(routes)s) r;
update gateway.sla_event set measured = true, confirmed_at = due - interval '1 second', seen_at = slot, handed_at = due - interval '1 second',
       n = 1, rows = 5, max_ms = 2000, histogram = '{0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0}', final = true where slot < now();
analyze gateway.sla_event; analyze gateway.batch; analyze gateway.route_state
"""


def overview(city: meter.Bench) -> dict[str, Any]:
    """Compare fifty views of the overview with the statements they need, each viewer on a connection of its own."""
    os.environ["GATEWAY_HUB_DSN"] = city.hub_dsn
    deployment = _filled(city)
    with TemporaryDirectory(prefix="gateway-pages-") as folder:
        app = _app(deployment, folder)
        took = asyncio.run(_viewed(app, 1))
        meter.say.print(f"[dim]overview, the first view: {took[0]:.2f} s[/dim]")

        def ours() -> None:
            taken = sorted(asyncio.run(_viewed(app, _VIEWERS)))
            meter.say.print(f"[dim]overview, {_VIEWERS} at once: slowest {taken[-1]:.2f} s[/dim]")

        line = city.pairs(f"overview.{_VIEWERS}_viewers", 3, lambda: _asked(deployment), ours, lambda: None)
        alone = sorted(asyncio.run(_viewed(app, 1))[0] for _ in range(40))
        meter.say.print(f"[dim]overview, one after the other: p95 {1000 * alone[37]:.0f} ms[/dim]")
        return line


def _filled(city: meter.Bench) -> Deployment:
    """Return the deployment with two hundred routes that kept their promises this half month."""
    catalog = city.deployment.catalog
    route = replace(catalog.routes["bench_in"], schedule="*/5 * * * *")
    platforms = {f"p{n}": Platform(f"p{n}", f"平台{n}", "postgres", "BENCH", "bench") for n in range(_PLATFORMS)}
    datasets = [replace(route.dataset, name=f"bench.d{n}") for n in range(_PLATFORMS)]  # else they would stand together
    numbers = [(f"bench_{n}", n % _PLATFORMS) for n in range(1, _ROUTES + 1)]
    routes = {name: replace(route, route=name, peer=platforms[f"p{n}"], dataset=datasets[n]) for name, n in numbers}
    deployment = replace(city.deployment, catalog=replace(catalog, routes=routes, platforms=platforms))
    period = Period.around(settings.now().astimezone(settings.CHINA).date())
    city.ask("truncate gateway.agreement, gateway.sla_event, gateway.sla_run cascade")
    with closing(deployment.hub(name="gateway bench")) as hub, hub:
        agreements.sync(hub, deployment.catalog, period.begins)
        occurrences.make(hub, Calendar(), period.begins, period.ends)
        with hub.cursor() as cursor:
            cursor.execute(_STATES, {"routes": _ROUTES})
    return deployment


def _app(deployment: Deployment, folder: str) -> Any:
    """Return the app of pages as an engineer sees it, with an Airflow home of its own."""
    os.environ |= {"AIRFLOW_HOME": folder, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db"}
    sys.path.insert(0, str(_PLUGINS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Airflow's dependencies say of each other is theirs to mend
        from airflow.api_fastapi.core_api.security import get_user  # noqa: PLC0415
        from exchange_app import frame  # noqa: PLC0415 - Airflow's home must be set before
        from exchange_app.pages import app as pages  # noqa: PLC0415
    engineer = SimpleNamespace(
        get_name=lambda: "bench", first_name="", roles=[SimpleNamespace(name="Exchange Engineer")]
    )
    frame._deployment = lambda _: deployment  # type: ignore[assignment]  # noqa: SLF001
    pages.app.dependency_overrides[get_user] = lambda: engineer
    return pages.app


async def _viewed(app: Any, viewers: int) -> list[float]:
    """Open the overview as often at once, and return how many seconds each view took."""
    import httpx  # noqa: PLC0415 - comes with Airflow

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://bench", headers={"accept": "text/html"}
    ) as client:

        async def one() -> float:
            began = time.monotonic()
            answer = await client.get("/")
            meter.check(answer.status_code == 200 and answer.text.count("<tr id=") == _PLATFORMS, "the overview")
            return time.monotonic() - began

        return list(await asyncio.gather(*(one() for _ in range(viewers))))


def _asked(deployment: Deployment) -> None:
    """Ask what the overview asks, as often at once."""
    statements = queries(str(_PLUGINS / "exchange_app" / "pages" / "overview.py"))
    values: Mapping[str, Any] = {"today": settings.now().astimezone(settings.CHINA).date()}

    def one(_: int) -> None:
        with closing(deployment.hub(name="gateway bench", autocommit=True)) as hub, hub.cursor() as cursor:
            for statement in statements.values():
                cursor.execute(statement, values)
                cursor.fetchall()

    with ThreadPoolExecutor(_VIEWERS) as pool:
        list(pool.map(one, range(_VIEWERS)))
