"""A route carries rows from a source to the hub: first load, window, comparison, quarantine, receipts."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import RouteBusy, RouteHeld, RuleRefused, SchemaMismatch
from gateway.exchange import proof, quarantine, reconcile, transfer
from gateway.ledger import decisions, ledger
from tests.integration.conftest import PERSON


def test_first_load_lands_good_rows_and_quarantines_bad_ones(city: Any) -> None:
    """A first load ends with the hub equal to the good rows of the source, and one entry per bad row."""
    city.fill(1000, bad=7)
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.kind, outcome.read, outcome.inserted, outcome.rejected) == ("first_load", 1000, 993, 7)
    assert city.good_source_rows() == city.hub_rows()
    assert city.ask("select rule, count(*) from gateway.quarantine where state = 'open' group by 1") == [("T-01", 7)]


def test_planner_knows_a_new_partition_at_once_and_autovacuum_still_looks_at_it(city: Any) -> None:
    """Every column has statistics when the first load has ended, and yet the rows count as never analyzed."""
    city.fill(500)
    transfer.run(city.deployment, "person_in")
    part = "schemaname = 'hub' and %s = 'test_person__pop'"
    known = city.ask("select attname from pg_stats where " + part % "tablename")
    assert {name for (name,) in known} >= set(PERSON.columns)
    assert city.ask("select n_mod_since_analyze from pg_stat_user_tables where " + part % "relname") == [(500,)]


def test_window_carries_what_changed_and_leaves_the_rest_alone(city: Any) -> None:
    """A window updates and inserts; rows that did not change keep the number of their batch."""
    city.fill(100)
    first = transfer.run(city.deployment, "person_in")
    city.ask_source("update person set amount = 7, updated_at = now() where id <= 'P00000010'")
    city.fill(5, start=1000)
    city.ask_source("update person set updated_at = now() where id > 'P00001000'")
    second = transfer.run(city.deployment, "person_in")
    assert (second.kind, second.inserted, second.updated) == ("delta", 5, 10)
    assert city.good_source_rows() == city.hub_rows()
    assert city.ask("select count(*) from hub.test_person where gw_batch = %s", (first.batch,)) == [(90,)]


def test_data_set_without_cursor_is_compared_at_every_run(city: Any) -> None:
    """A snapshot route needs no cursor: what changed arrives, and a run that finds nothing ends well."""
    city = city.with_dataset(cursor=None).with_route(mode="snapshot")
    city.fill(20)
    assert transfer.run(city.deployment, "person_in").kind == "first_load"
    assert transfer.run(city.deployment, "person_in").updated == 0
    city.ask_source("update person set amount = 1 where id = 'P00000003'")
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.kind, outcome.updated) == ("compare", 1)
    assert city.good_source_rows() == city.hub_rows()


def test_partition_gets_its_index_by_batch_with_its_second_batch(city: Any) -> None:
    """While all rows bear one batch the index would tell nothing; the first later batch that writes makes it, once."""
    indexes = "select count(*) from pg_indexes where schemaname = 'hub' and indexdef like '%brin (gw_batch)%'"
    city.fill(10)
    transfer.run(city.deployment, "person_in")
    assert city.ask(indexes) == [(0,)]
    for amount in (1, 2):
        city.ask_source("update person set amount = %s, updated_at = now()", (amount,))
        transfer.run(city.deployment, "person_in")
        assert city.ask(indexes) == [(1,)]


def test_comparison_finds_deletes_and_silent_edits(city: Any) -> None:
    """What a window cannot see (deletes, edits without a new stamp) a comparison finds and carries."""
    city.fill(1000)
    transfer.run(city.deployment, "person_in")
    city.ask_source("delete from person where id <= 'P00000005'")
    city.ask_source("update person set name = '改' where id = 'P00000100'")
    assert not reconcile.run(city.deployment, "person_in").passed
    found = reconcile.run(city.deployment, "person_in", repair=True)
    assert found.passed
    assert city.good_source_rows() == city.hub_rows()
    assert city.ask("select count(*) from hub.test_person__gone") == [(5,)]


def test_second_comparison_finds_nothing(city: Any) -> None:
    """A comparison of equal sides is decided by count and hash sum alone, quarantined rows included."""
    city.fill(500, bad=3)
    transfer.run(city.deployment, "person_in")
    found = reconcile.run(city.deployment, "person_in")
    assert (found.passed, found.method, found.quarantined) == (True, "totals", 3)


def test_mass_delete_waits_for_a_person_and_an_approval_lets_it_pass(city: Any) -> None:
    """Half the rows gone: nothing is deleted until somebody approves just that."""
    city.fill(200)
    transfer.run(city.deployment, "person_in")
    city.ask_source("delete from person where id <= 'P00000100'")
    with pytest.raises(RouteHeld, match="mass_delete"):
        transfer.run(city.deployment, "person_in", whole=True)
    assert len(city.hub_rows()) == 200
    hold = city.ask("select id from gateway.hold where state = 'open'")[0][0]
    with pytest.raises(RouteHeld, match="on hold"):
        transfer.run(city.deployment, "person_in")
    decisions.approve(city.deployment, hold, who="tester", why="the owner confirmed")
    outcome = transfer.run(city.deployment, "person_in", whole=True)
    assert outcome.deleted == 100
    assert city.good_source_rows() == city.hub_rows()


def test_approval_is_kept_for_the_run_it_was_given_for(city: Any) -> None:
    """The next run after an approval does what was approved, even where only a window would have been due."""
    city.fill(200)
    transfer.run(city.deployment, "person_in")
    city.ask_source("delete from person where id <= 'P00000100'")
    with pytest.raises(RouteHeld):
        transfer.run(city.deployment, "person_in", whole=True)
    hold = city.ask("select id from gateway.hold where state = 'open'")[0][0]
    decisions.approve(city.deployment, hold, who="tester", why="the owner confirmed")
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.kind, outcome.deleted) == ("compare", 100)


def test_comparison_runs_when_its_time_has_struck(city: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An incremental route compares everything once after each stroke of its cron line, and finds the deletes."""
    city.fill(50)
    city = city.with_route(compare="0 3 * * *")
    transfer.run(city.deployment, "person_in")
    city.ask_source("delete from person where id = 'P00000001'")
    assert transfer.run(city.deployment, "person_in").kind == "delta"
    monkeypatch.setenv("GATEWAY_NOW", (datetime.now(UTC) + timedelta(days=1)).isoformat())
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.kind, outcome.deleted) == ("compare", 1)


