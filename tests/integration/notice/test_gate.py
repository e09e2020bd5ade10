"""The gate: whether an announced change may take effect, and what then becomes of the hub's table and its readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import GateClosed, NoticeRefused
from gateway.exchange import hub as hub_tables
from gateway.exchange import proof, transfer
from gateway.model import Dataset, Field
from gateway.notify import contacts
from schemas.notice import clock, gate, lifecycle, report, transition, views
from schemas.notice.lifecycle import Reply
from schemas.notice.store import Notice
from tests.integration.conftest import PERSON
from tests.integration.notice.conftest import DAY, Noticing

ADAPTED = Reply("adapted", "王五", "科长")
RENAMED = tuple(replace(f, name="full_name") if f.name == "name" else f for f in PERSON.fields)
RETYPED = tuple(replace(f, type="integer") if f.name == "sex" else f for f in PERSON.fields)
SPLIT = "alter table public.person add column family varchar(20), add column given varchar(20), drop column name"
SPLITTED = (
    *(f for f in PERSON.fields if f.name != "name"),
    Field("family", "varchar(20)", "姓", classification="L3"), Field("given", "varchar(20)", "名", classification="L3"),
)  # fmt: skip


def contract(noticing: Noticing, fields: tuple[Field, ...], version: str = "2.0.0") -> Dataset:
    """Give the contract a new version, as the catalog would."""
    dataset = replace(PERSON, fields=fields, version=version)
    catalog = noticing.deployment.catalog
    routes = {name: replace(r, dataset=dataset) for name, r in catalog.routes.items()}
    found = replace(catalog, datasets={dataset.name: dataset}, routes=routes)
    noticing.city.deployment = replace(noticing.deployment, catalog=found)
    return dataset


def columns(noticing: Noticing) -> list[str]:
    """Return the columns of the hub's table."""
    return list(hub_tables.table_columns(noticing.city.hub, PERSON))


def state(noticing: Noticing, notice: Notice) -> str:
    """Return where a notice stands."""
    return str(noticing.city.ask("select state from gateway.notice where notice = %s", (notice.notice,))[0][0])


def purposes(noticing: Noticing) -> list[tuple[str, str]]:
    """Return purpose and address of each message but the announcement."""
    return [(purpose, address) for purpose, address, _ in noticing.messages() if purpose != "announce"]


@pytest.fixture
def reader(noticing: Noticing) -> Iterator[str]:
    """Yield a role of unit zjj that reads the hub's table."""
    role = f"share_{noticing.city.deployment.hub_dsn.rpartition('/')[2]}"
    noticing.city.ask(
        f"create role {role}; grant usage on schema hub to {role}; grant select on hub.test_person to {role}"
    )
    yield role
    noticing.city.ask(f"drop owned by {role}; drop role {role}")


def as_reader(noticing: Noticing, role: str, statement: str) -> Any:
    """Run a statement on the hub as the unit's role."""
    noticing.city.ask(f"set role {role}")
    try:
        return noticing.city.ask(statement)
    finally:
        noticing.city.ask("reset role")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (None, "zjj: 尚未回执"),
        (Reply("needs_time", "王五", "科长", DAY("2027-01-31")), "needs time until 2027-01-31"),
        (Reply("objects", "王五", "科长", remark="系统无法改造"), "有异议：系统无法改造"),
    ],
)
def test_a_harmed_unit_that_has_not_agreed_keeps_the_gate_closed(
    noticing: Noticing, reply: Reply | None, words: str
) -> None:
    """And is named with what it said."""
    notice = noticing.announce()
    if reply:
        lifecycle.answer(noticing.deployment, notice.notice, "zjj", reply)
    noticing.at("2026-12-15 09:00")
    with pytest.raises(GateClosed, match=words):
        gate.apply(noticing.deployment, str(notice.number), who="tester")
    assert state(noticing, notice) == "announced"


def test_the_day_opens_the_gate_for_those_who_agreed(noticing: Noticing) -> None:
    """A day sooner it is refused, whatever the override says."""
    notice = noticing.announce()
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED)
    noticing.at("2026-12-14 23:59")
    for how in ({}, {"override": True, "why": "快"}):
        with pytest.raises(GateClosed, match="takes effect on 2026-12-15"):
            gate.apply(noticing.deployment, str(notice.number), who="tester", **how)
    noticing.at("2026-12-15 00:00")
    assert gate.ready(noticing.deployment, str(notice.number))[1] == []
    assert gate.apply(noticing.deployment, str(notice.number), who="tester").state == "effective"


