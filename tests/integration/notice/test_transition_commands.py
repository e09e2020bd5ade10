"""The commands by which a change takes effect, as people and machines run them; and the window of a guard that the clock opens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from gateway.deployment import Deployment
from schemas import guard
from schemas.notice import clock, lifecycle
from schemas.notice.lifecycle import Reply
from tests.command_line import invoke
from tests.integration.notice.conftest import DAY, SPLIT, Noticing


@pytest.fixture
def desk(noticing: Noticing, monkeypatch: pytest.MonkeyPatch) -> Noticing:
    """Return the city, as the deployment that every command opens."""
    monkeypatch.setattr(Deployment, "open", classmethod(lambda *_: noticing.deployment))
    return noticing


@pytest.fixture
def role(noticing: Noticing) -> Iterator[str]:
    """Yield a role of unit zjj that reads the platform's table."""
    name = f"desk_{noticing.city.source_dsn.rpartition('/')[2]}"
    noticing.city.ask_source(f"create role {name}; grant select on person to {name}")
    yield name
    noticing.city.ask_source(f"drop owned by {name}; drop role {name}")


def run(*arguments: str, code: int = 0) -> Result:
    """Run a command; its exit code is checked."""
    result = invoke(*arguments)
    assert result.exit_code == code, f"{arguments}: {result.output}{result.stderr}{result.exception!r}"
    return result


def test_ready_and_apply_from_silence_to_effect(desk: Noticing) -> None:
    """Exit code 4 while something stands in the way; machines get each obstacle by itself."""
    notice = desk.announce()
    number = str(notice.number)
    found: Any = json.loads(run("notice", "ready", number, "--json", code=4).stdout)
    assert (found["ready"], [(o["what"], o["unit"]) for o in found["obstacles"]]) == (
        False,
        [("day", None), ("unit", "zjj")],
    )
    assert "silent" in run("notice", "ready", number, code=4).stdout
    refused = run("notice", "apply", number, code=4)
    assert "GW-721" in refused.stderr
    assert "HINT" in refused.stderr
    lifecycle.answer(desk.deployment, notice.notice, "zjj", Reply("adapted", "王五", "科长"))
    desk.at("2026-12-15 09:00")
    assert "nothing stands in its way" in run("notice", "ready", number).stdout
    assert "is in effect" in run("notice", "apply", number).stdout
    assert "is in effect" in run("notice", "apply", number).stdout  # and again: nothing happens twice


def test_an_override_by_command(desk: Noticing) -> None:
    """With its reason, or not at all."""
    number = str(desk.announce().number)
    desk.at("2026-12-15 09:00")
    assert "needs its reason" in run("notice", "apply", number, "--override", code=4).stderr
    run("notice", "apply", number, "--override", "--why", "承工信函〔2026〕9号", "--who", "刘局")
    assert desk.city.ask("select opened_by from gateway.notice_opening") == [("刘局",)]


def test_a_view_is_asked_for_printed_and_made(desk: Noticing, role: str) -> None:
    """The printed script is the one that is run; what old writers cannot do is shown."""
    draft = lifecycle.draft(desk.deployment, {"platform": "pop", "dataset": "test.person", "reason": "改名", "origin": "x", "script": SPLIT}, desk.changes())  # fmt: skip
    number = str(lifecycle.announce(desk.deployment, str(draft), who="t").number)
    unit = ["--for", f"zjj={role}"]
    script = run("notice", "view", number, *unit, "--ddl", "--sql").stdout
    assert script.startswith(f"begin;\nset local lock_timeout = '3s';\n{SPLIT};\n")
    assert script.endswith("commit;\n")
    assert '"full_name" as "name"' in script
    assert desk.city.ask("select count(*) from gateway.compat_view") == [(0,)]
    shown: Any = json.loads(run("notice", "view", number, *unit, "--json").stdout)
    assert (shown["view"], shown["units"], shown["lacking"]) == (
        "share_v1.person",
        {"zjj": role},
        ["no COPY FROM: a view takes none without a trigger"],
    )
    desk.at("2026-12-15 09:00")
    run("notice", "ready", number)
    run("notice", "view", number, *unit, "--ddl", "--apply")
    assert desk.city.ask_source(f"set role {role}; select name from share_v1.person limit 0") == []
    desk.city.ask_source("reset role")
    assert "UNIT=ROLE" in run("notice", "view", number, "--for", "zjj", code=2).stderr
    assert "GW-722" in run("notice", "view", number, *unit, "--hub", "--apply", code=1).stderr


