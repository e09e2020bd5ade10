"""Two DAGs per backup plan, `backup__<plan>` and `drill__<plan>`; with WAL also `wal__<plan>`, which receives, and `base__<plan>`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pendulum
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import DAG, BaseOperator, get_parsing_context, task
from airflow.sdk.observability.stats import Stats
from gateway_operator import RETRY, connection_of, page
from gateway_record import RecordLink, linked

from backup import drill, plans, run
from backup.physical import base as bases
from backup.physical import drill as base_drill
from backup.physical import receive
from backup.plans import Plan
from backup.records import Found
from gateway import catalog
from gateway.deployment import Deployment
from gateway.errors import OutsideWindow

log = logging.getLogger("gateway.backup")
_STAGES = {"dump": "导出", "survey": "计数与哈希", "seal": "压缩加密", "store": "存入仓库", "fetch": "取回", "start": "启动临时库",
           "restore": "恢复", "verify": "比对", "compare": "比对", "assert": "业务核验", "read": "读取文件",
           "copy": "复制", "recover": "恢复到时刻", "wait for WAL": "等待日志"}  # fmt: skip
_HOUR = 3600.0
_START = datetime(2026, 1, 1, tzinfo=pendulum.timezone("Asia/Shanghai"))


def _tell(stage: str, count: int) -> None:
    log.info("%s %s%s", _STAGES.get(stage, ""), stage, f" · {count:,}" if count else "")


def _proven(found: Found, plan: Plan, repository: str) -> dict[str, Any]:
    """Say that a drill passed, report its time, and return it as Airflow keeps it."""
    log.info("备份 %s（%s）恢复演练通过，RTO %.1f 秒", found.backup, repository, found.rto_ms / 1000)
    log.info("记录 record: %s", page("backups", found.backup))
    Stats.timing(
        "exchange.drill", timedelta(milliseconds=found.rto_ms), tags={"plan": plan.plan, "repository": repository}
    )
    return found.as_dict() | {"began_at": found.began_at.isoformat()}


def _dag(plan: Plan, kind: str, shown: str, schedule: str, words: str) -> DAG:
    return DAG(
        f"{kind}__{plan.plan}",
        dag_display_name=f"{shown} · {plan.name}",
        schedule=None if schedule == "manual" else schedule,
        start_date=_START,
        catchup=False,
        max_active_runs=1,
        max_active_tasks=1,  # drills of two repositories share the machine and the plan
        tags=["备份 backups", plan.unit],
        description=plan.description,
        doc_md=f"### {plan.name}\n\n{words}\n\n承诺 promised: RPO {plan.rpo}, RTO {plan.rto}. "
        f"`gateway backup list --plan {plan.plan}`, `gateway backup report`",
    )


class BackupOperator(BaseOperator):
    """Makes a backup; it counts once a drill has proven it. Outside of the plan's window it waits for that to open."""

    operator_extra_links = (RecordLink(),)
    custom_operator_name = "备份 Backup"

    def __init__(self, *, plan: str, **more: Any) -> None:
        """Take the plan's name and what any operator takes."""
        super().__init__(**more)
        self.plan = plan

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Make the backup now, or give slot and worker back until it may begin; that costs no retry."""
        return self._back_up()

    def resume(self, context: Mapping[str, Any], event: Any = None) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Go on when the wait is over."""
        return self._back_up()

    def _back_up(self) -> dict[str, Any]:
        deployment = Deployment.open(connection_of)
        early: OutsideWindow | None = None
        try:
            made = run.run(deployment, plans.load(deployment.catalog).get(self.plan), _tell)
        except OutsideWindow as found:
            early = found
        if early is not None:
            self._wait(early)
        sizes = (made.backup, made.tables, f"{made.rows:,}", f"{made.bytes:,}", made.seconds)
        log.info("备份 %s：%s 表，%s 行，%s 字节，用时 %s 秒", *sizes)
        log.info("记录 record: %s", page("backups", made.backup))
        Stats.incr("exchange.backup_bytes", made.bytes, tags={"plan": self.plan})
        return made.as_dict()

    def _wait(self, early: OutsideWindow) -> NoReturn:
        log.info("%s %s · 到时自动开始 begins by itself", early.code, early.message)
        moment = datetime.now(UTC) + timedelta(seconds=early.seconds)
        self.defer(trigger=DateTimeTrigger(moment=moment), method_name="resume")


class WalOperator(BaseOperator):
    """Receives WAL for an hour; the slot keeps what is written until the next run. Ended early, it leaves no receiver behind."""

    operator_extra_links = (RecordLink(),)
    custom_operator_name = "日志接收 WAL"
    _stop: threading.Event | None = None

    def __init__(self, *, plan: str, **more: Any) -> None:
        """Take the plan's name and what any operator takes."""
        super().__init__(**more)
        self.plan = plan

    def execute(self, context: Mapping[str, Any]) -> int:  # noqa: ARG002 - Airflow's signature
        """Receive, and return how many segments were stored."""
        deployment = Deployment.open(connection_of)
        chosen = plans.load(deployment.catalog).get(self.plan)
        stored: list[str] = []

        def told(stage: str, count: int) -> None:
            if stage.startswith("stored "):
                stored.append(stage)
            _tell(stage, count)

        self._stop = threading.Event()
        receive.receive(deployment, chosen, told, seconds=_HOUR, stop=self._stop)
        log.info("本次接收并存储 %s 段日志 segments stored", len(stored))
        return len(stored)

    def on_kill(self) -> None:
        """Let the receiver end: Airflow kills this process soon, and the program would outlive it and hold the slot."""
        if self._stop is not None:
            self._stop.set()