def test_an_override_needs_its_reason_and_stands_in_the_chain(noticing: Noticing) -> None:
    """With who decided and whom it passed."""
    notice = noticing.announce()
    noticing.at("2026-12-15 09:00")
    with pytest.raises(GateClosed, match="needs its reason"):
        gate.apply(noticing.deployment, str(notice.number), who="tester", override=True, why=" ")
    gate.apply(noticing.deployment, str(notice.number), who="刘局", override=True, why="承工信函〔2026〕9号")
    ((body,),) = noticing.city.ask("select body::jsonb from gateway.receipt where body::jsonb->>'what' = 'effective'")
    assert (body["who"], body["overridden"], body["why"]) == ("刘局", ["zjj"], "承工信函〔2026〕9号")
    assert noticing.city.ask("select opened_by, overridden, why from gateway.notice_opening") == [
        ("刘局", ["zjj"], "承工信函〔2026〕9号")
    ]
    assert proof.verify(noticing.deployment).ok


def test_who_asked_for_time_or_objected_may_agree_later(noticing: Noticing) -> None:
    """And opens the gate; who agreed does not take it back."""
    notice = noticing.announce()
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", Reply("needs_time", "王五", "科长", DAY("2027-01-31")))
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED)
    with pytest.raises(NoticeRefused, match="has answered"):
        lifecycle.answer(noticing.deployment, notice.notice, "zjj", Reply("objects", "王五", "科长", remark="不"))
    noticing.at("2026-12-15 09:00")
    gate.apply(noticing.deployment, str(notice.number), who="tester")


def test_what_is_not_announced_does_not_take_effect(noticing: Noticing) -> None:
    """A draft and a withdrawn notice."""
    draft = str(noticing.draft())
    with pytest.raises(GateClosed, match="it is draft, not announced"):
        gate.apply(noticing.deployment, draft, who="tester")
    notice = lifecycle.announce(noticing.deployment, draft, who="tester")
    lifecycle.withdraw(noticing.deployment, str(notice.number), who="tester", why="取消")
    noticing.at("2026-12-15 09:00")
    with pytest.raises(GateClosed, match="it is withdrawn"):
        gate.apply(noticing.deployment, str(notice.number), who="tester", override=True, why="快")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (RENAMED, "still has column name"),
        (tuple(f for f in PERSON.fields if f.name != "sex"), "still has column sex"),
        (RETYPED, r"field sex is integer, the hub holds smallint"),
    ],
)
def test_a_contract_that_harms_readers_is_not_carried_out_in_passing(
    noticing: Noticing, fields: tuple[Field, ...], words: str
) -> None:
    """Neither by a run nor by preparing the hub: the words say what to do."""
    contract(noticing, fields)
    for attempt in (
        lambda: hub_tables.prepare(noticing.deployment),
        lambda: transfer.run(noticing.deployment, "person_in"),
    ):
        with pytest.raises(GateClosed, match=words) as refused:
            attempt()
    assert "gateway notice apply" in refused.value.hint
    assert columns(noticing)[:5] == list(PERSON.columns)


def test_the_hub_follows_the_contract_when_the_gate_opens(noticing: Noticing) -> None:
    """Renamed in place, no value is lost, the next run compares everything, and the chain holds it."""
    city = noticing.city
    city.fill(5)
    transfer.run(noticing.deployment, "person_in")
    notice = noticing.announce()
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED)
    noticing.at("2026-12-15 09:00")
    city.ask_source("alter table person rename column name to full_name")
    contract(noticing, RENAMED)
    gate.apply(noticing.deployment, str(notice.number), who="tester")
    assert columns(noticing)[:2] == ["id", "full_name"]
    assert city.ask("select full_name from hub.test_person order by id limit 1") == [("张1",)]
    done = transfer.run(noticing.deployment, "person_in")
    assert (done.kind, done.read, done.inserted + done.updated + done.deleted) == ("compare", 5, 0)
    acts = city.ask("select body::jsonb->>'what' from gateway.receipt where kind = 'notice' order by no")
    assert [act for (act,) in acts] == ["announce", "answer", "effective", "carry out"]
    assert proof.verify(noticing.deployment).ok


def test_a_contract_that_comes_after_the_day_is_carried_out_by_the_clock(noticing: Noticing) -> None:
    """The gate stays open for what was announced, and for nothing else."""
    notice = noticing.announce()
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED)
    noticing.at("2026-12-15 09:00")
    assert clock.move_on(noticing.deployment) == {"effective": 1}
    contract(noticing, tuple(f for f in RENAMED if f.name != "sex"))
    assert clock.move_on(noticing.deployment) == {"failed": 1}
    assert "name" in columns(noticing)
    contract(noticing, RENAMED)
    assert clock.move_on(noticing.deployment) == {"carried": 1}
    assert clock.move_on(noticing.deployment) == {}
    assert columns(noticing)[1] == "full_name"


