"""Reconciliation by the clock: each night every route is compared, and the sheets of the day before are signed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, task
from gateway_operator import RETRY, connection_of

from gateway.deployment import Deployment
from gateway.exchange import nightly, sheets

AGAIN: dict[str, Any] = {"retries": 3, "retry_delay": timedelta(minutes=2), "retry_policy": RETRY}

with DAG(
    "exchange__sheets",
    dag_display_name="对账 · 每日比对与日对账单",
    schedule="10 0 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=pendulum.timezone("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["对账 reconciliation"],
    description="每晚：逐条链路双方比对，然后签发前一日的日对账单。",
    doc_md="每晚一次 · once a night. `compare`：每条链路双方比对；不一致的在日志中列出，任务失败 · every route is compared, the "
    "differing ones are named and fail the task; "
    "平台不在交换时段的跳过 · one whose platform's window is closed is left out. "
    "`sign`：签发前一日的日对账单，比对失败也签发 · the sheets are signed "
    "whether or not all agreed.",
) as dag:

    @task(task_display_name="逐条比对 compare", **AGAIN)
    def compare() -> dict[str, int]:
        """Compare every route that was loaded."""
        night = nightly.compare_all(Deployment.open(connection_of))
        return {"compared": len(night.agreeing), "waiting": len(night.waiting)}

    @task(task_display_name="签发日对账单 sign", trigger_rule="all_done", **AGAIN)
    def sign() -> int:
        """Sign the sheets of the day that is over."""
        return len(sheets.make_all(Deployment.open(connection_of), sheets.yesterday()))

    compare() >> sign()
