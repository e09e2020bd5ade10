"""The DAG files, read as the DAG processor and a worker read them: what each route's DAG promises. Nothing runs."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from inspect import iscoroutinefunction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gateway_operator
import pytest
from airflow.sdk import DAG, RetryAction
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.lineage import HookLineageCollector
from airflow.sdk.module_loading import import_string
from airflow.serialization.serialized_objects import DagSerialization

from gateway import catalog, errors
from gateway.deployment import Deployment
from gateway.errors import GatewayError
from gateway.exchange import sheets
from gateway.exchange.outcome import Outcome
from sandbox.running import ROOT

SHARD = ROOT / "dags" / "exchange_routes_00.py"
CITY = catalog.load(ROOT / "catalog")
ROUTES = sorted(CITY.routes)


def read() -> dict[str, DAG]:
    """Return the DAGs that the shard gives now, by name."""
    return {name: thing for name, thing in runpy.run_path(str(SHARD)).items() if isinstance(thing, DAG)}


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    """Return the DAGs as the DAG processor sees them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWAY_CATALOG", str(ROOT / "catalog"))
        return read()


def task(dags: dict[str, DAG], route: str) -> Any:
    """Return the one task of a route's DAG."""
    (found,) = dags[f"route__{route}"].tasks
    return found


def test_every_route_has_a_dag_of_its_own(dags: dict[str, DAG]) -> None:
    """As many routes, as many DAGs, each named after its route."""
    assert sorted(dags) == [f"route__{name}" for name in ROUTES]


def test_a_worker_builds_only_the_dag_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of hundreds of routes is read again for each task; the parsing context spares all but one."""
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "route__pop_person_in")
    assert list(read()) == ["route__pop_person_in"]


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_shards_share_the_routes(tmp_path: Path, shards: int, dags: dict[str, DAG]) -> None:
    """Copies of the file with other numbers hold each route once, and none is lost."""
    found: list[str] = []
    for number in range(shards):
        path = tmp_path / f"exchange_routes_{number:02}.py"
        text = SHARD.read_text(encoding="utf-8")
        path.write_text(text.replace("SHARD, SHARDS = 0, 1", f"SHARD, SHARDS = {number}, {shards}"), encoding="utf-8")
        found += [name for name, thing in runpy.run_path(str(path)).items() if isinstance(thing, DAG)]
    assert sorted(found) == sorted(dags)


def test_two_readings_give_the_same_dags(dags: dict[str, DAG]) -> None:
    """Nothing in a DAG depends on when it is read; otherwise every reading would make a new version of it."""
    first, second = ({name: json.dumps(DagSerialization.to_dict(dag), sort_keys=True, default=str)
                      for name, dag in found.items()} for found in (dags, read()))  # fmt: skip
    assert first == second


@pytest.mark.parametrize("route", ROUTES)
def test_a_dag_says_who_what_and_when(dags: dict[str, DAG], route: str) -> None:
    """Name, tags, owner and documentation are for a person who has never seen the code."""
    declared, dag = CITY.routes[route], dags[f"route__{route}"]
    unit = CITY.units[declared.peer.unit].name
    way, tag = (
        (("交换库", declared.peer.name), "出库 outbound")
        if declared.outbound
        else ((declared.peer.name, "交换库"), "入库 inbound")
    )
    assert dag.dag_display_name == f"{declared.dataset.chinese} · {' → '.join(way)}"
    assert dag.tags == {declared.peer.name, declared.dataset.name, tag}
    assert task(dags, route).owner == unit
    for words in (unit, declared.dataset.name, declared.sla.name, "HINT", f"gateway quarantine list --route {route}"):
        assert words in (dag.doc_md or "")


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_runs_once_at_a_time_and_never_for_the_past(dags: dict[str, DAG], route: str) -> None:
    """A watermark reader has nothing to catch up; a second run of a route would only find it busy."""
    dag = dags[f"route__{route}"]
    assert (dag.max_active_runs, dag.catchup) == (1, False)


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_keeps_to_its_platforms_pool(dags: dict[str, DAG], route: str) -> None:
    """A platform is asked by no more routes at a time than it grants."""
    assert task(dags, route).pool == f"platform.{CITY.routes[route].peer.platform}"


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_updates_its_hub_asset_and_follows_what_it_waits_for(dags: dict[str, DAG], route: str) -> None:
    """`after: case.accept` is the asset that case_accept_in updates; a cron line stays a cron line."""
    declared, dag = CITY.routes[route], dags[f"route__{route}"]
    updates = [] if declared.outbound else [f"hub.{declared.dataset.name}"]
    assert [asset.name for asset in task(dags, route).outlets][:1] == updates
    waits_for = [asset.name.partition("/")[0] for asset in dag.schedule] if declared.after else dag.schedule
    assert waits_for == ([f"hub.{declared.after}"] if declared.after else declared.schedule)
    assert task(dags, route).priority_weight == (10 if declared.after else 1)


def test_of_a_shared_data_set_a_route_follows_its_own_platforms_part(dags: dict[str, DAG]) -> None:
    """Sixteen platforms bring messages: the official site's replies wait for its own messages, a delivery for any."""
    brought = [r for r in CITY.routes.values() if r.dataset.name == "message.post" and not r.outbound]
    assert len(brought) > 1
    for route in brought:
        names = [asset.name for asset in task(dags, route.route).outlets]
        assert names == ["hub.message.post", f"hub.message.post/{route.peer.platform}"]
    assert [asset.name for asset in dags["route__message_reply_in"].schedule] == ["hub.message.post/web"]
    assert [asset.name for asset in dags["route__case_process_zjj_in"].schedule] == ["hub.case.accept/self_zjj_case"]
    assert [asset.name for asset in dags["route__case_accept_prov"].schedule] == ["hub.case.accept"]
    assert [asset.name for asset in dags["route__org_staff_in"].schedule] == ["hub.org.org"]  # one platform brings it
    assert [asset.name for asset in task(dags, "org_org_in").outlets] == ["hub.org.org"]


