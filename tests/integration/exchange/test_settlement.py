"""What the province did not refuse in time is presumed accepted, in the chain and on the sheet, until it refuses it after all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway import settings
from gateway.exchange import carry, proof, reconcile, sheets
from gateway.ledger import settlements
from gateway.model import Settle
from tests.days import today
from tests.integration.exchange.uplink import ONE, OUT, Uplink, uplink

__all__ = ["uplink"]
Later = Callable[..., None]


@pytest.fixture
def settling(uplink: Uplink) -> Uplink:
    """Return the uplink whose batches may be refused for two working days."""
    return settle(uplink, Settle(workdays=2))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Return a function that lets days pass."""

    def pass_by(**time: float) -> None:
        moment = settings.now() + timedelta(**time)
        monkeypatch.setattr(settings, "now", lambda: moment)

    return pass_by


def settle(uplink: Uplink, time: Settle | None) -> Uplink:
    """Let the route have a time for refusals, or none."""
    here = uplink.city.deployment.catalog
    routes = {**here.routes, OUT: replace(here.routes[OUT], settle=time)}
    uplink.city.deployment = replace(uplink.city.deployment, catalog=replace(here, routes=routes))
    return uplink


def figures(uplink: Uplink) -> tuple[int, ...]:
    """Return how many deliveries are open, presumed, returned and reopened."""
    return tuple(settlements.figures(uplink.city.hub, OUT).values())


def records(uplink: Uplink) -> list[dict[str, Any]]:
    """Return the bodies of the settlements in the chain."""
    found = uplink.city.ask("select body from gateway.receipt where kind = 'settlement' order by no")
    return [json.loads(body) for (body,) in found]


def test_a_batch_that_nobody_refused_in_time_is_presumed_accepted(settling: Uplink, later: Later) -> None:
    """Sent, read back, and its days are over: the next run says so in the chain, once."""
    number = settling.deliver().batch
    reconcile.run(settling.city.deployment, OUT)
    assert figures(settling) == (1, 0, 0, 0)
    later(days=10)
    settling.deliver()
    assert figures(settling) == (0, 1, 0, 0)
    settling.deliver()
    ((one,),) = [r["presumed"] for r in records(settling)]
    assert (one["number"], one["rows"]) == (number, 100)
    assert records(settling)[0]["settle"] == "2 working days"
    assert proof.verify(settling.city.deployment).ok


def test_the_nightly_comparison_presumes_too(settling: Uplink, later: Later) -> None:
    """A route that has nothing to deliver for weeks settles all the same."""
    settling.deliver()
    later(days=10)
    reconcile.run(settling.city.deployment, OUT)
    assert figures(settling) == (0, 1, 0, 0)


def test_what_was_put_away_was_collected(settling: Uplink, later: Later) -> None:
    """Rows that the other side moved to its archive count as read back."""
    settling.deliver()
    settling.ask("delete from up_person")
    later(days=10)
    reconcile.run(settling.city.deployment, OUT)
    assert figures(settling) == (0, 1, 0, 0)


def test_time_alone_proves_nothing(settling: Uplink, later: Later) -> None:
    """A batch that was not read back, or of which a part is missing there, is not presumed accepted."""
    settling.deliver()
    later(days=10)
    settling.deliver()
    assert figures(settling) == (1, 0, 0, 0)
    settling.ask("delete from up_person where id = %s", (ONE,))
    assert not reconcile.run(settling.city.deployment, OUT).passed
    assert (figures(settling), records(settling)) == ((1, 0, 0, 0), [])


def test_before_its_days_are_over_nothing_is_presumed(settling: Uplink, later: Later) -> None:
    """Neither at once nor on the next day."""
    settling.deliver()
    reconcile.run(settling.city.deployment, OUT)
    later(days=1)
    settling.deliver()
    assert (figures(settling), records(settling)) == ((1, 0, 0, 0), [])


def test_a_batch_with_a_refused_row_is_answered(settling: Uplink, later: Later) -> None:
    """It is returned, and is never presumed accepted."""
    settling.deliver()
    reconcile.run(settling.city.deployment, OUT)
    settling.send_back("v1")
    settling.deliver()
    later(days=10)
    settling.deliver()
    assert (figures(settling), records(settling)) == ((0, 0, 1, 0), [])


