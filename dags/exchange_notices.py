"""What waits in the outbox goes out, every minute."""

from __future__ import annotations

from datetime import datetime

import pendulum
from airflow.sdk import DAG, task
from gateway_operator import connection_of

from gateway.deployment import Deployment
from gateway.notify import outbox

with DAG(
    "exchange__notices",
    dag_display_name="通知 · 发送待发通知",
    schedule="* * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=pendulum.timezone("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["通知 notices"],
    description="每分钟：发送待发通知；失败的逐次延后重试，72小时后放弃并列明原因。",
    doc_md="每分钟一次 · every minute. `deliver`：按渠道发送待发通知（邮件、政务微信机器人、签名回调、短信），互不等待 · what waits is "
    "sent, each channel by itself. 失败的逐次延后，72小时后放弃 · what fails is tried again, given up after 72 hours: "
    "`gateway outbox list --state dead`.",
) as dag:

    @task(task_display_name="发送 deliver")
    def deliver() -> dict[str, int]:
        """Send what is due; a run that dies leaves the rest to the next one."""
        return outbox.deliver(Deployment.open(connection_of)).as_dict()

    deliver()
