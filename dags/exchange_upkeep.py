"""What a deployment does for itself each night: bring the hub to the catalog, and prove the chain of receipts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, task
from gateway_operator import RETRY, connection_of

from gateway.deployment import Deployment
from gateway.errors import ChainBroken
from gateway.exchange import hub, proof

AGAIN: dict[str, Any] = {"retries": 3, "retry_delay": timedelta(seconds=20), "retry_policy": RETRY}

with DAG(
    "exchange__upkeep",
    dag_display_name="交换库维护 · 核对目录与回执",
    schedule="40 0 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=pendulum.timezone("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["维护 upkeep"],
    description="每晚：按目录更新交换库表、代码表与工作日历，然后验证全部回执。",
    doc_md="每晚一次 · once a night. `prepare`：交换库表、代码表、未来400天的工作日历与目录一致 · the hub follows the catalog. "
    "`verify`：回执链、签名与各批次内容验证通过，否则任务失败并指出第一处不符 · every receipt is proven, the first fault named.",
) as dag:

    @task(task_display_name="按目录准备 prepare", **AGAIN)
    def prepare() -> None:
        """Bring tables, code lists and the working-day calendar to what the catalog declares."""
        hub.prepare(Deployment.open(connection_of))

    @task(task_display_name="验证回执 verify", **AGAIN)
    def verify() -> dict[str, Any]:
        """Prove the chain and the content of each batch that nothing has touched since."""
        found = proof.verify(Deployment.open(connection_of))
        if not found.ok:
            raise ChainBroken(str(found.first_fault), "Run `gateway receipts verify`; compare with an exported file.")
        return found.as_dict()

    prepare() >> verify()
