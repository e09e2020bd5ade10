"""The audit at the desk: who decided what and why, and that whoever changes it is found out."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from gateway.ledger import chain, decisions
from tests.acceptance.desk import AUDITOR, BUREAU, ENGINEER, UNIT, Enter, desk, enter
from tests.integration.conftest import City, prepared

__all__ = ["desk", "enter", "prepared"]  # fixtures
TAMPERED = "✗ 被改动"


@pytest.fixture(autouse=True)
def decided(desk: City, enter: Enter) -> None:
    """Let two people decide something, once for all tests."""
    assert enter
    if not desk.ask("select 1 from gateway.receipt where kind = 'decision'"):
        decisions.pause(desk.deployment, "person_in", who="chenjing", why="机房检修 <b>")
        decisions.resume(desk.deployment, "person_in", who="wanggang", why="检修结束")


def overwrite(city: City, old: str, new: str) -> None:
    """Change the ledger behind the gateway's back."""
    city.ask("alter table gateway.receipt disable trigger receipt_is_evidence")
    city.ask("update gateway.receipt set body = replace(body, %s, %s)", (old, new))
    city.ask("alter table gateway.receipt enable trigger receipt_is_evidence")


def test_each_decision_tells_who_when_what_and_why(enter: Enter) -> None:
    """Of everybody; a reason is text and no markup."""
    text = enter(AUDITOR).get("/audit").text
    for words in ("chenjing", "wanggang", "暂停链路", "恢复链路", "机房检修 &lt;b&gt;", "person_in", "验证通过"):
        assert words in text
    assert TAMPERED not in text


def test_a_filter_narrows_by_person_and_act(enter: Enter) -> None:
    """Either or both."""
    client = enter("Admin")
    assert "检修结束" not in client.get("/audit?who=chenjing").text
    assert "chenjing</td>" not in client.get("/audit?what=resume").text
    assert "没有符合条件的记录" in client.get("/audit?who=chenjing&what=resume&below=x").text


@pytest.mark.parametrize("role", [ENGINEER, BUREAU, UNIT])
def test_others_do_not_see_it(enter: Enter, role: str) -> None:
    """Auditor and administrator alone."""
    assert enter(role).get("/audit").status_code == 403


TAMPERINGS = [
    ('"who":"chenjing"', '"who":"nobody00"'),  # another person
    ("检修结束", "检修未完"),  # another reason
    ('"kind":"decision"', '"kind":"decision'),  # no JSON any more
]


@pytest.mark.parametrize(("old", "new"), TAMPERINGS)
def test_a_changed_entry_is_named(desk: City, enter: Enter, old: str, new: str) -> None:
    """By its number, in red; when it is put back, all is well again."""
    overwrite(desk, old, new)
    try:
        text = enter(AUDITOR).get("/audit").text
        assert enter(AUDITOR).get("/audit?who=wanggang&what=resume").status_code == 200
    finally:
        overwrite(desk, new, old)
    assert TAMPERED in text
    assert "条记录被改动" in text
    assert TAMPERED not in enter(AUDITOR).get("/audit").text


@pytest.fixture
def cut(desk: City) -> Iterator[None]:
    """Cut off the end of the chain, head and all, for a while."""
    kept = desk.ask(
        "select no, kind, route, prev, body, hash, signature, key_id from gateway.receipt order by no desc limit 1"
    )[0]
    head = desk.ask("select no, hash, signature, key_id from gateway.chain_head")[0]
    desk.ask("alter table gateway.receipt disable trigger receipt_is_evidence")
    desk.ask("delete from gateway.receipt where no = %s", (kept[0],))
    before = desk.ask("select no, hash, signature, key_id from gateway.receipt order by no desc limit 1")[0]
    desk.ask("update gateway.chain_head set no = %s, hash = %s, signature = %s, key_id = %s", before)
    yield
    desk.ask("insert into gateway.receipt (no, kind, route, prev, body, hash, signature, key_id) values %s", (kept,))
    desk.ask("update gateway.chain_head set no = %s, hash = %s, signature = %s, key_id = %s", head)
    desk.ask("alter table gateway.receipt enable trigger receipt_is_evidence")


@pytest.mark.usefixtures("cut")
def test_an_end_that_was_cut_off_is_named(enter: Enter) -> None:
    """What this deployment has seen committed must still be there."""
    assert "回执链的末端不符" in enter(AUDITOR).get("/audit").text


def test_what_a_unit_answers_is_listed_under_its_unit(desk: City, enter: Enter) -> None:
    """An answer names its unit instead of a login; large facts are shortened."""
    with desk.deployment.hub(name="test") as hub:
        entry = chain.append(
            hub,
            desk.deployment.keys,
            "notice",
            {"what": "answer", "unit": "zjj", "answer": "adapted", "long": "x" * 900},
        )
    assert json.dumps(entry.no) in (text := enter(AUDITOR).get("/audit?who=zjj").text)
    assert "回执" in text
    assert "x" * 201 not in text
