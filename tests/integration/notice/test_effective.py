"""The day of effect: what was announced, the old structure, or anything else; and what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import SchemaMismatch
from gateway.exchange import proof, transfer
from schemas import scratch
from schemas.notice import effective, lifecycle
from schemas.scratch import Tried
from tests.integration.notice.conftest import DAY, SPLIT, Noticing

_TRIED: dict[str, Tried] = {}


def announce(noticing: Noticing, script: str = SPLIT) -> str:
    """Announce what a script does, for 2026-12-15, and return the notice's number."""
    here = noticing.deployment
    if script not in _TRIED:  # a copy is a server of its own, and the table is the same for every test
        _TRIED[script] = scratch.tried(here, here.catalog.platforms["pop"], script)
    tried = _TRIED[script]
    body = {
        "platform": "pop", "dataset": "test.person", "reason": "改名", "origin": "planned x", "effective": DAY("2026-12-15"),
        "announced": dict(tried.announced),
    }  # fmt: skip
    notice = lifecycle.announce(here, str(lifecycle.draft(here, body, tried.changes)), who="tester")
    return str(notice.number)


def looks(noticing: Noticing, *moments: str) -> list[tuple[str, str]]:
    """Look at each moment and return what looks were taken."""
    taken = []
    for moment in moments:
        noticing.at(moment)
        taken += [(looked.stage, looked.found) for looked in effective.check(noticing.deployment)]
    return taken


def purposes(noticing: Noticing) -> list[tuple[str, str]]:
    """Return purpose and address of what was queued besides the announcement."""
    return [(p, a) for p, a, _ in noticing.messages() if p != "announce"]


def test_nothing_is_looked_at_before_the_day(noticing: Noticing) -> None:
    """Nor after a withdrawal."""
    number = announce(noticing)
    assert looks(noticing, "2026-12-14 23:59") == []
    lifecycle.withdraw(noticing.deployment, number, who="tester", why="取消")
    assert looks(noticing, "2026-12-15 00:00") == []


def test_what_was_announced_is_found_four_times_and_nothing_follows(noticing: Noticing) -> None:
    """Each look is taken once, however often the clock strikes."""
    announce(noticing)
    noticing.city.ask_source(SPLIT)
    moments = ("00:00", "00:05", "00:15", "01:00", "01:05", "23:55", "23:59")
    assert looks(noticing, *(f"2026-12-15 {moment}" for moment in moments)) == [
        ("begin", "announced"), ("quarter", "announced"), ("hour", "announced"), ("end", "announced"),
    ]  # fmt: skip
    assert purposes(noticing) == []
    assert noticing.city.ask("select count(*) from gateway.incident") == [(0,)]
    assert proof.verify(noticing.deployment).ok


def test_a_change_that_was_not_carried_out_is_told_once(noticing: Noticing) -> None:
    """An hour into the day, to the bureau; no incident, and the route runs on."""
    announce(noticing)
    noticing.city.fill(3)
    assert looks(noticing, "2026-12-15 00:00", "2026-12-15 01:00", "2026-12-15 23:55") == [
        ("begin", "old"), ("hour", "old"), ("end", "old"),
    ]  # fmt: skip
    assert purposes(noticing) == [("not_executed", "gxj@example.gov.cn")]
    transfer.run(noticing.deployment, "person_in")


def test_a_clock_that_was_stopped_takes_the_newest_look_alone(noticing: Noticing) -> None:
    """Days later it is that of the day's end; after a week nobody looks any more."""
    announce(noticing)
    assert looks(noticing, "2026-12-17 10:00", "2026-12-17 10:05") == [("end", "old")]


def test_anything_else_is_an_incident_and_holds_what_it_harms(noticing: Noticing) -> None:
    """With what was announced against what was found; the hold does not wait for the route's next run."""
    city = noticing.city
    city.fill(3)
    transfer.run(noticing.deployment, "person_in")
    announce(noticing)
    city.ask_source("alter table person rename column name to whole_name")
    noticing.at("2026-12-15 00:00")
    (looked,) = effective.check(noticing.deployment)
    assert (looked.found, looked.held) == ("other", ("person_in",))
    kinds = city.ask("select kind, state, diff from gateway.incident order by incident")
    assert [(kind, state) for kind, state, _ in kinds] == [("effective", "open"), ("unannounced", "open")]
    assert {c["rule"] for c in kinds[0][2]} >= {"pg.column.drop", "pg.column.add"}
    assert looks(noticing, "2026-12-15 00:15") == [("quarter", "other")]
    assert purposes(noticing) == [("not_as_announced", "gxj@example.gov.cn")]
    assert city.ask("select count(*) from gateway.incident") == [(2,)]


def test_half_of_a_change_is_neither_old_nor_new(noticing: Noticing) -> None:
    """Two columns were announced, one is there."""
    announce(noticing, "alter table public.person add column a text, add column b text")
    noticing.city.ask_source("alter table person add column a text")
    assert looks(noticing, "2026-12-15 00:00") == [("begin", "other")]
    ((diff,),) = noticing.city.ask("select diff from gateway.incident")
    assert [(c["rule"], c["path"]) for c in diff] == [("pg.column.drop", "public.person.b")]


def test_a_platform_that_is_away_is_looked_at_by_the_next_call(noticing: Noticing) -> None:
    """No look is recorded meanwhile."""
    announce(noticing)
    here = noticing.city.deployment
    noticing.city.deployment = replace(here, resolve={"SOURCE": "postgresql://u:p@127.0.0.1:1/x"}.get)
    assert looks(noticing, "2026-12-15 00:00") == []
    noticing.city.deployment = here
    assert looks(noticing, "2026-12-15 00:05") == [("begin", "old")]


def test_a_route_that_meets_an_announced_change_says_so(noticing: Noticing) -> None:
    """It waits for its contract; nobody reads that there was no notice."""
    city = noticing.city
    city.fill(3)
    transfer.run(noticing.deployment, "person_in")
    number = announce(noticing)
    city.ask_source(SPLIT)
    noticing.at("2026-12-15 09:00")
    with pytest.raises(SchemaMismatch):
        transfer.run(noticing.deployment, "person_in")
    ((facts,),) = city.ask("select facts from gateway.hold")
    assert facts["notice"] == number
