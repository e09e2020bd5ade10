"""What goes up to a front end: its envelope, the rules of the other side, batches that count once, and the reading back."""

from __future__ import annotations

import time

from gateway.exchange import reconcile
from gateway.ledger import decisions
from gateway.model import Rule
from tests.integration.exchange.uplink import ONE, OPTIONS, OUT, Uplink, uplink

__all__ = ["uplink"]


def test_each_version_is_a_row_with_its_envelope(uplink: Uplink) -> None:
    """First an insert, then an update, then a deletion of the same key; batch numbers and times only rise."""
    uplink.deliver()
    uplink.change(amount=7)
    uplink.bring()
    uplink.deliver()
    uplink.city.ask_source("delete from person where id = %s", (ONE,))
    uplink.bring()
    uplink.deliver()
    found = uplink.ask(
        "select cd_batch, cd_operation, cd_time, data_source, amount from up_person where id = %s order by cd_batch",
        (ONE,),
    )
    assert [(r[1], r[3], float(r[4])) for r in found] == [("I", "CDE", 0.5), ("U", "CDE", 7.0), ("D", "CDE", 7.0)]
    assert all(len(r[0]) == 28 and r[0].startswith("1308000101") for r in found)
    assert sorted({r[2] for r in found}) == [r[2] for r in found]
    assert uplink.ask("select count(*) from up_person") == [(102,)]


def test_operations_may_be_kept_at_a_fixed_width(uplink: Uplink) -> None:
    """Where the other side chose char(2) they are padded with a blank, and count all the same."""
    uplink.ask("alter table up_person alter cd_operation type char(2)")
    assert uplink.deliver().inserted == 100
    uplink.city.ask_source("delete from person where id = %s", (ONE,))
    uplink.bring()
    assert uplink.deliver().deleted == 1
    found = reconcile.run(uplink.city.deployment, OUT)
    assert (found.passed, found.hub_rows) == (True, 101)


def test_what_their_table_would_refuse_does_not_hold_the_others_up(uplink: Uplink) -> None:
    """A name longer than their column waits in quarantine; the batch goes, and the next version closes the entry."""
    uplink.change(name="欧阳上官司马诸葛")
    uplink.bring()
    outcome = uplink.deliver()
    assert (outcome.read, outcome.inserted, dict(outcome.rejects)) == (100, 99, {"peer.name.length": 1})
    assert "姓名超过对方表允许的长度" in uplink.entries()[0][2]
    uplink.change(name="欧阳上官")
    uplink.bring()
    assert uplink.deliver().inserted == 1
    assert [state for _, state, _ in uplink.entries()] == ["superseded"]


def test_the_targets_own_rules_are_judged_before_anything_leaves(uplink: Uplink) -> None:
    """A dry run shows how much would pass; what does not stays here with the rule's words and goes when it is mended."""
    uplink.with_preflight(
        Rule(
            "PV-01",
            "values",
            {"field": "sex", "values": ["2"]},
            "error",
            "省平台只收女性",
            "women only",
            fields=("sex",),
        )
    )
    rehearsed = uplink.deliver(dry_run=True)
    assert (rehearsed.read, dict(rehearsed.rejects), uplink.ask("select count(*) from up_person")) == (
        100, {"PV-01": 50}, [(0,)],
    )  # fmt: skip
    outcome = uplink.deliver()
    assert (outcome.inserted, dict(outcome.rejects)) == (50, {"PV-01": 50})
    assert uplink.entries()[0] == ("PV-01", "open", "省平台只收女性 / women only")
    uplink.change(sex=2)
    uplink.bring()
    assert uplink.deliver().inserted == 1


