"""The interface of a unit's programs, its own part: figures and rejected rows; and what watchers of the gateway ask."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from exchange_app import guesses
from exchange_app.api import app as api
from starlette.testclient import TestClient

from gateway.exchange import transfer
from gateway.security import tokens
from gateway.security.guesses import MOST, Guesses
from gateway.sla import figures
from gateway.sla.periods import Period
from tests.acceptance.desk import Enter, desk, enter
from tests.integration.conftest import City, prepared

__all__ = ["desk", "enter", "prepared"]  # fixtures
SAMPLE = re.compile(r'gateway_[a-z_]+(\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\})? -?[0-9]+')


@pytest.fixture(scope="module")
def secrets(desk: City) -> dict[str, str]:
    """Carry ten rows, three of them bad, and return tokens by unit, and one for metrics."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in desk.environment.items():
            patch.setenv(name, value)
        desk.fill(10, bad=3)
        transfer.run(desk.deployment, "person_in")
        now = desk.ask("select now()")[0][0]
        figures.report(desk.deployment, Period.around(now.date()), now)
        made = {unit: tokens.make(desk.deployment, unit, "api", who="tester").raw for unit in ("gaj", "zjj")}
        return made | {"metrics": tokens.make(desk.deployment, "zjj", "metrics", who="tester").raw}


@pytest.fixture
def program(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Yield a program before the interface."""
    assert enter
    monkeypatch.setattr(guesses, "_GUESSES", Guesses())
    with TestClient(api.app, raise_server_exceptions=False) as client:
        yield client


def bearer(secret: str) -> dict[str, str]:
    """Return the header with a token."""
    return {"Authorization": f"Bearer {secret}"}


def test_a_unit_has_its_own_figures_alone(program: TestClient, secrets: dict[str, str]) -> None:
    """Its routes with counts and what may still be late; another unit has none."""
    found = program.get("/sla", headers=bearer(secrets["gaj"])).json()
    (route,) = found["routes"]
    assert (route["route"], route["kind"], route["target_bp"]) == ("person_in", "scheduled", 9900)
    assert route["left"] == route["allowed"] - route["late"]
    assert {miss["route"] for miss in found["misses"]} <= {"person_in"}
    other = program.get("/sla", headers=bearer(secrets["zjj"])).json()
    assert (other["routes"], other["misses"]) == ([], [])


def test_a_period_that_is_none_is_told(program: TestClient, secrets: dict[str, str]) -> None:
    """With the code and what to write instead."""
    answer = program.get("/sla?period=2026-13", headers=bearer(secrets["gaj"]))
    assert (answer.status_code, answer.json()["code"]) == (400, "GW-861")


def test_a_unit_lists_its_own_rejected_rows_masked(program: TestClient, secrets: dict[str, str]) -> None:
    """Page by page, each row once, with the reason; another unit has none."""
    first = program.get("/quarantine?limit=2", headers=bearer(secrets["gaj"])).json()
    second = program.get(f"/quarantine?limit=2&below={first['below']}", headers=bearer(secrets["gaj"])).json()
    rows = first["items"] + second["items"]
    assert (len({row["row"] for row in rows}), second["below"]) == (3, None)
    assert {(row["reason"], row["masked"]["id"][3:7]) for row in rows} == {("性别代码无效", "****")}
    assert program.get("/quarantine", headers=bearer(secrets["zjj"])).json()["items"] == []


def test_liveness_needs_no_login_and_tells_nothing(program: TestClient) -> None:
    """That the process answers, and no more."""
    answer = program.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_metrics_are_read_by_a_token_of_their_own(program: TestClient, secrets: dict[str, str]) -> None:
    """In the format of Prometheus; neither a unit's token nor none opens them."""
    answer = program.get("/metrics", headers=bearer(secrets["metrics"]))
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert [line for line in samples if not SAMPLE.fullmatch(line)] == []
    assert 'gateway_quarantined_rows{route="person_in",state="open"} 3' in samples
    assert [line for line in samples if line.startswith('gateway_last_success_timestamp_seconds{route="person_in"} 1')]
    assert {program.get("/metrics", headers=h).status_code for h in (bearer(secrets["gaj"]), {})} == {401}
    assert program.get("/notices", headers=bearer(secrets["metrics"])).status_code == 401


def test_who_guesses_tokens_is_held_back(program: TestClient, secrets: dict[str, str]) -> None:
    """After many unknown ones 429, with when to come again; a token that was good before goes on."""
    assert program.get("/notices", headers=bearer(secrets["gaj"])).status_code == 200
    answers = [program.get("/notices", headers=bearer(f"gw-api-{n}")) for n in range(MOST + 1)]
    assert [answer.status_code for answer in answers] == [401] * MOST + [429]
    assert (answers[-1].headers["retry-after"], answers[-1].json()["code"]) == ("60", "GW-876")
    assert program.get("/notices", headers=bearer(secrets["gaj"])).status_code == 200
