"""What the other side of a front end does not fetch does not pile up without end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.cli.groups import routes
from gateway.errors import CatalogInvalid, SchemaMismatch, TargetLags
from gateway.exchange import carry
from gateway.exchange.timing import Override
from gateway.ledger import ledger
from tests.integration.exchange.uplink import ONE, OPTIONS, OUT, Uplink, uplink

__all__ = ["uplink"]


def limit(uplink: Uplink, rows: int, **more: Any) -> None:
    """Let no more than so many rows lie unread."""
    uplink.with_options({**OPTIONS, "unread": {"rows": rows, **more}})


def held(uplink: Uplink, **how: Any) -> str:
    """Deliver, which must be refused; return the words."""
    with pytest.raises(TargetLags) as error:
        uplink.deliver(**how)
    assert error.value.hint
    assert error.value.seconds > 0
    return error.value.message


def flag(uplink: Uplink, type_: str = "smallint") -> None:
    """Let the other side's table have a column that tells what it has fetched."""
    uplink.ask(f"alter table up_person add is_sync {type_} not null default '0'")


def test_a_delivery_waits_until_the_other_side_has_taken_rows_away(uplink: Uplink) -> None:
    """Without a flag whatever lies there is unread; what was held leaves in its newest version, as one batch."""
    limit(uplink, 100)
    assert uplink.deliver().inserted == 100
    uplink.change(amount=2)
    uplink.bring()
    assert held(uplink) == ("100 rows or more of test.person lie unread at platform prov; it gets no more from 100 on")
    uplink.change(amount=3)
    uplink.bring()
    held(uplink)
    uplink.ask("delete from up_person where id < 'P00000040'")
    assert uplink.deliver().read == 1
    assert uplink.ask("select amount from up_person where cd_operation = 'U'") == [(3,)]


@pytest.mark.parametrize("type_", ["smallint", "char(2)", "varchar(4)"])  # as other sides declare it
def test_a_flag_tells_what_was_fetched(uplink: Uplink, type_: str) -> None:
    """Rows that bear the flag do not count, though they still lie there; one without a value does."""
    flag(uplink, type_)
    limit(uplink, 50, flag="is_sync")
    assert uplink.deliver().inserted == 100
    uplink.change(amount=2)
    uplink.bring()
    held(uplink)
    uplink.ask("update up_person set is_sync = '1' where id < 'P00000050'")
    held(uplink)
    uplink.ask("update up_person set is_sync = '1' where id < 'P00000060'")
    assert uplink.deliver().updated == 1


def test_nothing_is_held_without_a_limit_or_without_anything_to_send(uplink: Uplink) -> None:
    """A run that only hears what came back is no delivery; without the option nothing is counted."""
    assert uplink.deliver().inserted == 100
    uplink.send_back("v1")
    limit(uplink, 1)
    assert uplink.deliver().rejected == 1


def test_nothing_of_a_held_delivery_left(uplink: Uplink) -> None:
    """The route's state and the quarantine are as before, and no delivery is under way."""
    uplink.deliver()
    limit(uplink, 1)
    uplink.change(amount=2)
    uplink.bring()
    before = uplink.city.ask("select count(*), max(upto_batch) from gateway.delivery")
    held(uplink)
    assert uplink.city.ask("select count(*), max(upto_batch) from gateway.delivery") == before
    assert uplink.city.ask("select state, error_code from gateway.batch order by batch_id desc limit 1") == [
        ("aborted", "GW-208")
    ]
    assert uplink.ask("select count(*) from up_person") == [(100,)]


def test_people_see_that_a_route_waits(uplink: Uplink) -> None:
    """`gateway route` tells the state and how much lies there, and no failure; afterwards nothing of it."""
    uplink.deliver()
    limit(uplink, 1)
    uplink.change(amount=2)
    uplink.bring()
    words = held(uplink)
    with uplink.city.deployment.hub(name="test", autocommit=True) as hub:
        for ended in (False, True):
            row = routes.row_of(uplink.city.deployment, OUT, ledger.state(hub, OUT), newest(hub), {})
            assert (row["state"], row["why"]) == (("loaded", None) if ended else ("waiting", f"GW-208 {words}"))
            uplink.ask("delete from up_person")
            uplink.deliver()


def newest(hub: Any) -> dict[str, Any]:
    """Return the newest run of the route."""
    return ledger.rows(hub, "batches_of", {"route": OUT})[0]


def test_a_batch_whose_reply_was_lost_is_finished_all_the_same(uplink: Uplink) -> None:
    """It may be there already, and counts once; what comes after it waits."""
    with uplink.lost("swallow"):
        uplink.deliver()
    limit(uplink, 1)
    uplink.change(amount=2)
    uplink.bring()
    held(uplink)
    assert uplink.ask("select count(*) from up_person") == [(100,)]
    assert uplink.city.ask("select count(*) from gateway.delivery where confirmed_at is null") == [(0,)]


def test_a_row_that_a_person_sends_again_goes(uplink: Uplink) -> None:
    """One row piles up nothing."""
    uplink.deliver()
    uplink.send_back("v1")
    uplink.deliver()
    limit(uplink, 1)
    assert carry.replay(uplink.city.deployment, uplink.open_entry(), who="tester", why="x").updated == 1


def test_somebody_may_deliver_all_the_same(uplink: Uplink) -> None:
    """The decision, with what spoke against it, is a record of the chain."""
    uplink.deliver()
    limit(uplink, 1)
    uplink.change(amount=2)
    uplink.bring()
    assert uplink.deliver(now=Override("tester", "agreed with the province")).updated == 1
    ((body,),) = uplink.city.ask("select body from gateway.receipt where kind = 'decision' order by no desc limit 1")
    said = json.loads(body)
    assert said["who"] == "tester"
    assert "lie unread at platform prov" in said["against"]


def test_a_flag_that_is_not_there_is_told(uplink: Uplink) -> None:
    """The route stops with the table's name instead of delivering without end."""
    uplink.deliver()
    limit(uplink, 1, flag="is_sync")
    uplink.change(ONE, amount=2)
    uplink.bring()
    with pytest.raises(SchemaMismatch, match="count what is unread in up_person"):
        uplink.deliver()


@pytest.mark.parametrize(
    "unread", [{}, {"rows": 0}, {"rows": 1, "flag": "a b"}, {"rows": 1, "flag": "x", "waiting": "'"}]
)
def test_a_wrong_limit_is_refused(uplink: Uplink, unread: dict[str, Any]) -> None:
    """The options are checked before anything is asked."""
    uplink.with_options({**OPTIONS, "unread": unread})
    with pytest.raises(CatalogInvalid, match=r"options\.unread"):
        uplink.deliver()
