"""What happens to a city within a period: routes and units change, clocks are wrong, the ledger is an older one, people act at once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import DocketRefused, GatewayError, IssueRefused
from gateway.model import Catalog
from gateway.sla import circular, dockets, evidence, issues
from gateway.sla.periods import Period
from tests.integration.sla.conftest import AS_OF, PERIOD, Ground, at, catalog

Lay = Callable[[Catalog], Ground]


def _proved(ground: Ground, folder: Path) -> None:
    """Check that the evidence of the period gives the same figures."""
    evidence.export(ground.deployment, PERIOD, folder / "evidence.zip", AS_OF)
    assert evidence.verify(ground.deployment, folder / "evidence.zip", PERIOD)[0] is None


def test_a_route_that_was_renamed_is_judged_under_both_names(lay: Lay, tmp_path: Path) -> None:
    """What the old name promised ends when the new one begins; together they are the whole period."""
    ground = lay(catalog())
    ground.ran(at(2, 9, 7))
    ground.declare(catalog("person_now"), at(6))
    ground.ran(at(9, 9, 7), route="person_now")
    made = ground.report()
    found = {row["route"]: (row["expected"], row["on_time"]) for row in made["routes"]}
    assert found == {"person_in": (5 * 96, 1), "person_now": (10 * 96, 1)}
    _proved(ground, tmp_path)


def test_a_route_that_was_removed_keeps_what_it_owed_until_then(lay: Lay, tmp_path: Path) -> None:
    """Nothing is expected of it afterwards, and what was late stays late."""
    ground = lay(catalog())
    ground.ran(at(3, 9, 7), timedelta(minutes=40))
    ground.declare(replace(catalog(), routes={}), at(6))
    total = ground.report()["totals"]["all"]
    assert (total["expected"], total["late"]) == (5 * 96, 1)
    _proved(ground, tmp_path)


def test_a_unit_that_was_merged_answers_for_what_it_owed_itself(lay: Lay, tmp_path: Path) -> None:
    """The route stays one, its two units each have a line of their own."""
    ground = lay(catalog())
    ground.declare(catalog(unit="rkj"), at(6))
    made = ground.report()
    assert {(row["unit"], row["expected"]) for row in made["units"]} == {("gaj", 5 * 96), ("rkj", 10 * 96)}
    _proved(ground, tmp_path)


def test_a_source_whose_clock_is_ahead_makes_nobody_late(lay: Lay, tmp_path: Path) -> None:
    """A row stamped after it was confirmed took no time, and the skew stands in the evidence."""
    ground = lay(catalog())
    ground.ran(at(2, 9, 7), ahead=timedelta(minutes=2))
    route = ground.report()["routes"][0]
    assert (route["late"], route["on_time"]) == (0, 1)
    assert route["latency"]["longest_ms"] < 0
    _proved(ground, tmp_path)


def test_a_ledger_restored_to_an_older_point_says_so(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its receipts told is gone and unmeasured, and figures and circular name the moment."""
    ground = lay(catalog())
    epoch = "insert into gateway.epoch (epoch, identity, reason, started_at) values (%s, 'x', 'restored to an older point', %s)"
    ground.ask(epoch, (1, at(1)))
    ground.ran(at(2, 9, 7))
    assert ground.report()["epochs"] == []
    ground.ask(epoch, (2, at(5, 8)))
    made = ground.report()
    assert [row["epoch"] for row in made["epochs"]] == [2]
    monkeypatch.setenv("GATEWAY_NOW", AS_OF.isoformat())
    issue = issues.draft(ground.deployment, PERIOD)
    said = str(circular.document(ground.deployment.catalog, issue)["sections"])
    assert "2026年11月5日8时00分改由另一副本提供或恢复到较早的时点" in said