def test_a_column_that_the_notice_did_not_name_is_an_obstacle(noticing: Noticing) -> None:
    """No override passes it: its readers know nothing."""
    notice = noticing.announce()
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED)
    noticing.at("2026-12-15 09:00")
    contract(noticing, tuple(f for f in RENAMED if f.name != "sex"))
    with pytest.raises(GateClosed, match="still has column sex"):
        gate.apply(noticing.deployment, str(notice.number), who="tester", override=True, why="快")


def test_a_view_of_the_old_shape_serves_a_unit_that_has_not_adapted(noticing: Noticing, reader: str) -> None:
    """It stands in nobody's way; the view is made with the change, and the unit reads on by its role."""
    city = noticing.city
    city.fill(3)
    transfer.run(noticing.deployment, "person_in")
    draft = lifecycle.draft(noticing.deployment, {"platform": "pop", "dataset": "test.person", "reason": "拆分", "origin": "split", "old_columns": {"name": "family || given"}}, noticing.changes(SPLIT))  # fmt: skip
    notice = lifecycle.announce(noticing.deployment, str(draft), who="tester")
    asked = views.plan(noticing.deployment, str(notice.number), {"zjj": reader}, hub=True)
    views.ask(noticing.deployment, asked, who="tester")
    noticing.at("2026-12-15 09:00")
    contract(noticing, SPLITTED)
    gate.apply(noticing.deployment, str(notice.number), who="tester")
    assert columns(noticing)[-2:] == ["family", "given"]
    city.ask("update hub.test_person set family = '张', given = right(id, 1)")
    shown = as_reader(noticing, reader, "select id, name, sex from share_v1.test_person order by id limit 1")
    assert shown == [("P00000001", "张1", 2)]
    (view,) = transition.views(city.hub)
    assert (view.name, view.made_at is not None, str(view.drop_after)) == ("share_v1.test_person", True, "2027-01-13")


def test_a_view_gives_nobody_a_new_right(noticing: Noticing, reader: str) -> None:
    """A role that could not read the table, one that is not there, a unit that was not told."""
    noticing.city.ask(f"revoke all on hub.test_person from {reader}")
    notice = noticing.announce()
    for units, words in (({"zjj": reader}, "could not read"), ({"zjj": "nobody_here"}, "no role nobody_here"), ({"gaj": reader}, "not told to gaj"), ({}, "no unit is named")):  # fmt: skip
        with pytest.raises(Exception, match=words):
            views.ask(
                noticing.deployment, views.plan(noticing.deployment, str(notice.number), units, hub=True), who="tester"
            )
    assert transition.views(noticing.city.hub) == []


def test_a_second_change_waits_for_the_view_of_the_first(noticing: Noticing, reader: str) -> None:
    """PostgreSQL would refuse it anyway; the gate says which view and until when."""
    first = noticing.announce()
    views.ask(
        noticing.deployment, views.plan(noticing.deployment, str(first.number), {"zjj": reader}, hub=True), who="t"
    )
    noticing.at("2026-12-15 09:00")
    contract(noticing, RENAMED)
    gate.apply(noticing.deployment, str(first.number), who="tester")
    second = lifecycle.announce(noticing.deployment, str(noticing.draft("alter table public.person drop column amount", origin="second")), who="t")  # fmt: skip
    noticing.at("2027-01-08 09:00")
    lifecycle.answer(noticing.deployment, second.notice, "zjj", ADAPTED)
    lifecycle.answer(noticing.deployment, second.notice, "mzj", ADAPTED)
    contract(noticing, tuple(f for f in RENAMED if f.name != "amount"), "3.0.0")
    with pytest.raises(GateClosed, match=r"share_v1\.test_person"):
        gate.apply(noticing.deployment, str(second.number), who="tester")


def test_the_clock_takes_a_notice_from_its_day_to_its_end(noticing: Noticing) -> None:
    """Effective on the day, in transition from the next, closed when its window is over; each step once, late or not."""
    notice = noticing.announce()
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED)
    steps = [
        ("2026-12-14 09:00", {}, "announced"), ("2026-12-15 09:00", {"effective": 1}, "effective"), ("2026-12-15 23:00", {}, "effective"),
        ("2026-12-16 00:05", {"transition": 1}, "transition"), ("2027-01-13 12:00", {}, "transition"), ("2027-01-14 00:05", {"closed": 1}, "closed"),
        ("2027-01-16 00:05", {}, "closed"),
    ]  # fmt: skip
    for moment, counts, expected in steps:
        noticing.at(moment)
        assert (dict(clock.move_on(noticing.deployment)), state(noticing, notice)) == (counts, expected), moment


