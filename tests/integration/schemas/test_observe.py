"""What accounts of units are seen to do, by a server that counts statements."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from gateway.embedded import Server
from gateway.errors import NotFound, ObservationImpossible
from gateway.model import RegisteredUse
from schemas import watch
from schemas.use import observed, profile

_BINARIES = Path("/usr/lib/postgresql")
USE = RegisteredUse("zjj_reads", "zjj", "pop", ("test.person",), "查询", account="zjj_ro")


class Counting(Server):
    """The system's PostgreSQL, which has the extension that counts statements."""

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run the system's program of the same name."""
        own = str(max(_BINARIES.glob("*/bin")) / Path(command[0]).name)
        parts = [part for part in command[1:] if part != "--locale-provider=builtin"]
        return super()._run([own, *parts])


@pytest.fixture(scope="module")
def counting() -> Iterator[Server]:
    """Yield the server, where the system has one."""
    if not list(_BINARIES.glob("*/bin/postgres")) or not list(
        Path("/usr/share/postgresql").glob("*/extension/pg_stat_statements.control")
    ):
        pytest.skip("pg_stat_statements is missing: install the system package postgresql")
    folder = Path(tempfile.mkdtemp(prefix="gateway-test-counting-"))
    try:
        with Counting(folder / "pg", {"shared_preload_libraries": "pg_stat_statements"}) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.system
def test_the_statements_of_an_account_are_followed_to_columns_and_days(
    city: Any, counting: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody called since the last look keeps its day; texts are not kept, only what they use."""
    dsn = counting.dsn()
    here = city.deployment
    city.deployment = replace(here, catalog=replace(here.catalog, uses={"zjj_reads": USE}), resolve=lambda _: dsn)
    with closing(psycopg2.connect(dsn)) as owner, owner, owner.cursor() as cursor:
        cursor.execute(
            "create extension pg_stat_statements; create table person (id text primary key, name text, sex int)"
        )
        cursor.execute("create role zjj_ro login password 'secret'; grant select on person to zjj_ro")
    watch.look(city.deployment, city.deployment.catalog.platforms["pop"])
    with closing(psycopg2.connect(dsn, user="zjj_ro", password="secret")) as unit, unit, unit.cursor() as cursor:
        cursor.execute("select name from person where id = %s", ("13080219800101123X",))
        cursor.execute("select 1")
        cursor.execute("select version()")
    monkeypatch.setenv("GATEWAY_NOW", "2026-01-01T10:00:00+08:00")
    (found,) = observed.observe(city.deployment, "pop")
    assert {column: set(roles) for (_, column), roles in found.columns.items() if column} == {
        "name": {"read"},
        "id": {"filter"},
    }
    monkeypatch.setenv("GATEWAY_NOW", "2026-11-26T10:00:00+08:00")
    assert observed.look_at_all(city.deployment)["seen"] == 1
    (row,) = [line for line in profile.kept(city.hub) if line["source"] == "observed"]
    assert (row["unit"], row["stale"], row["last_used"].year, row["last_used"].month) == ("zjj", True, 2026, 1)
    assert "13080219800101123X" not in str(profile.kept(city.hub))
    (use,) = profile.of(city.hub, city.deployment.catalog, city.deployment.catalog.datasets["test.person"], "pop")
    assert [(e.source, e.name.split()[0], e.unknown) for e in use.evidence] == [("observed", "zjj_ro", "")]


def test_a_server_that_counts_no_statements_says_so(city: Any) -> None:
    """And what its owner has to do; until it is seen, the account's use is a use of everything."""
    here = city.deployment
    city.deployment = replace(here, catalog=replace(here.catalog, uses={"zjj_reads": USE}))
    with pytest.raises(ObservationImpossible, match="platform pop keeps no statements") as refused:
        observed.observe(city.deployment, "pop")
    assert "shared_preload_libraries" in refused.value.hint
    assert observed.look_at_all(city.deployment)["seen"] == 0
    (row,) = [line for line in profile.kept(city.hub) if line["source"] == "declared"]
    assert row["unknown"] == "no statement of account zjj_ro was seen yet"


def test_nothing_is_observed_where_no_account_is_registered(city: Any) -> None:
    """The words say where to write it."""
    with pytest.raises(NotFound, match="no registered use names an account at pop"):
        observed.observe(city.deployment, "pop")
