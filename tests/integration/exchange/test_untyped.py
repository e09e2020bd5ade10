"""A source that sends text: the hub judges every value's type, compares a landed copy, and loses nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gateway import registry
from gateway.errors import RouteHeld, RuleRefused
from gateway.exchange import proof, quarantine, reconcile, transfer
from tests.integration.conftest import PERSON, City
from tests.integration.exchange.lines import NOON, Lines, person


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Put a platform of records in the place of the city's source."""
    found = Lines()
    monkeypatch.setattr(registry, "source", lambda *_: found)
    return found


def rejected(city: City) -> dict[str, str]:
    """Return the open rows of quarantine: key to rule."""
    rows = quarantine.list_rows(city.hub, state="open")
    return {row["masked"]["id"]: row["rule"] for row in rows}


def rules_of(city: City) -> list[str]:
    """Return the rules of the open rows of quarantine, sorted."""
    return sorted(row["rule"] for row in quarantine.list_rows(city.hub, state="open"))


def test_text_becomes_the_contracts_types(city: City, lines: Lines) -> None:
    """Values arrive exactly; a time without zone is China's."""
    lines.records = [person(1, amount="12.345", updated_at="2026-11-24 12:00:00"), person(2, sex=None, amount=None)]
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.read, outcome.inserted, outcome.rejected) == (2, 2, 0)
    noon = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    assert city.hub_rows() == [
        ("P00000001", "张1", 1, Decimal("12.35"), noon),
        ("P00000002", "张2", None, None, noon),
    ]
    assert proof.verify(city.deployment).ok


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"sex": "one"}, "sex.type"),  # no number
        ({"sex": "40000"}, "sex.type"),  # no smallint
        ({"sex": " 1"}, "sex.type"),  # PostgreSQL would take it
        ({"sex": "0x1"}, "sex.type"),  # and this
        ({"sex": "1.0"}, "sex.type"),
        ({"sex": "１"}, "sex.type"),  # full width
        ({"amount": "NaN"}, "amount.type"),
        ({"amount": "1_0"}, "amount.type"),
        ({"amount": "123456789012"}, "amount.type"),  # too large for numeric(10,2)
        ({"amount": ""}, "amount.type"),  # an empty text is no number
        ({"updated_at": "2026-02-30T00:00:00+08:00"}, "updated_at.type"),  # no day
        ({"updated_at": "yesterday"}, "updated_at.type"),
        ({"updated_at": "2026-11-24T12:00:00+99:00"}, "updated_at.type"),
        ({"updated_at": None}, "updated_at.required"),
        ({"sex": "7"}, "T-01"),  # a rule of the contract
        ({"name": "长" * 21}, "name.length"),
        ({"name": "a\0b"}, "text.encoding"),  # what PostgreSQL cannot hold
        ({"name": "a\ud800"}, "text.encoding"),
        ({"sex": "1\0"}, "sex.type"),
        ({"id": None}, "id.required"),
    ],
)
def test_bad_record_is_quarantined_and_the_rest_lands(
    city: City, lines: Lines, values: dict[str, str | None], rule: str
) -> None:
    """One record of another type or against a rule stops nobody else."""
    lines.records = [person(1), person(2, **values), person(3)]
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.read, outcome.inserted, dict(outcome.rejects)) == (3, 2, {rule: 1})
    assert rules_of(city) == [rule]


def test_fault_that_the_connector_found_is_the_reason(city: City, lines: Lines) -> None:
    """A record that is none keeps the connector's word for it, in both languages."""
    lines.records, lines.faults = [person(1), (None,) * 5], {1: "json.duplicate_key"}
    transfer.run(city.deployment, "person_in")
    row = quarantine.list_rows(city.hub, state="open")[0]
    shown = quarantine.show(city.hub, city.deployment.catalog.datasets, row["id"])
    assert shown["rule"] == "json.duplicate_key"
    assert shown["reason_zh"] != shown["reason_en"] != shown["rule"]


def test_window_takes_only_its_own_records(city: City, lines: Lines) -> None:
    """A platform that sends everything again, or what is newer than it is certain of, moves nothing twice or early."""
    lines.records = [person(1), person(2)]
    transfer.run(city.deployment, "person_in")
    lines.now += timedelta(hours=1)
    inside, ahead = "2026-11-24T14:30:00+08:00", "2026-11-24T16:00:00+08:00"
    lines.records += [
        person(3, updated_at=inside),
        person(4, updated_at=ahead),
        person(1, name="新", updated_at=inside),
    ]
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.kind, outcome.read, outcome.inserted, outcome.updated) == ("delta", 2, 1, 1)
    assert [r[:2] for r in city.hub_rows()] == [("P00000001", "新"), ("P00000002", "张2"), ("P00000003", "张3")]