def test_a_row_whose_rule_was_lifted_leaves_and_closes_its_entry(uplink: Uplink) -> None:
    """Told to deliver everything, what nothing stops any more goes as it is; a row that the province refused still waits."""
    women = Rule(
        "PV-01", "values", {"field": "sex", "values": ["2"]}, "error", "只收女性", "women only", fields=("sex",)
    )
    uplink.with_preflight(women)
    assert uplink.deliver().inserted == 50
    uplink.send_back("v1", key="P00000001")
    uplink.with_preflight()
    assert (uplink.deliver().read, {state for _, state, _ in uplink.entries()}) == (0, {"open"})
    decisions.backfill(uplink.city.deployment, OUT, since=None, who="tester", why="PV-01 was lifted")
    assert uplink.deliver().inserted == 50
    states = uplink.city.ask("select rule, state, count(*) from gateway.quarantine group by 1, 2 order by 1")
    assert states == [("PV-01", "replayed", 50), ("peer.E301", "open", 1)]


def test_a_rule_lifted_while_a_reply_is_lost_loses_no_row(uplink: Uplink) -> None:
    """The front end took the batch without what was stopped: sent again it counts as taken, and what was stopped still waits."""
    women = Rule(
        "PV-01", "values", {"field": "sex", "values": ["2"]}, "error", "只收女性", "women only", fields=("sex",)
    )
    uplink.with_preflight(women)
    with uplink.lost("swallow"):
        uplink.deliver()
    uplink.with_preflight()
    uplink.deliver()
    there = uplink.ask("select count(distinct id) from up_person")[0][0]
    assert there + sum(state == "open" for _, state, _ in uplink.entries()) == 100
    decisions.backfill(uplink.city.deployment, OUT, since=None, who="tester", why="PV-01 was lifted")
    uplink.deliver()
    assert uplink.ask("select count(distinct id) from up_person") == [(100,)]
    assert {state for _, state, _ in uplink.entries()} == {"replayed"}


def test_a_deletion_that_nobody_can_tell_any_more_is_on_the_receipt(uplink: Uplink) -> None:
    """The other side has put the row away, so that there is no row to mark as deleted."""
    uplink.deliver()
    uplink.ask("delete from up_person where id = %s", (ONE,))
    uplink.city.ask_source("delete from person where id = %s", (ONE,))
    uplink.bring()
    assert uplink.deliver().deleted == 0
    assert uplink.city.ask("select error, state from gateway.verdict") == [("delete", "unknown")]


def test_a_batch_waits_for_an_earlier_session_that_is_still_at_its_commit(uplink: Uplink) -> None:
    """The connection is gone before the front end has committed: what is sent again meanwhile counts once."""
    uplink.ask(
        "create function linger() returns trigger language plpgsql as $$ begin perform pg_sleep(3); return null; end $$"
    )
    uplink.ask(
        "create constraint trigger linger after insert on up_person initially deferred for each row "
        "when (new.id = 'P00000001') execute function linger()"
    )
    with uplink.lost("swallow"):
        uplink.deliver()
    uplink.deliver()
    assert uplink.ask("select count(*), count(distinct id) from up_person") == [(100, 100)]


def test_everything_may_be_sent_again(uplink: Uplink) -> None:
    """Told to deliver everything, each row goes up once more as an update of the same key."""
    uplink.deliver()
    decisions.backfill(uplink.city.deployment, OUT, since=None, who="tester", why="their disk was restored")
    assert uplink.deliver().updated == 100


def test_what_was_sent_is_read_back(uplink: Uplink) -> None:
    """Every batch is counted at the front end once; rows put away by the other side were collected by it."""
    uplink.deliver()
    found = reconcile.run(uplink.city.deployment, OUT)
    assert (found.passed, found.method, found.source_rows, found.hub_rows) == (True, "read back", 100, 100)
    uplink.ask("delete from up_person")
    uplink.change(amount=2)
    uplink.bring()
    uplink.deliver()
    uplink.ask("delete from up_person")
    again = reconcile.run(uplink.city.deployment, OUT)
    assert (again.passed, again.hub_rows, again.remark) == (True, 1, "1 batches were put away already")
    assert again.verified_through is not None
    assert found.verified_through is not None
    assert again.verified_through > found.verified_through


