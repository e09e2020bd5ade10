"""What has expired does not leave: judged by the gateway's clock whenever a delivery is put together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import RuleRefused
from gateway.exchange import carry, proof, sending
from gateway.model import Field, Rule
from tests.integration.conftest import PERSON, City
from tests.integration.exchange.uplink import ONE, OUT, Uplink, uplink

__all__ = ["uplink"]

EXPIRY = Rule(
    "PV-01", "unexpired", {"field": "updated_at"}, "error", "已失效", "expired", fields=("updated_at",)
)  # fmt: skip
SENT = "select count(*), count(distinct id) from up_person"


@pytest.fixture
def expiring(uplink: Uplink, monkeypatch: pytest.MonkeyPatch) -> Uplink:
    """Return the city whose 100 persons expire in an hour from now; one of them has already."""
    uplink.city.ask_source(
        "update person set updated_at = date_trunc('hour', now()) + interval '2 hours' where id <> %s", (ONE,)
    )
    uplink.bring()
    uplink.with_preflight(EXPIRY)
    monkeypatch.setenv("GATEWAY_NOW", datetime.now(UTC).isoformat())
    return uplink


def _later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_NOW", (datetime.now(UTC) + timedelta(hours=3)).isoformat())


def _left(expiring: Uplink) -> tuple[int, int]:
    """Return how many rows the front end has, and how many wait here, no row being in both."""
    ((rows, keys),) = expiring.ask(SENT)
    assert rows == keys
    assert proof.verify(expiring.city.deployment).ok
    return rows, sum(state == "open" for _, state, _ in expiring.entries())


def test_what_has_expired_stays_here(expiring: Uplink) -> None:
    """The others leave; it waits in quarantine with the reason, and a version with a later end leaves."""
    outcome = expiring.deliver()
    assert (outcome.inserted, dict(outcome.rejects)) == (99, {"PV-01": 1})
    assert expiring.entries() == [("PV-01", "open", "已失效 / expired")]
    expiring.city.ask_source("update person set updated_at = now() + interval '5 hours' where id = %s", (ONE,))
    expiring.bring()
    assert expiring.deliver().inserted == 1
    assert expiring.entries() == [("PV-01", "superseded", "已失效 / expired")]


def test_what_the_target_took_is_not_told_as_expired(expiring: Uplink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reply was lost and everything has expired since: sent again it counts as taken, on the receipt as when it left."""
    with expiring.lost("swallow"):
        expiring.deliver()
    _later(monkeypatch)
    outcome = expiring.deliver()
    assert dict(outcome.rejects) == {"PV-01": 1}
    assert _left(expiring) == (99, 1)


def test_what_expired_on_the_way_is_not_sent_again(expiring: Uplink, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target never had it: none of it is sent when the platform is back, and all of it waits for its owner."""
    with expiring.lost("cut"):
        expiring.deliver()
    _later(monkeypatch)
    expiring.deliver()
    assert _left(expiring) == (0, 100)
    assert expiring.deliver().read == 0


def test_a_person_cannot_send_what_has_expired(expiring: Uplink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that the target refused may be sent again as it is, but not too late."""
    expiring.deliver()
    expiring.send_back("v1", key="P00000001")
    expiring.deliver()
    ((entry,),) = expiring.city.ask(
        "select id from gateway.quarantine where route = %s and rule = 'peer.E301' and state = 'open'", (OUT,)
    )
    _later(monkeypatch)
    with pytest.raises(RuleRefused, match="must not leave"):
        carry.replay(expiring.city.deployment, entry, who="tester", why="their map was mended")
    assert expiring.ask(SENT) == [(99, 99)]


NOON = datetime(2026, 11, 25, 4, tzinfo=UTC)  # 12:00 in China
LATE = datetime(2026, 11, 25, 16, tzinfo=UTC)  # 00:00 of the 26th in China


@pytest.mark.parametrize(
    ("kind", "value", "now", "stays"),
    [
        ("timestamptz", "2026-11-25 12:00:01+08", NOON, False),
        ("timestamptz", "2026-11-25 12:00:00+08", NOON, True),  # at the moment itself it has expired
        ("timestamptz", None, NOON, None),  # never
        ("date", "2026-11-25", NOON, False),  # the last day is a whole one
        ("date", "2026-11-25", LATE, True),  # and ends in China
        ("date", "2026-11-24", NOON, True),
        ("date", "infinity", LATE, False),
        ("date", None, NOON, None),
    ],
)
def test_when_a_row_has_expired(city: City, kind: str, value: str | None, now: datetime, stays: bool | None) -> None:
    """A moment when it has come, a day when it has passed; what names no end never does."""
    dataset = replace(PERSON, fields=(*PERSON.fields, Field("ends", kind)))
    condition = sending.unexpired(dataset, {"field": "ends"}, now)
    assert city.ask(f"select {condition} from (select %s::{kind} as ends) x", (value,)) == [(stays,)]