def test_repaired_values_leave_their_originals_in_the_journal(city: Any) -> None:
    """A value that the contract repairs lands repaired; what the source held is kept, once per batch that wrote it."""
    fields = [replace(f, repairs=("trim",)) if f.name == "name" else f for f in PERSON.fields]
    city = city.with_dataset(fields=tuple(fields))
    city.fill(10)
    city.ask_source("update person set name = '王　 ' where id = 'P00000003'")
    transfer.run(city.deployment, "person_in")
    assert city.ask("select name from hub.test_person where id = 'P00000003'") == [("王",)]
    assert city.ask("select key, field, original from gateway.repair") == [({"id": "P00000003"}, "name", "王　 ")]
    city.ask_source("update person set amount = 1, updated_at = now()")
    transfer.run(city.deployment, "person_in")
    transfer.run(city.deployment, "person_in")
    assert city.ask("select count(*) from gateway.repair") == [(2,)]
    assert reconcile.run(city.deployment, "person_in").passed


def test_empty_source_is_held_not_believed(city: Any) -> None:
    """A source that suddenly has no rows puts the route on hold."""
    city.fill(50)
    transfer.run(city.deployment, "person_in")
    city.ask_source("delete from person")
    with pytest.raises(RouteHeld, match="empty_read"):
        transfer.run(city.deployment, "person_in", whole=True)
    assert len(city.hub_rows()) == 50


def test_a_source_that_starts_empty_waits_for_nobody(city: Any) -> None:
    """Its first read may find nothing; when it has had rows, an empty one is held like any other's."""
    city = city.with_dataset(starts_empty=True)
    assert transfer.run(city.deployment, "person_in").read == 0
    city.fill(5)
    assert transfer.run(city.deployment, "person_in", whole=True).inserted == 5
    city.ask_source("delete from person")
    with pytest.raises(RouteHeld, match="empty_read"):
        transfer.run(city.deployment, "person_in", whole=True)


