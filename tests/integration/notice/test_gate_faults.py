"""The gate and its views when something fails: all of it or nothing, and the words name what is wrong."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import CatalogInvalid, HubUnavailable, PermanentError, ViewRefused
from gateway.ledger import ledger
from schemas import watch
from schemas.notice import gate, lifecycle, planned, transition, views
from schemas.notice.lifecycle import Reply
from schemas.notice.store import Notice
from tests.integration.notice.conftest import SPLIT, Noticing
from tests.integration.notice.test_gate import RENAMED, columns, contract, state

DROP = "alter table public.person drop column name"


def agreed(noticing: Noticing, notice: Notice) -> str:
    """Let the harmed unit agree and the day come; return the notice's number."""
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", Reply("adapted", "王五", "科长"))
    noticing.at("2026-12-15 09:00")
    return str(notice.number)


def test_a_view_that_cannot_be_made_leaves_the_gate_closed_and_the_table_as_it_was(noticing: Noticing) -> None:
    """State, table and chain: it is one transaction."""
    role = f"fault_{noticing.deployment.hub_dsn.rpartition('/')[2]}"
    noticing.city.ask(f"create role {role}; grant select on hub.test_person to {role}")
    body = {
        "platform": "pop",
        "dataset": "test.person",
        "reason": "删除",
        "origin": "x",
        "old_columns": {"name": "no_such_column"},
    }
    draft = lifecycle.draft(noticing.deployment, body, noticing.changes(DROP))
    notice = lifecycle.announce(noticing.deployment, str(draft), who="t")
    views.ask(
        noticing.deployment, views.plan(noticing.deployment, str(notice.number), {"zjj": role}, hub=True), who="t"
    )
    contract(noticing, tuple(f for f in RENAMED if f.name != "full_name"))
    noticing.at("2026-12-15 09:00")
    chained = noticing.city.ask("select count(*) from gateway.receipt")
    with pytest.raises(PermanentError, match="no_such_column"):
        gate.apply(noticing.deployment, str(notice.number), who="t")
    assert (state(noticing, notice), "name" in columns(noticing)) == ("announced", True)
    assert noticing.city.ask("select count(*) from gateway.receipt") == chained
    noticing.city.ask(f"drop owned by {role}; drop role {role}")


def test_a_run_of_the_data_set_is_waited_for_and_not_cut_short(
    noticing: Noticing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it takes too long the gate is tried again later; nothing was changed."""
    monkeypatch.setattr(transition, "_WAIT", "200ms")
    notice = noticing.announce()
    number = agreed(noticing, notice)
    contract(noticing, RENAMED)
    with closing(noticing.deployment.hub(autocommit=True)) as running:
        ledger.take_locks(running, "person_in", "test.person")
        with pytest.raises(HubUnavailable, match="lock timeout"):
            gate.apply(noticing.deployment, number, who="t")
    assert state(noticing, notice) == "announced"
    gate.apply(noticing.deployment, number, who="t")
    assert "full_name" in columns(noticing)


def test_the_old_shape_is_found_after_the_change_in_what_was_kept(noticing: Noticing) -> None:
    """The newest version that has the table as it was; without one it is refused."""
    notice = noticing.announce()
    watch.look_at_all(noticing.deployment)
    noticing.city.ask_source("create table other (id int)")
    watch.look_at_all(noticing.deployment)
    noticing.city.ask_source(SPLIT)
    watch.look_at_all(noticing.deployment)
    made = views.plan(noticing.deployment, str(notice.number), {}, hub=False)
    assert [(c.name, c.source) for c in made.shape.columns][:2] == [("id", "id"), ("name", "full_name")]
    noticing.city.ask("delete from gateway.schema_snapshot where version < 3")
    with pytest.raises(ViewRefused, match="no snapshot of platform pop has table person as it was"):
        views.plan(noticing.deployment, str(notice.number), {}, hub=False)


def test_an_interface_has_no_view(noticing: Noticing) -> None:
    """Nor has a notice that is not in force."""
    change = {"kind": "x", "path": "/properties/name", "before": 1, "after": 2, "effect_reader": "breaking", "effect_writer": "none", "rule": "json.type.change"}  # fmt: skip
    draft = noticing.draft()
    with pytest.raises(ViewRefused, match="is draft"):
        views.plan(noticing.deployment, str(draft), {}, hub=False)
    notice = lifecycle.announce(noticing.deployment, str(draft), who="t")
    noticing.city.ask(
        "update gateway.notice_revision set body = jsonb_set(body, '{changes}', %s::jsonb)", (json.dumps([change]),)
    )
    with pytest.raises(ViewRefused, match="not about a PostgreSQL database"):
        views.plan(noticing.deployment, str(notice.number), {}, hub=False)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("old_columns: name", "old_columns: this is no list of columns"),
        ("old_columns: {name: 7}", "old_columns.name: this is no expression"),
        ("old_columns: {name: ''}", "old_columns.name: this is no expression"),
        (
            "old_columns: {name: 'x); drop table y; --'}",
            "old_columns.name: this is no expression",
        ),  # a second statement
    ],
)
def test_a_plan_says_what_old_columns_are_made_of(noticing: Noticing, tmp_path: Path, given: Any, words: str) -> None:
    """By one expression each; file and line are named."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        f"change: x\nplatform: pop\ndataset: test.person\nreason: 改名\nddl: x.sql\n{given}\n", encoding="utf-8"
    )
    with pytest.raises(CatalogInvalid, match=f"plan.yaml:6: {words}"):
        planned.read(noticing.deployment, plan)
