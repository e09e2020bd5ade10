"""Alarms by the clock: every five minutes everything is looked at, and each owner told once what began and what is over."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pendulum
from airflow.sdk import DAG, task
from airflow.sdk.observability.stats import Stats
from gateway_operator import RETRY, connection_of

from backup import alarms as backups
from gateway.alarms import watch as watching
from gateway.alarms.alarm import KINDS
from gateway.deployment import Deployment
from gateway.notify import outbox

log = logging.getLogger("gateway.alarms")

with DAG(
    "exchange__alarms",
    dag_display_name="告警 · 发现与恢复",
    schedule="*/5 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=pendulum.timezone("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["告警 alarms"],
    description="每5分钟：到时未送达、无人执行、连续失败、运行超时、容许次数将尽、复制槽积压、证书到期、磁盘不足，各通知责任单位一次；恢复再通知。",
    doc_md="每5分钟一次 · every five minutes. 每个责任单位一条消息，写明是什么、自何时、怎么办 · one message an owner: what, since when, "
    "what to do. 已申报的维护时段内不通知 · muted while maintenance that was filed lasts. 只通知一次，恢复时再通知一次 · told once, and "
    "once when it is over. 现状 what is wrong now: `gateway alarm list`.",
) as dag:

    @task(task_display_name="查看与通知 watch", retries=2, retry_delay=timedelta(minutes=1), retry_policy=RETRY)
    def watch() -> dict[str, int]:
        """Look, tell, and return how many of each kind are wrong now."""
        deployment = Deployment.open(connection_of)
        counts: dict[str, int] = {}
        for row in watching.watch(deployment, backups.LOOKS):
            counts[row["kind"]] = counts.get(row["kind"], 0) + 1
            log.warning("%s · %s · %s", KINDS.get(row["kind"], (row["kind"],))[0], row["subject"], row["said"])
        log.info("现有 %s 项 standing", sum(counts.values()))
        Stats.gauge("exchange.alarms", sum(counts.values()))
        outbox.deliver(deployment)
        return counts

    watch()
