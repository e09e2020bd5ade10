"""Platforms' structure looked at by the clock: each difference is kept once, judged, and told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.errors import NotFound, PlatformUnavailable
from gateway.model import Platform
from gateway.notify import contacts, outbox
from sandbox.mailbox import Mailbox
from schemas import watch
from schemas.cli import group


def looks(city: Any) -> list[tuple[int, str, int]]:
    """Look at everything and return version, level and number of changes of what was different."""
    return [(seen.version, seen.level.name, len(seen.changes)) for seen in watch.look_at_all(city.deployment)]


def test_the_first_look_is_the_measure_and_an_unchanged_structure_is_not_kept_again(city: Any) -> None:
    """Rows that come and go are no change."""
    assert looks(city) == [(1, "none", 0)]
    city.fill(5)
    assert looks(city) == []


@pytest.mark.parametrize(
    ("script", "level", "rule"),
    [
        ("alter table person add column remark text", "info", "pg.column.add"),  # harms nobody
        (
            "alter table person rename column name to full_name",
            "breaking",
            "pg.column.rename",
        ),  # certain: the same column
        (
            "alter table person drop column name; alter table person add column name text",
            "breaking",
            "pg.column.recreated",
        ),  # silent
        ("alter table person enable row level security", "breaking", "pg.rls.on"),  # silent: looks like no data
    ],
)
def test_a_difference_is_kept_with_what_it_does(city: Any, script: str, level: str, rule: str) -> None:
    """Once; the version tells the change, and the document is what is there now."""
    looks(city)
    city.ask_source(script)
    ((number, found, _),) = looks(city)
    assert (number, found, looks(city)) == (2, level, [])
    kept = watch.version(city.hub, "pop")
    assert rule in {change["rule"] for change in kept["changes"]}
    assert [row["version"] for row in watch.history(city.hub, "pop")] == [2, 1]


def test_a_change_that_was_taken_back_is_two_versions(city: Any) -> None:
    """Neither is lost; the third looks like the first."""
    looks(city)
    city.ask_source("alter table person rename column name to full_name")
    looks(city)
    city.ask_source("alter table person rename column full_name to name")
    looks(city)
    versions = watch.history(city.hub, "pop")
    assert [row["version"] for row in versions] == [3, 2, 1]
    assert versions[0]["shape"] == versions[2]["shape"] != versions[1]["shape"]


def test_whoever_answers_for_the_platform_is_told_of_a_difference_once(
    city: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By path, before and after."""
    with Mailbox(tmp_path / "mails") as mailbox:
        monkeypatch.setenv("GATEWAY_CONN_NOTIFY_MAIL", mailbox.dsn)
        contacts.add(city.deployment, "gaj", "王五", "mail", "wangwu@example.gov.cn", who="tester")
        looks(city)
        city.ask_source("alter table person rename column name to full_name")
        looks(city)
        looks(city)
        outbox.deliver(city.deployment)
        (mail,) = mailbox.mails()
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one
    assert "public.person.name：改名，name → full_name" in text


def test_a_platform_that_cannot_be_asked_does_not_keep_the_others_from_it(city: Any) -> None:
    """It is named at the end, for another try."""
    here = city.deployment
    away = Platform("away", "别处", "postgres", "AWAY", "gaj")
    platforms = {"away": away, **here.catalog.platforms}
    resolve = {"SOURCE": city.source_dsn, "AWAY": "postgresql://u:p@127.0.0.1:1/x"}.get
    city.deployment = replace(here, catalog=replace(here.catalog, platforms=platforms), resolve=resolve)
    with pytest.raises(PlatformUnavailable, match="no structure seen of away"):
        looks(city)
    assert [row["platform"] for row in watch.history(city.hub)] == ["pop"]


def test_there_is_no_version_of_what_was_never_looked_at(city: Any) -> None:
    """And the words say how to look."""
    with pytest.raises(NotFound, match="no such snapshot of platform pop"):
        watch.version(city.hub, "pop")


def test_the_history_of_a_platform_that_nobody_looked_at_is_told_as_missing(
    city: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty list would say that nothing ever changed there."""
    looks(city)
    monkeypatch.setattr("schemas.cli_watch.Deployment.open", lambda: city.deployment)
    assert CliRunner().invoke(group, ["history", "pop", "--json"]).exit_code == 0
    missing = CliRunner().invoke(group, ["history", "pob"])
    assert (missing.exit_code != 0, "no snapshot of platform pob was kept" in missing.output) == (True, True)