def test_what_their_table_refused_at_once_was_never_sent(settling: Uplink, later: Later) -> None:
    """A row taken out before it left is no answer to the batch: the others are presumed accepted."""
    settling.change(name="欧阳上官司马诸葛")
    settling.bring()
    assert settling.deliver().rejected == 1
    later(days=10)
    reconcile.run(settling.city.deployment, OUT)
    assert figures(settling) == (0, 1, 0, 0)


def test_a_later_return_reopens_the_batch(settling: Uplink, later: Later) -> None:
    """The receipt of the run that hears it names the batch; it stays reopened, and its record stays in the chain."""
    number = settling.deliver().batch
    later(days=10)
    reconcile.run(settling.city.deployment, OUT)
    settling.send_back("v1")
    heard = settling.deliver()
    assert (heard.rejected, figures(settling)) == (1, (0, 0, 0, 1))
    ((body,),) = settling.city.ask("select body from gateway.receipt where batch_id = %s", (heard.batch,))
    assert json.loads(body)["verdicts"] == {"entered": 1, "overtaken": 0, "unknown": 0, "reopened": [number]}
    settling.send_back("v2", key="P00000001")
    again = settling.deliver()
    ((body,),) = settling.city.ask("select body from gateway.receipt where batch_id = %s", (again.batch,))
    assert json.loads(body)["verdicts"]["reopened"] == []
    assert len(records(settling)) == 1


def test_each_batch_has_its_own_time(settling: Uplink) -> None:
    """Only those whose days are over are presumed accepted."""
    first = settling.deliver().batch
    reconcile.run(settling.city.deployment, OUT)
    settling.city.ask("update gateway.delivery set confirmed_at = confirmed_at - interval '30 days'")
    settling.change(amount=2)
    settling.bring()
    settling.deliver()
    reconcile.run(settling.city.deployment, OUT)
    assert [[b["number"] for b in r["presumed"]] for r in records(settling)] == [[first]]
    assert figures(settling) == (1, 1, 0, 0)


def test_the_time_may_be_seconds(uplink: Uplink, later: Later) -> None:
    """The same setting in another unit, on any day of the week."""
    settle(uplink, Settle(seconds=60))
    uplink.deliver()
    reconcile.run(uplink.city.deployment, OUT)
    later(seconds=50)
    uplink.deliver()
    assert figures(uplink) == (1, 0, 0, 0)
    later(seconds=11)
    uplink.deliver()
    assert figures(uplink) == (0, 1, 0, 0)


def test_a_route_without_a_time_presumes_nothing(uplink: Uplink, later: Later) -> None:
    """Without the setting everything is as it was, on the sheet too."""
    uplink.deliver()
    later(days=30)
    reconcile.run(uplink.city.deployment, OUT)
    assert (records(uplink), figures(uplink)) == ([], (1, 0, 0, 0))
    made = sheets.make(uplink.city.deployment, OUT, today())
    assert made is not None
    assert "settlement" not in made.body


def test_what_was_never_read_back_is_settled_by_what_was_sent_again(settling: Uplink) -> None:
    """After everything was sent once more the lost batch is no open question."""
    settling.deliver()
    settling.ask("delete from up_person where id = %s", (ONE,))
    reconcile.run(settling.city.deployment, OUT)
    carry.run(settling.city.deployment, OUT, whole=True)
    reconcile.run(settling.city.deployment, OUT)
    assert figures(settling) == (1, 0, 0, 0)


def test_the_sheet_of_the_day_follows(settling: Uplink, later: Later) -> None:
    """Signed anew when its batches are presumed accepted, and when one of them is reopened; the revisions stay."""
    settling.deliver()
    first = sheets.make(settling.city.deployment, OUT, today())
    assert first is not None
    later(days=10)
    reconcile.run(settling.city.deployment, OUT)
    seen = [first.body["settlement"], nightly(settling)]
    settling.send_back("v1")
    settling.deliver()
    seen.append(nightly(settling))
    assert [tuple(s.values()) for s in seen] == [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 0, 1)]
    assert settling.city.ask("select count(*) from gateway.sheet where route = %s and day = %s", (OUT, today())) == [
        (3,)
    ]
    assert proof.verify(settling.city.deployment).ok


def nightly(uplink: Uplink) -> dict[str, int]:
    """Sign the sheets of the night, and return what that of the delivery's day says."""
    made = {(s.route, s.day): s for s in sheets.make_all(uplink.city.deployment, sheets.yesterday())}
    found: dict[str, int] = made[OUT, today()].body["settlement"]
    return found
