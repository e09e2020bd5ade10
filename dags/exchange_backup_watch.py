"""Looks after the backups of every plan each hour: what was missed, and what is no longer proven as was promised."""

from __future__ import annotations

from datetime import datetime, timedelta

import pendulum
from airflow.sdk import DAG, task
from gateway_operator import RETRY, connection_of

from backup import plans
from backup.watch import watch
from gateway.deployment import Deployment

with DAG(
    "exchange__backup_watch",
    dag_display_name="备份监督 · 逾期与未证明",
    schedule="20 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=pendulum.timezone("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["备份 backups"],
    description="每小时：备份或恢复演练逾期、数据超过承诺 RPO 未经恢复证明的，通知责任单位一次；恢复正常再通知。",
    doc_md="每小时一次 · once an hour. 逾期的备份与恢复演练、超过承诺时限未经恢复证明的数据，各通知责任单位一次，恢复正常时再通知 · "
    "a missed run or drill and data that is not proven within its promise are told once, and again when they are over.",
) as dag:

    @task(task_display_name="监督 watch", retries=2, retry_delay=timedelta(minutes=1), retry_policy=RETRY)
    def look() -> list[str]:
        """Tell what went wrong and what is over; return what is wrong now."""
        deployment = Deployment.open(connection_of)
        return [f"{row['plan']}: {row['kind']}" for row in watch(deployment, plans.load(deployment.catalog))]

    look()
