"""Notices by the clock: who is silent is reminded, and what waits in the outbox goes out."""

from __future__ import annotations

from datetime import datetime

import pendulum
from airflow.sdk import DAG, task
from gateway_operator import connection_of

from gateway.deployment import Deployment
from gateway.notify import outbox
from schemas.notice import reminders

with DAG(
    "exchange__notices",
    dag_display_name="通知 · 催办与发送",
    schedule="*/5 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=pendulum.timezone("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["通知 notices"],
    description="每5分钟：催办未回执的单位，发送待发通知；失败的逐次延后重试，72小时后放弃并列明原因。",
    doc_md="每5分钟一次 · every five minutes. `deliver`：先催办未按期回执的单位 · units that have not answered are reminded; "
    "按渠道发送待发通知（邮件、政务微信机器人、签名回调、短信），互不等待 · what waits is "
    "sent, each channel by itself. 失败的逐次延后，72小时后放弃 · what fails is tried again, given up after 72 hours: "
    "`gateway outbox list --state dead`.",
) as dag:

    @task(task_display_name="发送 deliver")
    def deliver() -> dict[str, int]:
        """Queue reminders, then send what is due; a run that dies leaves the rest to the next one."""
        deployment = Deployment.open(connection_of)
        reminded = sum(reminders.remind(deployment).values())
        return {"reminded": reminded, **outbox.deliver(deployment).as_dict()}

    deliver()
