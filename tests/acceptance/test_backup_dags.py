"""The DAGs of backup plans, read as the DAG processor and a worker read them. Nothing runs."""

from __future__ import annotations

import json
import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pendulum
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import TaskDeferred
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DataInterval, TimeRestriction

from backup import plans
from gateway import catalog
from sandbox.running import ROOT

FILE = ROOT / "dags" / "exchange_backups.py"
PLANS = plans.load(catalog.load(ROOT / "catalog")).plans


def _read() -> dict[str, DAG]:
    return {name: thing for name, thing in runpy.run_path(str(FILE)).items() if isinstance(thing, DAG)}


@pytest.fixture(autouse=True)
def _catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_CATALOG", str(ROOT / "catalog"))


def test_a_plan_has_two_dags() -> None:
    """One makes backups, one proves them in each repository, one task after the other."""
    found = _read()
    assert set(found) == {f"{kind}__{name}" for name in PLANS for kind in ("backup", "drill")}
    for name, plan in PLANS.items():
        drills = found[f"drill__{name}"]
        assert {task.task_id for task in drills.tasks} == {f"drill_{place.repository}" for place in plan.places}
        assert drills.max_active_tasks == 1
        tasks = [*drills.tasks, *found[f"backup__{name}"].tasks]
        assert {link.name for task in tasks for link in task.operator_extra_links} == {"备份记录 Record"}
        for dag in (drills, found[f"backup__{name}"]):  # as Airflow keeps it, for its pages
            assert json.dumps(DagSerialization.to_dict(dag), ensure_ascii=False).count("备份记录 Record") == len(
                dag.tasks
            )


PLAN = """\
plan: letters
name: 信访件
unit: gxj
source: {engine: files, path: /srv/letters}
schedule: "0 12 * * *"
window: {from: "22:00", to: "06:00"}
seal: {recipients: [A], identity: B}
repositories: [{repository: near, connection: NEAR}, {repository: far, connection: FAR}]
keep: {daily: 7}
promise: {rpo: 2d, rto: 1h}
drill: {schedule: "0 4 * * *", older: 1/month}
"""


@pytest.fixture
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, DAG]:
    """Return the DAGs of a plan with a window and older backups to drill."""
    (tmp_path / "catalog" / "backups").mkdir(parents=True)
    city = "city: 测试市\ndivision: '130800'\nbureau: gxj\ncontracts: [contracts]\n"
    (tmp_path / "catalog" / "city.yaml").write_text(city, encoding="utf-8")
    (tmp_path / "catalog" / "units.yaml").write_text("- {unit: gxj, name: 市工信局}\n", encoding="utf-8")
    (tmp_path / "catalog" / "backups" / "letters.yaml").write_text(PLAN, encoding="utf-8")
    monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path / "catalog"))
    return _read()


def test_an_older_backup_is_drilled_after_the_newest_while_the_month_wants_one(letters: dict[str, DAG]) -> None:
    """In each repository: the newest, whatever came of it; then, if it is due, an older one."""
    tasks = {task.task_id: task for task in letters["drill__letters"].tasks}
    assert set(tasks) == {f"{kind}_{place}" for kind in ("drill", "due", "older") for place in ("near", "far")}
    assert tasks["due_far"].upstream_task_ids == {"drill_far"}
    assert tasks["due_far"].trigger_rule == "all_done"
    assert tasks["older_far"].upstream_task_ids == {"due_far"}


def test_a_run_outside_of_its_window_waits_for_it(letters: dict[str, DAG], monkeypatch: pytest.MonkeyPatch) -> None:
    """At noon it gives its slot back until 22:00 in China, and goes on there."""
    monkeypatch.setenv("GATEWAY_NOW", "2026-11-26T04:00:00+00:00")
    monkeypatch.setenv("GATEWAY_HUB_DSN", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setattr("gateway.deployment.Deployment.hub", lambda *_, **__: pytest.fail("a run began"))
    (task,) = letters["backup__letters"].tasks
    with pytest.raises(TaskDeferred) as deferred:
        task.execute({})  # type: ignore[arg-type]
    ahead = deferred.value.trigger.moment - datetime.now(UTC)
    assert timedelta(hours=9, minutes=59) < ahead <= timedelta(hours=10)
    assert deferred.value.method_name == "resume"


def test_after_downtime_one_run_is_made_up_for() -> None:
    """One at a time, never for every strike that was missed, and its schedule is the plan's."""
    for name, dag in _read().items():
        plan = PLANS[name.split("__")[1]]
        assert (dag.max_active_runs, dag.catchup) == (1, False)
        assert dag.schedule == (plan.schedule if name.startswith("backup") else plan.drills)
        assert plan.name in (dag.dag_display_name or "")


@pytest.mark.parametrize("kind", ["backup", "drill"])
def test_after_five_days_of_downtime_the_newest_missed_strike_is_run_and_then_the_next(kind: str) -> None:
    """Airflow itself is asked: one run is due at once, the one after it lies ahead."""
    now = datetime.now(UTC)
    for name, dag in _read().items():
        if not name.startswith(kind):
            continue
        timetable = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
        restriction = TimeRestriction(earliest=None, latest=None, catchup=dag.catchup)
        stopped = DataInterval.exact(pendulum.instance(now - timedelta(days=5)))
        due = timetable.next_dagrun_info(last_automated_data_interval=stopped, restriction=restriction)
        assert now - timedelta(days=1) <= due.run_after <= now
        after = timetable.next_dagrun_info(last_automated_data_interval=due.data_interval, restriction=restriction)
        assert now < after.run_after <= now + timedelta(days=1)


def test_a_worker_builds_only_the_dag_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parsing context spares all but one."""
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "drill__hub_daily")
    assert list(_read()) == ["drill__hub_daily"]
