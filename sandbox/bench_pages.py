"""The benchmark's line of the overview: fifty viewers open it at once, against each of them only asking the hub what stands on it.

Two hundred routes in windows, a half month of them measured; the figures are read anew once, as each minute in life.
"""

from __future__ import annotations

import http.client
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from http import HTTPStatus
from multiprocessing import get_context
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
from sandbox.waiting import until

_PLUGINS = Path(__file__).parent.parent / "plugins"
_ROUTES, _PLATFORMS, _VIEWERS, _VIEWS = 200, 40, 50, 40
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
        # The viewers are a process of their own: they do not hold up the server, though the meter counts them.
        with _served(app) as port, ProcessPoolExecutor(1, get_context("spawn")) as outside:

            def view(viewers: int, views: int) -> list[float]:
                return sorted(outside.submit(viewed, port, viewers, views).result())

            meter.say.print(f"[dim]overview, the first view: {view(1, 1)[0]:.2f} s[/dim]")
            for viewers, views in ((1, 100), (_VIEWERS, _VIEWS)):
                took = view(viewers, views)
                p50, p95 = (1000 * took[int(part * len(took))] for part in (0.5, 0.95))
                meter.say.print(
                    f"[dim]overview, {viewers} viewing without a pause: p50 {p50:.0f} ms, p95 {p95:.0f} ms, slowest {took[-1]:.2f} s[/dim]"
                )
            return city.pairs(
                f"overview.{_VIEWERS}_viewers", 3, lambda: _asked(deployment), lambda: _at_once(view), lambda: None
            )


def _at_once(view: Callable[[int, int], list[float]]) -> None:
    meter.say.print(f"[dim]overview, {_VIEWERS} at once: slowest {view(_VIEWERS, 1)[-1]:.2f} s[/dim]")


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


@contextmanager
def _served(app: Any) -> Iterator[int]:
    """Serve the pages by one process on a port of loopback, as Airflow's API server does, and yield the port."""
    import uvicorn  # noqa: PLC0415 - comes with Airflow

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", access_log=False, root_path=""))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, 30, "the pages are not served")
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def viewed(port: int, viewers: int, views: int) -> list[float]:
    """Let viewers who keep their connections open the overview one view after the other; return the seconds of each view."""

    def one(_: int) -> list[float]:
        took = []
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            for _ in range(views):
                began = time.monotonic()
                connection.request("GET", "/", headers={"accept": "text/html"})
                answer = connection.getresponse()
                body = answer.read()
                took.append(time.monotonic() - began)
                meter.check(answer.status == HTTPStatus.OK and body.count(b"<tr id=") == _PLATFORMS, "the overview")
        return took

    with ThreadPoolExecutor(viewers) as pool:
        return [seconds for took in pool.map(one, range(viewers)) for seconds in took]


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
