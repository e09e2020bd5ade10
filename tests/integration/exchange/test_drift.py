"""What a contract does not show of a changed structure: found before a row is read, judged for the route alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import settings
from gateway.errors import IncidentStands, RouteHeld, SchemaMismatch, SourceChanged
from gateway.exchange import proof, transfer
from gateway.ledger import decisions, incidents
from gateway.notify import contacts, outbox
from sandbox.mailbox import Mailbox
from schemas import watch
from schemas.snapshot import pg as snapshot

SWAP = (
    "alter table person rename column name to spare; alter table person rename column note to name; "
    "alter table person rename column spare to note"
)
REBUILD = (
    "create table other (like person including all); insert into other select * from person; drop table person; "
    "alter table other rename to person"
)


@pytest.fixture
def person(city: Any) -> Any:
    """Return the city with a second text column that the contract knows of, and a first run behind it."""
    city.ask_source("alter table person add column note varchar(20), alter column sex set not null")
    city = city.with_dataset(ignored=("note",))
    city.fill(5)
    transfer.run(city.deployment, "person_in")
    return city


def holds(city: Any) -> list[tuple[str, str]]:
    """Return kind and state of each hold."""
    found: list[tuple[str, str]] = city.ask("select kind, state from gateway.hold order by id")
    return found


def happened(city: Any) -> list[tuple[str, str | None]]:
    """Return state and end of each incident."""
    found: list[tuple[str, str | None]] = city.ask("select state, how from gateway.incident order by incident")
    return found


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        (SWAP, "pg.column.swap"),  # the contract's names and types are all there
        ("alter table person drop column name; alter table person add column name varchar(20)", "pg.column.recreated"),
        (REBUILD, "pg.table.recreated"),  # every row is there, grants and the like may not be
        ("alter table person enable row level security", "pg.rls.on"),  # looks like a day without data
        (
            "alter table person alter column updated_at set default (now() at time zone 'UTC')",
            "pg.default.change",
        ),  # what stamps the rows
        ("alter table person drop constraint person_pkey", "pg.key.drop"),  # a key may come twice now
    ],
)
def test_what_no_contract_shows_holds_the_route_with_the_difference_as_evidence(
    person: Any, script: str, rule: str
) -> None:
    """Nothing moves, the other side of the story is in the hold, and each later run says the same."""
    before = person.ask("select watermark, batch_id from gateway.route_state")
    person.ask_source(script)
    with pytest.raises(SchemaMismatch, match=rule):
        transfer.run(person.deployment, "person_in")
    with pytest.raises(RouteHeld, match="hold 1: "):
        transfer.run(person.deployment, "person_in")
    assert holds(person) == [("structure", "open")]
    assert person.ask("select watermark, batch_id from gateway.route_state") == before
    ((facts,),) = person.ask("select facts from gateway.hold")
    assert rule in {change["rule"] for change in facts["changes"]}
    assert happened(person) == [("open", None)]


@pytest.mark.parametrize(
    "script",
    [
        "create index on person (name)",  # speed alone
        "comment on column person.name is '姓名'",
        "alter table person alter column sex drop not null",  # a missing value is judged row by row
        "alter table person alter column name type varchar(40)",  # too long a name is judged row by row
        "alter table person alter column note type text, alter column note set not null, alter column note set default ''",  # not read
        "grant select on person to pg_monitor",  # somebody else's rights
    ],
)
def test_what_does_not_harm_this_route_lets_it_go_on(person: Any, script: str) -> None:
    """It is noted, so that it is judged once."""
    person.ask_source("update person set note = ''")
    person.ask_source(script)
    for _ in range(2):
        transfer.run(person.deployment, "person_in")
    assert holds(person) == []
    assert watch.history(person.hub, "pop")[0]["version"] == 2


def test_rights_that_are_taken_from_the_gateways_own_account_hold_the_route(city: Any) -> None:
    """Those of others do not."""
    role = f"r{city.source_dsn.rpartition('/')[2]}"
    city.ask_source(
        f"create role {role} login password 'x'; create role {role}b; grant select on person to {role}, {role}b"
    )
    try:
        reader = city.source_dsn.replace("//postgres:", f"//{role}:", 1)
        reader = reader.replace(reader.split("@")[0].rpartition(":")[2], "x", 1)
        here = replace(city.deployment, resolve=lambda _name: reader)
        city.fill(3)
        transfer.run(here, "person_in")
        city.ask_source(f"revoke select on person from {role}b")
        transfer.run(here, "person_in")
        city.ask_source(f"revoke select on person from {role}; grant select (id) on person to {role}")
        with pytest.raises(SchemaMismatch, match=r"pg\.acl\.revoke"):
            transfer.run(here, "person_in")
    finally:
        city.ask_source(f"drop owned by {role}, {role}b; drop role {role}, {role}b")


def test_an_account_that_takes_anothers_place_has_lost_nothing(city: Any) -> None:
    """What the one before could do is no right of the new one."""
    base = city.source_dsn.rpartition("/")[2]
    names = [f"{base}a", f"{base}b"]
    for name in names:
        city.ask_source(f"create role {name} login password 'x'")
    try:
        city.fill(3)
        password = city.source_dsn.split("@")[0].rpartition(":")[2]
        for name in (*names, names[0]):
            city.ask_source(f"grant select on person to {name}")  # it makes the relation another one
            reader = city.source_dsn.replace(f"//postgres:{password}", f"//{name}:x", 1)
            transfer.run(replace(city.deployment, resolve=lambda _name, dsn=reader: dsn), "person_in")
        assert holds(city) == []
    finally:
        for name in names:
            city.ask_source(f"drop owned by {name}; drop role {name}")


def test_a_change_taken_back_between_two_looks_is_none(person: Any) -> None:
    """Names and numbers are as they were; nobody is held, nobody is told."""
    person.ask_source(SWAP)
    person.ask_source(SWAP)
    transfer.run(person.deployment, "person_in")
    assert (holds(person), watch.look_at_all(person.deployment)) == ([], [])


def test_a_change_taken_back_ends_the_hold_and_its_incident(person: Any) -> None:
    """What waited comes with the run that finds it so; the report on it closes the incident, once."""
    person.ask_source(SWAP)
    person.fill(2, start=5)
    with pytest.raises(SchemaMismatch):
        transfer.run(person.deployment, "person_in")
    with pytest.raises(IncidentStands, match="not over: route person_in is on hold 1"):
        incidents.close(person.deployment, 1, who="tester", why="早了")
    person.ask_source(SWAP)
    person.ask_source("update person set updated_at = now() where id > 'P00000005'")
    outcome = transfer.run(person.deployment, "person_in")
    assert happened(person) == [("resumed", "reverted")]
    incidents.close(person.deployment, 1, who="tester", why="承建单位误操作")
    with pytest.raises(IncidentStands, match="closed already"):
        incidents.close(person.deployment, 1, who="tester", why="再次")
    shown = incidents.show(person.hub, 1)
    assert (shown["state"], shown["resumed_batch"], shown["closed_by"]) == ("closed", outcome.batch, "tester")
    assert person.hub_rows() == person.good_source_rows()
    assert proof.verify(person.deployment).ok


def test_an_engineer_may_go_on_with_what_the_contract_fits(person: Any) -> None:
    """Once approved, it is what the route runs with; a later change is judged from there."""
    person.ask_source("alter table person drop constraint person_pkey")
    with pytest.raises(SchemaMismatch):
        transfer.run(person.deployment, "person_in")
    decisions.approve(person.deployment, 1, who="tester", why="承建单位确认")
    for _ in range(2):
        transfer.run(person.deployment, "person_in")
    assert (holds(person), happened(person)) == ([("structure", "used")], [("resumed", "approved")])


def test_an_approval_is_for_one_structure_alone(person: Any) -> None:
    """When it became yet another one since, the route is held anew."""
    person.ask_source("alter table person drop constraint person_pkey")
    with pytest.raises(SchemaMismatch):
        transfer.run(person.deployment, "person_in")
    decisions.approve(person.deployment, 1, who="tester", why="承建单位确认")
    person.ask_source("alter table person enable row level security")
    with pytest.raises(SchemaMismatch, match=r"pg\.rls\.on"):
        transfer.run(person.deployment, "person_in")
    assert holds(person) == [("structure", "released"), ("structure", "open")]
    assert happened(person) == [("resumed", "released"), ("open", None)]


def test_two_changes_at_once_are_both_told(person: Any) -> None:
    """One that the contract shows and one that it does not."""
    person.ask_source(f"{SWAP}; alter table person alter column sex type text")
    with pytest.raises(SchemaMismatch, match="column sex is text"):
        transfer.run(person.deployment, "person_in")
    ((facts,),) = person.ask("select facts from gateway.hold")
    assert {"pg.column.swap", "pg.type.family"} <= {change["rule"] for change in facts["changes"]}
    assert "identity" not in facts  # approval cannot mend what the contract does not fit


def test_a_new_version_of_the_contract_maps_what_it_shows(person: Any) -> None:
    """The change stays, the contract follows it, and the incident tells so."""
    person.ask_source("alter table person add column remark text")
    with pytest.raises(SchemaMismatch, match="remark is not in the contract"):
        transfer.run(person.deployment, "person_in")
    transfer.run(person.with_dataset(ignored=("note", "remark")).deployment, "person_in")
    assert (holds(person), happened(person)) == ([("structure", "released")], [("resumed", "mapped")])


def test_a_contract_written_anew_does_not_answer_for_row_security(person: Any) -> None:
    """Whatever else it says."""
    person.ask_source("alter table person enable row level security")
    with pytest.raises(SchemaMismatch, match=r"pg\.rls\.on"):
        transfer.run(person.with_dataset(version="2.0.0", ignored=("note",)).deployment, "person_in")


@pytest.mark.parametrize("times", [1, 2])  # changed; changed and taken back: the rows may have been read in between
def test_a_change_during_a_read_is_read_again(person: Any, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Nothing of it is committed; the next run looks first."""
    before = person.hub_rows()
    person.ask_source("update person set name = '改' || id, note = 'x', updated_at = now()")

    def at(stage: str) -> None:
        if stage == "extract":
            for _ in range(times):
                person.ask_source(SWAP)

    monkeypatch.setattr(settings, "failpoint", at)
    with pytest.raises(SourceChanged, match="changed during the read"):
        transfer.run(person.deployment, "person_in")
    monkeypatch.setattr(settings, "failpoint", lambda _stage: None)
    assert person.hub_rows() == before
    if times == 1:
        with pytest.raises(SchemaMismatch, match=r"pg\.column\.swap"):
            transfer.run(person.deployment, "person_in")
        person.ask_source(SWAP)
    transfer.run(person.deployment, "person_in")
    assert person.hub_rows() == person.good_source_rows()