def test_a_blocked_day_is_told_to_the_bureau_once(noticing: Noticing) -> None:
    """However often the clock looks; it goes on by itself when the unit agrees."""
    contacts.add(noticing.deployment, "gaj", "孙七", "mail", "gaj@example.gov.cn", who="tester")
    notice = noticing.announce()
    noticing.at("2026-12-15 09:00")
    assert [dict(clock.move_on(noticing.deployment)) for _ in range(3)] == [{"blocked": 1}, {}, {}]
    assert purposes(noticing) == [("blocked", "gxj@example.gov.cn"), ("blocked", "gaj@example.gov.cn")]
    assert "zjj: 尚未回执" in noticing.messages()[-1][2].text
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED)
    assert clock.move_on(noticing.deployment) == {"effective": 1}


def test_an_emergency_takes_effect_unanswered_and_is_not_closed_without_its_report(noticing: Noticing) -> None:
    """It is asked for on each working day until it is there."""
    notice = noticing.announce(effective_on=DAY("2026-11-24"), emergency="承工信函〔2026〕8号")
    assert clock.move_on(noticing.deployment) == {"effective": 1}
    asked = []
    for moment in (
        "2026-11-24 15:00",
        "2026-11-25 09:00",
        "2026-11-25 15:00",
        "2026-11-26 09:00",
        "2026-11-28 09:00",
    ):  # a Saturday
        noticing.at(moment)
        clock.move_on(noticing.deployment)
        asked.append(len([p for p, _ in purposes(noticing) if p.startswith("report ")]))
    assert asked == [0, 1, 1, 2, 2]
    noticing.at("2027-01-15 09:00")
    clock.move_on(noticing.deployment)
    assert state(noticing, notice) == "transition"
    report.keep(noticing.deployment, str(notice.number), who="王五", words="磁盘故障，提前切换", file=None)
    assert clock.move_on(noticing.deployment) == {"closed": 1}
    assert proof.verify(noticing.deployment).ok


def test_a_report_has_words_or_a_document_of_an_emergency(noticing: Noticing, tmp_path: Any) -> None:
    """The document is kept sealed, its hash in the chain."""
    file = tmp_path / "report.pdf"
    file.write_bytes(b"%PDF-1.7 report")
    notice = noticing.announce(effective_on=DAY("2026-11-24"), emergency="承工信函〔2026〕8号")
    name = str(notice.number)
    with pytest.raises(NoticeRefused, match="no emergency in effect"):
        report.keep(noticing.deployment, name, who="t", words="x", file=None)
    clock.move_on(noticing.deployment)
    with pytest.raises(NoticeRefused, match="words or a document"):
        report.keep(noticing.deployment, name, who="t", words=" ", file=None)
    report.keep(noticing.deployment, name, who="t", words="", file=file)
    ((sealed,),) = noticing.city.ask("select sealed from gateway.notice_report")
    assert b"PDF" not in bytes(sealed)
    assert noticing.deployment.keys.open_sealed(bytes(sealed), f"report {notice.notice}".encode()) == file.read_bytes()
    file.write_bytes(b"")
    with pytest.raises(NoticeRefused, match=r"report\.pdf is empty"):
        report.keep(noticing.deployment, name, who="t", words="", file=file)


def test_one_notice_that_fails_does_not_keep_the_others(noticing: Noticing) -> None:
    """The clock goes on with the next."""
    first = noticing.announce()
    lifecycle.answer(noticing.deployment, first.notice, "zjj", ADAPTED)
    second = lifecycle.announce(noticing.deployment, str(noticing.draft("alter table public.person add column remark text", origin="second")), who="t")  # fmt: skip
    noticing.city.ask(
        "create function gateway.fail() returns trigger language plpgsql as $$ begin raise 'broken'; end $$"
    )
    noticing.city.ask(
        f"create trigger fail before update on gateway.notice for each row when (old.notice = {first.notice}) execute function gateway.fail()"
    )
    noticing.at("2026-12-15 09:00")
    assert clock.move_on(noticing.deployment) == {"failed": 1, "effective": 1}
    assert (state(noticing, first), state(noticing, second)) == ("announced", "effective")


@pytest.mark.parametrize("fields", [tuple(f for f in PERSON.fields if f.name != "sex"), RETYPED, RENAMED])
def test_receipts_verify_against_rows_that_a_change_left_alone(noticing: Noticing, fields: tuple[Field, ...]) -> None:
    """Their content is stated anew in the chain, by the new projection; a row that somebody edits is still found."""
    city = noticing.city
    city.fill(5)
    transfer.run(noticing.deployment, "person_in")
    script = "alter table public.person drop column sex; alter table public.person rename column name to full_name"
    draft = noticing.draft(script, origin="several")
    notice = lifecycle.announce(noticing.deployment, str(draft), who="tester")
    noticing.at("2026-12-15 09:00")
    contract(noticing, fields)
    gate.apply(noticing.deployment, str(notice.number), who="tester", override=True, why="测试")
    assert proof.verify(noticing.deployment).ok
    city.ask("update hub.test_person set amount = 9 where id = 'P00000001'")
    assert "other content" in str(proof.verify(noticing.deployment).first_fault)
