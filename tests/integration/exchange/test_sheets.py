"""The daily sheet: what a route carried and how it was compared, signed once, and anew when more comes to light."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from gateway import settings
from gateway.embedded import pg_binary
from gateway.errors import NotFound, PermanentError
from gateway.exchange import carry, proof, reconcile, sheets
from gateway.exchange.sheets import Sheet
from gateway.ledger import sheets as kept
from tests.days import today
from tests.integration.conftest import City
from tests.integration.exchange.uplink import OUT, Uplink, uplink

__all__ = ["uplink"]
IN = "person_in"


def signed(city: City, route: str = IN) -> Sheet:
    """Return today's sheet, which must say something new."""
    made = sheets.make(city.deployment, route, today())
    assert made is not None
    return made


def test_a_sheet_sums_the_receipts_of_its_day(city: City) -> None:
    """Batches, counts and the first and last receipt; what is not loaded has a sheet of zeros."""
    assert signed(city).body["carried"]["batches"] == 0
    city.fill(50, bad=2)
    carry.run(city.deployment, IN)
    city.ask_source("update person set amount = 3, updated_at = now() where id = 'P00000010'")
    carry.run(city.deployment, IN, whole=True)
    carried = signed(city).body["carried"]
    assert (carried["batches"], carried["inserted"], carried["updated"]) == (2, 48, 1)
    assert carried["first_receipt"] < carried["last_receipt"]
    assert proof.verify(city.deployment).ok


def test_a_sheet_that_says_nothing_new_is_not_signed_again(city: City) -> None:
    """Making sheets twice is harmless; the chain has one."""
    signed(city)
    assert sheets.make(city.deployment, IN, today()) is None
    assert city.ask("select count(*) from gateway.receipt where kind = 'sheet'") == [(1,)]


def test_a_failed_comparison_stays_beside_its_repair(city: City) -> None:
    """The first failure is evidence; the repair after it does not wipe it out."""
    city.fill(20)
    carry.run(city.deployment, IN)
    city.ask("delete from hub.test_person where id = 'P00000003'")
    reconcile.run(city.deployment, IN, repair=True)
    passed = [c["passed"] for c in signed(city).body["comparisons"]]
    assert passed[0] is False
    assert passed[-1] is True


def test_the_content_can_be_hashed_by_anybody(city: City) -> None:
    """SHA-256 over what COPY writes in key order is what psql and sha256sum give."""
    city.fill(30)
    carry.run(city.deployment, IN)
    content = signed(city).body["content"]
    query = (
        "copy (select id, name, sex, amount, updated_at from hub.test_person where gw_source = 'pop' "
        'order by id collate "C") to stdout'
    )
    psql = [str(pg_binary("psql")), "-qX", "-c", "set timezone = 'UTC'", "-c", query, city.deployment.hub_dsn]
    said = subprocess.run(psql, check=True, capture_output=True).stdout
    digest = subprocess.run(["sha256sum"], check=True, capture_output=True, input=said).stdout.split()[0].decode()
    assert content == {"rows": 30, "sha256": digest}


def test_a_return_after_the_day_reopens_its_sheet(uplink: Uplink, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target refuses a row of an earlier day: that day's sheet is signed anew, the earlier revision stays."""
    uplink.deliver()
    assert signed(uplink.city, OUT).body["returned"] == 0
    uplink.send_back("v1")
    uplink.deliver()
    next_day: Any = settings.now() + timedelta(days=1)
    monkeypatch.setattr(settings, "now", lambda: next_day)
    made = {(s.route, s.day): s for s in sheets.make_all(uplink.city.deployment, today() + timedelta(days=1))}
    again = made[OUT, today()]
    assert (again.revision, again.body["returned"]) == (2, 1)
    assert uplink.city.ask("select count(*) from gateway.sheet where route = %s and day = %s", (OUT, today())) == [(2,)]
    assert proof.verify(uplink.city.deployment).ok


def test_a_day_without_a_sheet_says_how_to_make_it(city: City) -> None:
    """The error names the command."""
    with city.deployment.hub(name="test", autocommit=True) as hub, pytest.raises(NotFound, match="gateway sheet make"):
        sheets.show(hub, IN, today())


def test_an_older_day_has_no_content(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hub held some days ago nobody knows any more, so that the sheet does not pretend to."""
    city.fill(5)
    carry.run(city.deployment, IN)
    later: Any = datetime.now(settings.CHINA) + timedelta(days=5)
    monkeypatch.setattr(settings, "now", lambda: later)
    body = signed(city).body
    assert (body["content"], body["carried"]["inserted"]) == (None, 5)


def test_a_day_that_has_not_begun_has_no_sheet(city: City) -> None:
    """Evidence of what did not happen yet is none."""
    with pytest.raises(PermanentError, match="has not begun"):
        sheets.make(city.deployment, IN, today() + timedelta(days=2))
    assert city.ask("select count(*) from gateway.sheet") == [(0,)]


def test_a_night_of_standstill_is_made_up_for(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each day that has no sheet gets one from the next night, with what was carried on it; none is signed twice."""
    city.fill(5)
    carry.run(city.deployment, IN)
    later: Any = datetime.now(settings.CHINA) + timedelta(days=4)
    monkeypatch.setattr(settings, "now", lambda: later)
    made = {s.day: s.body for s in sheets.make_due(city.deployment)}
    assert sorted(made) == [today() + timedelta(days=n) for n in range(4)]
    assert [made[d]["carried"]["inserted"] for d in sorted(made)] == [5, 0, 0, 0]
    assert sheets.make_due(city.deployment) == []
    assert proof.verify(city.deployment).ok


def test_a_sheet_that_one_night_left_out_is_made_up_for(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night that broke off between two routes leaves a hole behind newer sheets; it is found all the same."""
    city.fill(5)
    carry.run(city.deployment, IN)
    later: Any = datetime.now(settings.CHINA) + timedelta(days=4)
    monkeypatch.setattr(settings, "now", lambda: later)
    for days in (0, 1, 3):
        assert sheets.make(city.deployment, IN, today() + timedelta(days=days))
    assert [s.day for s in sheets.make_due(city.deployment)] == [today() + timedelta(days=2)]


def test_a_month_is_made_up_for_at_most(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A route that carried nothing yet owes no sheet but that of the day; one that stood still for a year those of a month."""
    assert len(sheets.make_due(city.deployment)) == 1
    city.fill(1)
    carry.run(city.deployment, IN)
    later: Any = datetime.now(settings.CHINA) + timedelta(days=100)
    monkeypatch.setattr(settings, "now", lambda: later)
    assert len(sheets.make_due(city.deployment)) == 32


def test_two_who_make_a_sheet_at_once_sign_one(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person and the night may make the same sheet: the second finds that it says nothing new."""
    both, looked = Barrier(2), kept.newest

    def newest(*asked: Any) -> Any:
        found = looked(*asked)
        with suppress(BrokenBarrierError):
            both.wait(2)
        return found

    monkeypatch.setattr(kept, "newest", newest)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: sheets.make(city.deployment, IN, today()), range(2)))
    assert sorted(sheet is None for sheet in made) == [False, True]
