"""Notices by the clock: those whose day has come take effect, who is silent is reminded, what waits in the outbox goes out."""

from __future__ import annotations

from datetime import datetime

import pendulum
from airflow.sdk import DAG, task
from gateway_operator import connection_of

from gateway.deployment import Deployment
from gateway.notify import outbox
from schemas.notice import clock, effective, reminders
from schemas.rehearsal import rehearse

with DAG(
    "exchange__notices",
    dag_display_name="通知 · 催办与发送",
    schedule="*/5 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=pendulum.timezone("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["通知 notices"],
    description="每5分钟：到期变更按规则生效、过渡、关闭，催办未回执的单位，发送待发通知；失败的逐次延后重试，72小时后放弃并列明原因。",
    doc_md="每5分钟一次 · every five minutes. `deliver`：查验到生效日的结构是否与公告一致 · a change whose day has "
    "come is looked at; 到生效日的变更按规则实施，过渡期满撤除旧结构视图 · notices whose "
    "day has come take effect, old-shape views end; 催办未按期回执的单位 · units that have not answered are reminded; "
    "按渠道发送待发通知（邮件、政务微信机器人、签名回调、短信），互不等待 · what waits is "
    "sent, each channel by itself. 失败的逐次延后，72小时后放弃 · what fails is tried again, given up after 72 hours: "
    "`gateway outbox list --state dead`. `rehearsed`：每版通知在副本上演练一次 · each announced revision is rehearsed once on a copy.",
) as dag:

    @task(task_display_name="发送 deliver")
    def deliver() -> dict[str, int]:
        """Look at changes whose day has come, move notices on, remind, send; a run that dies leaves the rest to the next."""
        deployment = Deployment.open(connection_of)
        looked = len(effective.check(deployment))
        moved = dict(clock.move_on(deployment))
        reminded = sum(reminders.remind(deployment).values())
        return {"looked": looked, **moved, "reminded": reminded, **outbox.deliver(deployment).as_dict()}

    @task(task_display_name="演练 rehearse")
    def rehearsed() -> dict[str, int]:
        """Rehearse what was announced since; sending does not wait for it."""
        return rehearse.due(Deployment.open(connection_of))

    deliver()
    rehearsed()
