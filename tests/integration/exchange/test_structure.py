"""A structure that changed unannounced: its route is held, its people are told once, and it goes on by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.errors import PermanentError, RouteHeld, SchemaMismatch
from gateway.exchange import proof, transfer
from gateway.ledger import decisions
from gateway.notify import contacts, outbox
from sandbox.mailbox import Mailbox

RENAME, BACK = (
    "alter table person rename column name to full_name",
    "alter table person rename column full_name to name",
)


def holds(city: Any) -> list[tuple[str, str, str | None]]:
    """Return kind, state and decider of each hold."""
    found: list[tuple[str, str, str | None]] = city.ask("select kind, state, decided_by from gateway.hold order by id")
    return found


def test_a_renamed_column_holds_the_route_until_it_is_taken_back(city: Any) -> None:
    """No watermark moves meanwhile; the run after the change was taken back carries what waited."""
    city.fill(5)
    transfer.run(city.deployment, "person_in")
    before = city.ask("select watermark, batch_id from gateway.route_state")
    city.fill(3, start=5)
    city.ask_source("update person set updated_at = now() where id > 'P00000005'")
    city.ask_source(RENAME)
    with pytest.raises(SchemaMismatch, match="column full_name looks like name renamed"):
        transfer.run(city.deployment, "person_in")
    for _ in range(2):
        with pytest.raises(RouteHeld, match=r"hold 1: .*full_name looks like name renamed"):
            transfer.run(city.deployment, "person_in")
    assert holds(city) == [("structure", "open", None)]
    assert city.ask("select watermark, batch_id from gateway.route_state") == before
    city.ask_source(BACK)
    assert transfer.run(city.deployment, "person_in").inserted == 3
    assert holds(city) == [("structure", "released", "gateway")]
    assert city.hub_rows() == city.good_source_rows()
    assert proof.verify(city.deployment).ok


def test_a_dropped_table_holds_the_route_too(city: Any) -> None:
    """It is the same fault, found a step earlier."""
    city.fill(5)
    transfer.run(city.deployment, "person_in")
    city.ask_source("alter table person rename to people")
    with pytest.raises(SchemaMismatch):
        transfer.run(city.deployment, "person_in")
    with pytest.raises(RouteHeld):
        transfer.run(city.deployment, "person_in")
    city.ask_source("alter table people rename to person")
    assert transfer.run(city.deployment, "person_in").inserted == 0


def test_a_new_version_of_the_contract_ends_the_hold(city: Any) -> None:
    """The change stays; the contract follows it."""
    city.fill(5)
    transfer.run(city.deployment, "person_in")
    city.ask_source("alter table person add column remark text")
    with pytest.raises(SchemaMismatch, match="remark is not in the contract"):
        transfer.run(city.deployment, "person_in")
    city = city.with_dataset(ignored=("remark",))
    transfer.run(city.deployment, "person_in")
    assert holds(city) == [("structure", "released", "gateway")]


def test_change_and_reverse_and_change_again_are_two_holds(city: Any) -> None:
    """Neither is forgotten."""
    city.fill(5)
    for _ in range(2):
        city.ask_source(RENAME)
        with pytest.raises(SchemaMismatch):
            transfer.run(city.deployment, "person_in")
        city.ask_source(BACK)
        transfer.run(city.deployment, "person_in")
    assert [state for _, state, _ in holds(city)] == ["released", "released"]


def test_a_dry_run_holds_nothing(city: Any) -> None:
    """It tells, and changes nothing."""
    city.fill(5)
    city.ask_source(RENAME)
    for _ in range(2):
        with pytest.raises(SchemaMismatch):
            transfer.run(city.deployment, "person_in", dry_run=True)
    assert holds(city) == []


def test_approval_does_not_end_it_and_release_has_the_next_run_look_afresh(city: Any) -> None:
    """A person cannot approve what the contract does not describe."""
    city.fill(5)
    city.ask_source(RENAME)
    with pytest.raises(SchemaMismatch):
        transfer.run(city.deployment, "person_in")
    with pytest.raises(PermanentError, match="approval does not change that") as refused:
        decisions.approve(city.deployment, 1, who="tester", why="it is fine")
    assert "new version" in refused.value.hint
    decisions.release(city.deployment, 1, who="tester", why="look again")
    with pytest.raises(SchemaMismatch):
        transfer.run(city.deployment, "person_in")
    assert [state for _, state, _ in holds(city)] == ["released", "open"]


def test_whoever_answers_for_the_platform_is_told_once_that_it_stands_and_once_that_it_goes_on(
    city: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many runs there are in between; the words name route and column and no row."""
    with Mailbox(tmp_path / "mails") as mailbox:
        monkeypatch.setenv("GATEWAY_CONN_NOTIFY_MAIL", mailbox.dsn)
        contacts.add(city.deployment, "gaj", "王五", "mail", "wangwu@example.gov.cn", who="tester")
        city.fill(5)
        city.ask_source(RENAME)
        for _ in range(3):
            with pytest.raises((SchemaMismatch, RouteHeld)):
                transfer.run(city.deployment, "person_in")
        city.ask_source(BACK)
        transfer.run(city.deployment, "person_in")
        outbox.deliver(city.deployment)
        held, resumed = mailbox.mails()
    assert "已挂起" in str(held["Subject"])
    assert "已恢复" in str(resumed["Subject"])
    text = held.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one
    assert "column full_name looks like name renamed" in text
    assert "P0000000" not in text