def test_the_retry_policy_names_errors_that_exist() -> None:
    """Airflow only warns of a misspelt path, and the rule would never match."""
    paths = [path for rule in gateway_operator.RETRY.rules for path in rule.exception_path.split(",")]
    assert all(issubclass(import_string(path), GatewayError) for path in paths)
    assert len(paths) == 4


@pytest.mark.parametrize(
    ("error", "action", "delay"),
    [
        (errors.SchemaMismatch("x"), RetryAction.FAIL, None),  # the source's owner has to act
        (errors.AccessDenied("x"), RetryAction.FAIL, None),  # the same
        (errors.RouteHeld("x"), RetryAction.FAIL, None),  # a decision is due
        (errors.CatalogInvalid("x"), RetryAction.FAIL, None),  # a file is wrong
        (errors.NotFound("x"), RetryAction.FAIL, None),  # a broken route
        (errors.RouteBusy("x"), RetryAction.RETRY, timedelta(seconds=10)),  # the other run ends soon
        (errors.FenceLost("x"), RetryAction.RETRY, timedelta(seconds=10)),  # the same
        (errors.PlatformUnavailable("x"), RetryAction.RETRY, None),  # the task's own delay, which grows
        (errors.HubUnavailable("x"), RetryAction.RETRY, None),  # the same
        (errors.OutcomeUnknown("x"), RetryAction.RETRY, None),  # the next run asks again
        (MemoryError(), RetryAction.DEFAULT, None),  # nothing of ours: as any task
    ],
)
def test_the_type_of_an_error_decides_about_retries(error: Exception, action: RetryAction, delay: timedelta) -> None:
    """What a person must change fails at once; what passes is repeated, soon or with growing delay."""
    decision = gateway_operator.RETRY.evaluate(error, 1, 5)
    assert (decision.action, decision.retry_delay) == (action, delay)


def test_the_delay_between_retries_grows(dags: dict[str, DAG]) -> None:
    """Twenty seconds, doubled each time, never more than ten minutes."""
    found = task(dags, "pop_person_in")
    assert (found.retries, found.retry_delay, found.retry_exponential_backoff, found.max_retry_delay) == (
        5, timedelta(seconds=20), 2, timedelta(minutes=10),
    )  # fmt: skip


class Figures:
    """A metrics backend, as Airflow makes one from its configuration, that keeps what it is told."""

    def __init__(self) -> None:
        self.told: dict[str, tuple[Any, Any]] = {}

    def incr(self, stat: str, count: int, *_: Any, tags: Any = None) -> None:
        """Keep a count."""
        self.told[stat] = (count, tags)

    def timing(self, stat: str, dt: Any, *, tags: Any = None) -> None:
        """Keep a time."""
        self.told[stat] = (dt, tags)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Figures:
    """Return the backend that Airflow's metrics go to meanwhile."""
    figures = Figures()
    monkeypatch.setattr("airflow.sdk._shared.observability.metrics.stats._backend", figures)
    return figures