def test_fix_at_the_source_closes_the_quarantine_entry(city: Any) -> None:
    """A corrected row arrives by the next window and its entry becomes superseded."""
    city.fill(20, bad=2)
    transfer.run(city.deployment, "person_in")
    city.ask_source("update person set sex = 1, updated_at = now() where id = 'P00000001'")
    transfer.run(city.deployment, "person_in")
    assert city.ask("select state, count(*) from gateway.quarantine group by 1 order by 1") == [
        ("open", 1),
        ("superseded", 1),
    ]
    assert city.good_source_rows() == city.hub_rows()


def test_replay_with_an_edited_value_merges_the_row(city: Any) -> None:
    """A person edits a value and replays: the row passes the same checks and its entry is closed."""
    city.fill(20, bad=1)
    transfer.run(city.deployment, "person_in")
    entry = city.ask("select id from gateway.quarantine")[0][0]
    outcome = transfer.replay(city.deployment, entry, who="tester", why="confirmed by phone", edits={"sex": 2})
    assert (outcome.inserted, outcome.rejected) == (1, 0)
    closed = city.ask("select state, closed_by, closed_why, closed_batch from gateway.quarantine")
    assert closed == [("corrected", "tester", "confirmed by phone", outcome.batch)]
    assert city.ask("select sex from hub.test_person where id = 'P00000001'") == [(2,)]


def test_corrected_row_stands_until_the_source_sends_another_version(city: Any) -> None:
    """While the source still holds the bad row the corrected one stays, and both sides count as reconciled."""
    city.fill(20, bad=1)
    transfer.run(city.deployment, "person_in")
    entry = city.ask("select id from gateway.quarantine")[0][0]
    transfer.replay(city.deployment, entry, who="tester", why="confirmed by phone", edits={"sex": 2})
    assert reconcile.run(city.deployment, "person_in").passed
    transfer.run(city.deployment, "person_in", whole=True)
    assert city.ask("select sex from hub.test_person where id = 'P00000001'") == [(2,)]
    assert city.ask("select state from gateway.quarantine") == [("corrected",)]
    city.ask_source("update person set sex = 1, updated_at = now() where id = 'P00000001'")
    transfer.run(city.deployment, "person_in")
    assert city.good_source_rows() == city.hub_rows()
    assert city.ask("select state, closed_by from gateway.quarantine") == [("superseded", "tester")]


def test_discarded_row_does_not_come_back(city: Any) -> None:
    """A row that a person gave up is not quarantined again by the next comparison, and both sides count as reconciled."""
    city.fill(20, bad=2)
    transfer.run(city.deployment, "person_in")
    first, second = (row[0] for row in city.ask("select id from gateway.quarantine order by id"))
    quarantine.discard(city.deployment, first, who="tester", why="a test entry of the source")
    transfer.run(city.deployment, "person_in", whole=True)
    transfer.run(city.deployment, "person_in")
    assert city.ask("select id, state from gateway.quarantine order by id") == [(first, "discarded"), (second, "open")]
    assert reconcile.run(city.deployment, "person_in").passed
    city.ask_source("delete from person where sex = 7")
    transfer.run(city.deployment, "person_in", whole=True)
    assert city.ask("select distinct state from gateway.quarantine") == [("gone",)]


def test_replay_of_a_row_that_is_still_bad_changes_nothing(city: Any) -> None:
    """An edit that does not mend the row is refused with the rule's name; the entry stays open as it was."""
    city.fill(20, bad=1)
    transfer.run(city.deployment, "person_in")
    entry = city.ask("select id, rule, row_hash, state from gateway.quarantine")[0]
    with pytest.raises(RuleRefused, match="still breaks rule T-01"):
        transfer.replay(city.deployment, entry[0], who="tester", why="guess", edits={"sex": 5})
    assert city.ask("select id, rule, row_hash, state from gateway.quarantine") == [entry]


