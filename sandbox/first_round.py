"""The demo's first round: every route runs once through Airflow, the base libraries and the cases before the rest.

A line a route tells what its run did, and whether both sides agree now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from gateway.deployment import Deployment
from gateway.exchange import reconcile
from gateway.ledger import ledger
from gateway.model import Catalog, Route
from sandbox import order
from sandbox.airflow import Api
from sandbox.waiting import when_free

Row = dict[str, Any]
_SECONDS = 1200.0
_PAUSE = 0.5
_FIRST = ("pop.", "legal.", "geo.", "case.")  # what the first wave brings
_LAST = "receipt.returned"  # what deliveries gave back: there when all of them have run


class FirstRound:
    """Starts each route as soon as Airflow has its DAG and what it follows or looks into has come."""

    def __init__(self, api: Api, deployment: Deployment, step: Callable[[str], None]) -> None:
        """Take what the routes run in; `step` is told of each that ended."""
        self._api, self._deployment, self._step = api, deployment, step
        self._routes = deployment.catalog.routes
        self._unpaused = {dag for dag, paused in api.dags().items() if not paused}
        self._began = self._heard = datetime.now(UTC)
        self._rows: dict[str, Future[Row]] = {}

    def run(self) -> Iterator[list[Row]]:
        """Yield the lines of the first wave as soon as it has ended, then those of all routes, in the catalog's order."""
        first = first_wave(self._deployment.catalog)
        with ThreadPoolExecutor(1) as self._beside:
            for wave in (first, self._routes.keys() - first):
                self._step(f"{len(wave)} routes run through Airflow")
                self._carry(wave)
                yield [self._rows[name].result() for name in self._routes if name in self._rows]

    def _carry(self, wave: set[str]) -> None:
        """Run the routes of a wave; each is reconciled as soon as it ended, while others still run."""
        waiting, deadline = wave - self._rows.keys(), time.monotonic() + _SECONDS
        present: set[str] = set()
        while not wave <= self._rows.keys() and time.monotonic() < deadline:
            if not {*map(_dag, waiting)} <= present:
                present = {*self._api.dags()}
            for name in sorted(waiting):
                if _dag(name) in present and self._may_start(self._routes[name], waiting):
                    waiting.remove(name)
                    self._start(self._routes[name])
            self._hear()
            time.sleep(_PAUSE)
        for name in wave - self._rows.keys():
            self._rows[name] = self._beside.submit(self._row, name, "no run ended")

    def _may_start(self, route: Route, waiting: set[str]) -> bool:
        """Tell whether what a route looks into has come, and whoever follows it is there to follow."""
        if route.after is not None and not self._has_come(route.after):
            return not self._would_be_early(route)  # it starts nothing: it is there to follow
        if route.dataset.name == _LAST and not route.outbound:
            return all(n in self._rows for n, r in self._routes.items() if r.dataset.name != _LAST)
        following = {n for n in waiting if self._routes[n].after == route.dataset.name and not route.outbound}
        feeds = {n for n in following if not self._would_be_early(self._routes[n])}
        return order.before(self._deployment.catalog, route) <= self._rows.keys() and not feeds

    def _start(self, route: Route) -> None:
        """Let a route run.

        Airflow runs a DAG by itself when it is unpaused for the first time: for the newest strike of its cron line, or for
        the next news of its asset. Any other is triggered.
        """
        dag = _dag(route.route)
        self._api.unpause(dag)
        again = dag in self._unpaused
        if self._has_come(route.after) and not again if route.after else route.schedule == "manual" or again:
            self._api.trigger(dag)

    def _has_come(self, dataset: str) -> bool:
        """Tell whether every route that brings a data set has run: then its asset has no more news."""
        return all(r.route in self._rows for r in self._routes.values() if not r.outbound and r.dataset.name == dataset)

    def _would_be_early(self, route: Route) -> bool:
        """Tell whether several platforms bring what a delivery follows: it would run when only the first of them has."""
        feeding = [r for r in self._routes.values() if not r.outbound and r.dataset.name == route.after]
        return route.outbound and len(feeding) > 1

    def _hear(self) -> None:
        """Note the routes of which a run has ended since the last time."""
        for run in self._api.ended(self._began, self._heard):
            name = run["dag_id"].removeprefix(_dag(""))
            self._heard = datetime.fromisoformat(run["end_date"])
            if name in self._routes and name not in self._rows:
                self._step(f"  {name}: {run['state']}")
                self._rows[name] = self._beside.submit(self._row, name, run["state"])

    def _row(self, name: str, state: str) -> Row:
        """Return a route's line: what its runs did, and whether both sides agree now."""
        route = self._routes[name]
        with closing(self._deployment.hub(name="demo", autocommit=True)) as hub:
            batches = [b for b in ledger.rows(hub, "batches_of", {"route": name}) if b["state"] == "committed"]
        first = batches[-1]["counts"] if batches else {}
        row = {
            "route": name, "dataset": route.dataset.name, "from": route.origin, "to": route.target,
            "protocol": route.peer.connector, "direction": route.direction, "state": state,
            "read": first.get("read", 0), "landed": sum(first.get(k, 0) for k in ("inserted", "updated", "unchanged")),
            "rejected": first.get("rejected", 0), "batches": len(batches), "chain_ok": False, "reconciled": False,
            "seconds": _seconds(batches[-1]) if batches else 0,
        }  # fmt: skip
        if batches:
            row["reconciled"] = when_free(lambda: reconcile.run(self._deployment, name).passed)
        return row


def first_wave(catalog: Catalog) -> set[str]:
    """Return the routes that bring the base libraries and the cases, and all that these look into."""
    wanted = {r.route for r in catalog.routes.values() if not r.outbound and r.dataset.name.startswith(_FIRST)}
    while more := {n for name in wanted for n in order.before(catalog, catalog.routes[name])} - wanted:
        wanted |= more
    return wanted


def _dag(route: str) -> str:
    return f"route__{route}"


def _seconds(batch: dict[str, Any]) -> float:
    taken: float = (batch["closed_at"] - batch["opened_at"]).total_seconds()
    return round(taken, 1)