@pytest.mark.parametrize("first", ["run", "watch"])  # whoever sees it first
def test_the_same_change_is_told_once_for_information(
    person: Any, first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the platform's unit and the owner of the data set, by path."""
    looks: dict[str, Callable[[], object]] = {
        "run": lambda: transfer.run(person.deployment, "person_in"), "watch": lambda: watch.look_at_all(person.deployment),
    }  # fmt: skip
    with Mailbox(tmp_path / "mails") as mailbox:
        monkeypatch.setenv("GATEWAY_CONN_NOTIFY_MAIL", mailbox.dsn)
        contacts.add(person.deployment, "gaj", "王五", "mail", "wangwu@example.gov.cn", who="tester")
        person.ask_source("alter table person alter column name type varchar(40)")
        for look in (looks[first], *looks.values()):
            look()
        outbox.deliver(person.deployment)
        (mail,) = mailbox.mails()
    assert "public.person.name" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one


def test_one_relation_of_hundreds_is_asked_for_within_fifty_milliseconds(person: Any) -> None:
    """In the median of many looks."""
    person.ask_source("".join(f"create table t{n} (id int primary key, a text, b text, c date); " for n in range(300)))
    seconds = []
    for _ in range(11):
        began = time.perf_counter()
        snapshot.present(person.source, '"public"."person"')
        seconds.append(time.perf_counter() - began)
    assert sorted(seconds)[3] < 0.05  # the machine may be busy