def test_record_that_came_twice_counts_once(city: City, lines: Lines) -> None:
    """Pages that shift while they are read repeat records; two versions of a key are another thing."""
    lines.records = [person(1), person(2), person(1), person(2, name="旧", updated_at="2026-11-24T11:00:00+08:00")]
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.read, outcome.inserted, dict(outcome.rejects)) == (3, 2, {"key.duplicate": 1})


def test_comparison_finds_inserts_edits_and_deletes(city: City, lines: Lines) -> None:
    """A landed copy is compared by key and hash; what is alike is not moved."""
    lines.records = [person(n) for n in range(30)]
    transfer.run(city.deployment, "person_in")
    lines.records = [person(n) for n in range(2, 30)] + [person(31)]
    lines.records[0] = person(2, name="改")
    outcome = transfer.run(city.deployment, "person_in", whole=True)
    assert (outcome.kind, outcome.inserted, outcome.updated, outcome.deleted) == ("compare", 1, 1, 2)
    again = transfer.run(city.deployment, "person_in", whole=True)
    assert (again.inserted, again.updated, again.deleted, again.rejected) == (0, 0, 0, 0)
    assert proof.verify(city.deployment).ok


@pytest.mark.parametrize(
    ("slipped", "deleted"),
    [
        ([{3}, set()], 0),  # the second read has it
        ([{3}, {5}], 0),  # each read misses another
        ([{3}, {3}], 1),  # both miss it: it is gone
    ],
)
def test_record_that_slipped_past_one_read_is_not_deleted(
    city: City, lines: Lines, slipped: list[set[int]], deleted: int
) -> None:
    """A source without a view that stands still is read twice before anything counts as gone."""
    lines.records = [person(n) for n in range(30)]
    transfer.run(city.deployment, "person_in")
    lines.slipped = slipped
    outcome = transfer.run(city.deployment, "person_in", whole=True)
    assert (outcome.deleted, len(city.hub_rows())) == (deleted, 30 - deleted)


def test_comparison_does_not_reject_again_what_quarantine_holds(city: City, lines: Lines) -> None:
    """A bad record that still stands at the source stays the one entry that it is, and both sides reconcile."""
    lines.records = [person(1), person(2, sex="one"), person(3, sex="7"), person(4, id="x" * 19)]
    transfer.run(city.deployment, "person_in")
    before = [row["id"] for row in quarantine.list_rows(city.hub, state="open")]
    outcome = transfer.run(city.deployment, "person_in", whole=True)
    assert outcome.rejected == 0
    assert [row["id"] for row in quarantine.list_rows(city.hub, state="open")] == before
    found = reconcile.run(city.deployment, "person_in")
    assert (found.passed, found.method, found.quarantined) == (True, "landed copy", 3)


def test_record_mended_at_the_source_closes_its_entry(city: City, lines: Lines) -> None:
    """The new version lands and the old one is superseded."""
    lines.records = [person(1), person(2, sex="one")]
    transfer.run(city.deployment, "person_in")
    lines.now += timedelta(hours=1)
    lines.records[1] = person(2, updated_at="2026-11-24T14:30:00+08:00")
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.inserted, rules_of(city)) == (1, [])


def test_record_gone_from_the_source_closes_its_entry(city: City, lines: Lines) -> None:
    """A comparison that no longer sees the record says so."""
    lines.records = [person(1), person(2, sex="one")]
    transfer.run(city.deployment, "person_in")
    del lines.records[1]
    transfer.run(city.deployment, "person_in", whole=True)
    states = {row["state"] for row in quarantine.list_rows(city.hub)}
    assert states == {"gone"}


def test_replay_judges_the_type_too(city: City, lines: Lines) -> None:
    """An edited value passes the same checks as one of the source; a wrong one changes nothing."""
    lines.records = [person(1), person(2, sex="one")]
    transfer.run(city.deployment, "person_in")
    number = quarantine.list_rows(city.hub, state="open")[0]["id"]
    with pytest.raises(RuleRefused, match=r"sex\.type"):
        transfer.replay(city.deployment, number, who="tester", why="try", edits={"sex": "two"})
    outcome = transfer.replay(city.deployment, number, who="tester", why="asked the owner", edits={"sex": "2"})
    assert (outcome.inserted, rules_of(city)) == (1, [])
    assert reconcile.run(city.deployment, "person_in").passed