def test_a_run_reports_figures_and_lineage(
    dags: dict[str, DAG], figures: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's metrics count rows per route; its lineage leads from the source's table to the hub's."""
    lineage = HookLineageCollector()
    outcome = Outcome("pop_person_in", "pop.person", "first", 1, 1, 9, 7, 0, 0, 0, 2, 0, 1.5, {"person.name": 2})
    known = SimpleNamespace(catalog=CITY, route=CITY.routes.__getitem__)
    monkeypatch.setattr(gateway_operator, "get_hook_lineage_collector", lambda: lineage)
    monkeypatch.setattr(gateway_operator.Deployment, "open", lambda *_: known)
    monkeypatch.setattr(gateway_operator.carry, "run", lambda *_, **__: outcome)
    returned = task(dags, "pop_person_in").execute({"run_id": "manual__1", "ti": object()})
    assert (returned["read"], returned["rejected"]) == (9, 2)
    tags = {"route": "pop_person_in"}
    assert figures.told == {
        "exchange.rows_read": (9, tags),
        "exchange.rows_rejected": (2, tags),
        "exchange.run": (timedelta(seconds=1.5), tags),
    }
    found = lineage.collected_assets
    assert [i.asset.uri for i in found.inputs] == ["x-exchange://pop/dn_pop_person"]
    assert [o.asset.uri for o in found.outputs] == ["x-exchange://hub/pop.person"]


@pytest.mark.parametrize("enter", ["execute", "resume"])
def test_a_task_that_is_too_early_waits_outside_of_any_slot(
    dags: dict[str, DAG], enter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put off to just when the platform may be asked, at its start and again when that was not yet right."""

    def early(*_: Any, **__: Any) -> Outcome:
        raise errors.OutsideWindow("closed", "wait", 3600.0)

    monkeypatch.setattr(gateway_operator.Deployment, "open", lambda *_: None)
    monkeypatch.setattr(gateway_operator.carry, "run", early)
    with pytest.raises(TaskDeferred) as put_off:
        getattr(task(dags, "pop_person_in"), enter)({"run_id": "manual__1", "ti": object()})
    assert put_off.value.method_name == "resume"
    wait = put_off.value.trigger.moment - datetime.now(UTC)
    assert timedelta(seconds=3590) < wait <= timedelta(seconds=3600)


def test_a_run_that_takes_longer_than_promised_misses_its_deadline(dags: dict[str, DAG]) -> None:
    """What a route promises, counted from when its run was queued; a route of minutes has a quarter of an hour."""
    found = {name: dags[f"route__{name}"].deadline for name in ("pop_person_in", "case_accept_in")}
    minutes = {name: alerts[0].interval // timedelta(minutes=1) for name, alerts in found.items() if alerts}
    assert minutes == {"pop_person_in": 120, "case_accept_in": 15}
    stored = json.dumps(DagSerialization.to_dict(dags["route__pop_person_in"]), default=str)
    assert "gateway_alarm.late" in stored
    assert iscoroutinefunction(import_string("gateway_alarm.late"))


def test_a_task_links_to_its_receipt_and_its_routes_page(dags: dict[str, DAG]) -> None:
    """Both links are part of what the api-server knows of the task."""
    stored = DagSerialization.to_dict(dags["route__pop_person_in"])["dag"]["tasks"][0]["__var"]
    assert stored["_operator_extra_links"] == {"回执 Receipt": "_link_ReceiptLink", "链路状态 Route": "_link_RouteLink"}


def test_links_lead_below_the_path_that_airflow_is_served_at(dags: dict[str, DAG]) -> None:
    """Behind a proxy Airflow may live at /airflow/; a link holds a path only, so that the host may change."""
    found = gateway_operator.RouteLink().get_link(task(dags, "pop_person_in"), ti_key=None)
    assert found == "/airflow/exchange/routes/pop_person_in"


def test_a_broken_route_keeps_its_place_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong file does not make a DAG vanish with its history, and leaves the others alone."""
    shutil.copytree(ROOT / "catalog", tmp_path / "catalog")
    (tmp_path / "schemas").symlink_to(ROOT / "schemas")
    path = tmp_path / "catalog" / "routes" / "pop_person_in.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("from: pop", "from: popp"), encoding="utf-8")
    monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path / "catalog"))
    found = read()
    broken = found["route__pop_person_in"]
    assert len(found) == len(ROUTES)
    assert broken.tags == {"目录有误 broken"}
    assert "there is no platform popp" in (broken.doc_md or "")
    assert broken.schedule is None


@pytest.mark.parametrize(("component", "loads"), [("scheduler", True), ("dag-processor", True), ("triggerer", False)])
def test_what_forks_loads_the_gateway_first(component: str, loads: bool) -> None:
    """A task or a parsing finds it loaded; a component that forks neither spares the memory."""
    code = f"import sys; sys.argv = ['airflow', '{component}']; import airflow_local_settings; "
    asked = f"{code}print('gateway.exchange.carry' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT / "plugins", capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == str(loads)


def test_airflow_reads_no_helper_as_a_dag_file() -> None:
    """What only helps to build DAGs is left out by .airflowignore; what is left are the shards."""
    ignored = (ROOT / "dags" / ".airflowignore").read_text(encoding="utf-8").splitlines()
    left = [p.name for p in sorted((ROOT / "dags").glob("*.py")) if not any(p.match(line) for line in ignored if line)]
    assert left == [
        "exchange_alarms.py", "exchange_approvals.py", "exchange_backup_watch.py", "exchange_backups.py", "exchange_notices.py", "exchange_routes_00.py", "exchange_schema_watch.py", "exchange_sheets.py", "exchange_sla.py", "exchange_upkeep.py",
    ]  # fmt: skip


def test_the_night_signs_what_earlier_nights_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task signs all that is due, not the sheets of yesterday alone."""
    signing = runpy.run_path(str(ROOT / "dags" / "exchange_sheets.py"))["dag"].get_task("sign")
    deployment = SimpleNamespace()
    monkeypatch.setattr(Deployment, "open", lambda _resolve: deployment)
    monkeypatch.setattr(sheets, "make_due", lambda given: ["a day", "yesterday"] if given is deployment else [])
    assert signing.python_callable() == 2
