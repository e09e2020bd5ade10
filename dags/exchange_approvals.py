"""Decisions of engineers as Airflow's required actions: one run a hold, which waits for its answer without a worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pendulum
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, task
from gateway_hold import HoldOperator, waiting
from gateway_operator import RETRY, connection_of

from gateway.deployment import Deployment

_START = datetime(2026, 1, 1, tzinfo=pendulum.timezone("Asia/Shanghai"))
_ASKING = "exchange__approvals"

with DAG(
    _ASKING,
    dag_display_name="挂起 · 人工确认",
    schedule=None,
    start_date=_START,
    max_active_runs=100,
    is_paused_upon_creation=False,
    tags=["挂起 holds"],
    description="每个挂起一次运行，等待工程师确认；在“浏览 → 待操作”中答复。",
    doc_md="每个挂起一次运行 · one run a hold. `ask`：在“浏览 → 待操作”中选择批准、解除或暂不处理，并写明理由 · answer under Browse, "
    "Required Actions, with a reason. 与 `gateway approve`、`gateway hold release` 等效，先到者生效 · the same as the commands; "
    "whichever comes first counts. 一天未答复的重新询问 · what is not answered within a day is asked for anew.",
) as approvals:
    HoldOperator(task_id="ask", task_display_name="确认 ask", retries=5, retry_delay=timedelta(seconds=5))

with DAG(
    "exchange__holds",
    dag_display_name="挂起 · 每五分钟巡查",
    schedule="*/5 * * * *",
    start_date=_START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["挂起 holds"],
    description="每5分钟：为每个可由工程师决定的挂起发起一次人工确认。",
    doc_md="每5分钟一次 · every five minutes. `find` 列出待决定的挂起，`raise` 为每个发起一次确认，已发起的不重复 · each open hold that "
    "a decision can help is asked about once a day.",
) as holds:

    @task(task_display_name="查找 find", retries=3, retry_delay=timedelta(minutes=1), retry_policy=RETRY)
    def find() -> list[dict[str, Any]]:
        """List the holds to be asked about."""
        return waiting(Deployment.open(connection_of), datetime.now(UTC))

    TriggerDagRunOperator.partial(
        task_id="raise",
        task_display_name="发起 raise",
        trigger_dag_id=_ASKING,
        logical_date=None,
        skip_when_already_exists=True,
        openlineage_inject_parent_info=False,
    ).expand_kwargs(find())