def test_newer_bad_version_of_a_row_closes_the_entry_of_the_older(city: Any) -> None:
    """A key has one open entry: the version that its source holds now."""
    city.fill(20, bad=1)
    transfer.run(city.deployment, "person_in")
    city.ask_source("update person set sex = 8, updated_at = now() where id = 'P00000001'")
    transfer.run(city.deployment, "person_in")
    assert city.ask("select state from gateway.quarantine order by id") == [("superseded",), ("open",)]


def test_replay_never_overwrites_a_newer_row(city: Any) -> None:
    """A row edited by hand loses against a newer version that the source sent meanwhile."""
    city.fill(5)
    transfer.run(city.deployment, "person_in")
    city.ask_source("update person set sex = 9, updated_at = now() - interval '5 minutes' where id = 'P00000001'")
    city.ask("update gateway.route_state set watermark = watermark - interval '10 minutes'")
    city.ask("update gateway.route_state set watermark = now() - interval '10 minutes'")
    transfer.run(city.deployment, "person_in")
    entry = city.ask("select id from gateway.quarantine")[0][0]
    city.ask("update hub.test_person set updated_at = now() + interval '1 hour', name = '新' where id = 'P00000001'")
    transfer.replay(city.deployment, entry, who="tester", why="try", edits={"sex": 1})
    assert city.ask("select name from hub.test_person where id = 'P00000001'") == [("新",)]


def test_dry_run_changes_nothing(city: Any) -> None:
    """A dry run counts what would happen and leaves hub, quarantine and receipts as they were."""
    city.fill(30, bad=1)
    outcome = transfer.run(city.deployment, "person_in", dry_run=True)
    assert (outcome.read, outcome.inserted, outcome.rejected, outcome.receipt) == (30, 29, 1, None)
    assert city.hub_rows() == []
    assert city.ask("select count(*) from gateway.receipt where kind = 'batch'") == [(0,)]


def test_receipts_prove_every_batch(city: Any) -> None:
    """The chain verifies, and so does the content of the batches that nothing has touched since."""
    city.fill(100, bad=1)
    transfer.run(city.deployment, "person_in")
    city.fill(10, start=500)
    city.ask_source("update person set updated_at = now() where id > 'P00000500'")
    transfer.run(city.deployment, "person_in")
    found = proof.verify(city.deployment)
    assert (found.ok, found.untouched) == (True, 2)


