"""Days that are over are counted once; what was counted is what its occurrences say, whatever happens afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import EvidenceRefused, HubUnavailable
from gateway.model import Catalog
from gateway.sla import dockets, evidence, occurrences
from tests.integration.sla.conftest import AS_OF, PERIOD, Ground, at, catalog

Lay = Callable[[Catalog], Ground]


@pytest.fixture
def ground(lay: Lay) -> Ground:
    """Return a half month in which three days were looked at: on time, late once, and only looked at."""
    made = lay(catalog())
    made.ran(at(2, 9, 7))
    made.ran(at(3, 9, 7), timedelta(minutes=40))
    made.ran(at(4, 9, 7), rows=0)
    return made


def test_counted_days_say_what_their_occurrences_say(ground: Ground) -> None:
    """The figures are the same with all days counted and with none, and a second report writes nothing."""
    counted = ground.report()
    assert counted["totals"]["all"]["expected"] == 15 * 96
    assert (counted["totals"]["all"]["on_time"], counted["totals"]["all"]["late"]) == (2, 1)
    assert ground.ask("select count(*) from gateway.sla_tally") == [(15,)]
    before = ground.ask("select agreement, slot, xmin::text from gateway.sla_event order by 1, 2")
    assert ground.report() == counted
    assert ground.ask("select agreement, slot, xmin::text from gateway.sla_event order by 1, 2") == before
    ground.ask("delete from gateway.sla_tally")
    assert ground.read() == counted


def test_a_day_is_not_counted_while_something_of_it_may_still_come(ground: Ground) -> None:
    """Only when a day has passed since its end; a time that covers half of a day counts none of it."""
    ground.report(at(4, 23))
    assert ground.ask("select min(day)::text, max(day)::text from gateway.sla_tally") == [("2026-11-01", "2026-11-02")]
    ground.ask("delete from gateway.sla_tally")
    occurrences.refresh(ground.deployment, at(1, 6), at(2, 6), AS_OF)
    assert ground.ask("select count(*) from gateway.sla_tally") == [(0,)]


def test_days_to_come_are_made_once_and_measured_when_they_have_come(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A maintenance filed ahead makes its day whole; what is due later is all there from the first report on."""
    monkeypatch.setenv("GATEWAY_NOW", at(2, 8).isoformat())
    told = {"reason": "maintenance", "words": "机房割接", "who": "tester"}
    dockets.file(ground.deployment, "exempt", "person_in", at(9, 2), at(9, 3), **told)
    assert ground.ask("select count(*) from gateway.sla_event") == [(96,)]
    assert ground.report(at(2, 8))["totals"]["all"]["expected"] == 15 * 96
    made = ground.report(at(5))
    assert (made["totals"]["all"]["on_time"], made["totals"]["all"]["late"]) == (2, 1)


