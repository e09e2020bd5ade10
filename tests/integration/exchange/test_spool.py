"""What a platform tells while a delivery to it is held: kept until the route goes on, though the platform clears it meanwhile."""

from __future__ import annotations

import pytest

from gateway.errors import RouteHeld, SchemaMismatch
from gateway.exchange import structure
from gateway.notify import contacts
from tests.integration.exchange.uplink import Uplink, uplink

__all__ = ["uplink"]


@pytest.fixture
def held(uplink: Uplink, monkeypatch: pytest.MonkeyPatch) -> Uplink:
    """Return the uplink with a delivery behind it, and a change to deliver into a table whose column was renamed."""
    monkeypatch.setenv("GATEWAY_CONN_NOTIFY_MAIL", "smtp://127.0.0.1:1/?from=gateway@example.gov.cn")
    contacts.add(uplink.city.deployment, "gaj", "王五", "mail", "wangwu@example.gov.cn", who="tester")
    uplink.deliver()
    uplink.change("P00000007", sex=1)
    uplink.change("P00000008", sex=2, amount=3)
    uplink.bring()
    uplink.ask("alter table up_person rename column amount to money")
    with pytest.raises(SchemaMismatch):
        uplink.deliver()
    return uplink


def test_a_return_that_the_other_side_clears_meanwhile_is_not_lost(held: Uplink) -> None:
    """It is heard by the runs that find the route on hold, kept once, and entered by the one that goes on."""
    held.send_back("v1")
    for _ in range(2):
        with pytest.raises(RouteHeld):
            held.deliver()
    held.ask("delete from dn_audit_abnormal")
    assert held.city.ask("select verdict from gateway.callback") == [("v1",)]
    held.ask("alter table up_person rename column money to amount")
    outcome = held.deliver()
    assert (outcome.updated, dict(outcome.rejects)) == (2, {"peer.E301": 1})
    assert held.city.ask("select count(*) from gateway.callback") == [(0,)]


def test_its_people_are_told_once_when_much_is_kept(held: Uplink, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a limit on; nothing is dropped."""
    monkeypatch.setattr(structure, "SPOOL_LIMIT", 2)
    for number in ("v1", "v2", "v3"):
        held.send_back(number)
        with pytest.raises(RouteHeld):
            held.deliver()
    assert held.city.ask("select count(*) from gateway.callback") == [(3,)]
    assert held.city.ask("select purpose from gateway.outbox order by message") == [("held",), ("spool",)]


def test_a_table_of_returns_that_cannot_be_read_does_not_hide_the_hold(held: Uplink) -> None:
    """The hold is what is told."""
    held.ask("drop table dn_audit_abnormal")
    with pytest.raises(RouteHeld, match="hold 1: "):
        held.deliver()
