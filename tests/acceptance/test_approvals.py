"""Holds as Airflow's required actions: what is asked, what an answer does, and that the commands and the page are both safe."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import gateway_hold
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput
from airflow.serialization.serialized_objects import DagSerialization

from gateway.errors import PermanentError
from gateway.exchange import transfer
from gateway.ledger import decisions, ledger
from sandbox.running import ENDED, ROOT, RunningCity
from sandbox.waiting import until, wait_for
from tests.integration.conftest import City, city, prepared  # noqa: F401 - fixtures

ANSWER: dict[str, Any] = {"responded_by_user": {"id": "2", "name": "王工"}, "params_input": {"why": "来源单位确认"}}


@pytest.fixture
def held(city: City, monkeypatch: pytest.MonkeyPatch) -> City:  # noqa: F811 - the fixture
    """Return the city with a mass delete on hold."""
    city.fill(50)
    transfer.run(city.deployment, "person_in")
    with city.hub.cursor() as cursor:
        cursor.execute(
            "insert into gateway.hold (route, kind, facts) values ('person_in', 'mass_delete', '{\"deletes\": 40}')"
        )
    monkeypatch.setattr(gateway_hold.Deployment, "open", classmethod(lambda *_: city.deployment))
    return city


def state(found: City) -> list[tuple[str, str | None, str | None]]:
    """Return state, decider and reason of each hold."""
    rows: list[tuple[str, str | None, str | None]] = found.ask(
        "select state, decided_by, why from gateway.hold order by id"
    )
    return rows


def context(hold: int = 1) -> Mapping[str, Any]:
    """Return what a task is given."""
    return {"dag_run": SimpleNamespace(conf={"hold": hold}), "task_instance": SimpleNamespace(id="x", map_index=-1)}


def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the task to where it waits, and return what the page shows."""
    shown: dict[str, Any] = {}
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **said: shown.update(said)
    )
    with DAG("x", schedule=None):
        operator = gateway_hold.HoldOperator(task_id="ask")
    with pytest.raises(TaskAwaitingInput):
        operator.execute(context())
    return shown


def test_the_page_shows_the_facts_and_waits_without_a_worker(held: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came from a platform stays text."""
    held.ask('update gateway.hold set facts = facts || \'{"found": "<b>a|b</b>", "contract": "h"}\'::jsonb')
    shown = asked(monkeypatch)
    assert "person_in" in shown["subject"]
    assert "| deletes | 40 |" in shown["body"]
    assert "‹b>a¦b‹/b>" in shown["body"]
    assert "contract" not in shown["body"]
    assert shown["defaults"] == [gateway_hold.LEAVE]


@pytest.mark.parametrize(("chosen", "became"), [(gateway_hold.APPROVE, "approved"), (gateway_hold.RELEASE, "released")])
def test_an_answer_is_the_command_in_the_name_of_who_gave_it(held: City, chosen: str, became: str) -> None:
    """It is chained as well."""
    assert gateway_hold.decide(held.deployment, 1, chosen, ANSWER) == became
    assert state(held) == [(became, "王工", "来源单位确认")]
    assert held.ask(
        "select body::jsonb->>'who' from gateway.receipt where kind = 'decision' order by no desc limit 1"
    ) == [("王工",)]


def test_whichever_comes_first_counts(held: City) -> None:
    """The command before the page: the page's answer changes nothing, and fails nobody. The page before the command: it says so."""
    decisions.release(held.deployment, 1, who="operator", why="命令在先")
    assert gateway_hold.decide(held.deployment, 1, gateway_hold.APPROVE, ANSWER) == "decided elsewhere"
    assert state(held) == [("released", "operator", "命令在先")]
    with pytest.raises(AirflowSkipException, match="hold 1 is released by operator"), DAG("x", schedule=None):
        gateway_hold.HoldOperator(task_id="ask").execute(context())


@pytest.mark.parametrize("answer", [{**ANSWER, "responded_by_user": None}, ANSWER])
def test_no_answer_and_leaving_it_decide_nothing(held: City, answer: dict[str, Any]) -> None:
    """A day without an answer is no consent."""
    chosen = gateway_hold.LEAVE if answer is ANSWER else gateway_hold.APPROVE
    assert gateway_hold.decide(held.deployment, 1, chosen, answer) == "left"
    assert state(held) == [("open", None, None)]


def test_a_decision_needs_its_reason(held: City) -> None:
    """Without one it is asked for again."""
    with pytest.raises(ValueError, match="理由不能为空"):
        gateway_hold.decide(held.deployment, 1, gateway_hold.APPROVE, {**ANSWER, "params_input": {"why": " "}})
    assert state(held)[0][0] == "open"


def test_each_open_hold_that_a_decision_can_help_is_asked_about_once_a_day(held: City) -> None:
    """A structure that its contract does not fit waits for that, not for a person."""
    held.ask("update gateway.hold set raised_at = now() - interval '30 hours'")
    now = datetime.now(UTC)
    assert gateway_hold.waiting(held.deployment, now) == [{"trigger_run_id": "hold__1__1", "conf": {"hold": 1}}]
    assert gateway_hold.waiting(held.deployment, now + timedelta(days=1))[0]["trigger_run_id"] == "hold__1__2"
    for facts, helps in (("{}", False), ('{"identity": "x"}', True)):
        held.ask("update gateway.hold set kind = %s, facts = %s", (ledger.STRUCTURE, facts))
        assert bool(gateway_hold.waiting(held.deployment, now)) is helps
        if not helps:
            with pytest.raises(PermanentError, match="approval does not change that"):
                gateway_hold.decide(held.deployment, 1, gateway_hold.APPROVE, ANSWER)


def test_a_hold_is_decided_at_the_page_of_required_actions(running: RunningCity) -> None:
    """The clock asks about it, the answer of who is logged in decides it, and it is not asked about again."""
    with closing(running.deployment.hub(name="test", autocommit=True)) as hub:
        number = ledger.raise_hold(hub, "superv_task_in", "mass_delete", {"deletes": 40})
    for _ in range(2):  # the second look finds it asked about
        running.api.unpause("exchange__holds")
        looked = running.api.trigger("exchange__holds")
        until(lambda run=looked: _state(running, "exchange__holds", run) in ENDED, 120, "the clock has not looked")  # type: ignore[misc]
    running.api.unpause("exchange__holds", paused=True)
    (asked,) = wait_for(lambda: running.api.asked("exchange__approvals") or None, 120, "nobody was asked")
    assert "superv_task_in" in asked["subject"]
    running.api.answer(asked, gateway_hold.APPROVE, why="来源单位确认")
    decided = "select decided_by, why from gateway.hold where id = %s and state = 'approved'"
    assert wait_for(lambda: running.ask(decided, (number,)) or None, 120, "the hold was not decided") == [
        ("admin", "来源单位确认")
    ]
    ((who,),) = running.ask(
        "select body::jsonb ->> 'who' from gateway.receipt where body::jsonb ->> 'what' = 'hold approved'"
    )
    assert who == "admin"


def _state(running: RunningCity, dag: str, run: str) -> str:
    return str(next(r["state"] for r in running.api.runs(dag) if r["dag_run_id"] == run))


def test_the_dags_of_holds_are_read_and_serialised() -> None:
    """As the DAG processor does."""
    found = [v for v in runpy.run_path(str(ROOT / "dags" / "exchange_approvals.py")).values() if isinstance(v, DAG)]
    assert sorted(dag.dag_id for dag in found) == ["exchange__approvals", "exchange__holds"]
    for dag in found:
        DagSerialization.to_dict(dag)