def test_empty_and_half_empty_sources_wait_for_a_person(city: City, lines: Lines) -> None:
    """A source that lost its records is not believed."""
    lines.records = [person(n) for n in range(100)]
    transfer.run(city.deployment, "person_in")
    lines.records = lines.records[:50]
    with pytest.raises(RouteHeld, match="mass_delete"):
        transfer.run(city.deployment, "person_in", whole=True)
    assert len(city.hub_rows()) == 100


def test_originals_of_repaired_values_are_kept(city: City, lines: Lines) -> None:
    """A repair of the contract is applied in the hub and the value as it came is in the journal."""
    fields = tuple(replace(f, repairs=("trim", "nullify")) if f.name == "name" else f for f in PERSON.fields)
    trimming = city.with_dataset(fields=fields)
    lines.records = [person(1, name="张三 　"), person(2), person(3, sex="one")]
    outcome = transfer.run(trimming.deployment, "person_in")
    assert outcome.inserted == 2
    assert [r[1] for r in trimming.hub_rows()] == ["张三", "张2"]
    assert city.ask("select key, field, original from gateway.repair") == [({"id": "P00000001"}, "name", "张三 　")]


def test_key_of_another_type_is_told_and_not_lost(city: City, lines: Lines) -> None:
    """Even the key may be wrong; the record waits in quarantine and the next runs go on."""
    fields = tuple(replace(f, type="integer", limits={}) if f.name == "id" else f for f in PERSON.fields)
    numbered = city.with_dataset(fields=fields, name="test.numbered")
    lines.records = [person(1, id="1"), person(2, id="two")]
    outcome = transfer.run(numbered.deployment, "person_in")
    assert (outcome.inserted, dict(outcome.rejects)) == (1, {"id.type": 1})
    again = transfer.run(numbered.deployment, "person_in", whole=True)
    assert (again.rejected, rules_of(city)) == (0, ["id.type"])
    number = quarantine.list_rows(city.hub, state="open")[0]["id"]
    mended = transfer.replay(numbered.deployment, number, who="t", why="typo", edits={"id": "2"})
    assert mended.inserted == 1
    later = transfer.run(numbered.deployment, "person_in", whole=True)  # the source still holds it as it was
    assert (later.deleted, rules_of(city)) == (0, [])
    assert reconcile.run(numbered.deployment, "person_in").passed
    del lines.records[1]
    assert transfer.run(numbered.deployment, "person_in", whole=True).deleted == 1


@pytest.mark.parametrize(
    ("fault", "values", "edits"),
    [
        ("json.duplicate_key", {}, {"name": "李四"}),  # the last of two values is not what was meant
        ("name.type", {"name": '{"first": "张"}'}, {"name": "张三"}),  # an object where text is declared
        (None, {"name": "a\0b"}, {"name": "ab"}),  # what PostgreSQL cannot hold
        (None, {"id": None}, {"id": "P00000009"}),  # nobody finds it by its key
        (None, {"updated_at": "2026-02-30T00:00:00+08:00"}, {"updated_at": NOON}),
    ],
)
def test_replay_of_a_record_as_it_was_is_refused(
    city: City, lines: Lines, fault: str | None, values: dict[str, str | None], edits: dict[str, str]
) -> None:
    """Whatever condemned it still does; an edited value mends it."""
    lines.records = [person(1), person(2, **values)]
    lines.faults = {1: fault} if fault else {}
    transfer.run(city.deployment, "person_in")
    entry = quarantine.list_rows(city.hub, state="open")[0]
    with pytest.raises(RuleRefused, match=entry["rule"].replace(".", r"\.")):
        transfer.replay(city.deployment, entry["id"], who="tester", why="again")
    assert [row["id"] for row in quarantine.list_rows(city.hub, state="open")] == [entry["id"]]
    assert transfer.replay(city.deployment, entry["id"], who="tester", why="mended", edits=edits).inserted == 1


def test_decision_outlives_a_record_that_slipped_past_one_read(city: City, lines: Lines) -> None:
    """A discarded record is not taken for gone, and does not come back as a new entry."""
    lines.records = [person(n) for n in range(20)] + [person(20, sex="one")]
    transfer.run(city.deployment, "person_in")
    entry = quarantine.list_rows(city.hub, state="open")[0]
    quarantine.discard(city.deployment, entry["id"], who="tester", why="a test record")
    lines.slipped = [{20}]
    transfer.run(city.deployment, "person_in", whole=True)
    transfer.run(city.deployment, "person_in", whole=True)
    assert [row["state"] for row in quarantine.list_rows(city.hub)] == ["discarded"]


