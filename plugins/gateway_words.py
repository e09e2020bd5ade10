"""The words of the pages: Chinese for what the ledger names in English, and times as people here read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from gateway import errors
from gateway.model import Route
from gateway.settings import CHINA

KINDS = {
    "first_load": ("首次装载", "first load"),
    "delta": ("增量", "window"),
    "compare": ("全量比对", "comparison"),
    "replay": ("隔离行重放", "replay"),
    "delivery": ("送达", "delivery"),
    "open": ("未开始读取", "not read yet"),
}
STATES = {
    "committed": ("成功", "committed", "ok"),
    "aborted": ("失败", "failed", "bad"),
    "open": ("运行中", "running", "run"),
}
STAGES = {
    "probe": "探测来源", "describe": "核对表结构", "extract": "取数", "deliver": "送达", "verdicts": "听取退回",
    "land": "落地", "check": "校验", "merge": "合并",
    "state": "移动水位", "receipt": "签发回执", "commit": "提交", "done": "完成",
}  # fmt: skip
COUNTS = {
    "read": "读取", "inserted": "新增", "updated": "更新", "deleted": "删除", "unchanged": "未变", "rejected": "隔离",
    "waiting": "等待",
}  # fmt: skip
HOLDS = {"mass_delete": ("删除过多", "too many deletes"), "empty_read": ("来源为空", "the source is empty"),
         "structure": ("结构与合同不符", "the structure is not as declared")}  # fmt: skip
FACTS = {"source_rows": "来源行数", "hub_rows": "交换库行数", "deletes": "将删除"}
HOLD_STATES = {"open": ("等待决定", "waiting for a decision"), "approved": ("已批准一次", "approved once")}
DECISIONS = {
    "pause": "暂停链路", "resume": "恢复链路", "backfill": "回补", "hold approved": "批准一次",
    "hold released": "解除挂起", "discard": "放弃隔离行",
}  # fmt: skip
REMEDIES = {
    "GW-101": ("修正目录文件后运行 gateway check。", "Mend the file, then run gateway check."),
    "GW-103": ("在 Airflow 连接中配置该平台，或设置 GATEWAY_CONN_<名称>。", "Configure the platform's connection."),
    "GW-201": ("确认来源平台可用；链路会自动重试。", "Check that the platform is up; the run is repeated by itself."),
    "GW-202": ("请平台单位核对账号、密码与权限。", "Ask the owner to check the account and its rights."),
    "GW-203": ("无需处理，下一次从头读取。", "Nothing to do: the next run reads afresh."),
    "GW-204": (
        "什么都没有读取或改动。向平台单位确认这次变更；然后给契约一个新版本，或把多出的列写入 gatewayIgnored。",
        "Nothing was read or changed. Ask the owner, then give the contract a new version or ignore the extra column.",
    ),
    "GW-401": ("检查交换库与磁盘空间；链路会自动重试。", "Check the hub and its disk; the run is repeated by itself."),
    "GW-402": ("等待另一次运行结束；会自动重试。", "Wait for the other run; this one is repeated by itself."),
    "GW-403": ("请做出决定，见上方的挂起说明。", "A decision is needed, see the hold above."),
}  # fmt: skip
_DEFAULT_REMEDY = (
    "打开任务日志：最后几行的 HINT 写明怎么办。",
    "Open the task's log: HINT at its end tells what to do.",
)
_HUB = "交换库"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def ends(route: Route) -> tuple[str, str]:
    """Return the Chinese names of what a route leads from and to."""
    return (_HUB, route.peer.name) if route.outbound else (route.peer.name, _HUB)


def china(moment: datetime | str | None) -> str:
    """Return a moment in China time to the second, or a dash."""
    if moment is None:
        return "—"
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float | timedelta | None) -> str:
    """Return a length of time in the largest fitting units: `0.45 秒`, `3 分 05 秒`, `2 天 4 小时`."""
    if seconds is None:
        return "—"
    value = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    if value < _MINUTE:
        return f"{value:.2f} 秒" if value < _MINUTE / 6 else f"{value:.0f} 秒"
    whole = int(value)
    if whole < _HOUR:
        return f"{whole // _MINUTE} 分 {whole % _MINUTE:02d} 秒"
    if whole < _DAY:
        return f"{whole // _HOUR} 小时 {whole % _HOUR // _MINUTE:02d} 分"
    return f"{whole // _DAY} 天 {whole % _DAY // _HOUR} 小时"


def between(earlier: str | None, later: str | None) -> str:
    """Return how long it took from one clock of a receipt to the next."""
    if not earlier or not later:
        return "—"
    return span(datetime.fromisoformat(later) - datetime.fromisoformat(earlier))


def error_name(code: str | None) -> str:
    """Return the Chinese name of an error code."""
    return next((kind.chinese for kind in _all(errors.GatewayError) if kind.code == code), "运行中断")


def remedy(code: str | None) -> tuple[str, str]:
    """Return what to do about an error code, in Chinese and English."""
    return REMEDIES.get(code or "", _DEFAULT_REMEDY)


def stages(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the stages of a run in order, each with its milliseconds and its place (0 to 1000) in the whole."""
    begun = sorted(run["stages"].items(), key=lambda item: item[1])
    if not begun:
        return []
    closed = run["closed_at"] or run["opened_at"]
    end = max(begun[-1][1], round((closed - run["opened_at"]).total_seconds() * 1000), 1)
    ends = [at for _, at in begun[1:]] + [end]
    return [
        {"name": name, "chinese": STAGES.get(name, name), "ms": until - at, "x": at * 1000 // end,
         "width": max(4, (until - at) * 1000 // end)}
        for (name, at), until in zip(begun, ends, strict=True)
    ]  # fmt: skip


def _all(kind: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _all(child)