def test_a_provisional_calendar_is_named_as_such(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the arrangement of a year is published its working days follow the law's festivals alone."""
    monkeypatch.setenv("GATEWAY_NOW", "2027-02-20T09:00:00+08:00")
    period = Period.of("2027-02A")
    ground = lay(catalog())
    made = ground.report(period.ends + timedelta(days=1), period)
    assert made["provisional"]
    issue = {
        "figures": made, "state": "draft", "issue_no": None, "evidence_root": None, "drafted_at": period.ends, "frozen_at": None,
    }  # fmt: skip
    assert "暂按法定节假日推算" in circular.document(ground.deployment.catalog, issue)["lead"]


def _at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls at the same time and return what each gave or raised."""
    ready, found = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place: int) -> None:
        ready.wait()
        try:
            found[place] = calls[place]()
        except GatewayError as error:
            found[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_two_who_freeze_at_once_one_is_refused(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The issue has one number, and its evidence is that of the one that won."""
    ground = lay(catalog())
    ground.ran(at(2, 9, 7))
    monkeypatch.setenv("GATEWAY_NOW", AS_OF.isoformat())
    issues.draft(ground.deployment, PERIOD)
    found = _at_once(*[lambda: issues.freeze(ground.deployment, PERIOD)] * 2)
    won = [one for one in found if isinstance(one, dict)]
    assert [type(one) for one in found if not isinstance(one, dict)] == [IssueRefused]
    assert won[0]["issue_no"] == 1
    proof = issues.folder_of(PERIOD) / f"evidence-{PERIOD.name}.zip"
    fault, said = evidence.verify(ground.deployment, proof, PERIOD)
    assert fault is None
    assert won[0]["evidence_root"] in said[0]
    assert [path.name for path in issues.folder_of(PERIOD).iterdir()] == [proof.name]


def test_of_two_who_rule_at_once_one_is_refused(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A docket is granted or refused, not both."""
    ground = lay(catalog())
    monkeypatch.setenv("GATEWAY_NOW", AS_OF.isoformat())
    no = dockets.file(
        ground.deployment, "exempt", "person_in", at(3, 9), at(3, 10), reason="disaster", words="暴雨", who="t"
    )
    found = _at_once(
        lambda: dockets.rule(ground.deployment, no, granted=True, words="属实", who="a"),
        lambda: dockets.rule(ground.deployment, no, granted=False, words="不属实", who="b"),
    )
    assert sorted(type(one).__name__ for one in found) == ["DocketRefused", "NoneType"]
    assert isinstance(next(one for one in found if one), DocketRefused)
    assert len(ground.ask("select 1 from gateway.receipt where body like '%docket rule%'")) == 1


def test_of_two_who_publish_at_once_one_is_refused(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper that lies there is the one whose hash the chain has, though both had printed it."""
    ground = lay(catalog())
    ground.ran(at(2, 9, 7))
    monkeypatch.setenv("GATEWAY_NOW", AS_OF.isoformat())
    issues.draft(ground.deployment, PERIOD)
    issues.freeze(ground.deployment, PERIOD)
    both, printed = threading.Barrier(2), issues.documents

    def documents(*given: Any) -> dict[str, bytes]:
        mine = threading.get_ident()
        made = {name: data + f"\n{mine}".encode() for name, data in printed(*given).items()}
        both.wait(60)
        return made

    monkeypatch.setattr(issues, "documents", documents)
    found = _at_once(*[lambda: issues.publish(ground.deployment, PERIOD, who="tester")] * 2)
    assert sorted(type(one).__name__ for one in found) == ["IssueRefused", "list"]
    paper = (issues.folder_of(PERIOD) / f"circular-{PERIOD.name}.pdf").read_bytes()
    told = ground.ask("select document_hash from gateway.issue")
    assert told == [(hashlib.sha256(paper).hexdigest(),)]


def test_a_unit_that_was_renamed_bears_its_new_name_from_the_next_issue_on(
    lay: Lay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen issue says who it was then, whatever the catalog calls the unit by now."""
    ground = lay(catalog())
    ground.ran(at(2, 9, 7))
    monkeypatch.setenv("GATEWAY_NOW", AS_OF.isoformat())
    issues.draft(ground.deployment, PERIOD)
    issues.freeze(ground.deployment, PERIOD)
    before = catalog()
    city = replace(before, units={**before.units, "gaj": replace(before.units["gaj"], name="市公安与应急局")})
    ground.declare(city, AS_OF)
    frozen = issues.get(ground.deployment, PERIOD)
    assert [row["name"] for row in frozen["figures"]["units"]] == ["市公安局"]
    ranked = str(circular.document(city, frozen)["sections"][1])
    assert ("市公安局" in ranked, "市公安与应急局" in ranked) == (True, False)
    assert [row["name"] for row in ground.report()["units"]] == ["市公安与应急局"]