def test_source_that_shows_nothing_is_not_believed_even_when_all_it_had_was_bad(city: City, lines: Lines) -> None:
    """Entries of quarantine are records too."""
    lines.records = [person(1, sex="one")]
    transfer.run(city.deployment, "person_in")
    lines.records = []
    with pytest.raises(RouteHeld, match="empty_read"):
        transfer.run(city.deployment, "person_in", whole=True)
    assert rules_of(city) == ["sex.type"]


def test_last_version_of_a_record_edited_while_it_was_read_wins(city: City, lines: Lines) -> None:
    """Without a cursor the order of arrival decides; the older version's entry is closed by the next comparison."""
    timeless = city.with_dataset(cursor=None).with_route(mode="snapshot")
    timeless = timeless.with_dataset(cursor=None)
    lines.records = [person(1, name="旧"), *[person(n) for n in range(2, 40)], person(1, name="新")]
    outcome = transfer.run(timeless.deployment, "person_in")
    assert (dict(outcome.rejects), timeless.hub_rows()[0][1]) == ({"key.duplicate": 1}, "新")
    del lines.records[0]
    again = transfer.run(timeless.deployment, "person_in")
    assert (again.updated, rules_of(city)) == (0, [])
    assert {row["state"] for row in quarantine.list_rows(city.hub)} == {"superseded"}


@pytest.mark.parametrize(
    "names", [("a\\b", "旧", "新"), ("旧", "a\\b", "新"), ("旧", "新", "a\\b"), ("a\\b", "旧", "c\\d")]
)
def test_last_version_wins_though_only_some_need_judging(city: City, lines: Lines, names: tuple[str, ...]) -> None:
    """A text with a backslash takes another way into landing than one without, and keeps its place in the order."""
    lines.records = [person(n, name=name) for name in names for n in (1, 2)]
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.read, dict(outcome.rejects)) == (6, {"key.duplicate": 4})
    assert [row[1] for row in city.hub_rows()] == [names[-1]] * 2


def test_records_that_need_judging_are_few_among_many(city: City, lines: Lines) -> None:
    """However runs of plain records and of others follow each other, each record is landed or told of once."""
    odd = {n: person(n, amount="+1.5") for n in (*range(0, 20_000, 1_733), *range(9_000, 9_700))}
    bad = {n: person(n, sex="one") for n in (1, 8_000, 8_001, 19_999)}
    lines.records = [bad.get(n) or odd.get(n) or person(n) for n in range(20_000)]
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.read, outcome.inserted, dict(outcome.rejects)) == (20_000, 19_996, {"sex.type": 4})
    assert city.ask("select count(*), sum(amount) from hub.test_person") == [(19_996, Decimal("29994.00"))]
    again = transfer.run(city.deployment, "person_in", whole=True)
    assert (again.inserted, again.updated, again.deleted, again.rejected) == (0, 0, 0, 0)


def test_bad_record_that_came_after_the_last_window_is_pending(city: City, lines: Lines) -> None:
    """The next window will carry it into quarantine: both sides agree until then."""
    lines.records = [person(1)]
    transfer.run(city.deployment, "person_in")
    lines.records += [person(2, sex="one", updated_at="2026-11-24T15:00:00+08:00")]
    found = reconcile.run(city.deployment, "person_in")
    assert (found.passed, found.missing, found.pending) == (True, 1, 1)


def test_number_beyond_all_bounds_in_a_document_stops_nobody(city: City, lines: Lines) -> None:
    """A bad record is sealed and shown with every digit it has."""
    fields = tuple(replace(f, type="jsonb", classification="L2") if f.name == "amount" else f for f in PERSON.fields)
    holding = city.with_dataset(fields=fields, name="test.holding")
    lines.records = [person(1, amount='{"n": 1.50}'), person(2, amount='{"n": 1e5000}', sex="7")]
    outcome = transfer.run(holding.deployment, "person_in")
    assert (outcome.inserted, dict(outcome.rejects)) == (1, {"T-01": 1})
    entry = quarantine.list_rows(city.hub, state="open")[0]
    assert transfer.replay(holding.deployment, entry["id"], who="t", why="typo", edits={"sex": "1"}).inserted == 1
    assert city.ask("select length(amount ->> 'n') from hub.test_holding where id = 'P00000002'") == [(5001,)]
