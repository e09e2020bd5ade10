"""A ledger in which a half month is written receipt by receipt, without a platform: what figures are made of, and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.ledger import chain
from gateway.model import Catalog, Platform, Route, SlaTerm, Unit
from gateway.security.crypto import Keys
from gateway.settings import CHINA
from gateway.sla import agreements, figures
from gateway.sla.periods import Period
from tests.integration.conftest import PERSON

PERIOD = Period.of("2026-11A")
AS_OF = PERIOD.ends + timedelta(days=3)
TERM = SlaTerm("minutely", "实时", 10, 9900)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Return a moment of November 2026 in China."""
    return datetime(2026, 11, day, hour, minute, tzinfo=CHINA)


def catalog(route: str = "person_in", unit: str = "gaj", root: Path = Path(), **terms: Any) -> Catalog:
    """Return a catalog of one route that runs every five minutes and may be ten minutes old."""
    platform = Platform("pop", "人口库", "postgres", "SOURCE", unit)
    term = replace(TERM, **terms)
    made = Route(route, PERSON, platform, "incremental", "*/5 * * * *", term)
    units = {name: Unit(name, chinese) for name, chinese in (("gaj", "市公安局"), ("rkj", "市人口局"))}
    return Catalog(
        city="测试市", english="Test", division="130800", root=root, units=units, platforms={"pop": platform},
        datasets={PERSON.name: PERSON}, routes={route: made}, terms={term.term: term}, bureau="gaj",
    )  # fmt: skip


@dataclass
class Ground:
    """The ledger, and the deployment that it belongs to."""

    deployment: Deployment
    hub: Connection

    def ask(self, statement: str, values: Any = None) -> Any:
        """Run a statement."""
        with self.hub.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else cursor.rowcount

    def declare(self, city: Catalog, since: datetime = PERIOD.begins) -> None:
        """Promise from a moment on what a catalog says."""
        self.deployment = replace(self.deployment, catalog=city)
        with closing(self.deployment.hub()) as hub, hub:
            agreements.sync(hub, city, since)

    def ran(
        self, moment: datetime, took: timedelta = timedelta(seconds=20), route: str = "person_in", *, rows: int = 1, run: str = "delta",
        ahead: timedelta = timedelta(),
    ) -> None:  # fmt: skip
        """Write the receipt of a run that began then; the clock of its source may be ahead."""
        number = self.ask("select nextval('gateway.batch_no')")[0][0]
        oldest, absent = moment - timedelta(seconds=30) + ahead, moment - timedelta(minutes=5)
        body = {
            "batch": number, "route": route, "dataset": PERSON.name, "from": "pop", "to": "hub", "run": run, "read": rows, "inserted": rows,
            "updated": 0, "deleted": 0, "unchanged": 0, "rejected": 0, "content": {"rows": rows, "hash_sum": "1"},
            "clocks": {"source": _text(oldest), "oldest": _text(oldest), "received": _text(moment), "confirmed": _text(moment + took)},
            "probe": {"at": _text(moment), "absent_until": _text(absent), "skew_ms": round(1000 * ahead.total_seconds())},
        }  # fmt: skip
        with closing(self.deployment.hub()) as hub, hub:
            chain.append(hub, self.deployment.keys, "batch", body, route=route)

    def report(self, as_of: datetime = AS_OF, period: Period = PERIOD) -> dict[str, Any]:
        """Bring the occurrences up to date and return the figures."""
        return figures.report(self.deployment, period, as_of)

    def read(self, as_of: datetime = AS_OF) -> dict[str, Any]:
        """Return the figures of what was measured before."""
        with closing(self.deployment.hub()) as hub, hub:
            return figures.read(hub, self.deployment.catalog, PERIOD, as_of)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


@pytest.fixture
def lay(
    servers: tuple[Server, Server], prepared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Catalog], Ground]]:
    """Yield what lays a new ledger that promises, from the beginning of the period on, what a catalog says."""
    name = f"sla_{uuid.uuid4().hex[:8]}"
    with closing(psycopg2.connect(servers[0].dsn())) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute(f"create database {name} template {prepared}")
        dsn = servers[0].dsn(name)
        monkeypatch.setenv("GATEWAY_HUB_DSN", dsn)
        with closing(psycopg2.connect(dsn)) as hub:
            hub.autocommit = True

            def ground(city: Catalog) -> Ground:
                made = Ground(Deployment(city, dsn, Keys.create(tmp_path / "keys")), hub)
                made.declare(city)
                return made

            yield ground
        cursor.execute(f"drop database {name} with (force)")