def test_a_report_by_command(desk: Noticing, tmp_path: Path) -> None:
    """Words, a document, or a refusal that says what is lacking; a file that is not there is named."""
    number = str(desk.announce(effective_on=DAY("2026-11-24"), emergency="承工信函〔2026〕8号").number)
    clock.move_on(desk.deployment)
    assert "words or a document" in run("notice", "report", number, code=1).stderr
    assert "nothing.pdf" in run("notice", "report", number, "--file", str(tmp_path / "nothing.pdf"), code=1).stderr
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7")
    assert (
        "is kept" in run("notice", "report", number, "--file", str(tmp_path / "report.pdf"), "--why", "磁盘故障").stdout
    )


def test_the_guard_by_command_and_the_window_that_the_clock_opens(desk: Noticing) -> None:
    """Only the announced change passes, from the day of effect on, under the notice's number."""
    city = desk.city
    assert "GRANT and REVOKE" in run("schema", "guard", "install", "pop").stdout
    assert json.loads(run("schema", "guard", "status", "pop", "--json").stdout)[0]["label"] == "public.person"
    try:
        notice = desk.announce()
        lifecycle.answer(desk.deployment, notice.notice, "zjj", Reply("adapted", "王五", "科长"))
        for moment, opens in (("2026-12-14 09:00", False), ("2026-12-15 09:00", True)):
            desk.at(moment)
            for _ in range(2):
                clock.move_on(desk.deployment)
            city.ask_source(f"set gateway.notice = '{notice.number}'")
            if opens:
                city.ask_source(SPLIT)
            else:
                with pytest.raises(Exception, match="needs a notice in effect"):
                    city.ask_source(SPLIT)
        city.ask_source("set gateway.notice = ''")
        with pytest.raises(Exception, match="needs a notice in effect"):
            city.ask_source("alter table person rename column full_name to name")
    finally:
        run("schema", "guard", "remove", "pop")
    assert "GW-406" in run("schema", "guard", "status", "pop", code=1).stderr


def test_the_hub_is_guarded_and_the_gateway_passes_its_own_guard(desk: Noticing) -> None:
    """A stranger's DDL on a hub table is refused, even a superuser's; evolving it through the gate is not."""
    run("schema", "guard", "install", "--hub")
    with pytest.raises(Exception, match=r"hub\.test_person needs a notice in effect"):
        desk.city.ask("alter table hub.test_person add column x int")
    from tests.integration.notice.test_gate import RENAMED, columns, contract  # noqa: PLC0415 - the same contract

    notice = desk.announce()
    lifecycle.answer(desk.deployment, notice.notice, "zjj", Reply("adapted", "王五", "科长"))
    desk.at("2026-12-15 09:00")
    contract(desk, RENAMED)
    clock.move_on(desk.deployment)
    assert columns(desk)[1] == "full_name"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("install",), "either a platform or --hub"),
        (("install", "pop", "--hub"), "either a platform or --hub"),
        (("paint", "pop"), "paint"),
    ],
)
def test_a_guard_has_one_place_and_one_action(desk: Noticing, arguments: tuple[str, ...], words: str) -> None:
    """Anything else is a slip of usage."""
    assert desk.deployment
    assert words in run("schema", "guard", *arguments, code=2).stderr


def test_the_printed_guard_is_the_installed_one(desk: Noticing) -> None:
    """An administrator runs it by hand."""
    script = run("schema", "guard", "install", "pop", "--sql").stdout
    desk.city.ask_source(script)
    assert [s["label"] for s in guard.status(desk.city.source)] == ["public.person"]
    desk.city.ask_source(run("schema", "guard", "remove", "pop", "--sql").stdout)
    assert desk.city.ask_source("select count(*) from pg_event_trigger") == [(0,)]
