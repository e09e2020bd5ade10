"""Builds the DAG of one route: what it shows, when it runs, and one task that makes one call."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pendulum
from airflow.exceptions import AirflowFailException, AirflowNotFoundException
from airflow.sdk import DAG, Asset, BaseHook, get_current_context, task
from airflow.sdk.lineage import get_hook_lineage_collector
from airflow.sdk.observability.stats import Stats

from gateway.deployment import Deployment
from gateway.errors import GatewayError, PermanentError
from gateway.exchange import transfer
from gateway.model import Catalog, Route

log = logging.getLogger("gateway.route")
CHINA = pendulum.timezone("Asia/Shanghai")


def hub_asset(dataset: str) -> Asset:
    """Return the asset of a hub table: what an inbound route updates and a later one waits for."""
    return Asset(name=f"hub.{dataset}", uri=f"x-exchange://hub/{dataset}")


def connection_of(name: str) -> str | None:
    """Return the DSN of an Airflow connection, or None when Airflow has none of that name."""
    try:
        return str(BaseHook.get_connection(name.lower()).get_uri()).replace("postgres://", "postgresql://", 1)
    except AirflowNotFoundException:
        return None


def route_dag(route: Route, catalog: Catalog) -> DAG:
    """Return the DAG of a route."""
    schedule: Any = hub_asset(route.after) if route.after else (None if route.schedule == "manual" else route.schedule)
    with DAG(
        f"route__{route.route}",
        dag_display_name=f"{route.dataset.chinese} · {route.source.name} → 交换库",
        schedule=[schedule] if route.after else schedule,
        start_date=datetime(2026, 1, 1, tzinfo=CHINA),
        catchup=False,
        max_active_runs=1,
        tags=[route.source.name, route.dataset.name, "入库 inbound"],
        description=route.description,
        doc_md=explain(route, catalog),
    ) as dag:

        @task(
            task_id="exchange",
            task_display_name="交换 exchange",
            outlets=[hub_asset(route.dataset.name)],
            pool=f"platform.{route.source.platform}",
            retries=3,
            retry_delay=timedelta(seconds=20),
            doc_md="取数 → 落地 → 校验 → 合并 → 回执,一次提交。One call carries the route; the ledger has its stages.",
        )
        def exchange() -> dict[str, Any]:
            return carry(route.route)

        exchange()
    return dag


def carry(route: str) -> dict[str, Any]:
    """Run a route, tell the log what happened, and return counts and receipt number; never rows."""
    context = get_current_context()
    deployment = Deployment.open(connection_of)
    try:
        outcome = transfer.run(deployment, route, run_id=context["run_id"], progress=_tell)
    except GatewayError as error:
        log.error("%s:%s", error.chinese, error)  # noqa: TRY400 - the words tell more than a trace
        if isinstance(error, PermanentError):
            raise AirflowFailException(str(error)) from error
        raise
    log.info(
        "批次 %s 完成:读取 %s 行,新增 %s,更新 %s,删除 %s,未变 %s,隔离 %s;回执 %s,用时 %s 秒",
        outcome.batch, outcome.read, outcome.inserted, outcome.updated, outcome.deleted, outcome.unchanged,
        outcome.rejected, outcome.receipt, outcome.seconds,
    )  # fmt: skip
    for rule, count in outcome.rejects.items():
        log.warning("规则 %s 隔离 %s 行。See `gateway quarantine list --route %s`.", rule, count, route)
    _observe(deployment.route(route), outcome)
    shown = outcome.as_dict()
    return {
        name: shown[name] for name in ("kind", "batch", "receipt", "read", "landed", "deleted", "rejected", "seconds")
    }


def explain(route: Route, catalog: Catalog) -> str:
    """Return the page a person reads who has never seen the code."""
    when = f"数据集 {route.after} 入库之后" if route.after else f"`{route.schedule}`(北京时间)"
    unit = catalog.units[route.source.unit]
    return f"""
### {route.dataset.chinese}:{route.source.name} → 市级交换库

{route.description}

| | |
|---|---|
| 数据集 dataset | `{route.dataset.name}` 版本 {route.dataset.version} |
| 主键 key | {", ".join(route.dataset.key)};游标 cursor {route.dataset.cursor or "无"} |
| 来源 platform | {route.source.name} `{route.source.platform}`,责任单位 {unit.name} |
| 方式 mode | {"增量 incremental" if route.mode == "incremental" else "全量比对 snapshot"} |
| 时间 schedule | {when} |
| 服务承诺 SLA | {route.sla.name}:{route.sla.freshness_minutes} 分钟内 |

**失败了怎么办 / When it fails**: open the task's log: the last lines name the error code, what failed and what to do.
`GW-2xx` is the source platform, `GW-4xx` the hub; a route on hold (`GW-403`) waits for a decision:
`gateway hold list`. Rejected rows: `gateway quarantine list --route {route.route}`. A rerun is always safe.
"""


def _tell(stage: str, rows: int) -> None:
    log.info("阶段 stage %s%s", stage, f":{rows} 行 rows" if rows else "")


def _observe(route: Route, outcome: transfer.Outcome) -> None:
    """Report lineage and figures to Airflow."""
    ti = get_current_context()["ti"]
    collector = get_hook_lineage_collector()
    collector.add_input_asset(context=ti, uri=f"x-exchange://{route.source.platform}/{route.dataset.table}")
    collector.add_output_asset(context=ti, uri=f"x-exchange://hub/{route.dataset.name}")
    tags = {"route": route.route}
    Stats.incr("exchange.rows_read", outcome.read, tags=tags)
    Stats.incr("exchange.rows_rejected", outcome.rejected, tags=tags)
    Stats.timing("exchange.run", timedelta(seconds=outcome.seconds), tags=tags)
