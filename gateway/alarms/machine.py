"""Looks at what a deployment runs on: its disk, the hub's replication slots, and the certificates of its connections."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg, settings
from gateway.alarms.alarm import DISK, EXPIRING, SLOT, Look, Wrong
from gateway.deployment import Deployment
from gateway.security import certificates as certs
from gateway.settings import CHINA
from gateway.sql import queries

_SQL = queries(__file__)
FREE_BYTES = 1 << 30
LAG_BYTES = 1 << 30
_FREE_PERCENT = 5


def disk(deployment: Deployment) -> Iterator[Wrong]:
    """Yield the folder of the deployment when its disk is nearly full."""
    home = settings.home()
    usage = shutil.disk_usage(home if home.exists() else home.anchor)
    if usage.free >= FREE_BYTES and usage.free * 100 >= usage.total * _FREE_PERCENT:
        return
    left = f"{usage.free / (1 << 30):.1f} GiB"
    yield Wrong(
        DISK, "GATEWAY_HOME", deployment.catalog.bureau, f"网关数据目录仅剩 {left} 空间。 Only {left} are free where GATEWAY_HOME lies.",
        "清理或扩容该磁盘 · free space, or move GATEWAY_HOME to a larger disk.",
    )  # fmt: skip


def slots(deployment: Deployment) -> Iterator[Wrong]:
    """Yield the hub's slots that nobody reads in time."""
    with closing(deployment.hub(name="gateway alarms", autocommit=True)) as hub, pg.hub_errors("look at its slots"):
        yield from behind(hub, deployment.catalog.bureau)


def kept(connection: Connection) -> list[dict[str, Any]]:
    """Return a server's slots with `slot`, `status`, `active` and `lag_bytes`, the WAL that each holds back."""
    return pg.dicts(connection, _SQL["slots"])


def behind(connection: Connection, unit: str, only: str | None = None) -> Iterator[Wrong]:
    """Yield a server's slots behind which much WAL waits, or whose WAL was thrown away; `only` names one."""
    for row in kept(connection):
        waits, gone = f"{row['lag_bytes'] / (1 << 20):,.0f} MiB", row["status"] == "lost"
        if (only and row["slot"] != only) or not (gone or row["lag_bytes"] >= LAG_BYTES):
            continue
        state = "已失效，其后的日志不再保留 was invalidated" if gone else f"后积压日志 {waits} holds back WAL"
        reads = "" if row["active"] else "，当前无人读取 and nobody reads it"
        yield Wrong(
            SLOT, row["slot"], unit, f"复制槽 {row['slot']} {state}{reads}。",
            "恢复读取它的程序，或删除不再使用的复制槽；槽已失效的须重新开始 · let its reader run again, drop a slot that nobody needs; "
            "a lost one begins anew.",
        )  # fmt: skip


def certificates(deployment: Deployment) -> Iterator[Wrong]:
    """Yield certificates in the files that the platforms' connections name which expire soon, or have expired."""
    for platform in deployment.catalog.platforms.values():
        for name, path in certs.named(deployment.resolve(platform.connection)):
            if ends := certs.ends(path):  # of one that cannot be read the connection itself says what is wrong
                what = f"平台 {platform.name} 的证书（{name}）"
                yield from expiring(f"{platform.platform} {name}", platform.unit, what, ends)


def expiring(subject: str, unit: str, named: str, ends: datetime) -> Iterator[Wrong]:
    """Yield what expires within the time that a new one takes."""
    if ends - settings.now() > certs.NOTICE:
        return
    day = f"{ends.astimezone(CHINA):%Y-%m-%d}"
    yield Wrong(
        EXPIRING, subject, unit, f"{named}于 {day} 到期。 {subject} expires on {day}.",
        "在此之前换发，并更新连接 · have a new one issued before that day, and put it into the connection.",
    )  # fmt: skip


LOOKS = (
    Look("disk", (DISK,), disk),
    Look("slots", (SLOT,), slots),
    Look("certificates", (EXPIRING,), certificates),
)
