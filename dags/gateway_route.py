"""Builds the DAG of one route: what it shows, when it runs, and its one task."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Asset
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from exchange_app.words import ends
from gateway_alarm import late
from gateway_operator import RETRY, ExchangeOperator

from gateway.model import Catalog, Platform, Route
from gateway.sla import agreements

_MODES = {"incremental": "增量 incremental", "snapshot": "全量比对 snapshot", "delivery": "送达变更 delivery"}
_STEPS = {"inbound": "取数 → 落地 → 校验 → 合并", "outbound": "取变更 → 送达"}
CHINA = pendulum.timezone("Asia/Shanghai")
_START = datetime(2026, 1, 1, tzinfo=CHINA)
# A run that an asset or a person starts sorts behind every scheduled one of the same weight.
_SCHEDULED, _FOLLOWING = 1, 10
_SHORTEST = 15  # minutes of a deadline: runs that wait for their pool in a busy hour are no alarm


def dag_id(route: str) -> str:
    """Return the name of a route's DAG."""
    return f"route__{route}"


def hub_asset(dataset: str, platform: str = "") -> Asset:
    """Return the asset of a hub table, or of one platform's part of it: what an inbound route updates and a later one waits for."""
    part = f"/{platform}" if platform else ""
    return Asset(name=f"hub.{dataset}{part}", uri=f"x-exchange://hub/{dataset}{part}")


def route_dag(route: Route, catalog: Catalog) -> DAG:
    """Return the DAG of a route."""
    unit = catalog.units[route.peer.unit]
    with DAG(
        dag_id(route.route),
        dag_display_name=f"{route.dataset.chinese} · {' → '.join(ends(route))}",
        schedule=_schedule(route, catalog),
        start_date=_START,
        catchup=False,
        max_active_runs=1,
        tags=[route.peer.name, route.dataset.name, "出库 outbound" if route.outbound else "入库 inbound"],
        description=route.description,
        doc_md=explain(route, catalog),
        deadline=_deadline(route),
    ) as dag:
        ExchangeOperator(
            task_id="exchange",
            task_display_name="交换 exchange",
            route=route.route,
            owner=unit.name,
            outlets=_outlets(route, catalog),
            pool=f"platform.{route.peer.platform}",
            priority_weight=_FOLLOWING if route.after else _SCHEDULED,
            weight_rule="absolute",
            retries=5,
            retry_delay=timedelta(seconds=20),
            retry_exponential_backoff=2,
            max_retry_delay=timedelta(minutes=10),
            retry_policy=RETRY,
            doc_md=f"{_STEPS[route.direction]} → 回执，一次提交。One call carries the route; the ledger has its stages.",
        )
    return dag


def broken_dag(name: str, reason: str) -> DAG:
    """Return the DAG of a route that the catalog cannot use: it keeps its place, and its history, and says why."""
    with DAG(
        dag_id(name),
        dag_display_name=f"{name} · 目录配置有误 broken",
        schedule=None,
        start_date=_START,
        max_active_runs=1,
        tags=["目录有误 broken"],
        description="目录中这条链路配置有误，修正之前不会运行。",
        doc_md=f"### 目录配置有误 · the catalog is wrong\n\n```\n{reason}\n```\n\n修正后运行 `gateway check`。",
    ) as dag:
        ExchangeOperator(task_id="exchange", task_display_name="交换 exchange", route=name, retry_policy=RETRY)
    return dag


def explain(route: Route, catalog: Catalog) -> str:
    """Return the page a person reads who has never seen the code."""
    unit = catalog.units[route.peer.unit]
    return f"""
### {route.dataset.chinese}：{" → ".join(ends(route))}

{route.description}

| | |
|---|---|
| 数据集 dataset | `{route.dataset.name}` 版本 {route.dataset.version} |
| 主键 key | {", ".join(route.dataset.key)}；游标 cursor {route.dataset.cursor or "无"} |
| 平台 platform | {route.peer.name} `{route.peer.platform}`，责任单位 {unit.name} |
| 方式 mode | {_MODES[route.mode]} |
| 时间 schedule | {_when(route)} |
| 时段与限速 window and rate | {_pace(route.peer)} |
| 服务承诺 SLA | {route.sla.name}：{route.sla.freshness_minutes} 分钟内 |

#### 失败了怎么办 · When it fails

打开任务日志：最后几行写明错误代码、原因和 HINT（怎么办）。链路状态见**链路状态 Route** 页签。
The task's log ends with the error's code, what failed and HINT, what to do; the tab **链路状态 Route** shows where the
route stands.

| 代码 code | 谁来处理 who acts | 会重试吗 repeated? |
|---|---|---|
| `GW-1xx` | 目录、配置 the catalog or a setting | 否 no |
| `GW-206`, `GW-207` | 平台不在交换时段，或要求稍候 its window is closed, or it asked for a wait | 到时自动 by itself, then |
| `GW-208` | 平台：前置库积压未取 its owner: too much lies unread | 取走后自动 by itself, when it was fetched |
| `GW-201`, `GW-203` | 平台暂时不可用 the platform is away | 自动 by itself |
| `GW-202`, `GW-204` | 平台：权限或表结构变了 the platform's owner | 否 no |
| `GW-401`, `GW-402`, `GW-404`, `GW-405` | 交换库，或另一次运行 the hub, or another run | 自动 by itself |
| `GW-403` | 链路挂起，等待决定 on hold: `gateway hold list` | 否 no |

被隔离的行 rejected rows: `gateway quarantine list --route {route.route}`。重跑总是安全的 · a rerun is always safe.
"""


def _outlets(route: Route, catalog: Catalog) -> list[Asset]:
    """Return what a route updates: the hub table, and where several platforms feed that, its own part of it."""
    if route.outbound:
        return []
    shared = len(_feeding(route.dataset.name, catalog)) > 1
    return [hub_asset(route.dataset.name), *[hub_asset(route.dataset.name, route.peer.platform)] * shared]


def _schedule(route: Route, catalog: Catalog) -> Any:
    """Return what Airflow calls a schedule: an asset, a cron line, or nothing.

    Of a data set that several platforms feed, a route from one of them waits for that one's part.
    """
    if route.after is None:
        return None if route.schedule == "manual" else route.schedule
    feeding = _feeding(route.after, catalog)
    own = not route.outbound and len(feeding) > 1 and route.peer.platform in feeding
    return [hub_asset(route.after, route.peer.platform if own else "")]


def _deadline(route: Route) -> DeadlineAlert:
    """Return the alarm for a run that takes longer than its route may take, counted from when it was queued."""
    promised = agreements.of(route)
    seconds = promised.source_s + promised.hub_s + promised.target_s if promised else route.sla.freshness_minutes * 60
    minutes = max(seconds // 60, _SHORTEST)
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(minutes=minutes),
        callback=AsyncCallback(late, kwargs={"route": route.route, "minutes": minutes}), name="运行超时 overrun",
    )  # fmt: skip


def _feeding(dataset: str, catalog: Catalog) -> set[str]:
    """Return the platforms that bring a data set into the hub."""
    return {r.peer.platform for r in catalog.routes.values() if r.dataset.name == dataset and not r.outbound}


def _pace(platform: Platform) -> str:
    """Return when a platform may be asked, and how fast."""
    window = f"{platform.window}（北京时间 China time）" if platform.window else "任何时间 any time"
    return f"{window}；{platform.rate}" if str(platform.rate) else window


def _when(route: Route) -> str:
    if route.after:
        return f"数据集 `{route.after}` 入库之后 after it arrived"
    return "手动 by hand" if route.schedule == "manual" else f"`{route.schedule}`（北京时间 China time）"