def test_a_docket_about_a_counted_day_changes_the_figures_and_its_withdrawal_brings_them_back(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count is left as it is; the day is read from its occurrences while a docket names it."""
    before = ground.report()
    monkeypatch.setenv("GATEWAY_NOW", AS_OF.isoformat())
    told = {"reason": "third_party", "words": "光缆中断", "who": "tester"}
    no = dockets.file(ground.deployment, "exempt", "person_in", at(3, 9), at(3, 10), **told)
    dockets.rule(ground.deployment, no, granted=True, words="属实", who="r")
    total = ground.report()["totals"]["all"]
    assert (total["late"], total["exempt"]) == (0, 4)
    dockets.withdraw(ground.deployment, no, words="撤回", who="tester")
    assert ground.report()["totals"] == before["totals"]


def test_a_day_that_is_declared_free_afterwards_expects_nothing(lay: Lay, tmp_path: Path) -> None:
    """Counted or not, what a term for working days expected of it is gone; with no working day left nothing is expected."""
    ground = lay(catalog(days="workdays"))
    assert ground.report()["totals"]["all"]["expected"] == 10 * 96
    days = tmp_path / "days.yaml"
    days.write_text("- {day: 2026-11-03, is_work: false, note: 暴雪停工}\n")
    ground.deployment = replace(ground.deployment, catalog=replace(ground.deployment.catalog, calendar_files=(days,)))
    made = ground.report()
    assert (made["workdays"], made["totals"]["all"]["expected"]) == (9, 9 * 96)
    days.write_text("".join(f"- {{day: 2026-11-{n:02}, is_work: false}}\n" for n in range(1, 16)))
    made = ground.report()
    assert (made["workdays"], made["totals"]["all"]["expected"], made["totals"]["all"]["rate_bp"]) == (0, 0, None)
    with pytest.raises(EvidenceRefused, match="nothing was expected"):
        evidence.export(ground.deployment, PERIOD, tmp_path / "evidence.zip", AS_OF)


def test_each_receipt_tells_its_times_as_it_is_written_and_a_replay_tells_none(ground: Ground) -> None:
    """What a day carried is the sum of its runs, without any report."""
    ground.ran(at(4, 10), rows=7, run="replay")
    ground.ran(at(4, 11), rows=5)
    assert ground.ask("select count(*) from gateway.sla_run") == [(4,)]
    sums = ground.ask("select day::text, batches, read from gateway.sla_carried order by day")
    assert sums == [("2026-11-02", 1, 1), ("2026-11-03", 1, 1), ("2026-11-04", 2, 5)]
    total = ground.report(at(4, 10, 30))["totals"]["all"]  # of the day of the report only what was there by then
    assert (total["batches"], total["read"]) == (3, 2)


_THIRD = "hashtextextended('gateway.sla_day 2026-11-03', 0)"


@pytest.fixture
def held(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ThreadPoolExecutor, Future[Any]]]:
    """Yield threads and a report in one of them that waits for the third day, which another process measures."""
    monkeypatch.setattr(occurrences, "_SIDES", 2)
    ground.ask(f"select pg_advisory_lock({_THIRD})")
    with ThreadPoolExecutor(2) as threads:
        yield threads, threads.submit(ground.report)
        ground.ask("select pg_advisory_unlock_all()")


def _counted(ground: Ground, days: int) -> None:
    """Wait until so many days are counted."""
    until = time.monotonic() + 60
    while ground.ask("select count(*) from gateway.sla_tally") != [(days,)]:
        assert time.monotonic() < until, f"{days} days were not counted"
        time.sleep(0.05)


def test_two_reports_at_once_make_each_occurrence_once(
    ground: Ground, held: tuple[ThreadPoolExecutor, Future[Any]]
) -> None:
    """The other days do not wait for the one that another process measures, and both reports say the same."""
    threads, first = held
    _counted(ground, 14)
    second = threads.submit(ground.report)
    ground.ask(f"select pg_advisory_unlock({_THIRD})")
    assert first.result(60) == second.result(60)
    assert first.result()["totals"]["all"]["expected"] == 15 * 96
    assert ground.ask("select count(*) from gateway.sla_event") == [(15 * 96,)]


def test_of_a_report_that_breaks_off_the_days_stay_that_it_measured(
    ground: Ground, held: tuple[ThreadPoolExecutor, Future[Any]]
) -> None:
    """Its connection is lost in the middle of a day; the next report measures that day alone, and says what any would."""
    _, broken = held
    _counted(ground, 14)
    ground.ask(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event = 'advisory'"
    )
    with pytest.raises(HubUnavailable, match="bring the occurrences up to date"):
        broken.result(60)
    before = ground.ask("select agreement, slot, xmin::text from gateway.sla_event order by 1, 2")
    ground.ask(f"select pg_advisory_unlock({_THIRD})")
    whole = ground.report()
    assert (whole["totals"]["all"]["expected"], whole["totals"]["all"]["late"]) == (15 * 96, 1)
    assert set(before) < set(ground.ask("select agreement, slot, xmin::text from gateway.sla_event"))
    assert len(before) == 14 * 96