def backup_dag(plan: Plan) -> DAG:
    """Return the DAG that makes a plan's backups; after downtime the newest missed one is made, and no other."""
    words = "一次快照内导出并逐表计数、哈希，加密后存入各仓库，清单最后写 · one moment dumped and hashed, sealed, stored, manifest last."
    with _dag(plan, "backup", "备份", plan.schedule, words) as dag:
        BackupOperator(
            task_id="backup", plan=plan.plan, task_display_name="备份 backup", retries=3, retry_delay=timedelta(minutes=5),
            retry_policy=RETRY,
        )  # fmt: skip
    return dag


def drill_dag(plan: Plan) -> DAG:
    """Return the DAG that proves a plan's newest backup in each of its repositories."""
    words = (
        "从仓库取回、恢复到临时库、逐表比对；未通过则通知责任单位 · restored from the repository and compared whole."
    )
    with _dag(plan, "drill", "恢复演练", plan.drills, words) as dag:

        @task(task_display_name="恢复演练 drill", retries=3, retry_delay=timedelta(minutes=5), retry_policy=RETRY)
        def prove(repository: str, *, older: bool = False) -> dict[str, Any]:
            """Drill the newest backup, or an older one; a failure is an incident and is not repeated."""
            deployment = Deployment.open(connection_of)
            chosen = plans.load(deployment.catalog).get(plan.plan)
            found = drill.drill(deployment, chosen, _tell, repository=repository, older=older)
            return _proven(found, plan, repository)

        @task.short_circuit(task_display_name="本月旧备份 older due", ignore_downstream_trigger_rules=False)
        def due(repository: str) -> bool:
            """Tell whether an older backup is to be drilled this month."""
            deployment = Deployment.open(connection_of)
            return drill.older_due(deployment, plans.load(deployment.catalog).get(plan.plan), repository)

        for place in plan.places:
            newest = linked(prove.override(task_id=f"drill_{place.repository}")(place.repository))
            if plan.older:
                wanted = due.override(task_id=f"due_{place.repository}", trigger_rule="all_done")(place.repository)
                older = linked(prove.override(task_id=f"older_{place.repository}")(place.repository, older=True))
                newest >> wanted >> older
    return dag


def base_dag(plan: Plan) -> DAG:
    """Return the DAG that takes a plan's base backups and proves each."""
    assert plan.wal is not None
    words = "复制服务器文件并在精确恢复点计数、哈希，随后恢复演练 · the server's files and an exact restore point, then a drill."
    with _dag(plan, "base", "基础备份", plan.wal.base, words) as dag:

        @task(task_display_name="基础备份 base", retries=3, retry_delay=timedelta(minutes=5), retry_policy=RETRY)
        def base() -> dict[str, Any]:
            """Take a base backup; it counts once a drill has recovered it."""
            deployment = Deployment.open(connection_of)
            made = bases.take(deployment, plans.load(deployment.catalog).get(plan.plan), _tell)
            sizes = (made.backup, made.tables, f"{made.rows:,}", f"{made.bytes:,}", made.seconds)
            log.info("基础备份 %s：%s 表，%s 行，%s 字节，用时 %s 秒", *sizes)
            log.info("记录 record: %s", page("backups", made.backup))
            Stats.incr("exchange.backup_bytes", made.bytes, tags={"plan": plan.plan})
            return made.as_dict()

        @task(task_display_name="恢复演练 drill", retries=3, retry_delay=timedelta(minutes=5), retry_policy=RETRY)
        def prove(repository: str) -> dict[str, Any]:
            """Recover the newest base to its restore point and compare all of it."""
            deployment = Deployment.open(connection_of)
            chosen = plans.load(deployment.catalog).get(plan.plan)
            return _proven(base_drill.drill(deployment, chosen, _tell, repository=repository), plan, repository)

        made = linked(base())
        for place in plan.places:
            made >> linked(prove.override(task_id=f"drill_{place.repository}")(place.repository))
    return dag


def wal_dag(plan: Plan) -> DAG:
    """Return the DAG that receives a plan's WAL: one run after the other, each for an hour."""
    words = "持续接收并加密存储日志，可恢复到任意时刻 · receives and stores WAL, for recovery to any moment."
    with _dag(plan, "wal", "日志接收", "@continuous", words) as dag:
        WalOperator(
            task_id="wal", plan=plan.plan, task_display_name="接收日志 wal", retries=3, retry_delay=timedelta(minutes=1),
            retry_policy=RETRY,
        )  # fmt: skip
    return dag


_wanted = get_parsing_context().dag_id  # one id inside a worker, None in the dag processor
for _plan in plans.load(catalog.load()).plans.values():
    _kinds = [
        ("backup", backup_dag),
        ("drill", drill_dag),
        *([("base", base_dag), ("wal", wal_dag)] if _plan.wal else []),
    ]
    for _kind, _build in _kinds:
        if _wanted in (None, f"{_kind}__{_plan.plan}"):
            globals()[f"{_kind}__{_plan.plan}"] = _build(_plan)
