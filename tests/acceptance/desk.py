"""A city for all tests of a file, and people of any role before its pages; without a running Airflow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from exchange_app import frame
from exchange_app.pages import app as pages
from starlette.testclient import TestClient

from gateway.embedded import Server
from gateway.model import Unit
from tests.integration.conftest import City, new_city

ENGINEER, BUREAU, AUDITOR, UNIT = ("Exchange Engineer", "Exchange Bureau", "Exchange Auditor", "Exchange Unit")
Enter = Callable[..., TestClient]


@pytest.fixture(scope="module")
def desk(servers: tuple[Server, Server], prepared: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """Yield a city of two units; `lisi` belongs to the one that owns its route's data, `zhaoliu` to the other."""
    with new_city(servers, prepared, tmp_path_factory.mktemp("desk") / "home") as city:
        units = {**city.deployment.catalog.units, "zjj": Unit("zjj", "市住建局")}
        catalog = replace(city.deployment.catalog, units=units, bureau="zjj")
        for login, unit in (("lisi", "gaj"), ("zhaoliu", "zjj")):
            city.ask("insert into gateway.user_unit (login, unit, added_by) values (%s, %s, 'tester')", (login, unit))
        deployment = replace(city.deployment, catalog=catalog, resolve=lambda _: city.source_dsn)
        yield replace(city, deployment=deployment).with_route(schedule="0 * * * *")


@pytest.fixture
def enter(desk: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[Enter]:
    """Yield a function that returns a browser of somebody who is logged in with roles."""
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(frame, "_deployment", lambda _: desk.deployment)
    who: dict[str, Any] = {}
    monkeypatch.setitem(pages.app.dependency_overrides, pages.get_user, lambda: who["user"])
    with TestClient(pages.app, headers={"accept": "text/html"}, follow_redirects=False) as client:

        def inner(*roles: str, login: str = "lisi") -> TestClient:
            named = [SimpleNamespace(name=role) for role in roles]
            who["user"] = SimpleNamespace(get_name=lambda: login, first_name="李四", roles=named)
            return client

        yield inner


def send(client: TestClient, page: str, path: str, **fields: str) -> Any:
    """Fill in a form of a page and send it."""
    found = re.search(r'name="token" value="(\w+)"', client.get(page).text)
    assert found
    return client.post(path, data={"token": found[1], **fields})
