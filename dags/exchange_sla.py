"""Time limits by the clock: occurrences are made before they are due, and the circular appears on its days."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, task
from gateway_operator import RETRY, connection_of
from gateway_record import BoardLink, CircularsLink, linked

from gateway import settings
from gateway.deployment import Deployment
from gateway.sla import deadlines, issues, occurrences
from gateway.sla.periods import Period

log = logging.getLogger("gateway.sla")
_STATES = {
    "": "尚无通报 none yet",
    "draft": "已起草",
    "reviewed": "已审阅",
    "frozen": "已定稿",
    "published": "已印发",
}
AGAIN: dict[str, Any] = {"retries": 3, "retry_delay": timedelta(minutes=2), "retry_policy": RETRY}
START = datetime(2026, 1, 1, tzinfo=pendulum.timezone("Asia/Shanghai"))

with DAG(
    "sla__clock",
    dag_display_name="时效 · 应到与已到",
    schedule="7,22,37,52 * * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["时效 SLA"],
    description="每刻钟：按日历生成应到记录，由回执核定已到的。",
    doc_md="每刻钟一次 · each quarter of an hour. 应到记录先于到期生成 · what is expected is noted before it is due; "
    "停机不会漏掉 · a stop loses none, for every report makes them again.",
) as clock:

    @task(task_display_name="核定 measure", **AGAIN)
    def measure() -> str:
        """Bring the occurrences of this period and the end of the last one up to date."""
        now = settings.now()
        period = Period.around(now.astimezone(settings.CHINA).date())
        deployment = Deployment.open(connection_of)
        occurrences.refresh(deployment, period.begins - timedelta(days=2), period.ends, now)
        deadlines.refresh(deployment, period, now)
        log.info("%s：应到与已到已核定 occurrences are up to date · gateway sla report", period.chinese)
        return period.name

    linked(measure(), BoardLink())

with DAG(
    "sla__circular",
    dag_display_name="时效 · 半月通报",
    schedule="30 8,17 * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["时效 SLA", "通报 circular"],
    description="期后第一个工作日起草，第二个工作日17时后定稿、印发。",
    doc_md="每日两次查看 · looks twice a day: 期后第一个工作日起草 · drafted on the first working day after its period, "
    "第二个工作日定稿印发 · frozen and published on the second. 定稿后的更正见下期 · corrections appear in the next issue.",
) as circular:

    @task(task_display_name="起草、定稿、印发 advance", **AGAIN)
    def advance() -> dict[str, str]:
        """Do what is due for the issue of the period before this one."""
        done = issues.advance(Deployment.open(connection_of))
        log.info("%s：%s %s", done["period"], _STATES[done["state"]], done["state"])
        return done

    linked(advance(), CircularsLink())