def test_proof_holds_while_a_route_commits(city: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that commits after the chain was read is simply not part of it, and no sign of a lost receipt."""
    city.fill(50)
    transfer.run(city.deployment, "person_in")
    reading, committed = proof.receipts.verify, []

    def then_commit(*chain: Any) -> Any:
        verdict = reading(*chain)
        city.ask_source("update person set amount = 9, updated_at = now() where id = 'P00000001'")
        committed.append(transfer.run(city.deployment, "person_in").batch)
        return verdict

    monkeypatch.setattr(proof.receipts, "verify", then_commit)
    assert proof.verify(city.deployment).ok
    assert committed != [None]


def test_row_changed_behind_the_gateways_back_is_named(city: Any) -> None:
    """A hub row edited by hand makes its batch's content differ from the receipt."""
    city.fill(100)
    outcome = transfer.run(city.deployment, "person_in")
    city.ask("update hub.test_person set name = '改' where id = 'P00000001'")
    found = proof.verify(city.deployment)
    assert not found.ok
    assert f"batch {outcome.batch}" in (found.first_fault or "")


def test_row_deleted_behind_the_gateways_back_is_named(city: Any) -> None:
    """Rows that no receipt says were deleted are missed by their number, even in a batch that was partly rewritten."""
    city.fill(100)
    transfer.run(city.deployment, "person_in")
    city.ask_source("update person set amount = 1, updated_at = now() where id <= 'P00000010'")
    transfer.run(city.deployment, "person_in")
    assert proof.verify(city.deployment).ok
    city.ask("delete from hub.test_person where id = 'P00000050'")
    assert (
        proof.verify(city.deployment).first_fault
        == "test.person: the receipts leave 100 rows from pop, the hub holds 99"
    )


def test_chain_set_back_with_its_old_head_is_noticed(city: Any) -> None:
    """Whoever cuts off the newest receipt and puts the older signed head back is betrayed by what was seen committed."""
    city.fill(20)
    transfer.run(city.deployment, "person_in")
    head = city.ask("select no, hash, signature, key_id from gateway.chain_head")[0]
    decisions.pause(city.deployment, "person_in", who="tester", why="maintenance")
    city.ask("alter table gateway.receipt disable trigger all; delete from gateway.receipt where no > %s", (head[0],))
    city.ask("update gateway.chain_head set no = %s, hash = %s, signature = %s, key_id = %s", head)
    found = proof.verify(city.deployment)
    assert not found.ok
    assert f"lacks receipt {head[0] + 1}" in (found.first_fault or "")


def test_replay_keeps_every_digit(city: Any) -> None:
    """A number that a binary float cannot hold goes back to the hub as it came."""
    city.ask_source("alter table person alter column amount type numeric(24,6)")
    fields = tuple(replace(f, type="numeric(24,6)") if f.name == "amount" else f for f in PERSON.fields)
    city.ask("alter table hub.test_person alter column amount type numeric(24,6)")
    city = city.with_dataset(fields=fields)
    city.fill(5, bad=1)
    city.ask_source("update person set amount = 123456789012345678.123456 where id = 'P00000001'")
    transfer.run(city.deployment, "person_in")
    entry = city.ask("select id from gateway.quarantine")[0][0]
    transfer.replay(city.deployment, entry, who="tester", why="confirmed", edits={"sex": 1})
    found = city.ask("select amount::text from hub.test_person where id = 'P00000001'")
    assert found == [("123456789012345678.123456",)]


def test_second_run_at_once_is_busy(city: Any) -> None:
    """A run that finds another run's lock ends as busy and changes nothing."""
    city.fill(5)
    other = city.deployment.hub(name="another run", autocommit=True)
    ledger.take_locks(other, "person_in", "test.person")
    with pytest.raises(RouteBusy, match="another run holds route person_in"):
        transfer.run(city.deployment, "person_in")
    other.close()
    assert transfer.run(city.deployment, "person_in").inserted == 5


def test_a_run_of_another_source_of_the_data_set_is_waited_for(city: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the time it has, this run goes on when that one has ended; after it, this one ends as busy."""
    city.fill(5)
    other = city.deployment.hub(name="another source", autocommit=True)
    ledger.take_locks(other, "sister_in", "test.person")
    monkeypatch.setattr(ledger, "DATASET_SECONDS", 1)
    with pytest.raises(RouteBusy, match="another run holds data set test"):
        transfer.run(city.deployment, "person_in")
    monkeypatch.setattr(ledger, "DATASET_SECONDS", 20)
    ending = threading.Timer(0.5, other.close)
    ending.start()
    assert transfer.run(city.deployment, "person_in").inserted == 5
    ending.join()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("alter table person drop column amount", "column amount is missing"),  # dropped
        ("alter table person add column extra text", "column extra is not in the contract"),  # added
        (
            "alter table person alter column sex type integer",
            "column sex is integer, the contract says smallint",
        ),  # retyped
        (
            "alter table person rename column amount to money",
            "column money looks like amount renamed",
        ),  # renamed
        ("drop table person", "has no table person"),  # gone
    ],
)
def test_schema_unlike_the_contract_stops_before_a_row_is_read(city: Any, change: str, words: str) -> None:
    """A changed table is named column by column and the hub stays as it was."""
    city.fill(10)
    transfer.run(city.deployment, "person_in")
    before = city.hub_rows()
    city.ask_source(change)
    with pytest.raises(SchemaMismatch, match=words):
        transfer.run(city.deployment, "person_in")
    assert before == city.hub_rows()


def test_quarantined_values_are_masked_and_sealed(city: Any) -> None:
    """What people see of a rejected row hides personal values; the original is not in the hub in clear."""
    city.fill(3, bad=1)
    transfer.run(city.deployment, "person_in")
    row = quarantine.list_rows(city.hub)[0]
    assert row["masked"]["name"] == "张*"
    assert city.ask("select position('P00000001'::bytea in sealed) from gateway.quarantine") == [(0,)]