def test_a_row_too_many_does_not_make_up_for_one_that_is_missing(uplink: Uplink) -> None:
    """Each batch is counted for itself, and no figure is below nothing."""
    uplink.deliver()
    uplink.ask("insert into up_person select * from up_person where id = 'P00000001'")
    found = reconcile.run(uplink.city.deployment, OUT)
    assert (found.passed, found.missing, found.extra) == (False, 0, 1)
    uplink.city.fill(10, start=500)
    uplink.bring()
    uplink.deliver()
    uplink.ask("delete from up_person where id = 'P00000505'")
    found = reconcile.run(uplink.city.deployment, OUT)
    assert (found.passed, found.missing, found.extra, found.source_rows, found.hub_rows) == (False, 1, 1, 110, 110)


def test_rows_lost_at_the_front_end_stop_the_proof(uplink: Uplink) -> None:
    """A batch of which a part is gone is no proof, and none after it is; the figure says how much is missing."""
    uplink.deliver()
    uplink.ask("delete from up_person where id = %s", (ONE,))
    found = reconcile.run(uplink.city.deployment, OUT)
    assert (found.passed, found.missing, found.verified_through) == (False, 1, None)
    uplink.change(amount=2)
    uplink.bring()
    uplink.deliver()
    assert reconcile.run(uplink.city.deployment, OUT).verified_through is None
    assert reconcile.run(uplink.city.deployment, OUT, repair=True).passed


def put_away(uplink: Uplink) -> None:
    """Let the other side take away all that it was sent; it may take a moment to commit that."""
    deadline = time.monotonic() + 30
    while not uplink.ask("delete from up_person"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_batch_that_was_put_away_before_its_reply_is_not_written_again(uplink: Uplink) -> None:
    """The other side fetched and archived it between the lost reply and the repetition: it counts once, as it was taken."""
    with uplink.lost("swallow"):
        uplink.deliver()
    put_away(uplink)
    again = uplink.deliver()
    assert (again.inserted, uplink.ask("select count(*) from up_person")) == (100, [(0,)])
    found = reconcile.run(uplink.city.deployment, OUT)
    assert (found.passed, found.remark) == (True, "1 batches were put away already")
    uplink.change(amount=2)
    uplink.bring()
    assert uplink.deliver().read == 1


def test_a_batch_that_was_never_committed_is_written(uplink: Uplink) -> None:
    """Cut off before the front end heard the commit: nothing of it is there, and nothing was put away."""
    with uplink.lost("cut"):
        uplink.deliver()
    assert uplink.deliver().inserted == 100
    assert uplink.ask("select count(*) from up_person") == [(100,)]


def test_a_front_end_that_was_replaced_gets_the_batch(uplink: Uplink) -> None:
    """What another server committed once says nothing of this one."""
    with uplink.lost("swallow"):
        uplink.deliver()
    put_away(uplink)
    uplink.city.ask('update gateway.memory set note = note || \'{"server": "another"}\'')
    uplink.deliver()
    assert uplink.ask("select count(*) from up_person") == [(100,)]


def test_a_batch_in_the_archive_is_found_there(uplink: Uplink) -> None:
    """Where the other side declares its archive, a batch counts whole though a part of it was moved already."""
    uplink.ask("create table up_person_his (like up_person)")
    resource = {**OPTIONS["resources"]["test.person"], "archive": "up_person_his"}  # type: ignore[index]
    uplink.with_options({**OPTIONS, "resources": {"test.person": resource}})
    uplink.deliver()
    moved = "with moved as (delete from up_person where id < 'P00000060' returning *) insert into up_person_his select * from moved"
    assert uplink.ask(moved) == 59
    found = reconcile.run(uplink.city.deployment, OUT)
    assert (found.passed, found.hub_rows, found.missing, found.remark) == (True, 100, 0, None)
