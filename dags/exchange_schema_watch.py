"""The structure of platforms, looked at by the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

import pendulum
from airflow.sdk import DAG, task
from gateway_operator import RETRY, connection_of

from gateway.deployment import Deployment
from schemas import watch
from schemas.use import observed

with DAG(
    "exchange__schema_watch",
    dag_display_name="结构 · 每小时巡查",
    schedule="25 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=pendulum.timezone("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["结构 structure"],
    description="每小时：查看各平台数据库的结构，与上次不同的留存、评估并通知平台单位。",
    doc_md="每小时一次 · once an hour. `look`：查看各平台数据库的结构，与上次不同的留存一版、评估影响并通知平台单位的联系人 "
    "· every platform's "
    "structure is looked at; what is different is kept, judged and told. `gateway schema history`. "
    "`profiled`：记录各单位实际使用的字段 · what each unit uses is kept. `gateway schema uses`.",
) as dag:

    @task(task_display_name="巡查 look", retries=3, retry_delay=timedelta(minutes=2), retry_policy=RETRY)
    def look() -> list[dict[str, object]]:
        """Look at every platform that is a database."""
        return [found.as_dict() for found in watch.look_at_all(Deployment.open(connection_of))]

    @task(task_display_name="使用画像 profile")
    def profiled() -> dict[str, int]:
        """See what the accounts of units do where that is counted, and keep what each unit uses."""
        return observed.look_at_all(Deployment.open(connection_of))

    look() >> profiled()
