"""The words of the pages: Chinese for what the ledger names in English, and times as people here read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
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
    "pause": "暂停链路", "resume": "恢复链路", "backfill": "回补", "retire": "停用链路", "hold approved": "批准一次",
    "hold released": "解除挂起", "discard": "放弃隔离行", "replay": "重放隔离行", "unmask": "查看隔离行原值",
    "user add": "新增用户", "user end": "终止用户", "token make": "发放令牌", "token revoke": "吊销令牌",
    "contact add": "新增联系人", "contact end": "终止联系人", "circular review": "审阅通报", "circular publish": "印发通报",
    "evidence export": "下载考核证据",
    "docket file": "提交免考核或申诉", "docket rule": "裁定", "docket withdraw": "撤回免考核或申诉", "begun now": "立即运行",
    "restored": "恢复备份",
}  # fmt: skip
PAGES = (  # what any of some rights opens: rights, path, Chinese, English
    ({"read"}, "", "总览", "overview"),
    ({"read", "inbox"}, "sla", "时效考核", "time limits"),
    ({"read"}, "changes", "结构变更", "changes"),
    ({"read"}, "notice", "变更通知单", "notices"),
    ({"inbox"}, "inbox", "通知箱", "inbox"),
    ({"read"}, "backups", "备份", "backups"),
    ({"rows"}, "quarantine", "隔离区", "quarantine"),
    ({"circulars"}, "circulars", "通报", "circulars"),
    ({"circulars"}, "dockets", "免考核与申诉", "dockets"),
    ({"audit"}, "audit", "审计", "audit"),
    ({"health"}, "health", "系统健康", "health"),
)  # fmt: skip
ROW_STATES = {
    "open": ("bad", "待处理", "open"), "waiting": ("warn", "等待引用", "waiting"), "replayed": ("ok", "已重放", "replayed"),
    "corrected": ("ok", "已更正", "corrected"), "superseded": ("na", "已被新版本取代", "superseded"), "gone": ("na", "来源已删除", "gone"),
    "discarded": ("na", "已放弃", "discarded"),
}  # fmt: skip
BACKUP_STATES = {
    "running": ("run", "进行中", "running"),
    "failed": ("bad", "未完成", "not made"), "stored": ("warn", "已存入，未证明", "stored, not proven"),
    "proven": ("ok", "已恢复证明", "proven"), "suspect": ("bad", "可疑", "suspect"), "deleted": ("na", "已删除", "deleted"),
}  # fmt: skip
BACKUP_PHASES = {
    "fetch": "取回", "start": "启动临时库", "restore": "恢复", "verify": "比对", "assert": "业务核验",
}  # fmt: skip
LEVELS = {"none": ("ok", "✓"), "info": ("run", "ⓘ"), "warn": ("warn", "△"), "breaking": ("bad", "✗")}
NOTICE_STATES = {
    "draft": ("na", "草稿", "draft"), "announced": ("run", "已发布", "announced"), "effective": ("ok", "已生效", "effective"),
    "transition": ("ok", "过渡期", "transition"), "closed": ("na", "已办结", "closed"), "withdrawn": ("warn", "已撤回", "withdrawn"),
}  # fmt: skip
CLASSES = {
    "major": "重大 major",
    "normal": "一般 normal",
    "compatible": "兼容 compatible",
    "emergency": "紧急 emergency",
}
CHANNELS = {"mail": "邮件 mail", "sms": "短信 SMS", "wecom": "政务微信 WeCom", "webhook": "接口 webhook"}
SENDINGS = {
    "waiting": ("warn", "待发", "waiting"),
    "sent": ("ok", "已送达", "sent"),
    "dead": ("bad", "未送达", "given up"),
}
PURPOSES = {
    "announce": "发布", "withdraw": "撤回", "half": "催办（过半）", "soon": "催办（将到期）", "overdue": "逾期催办",
    "escalated": "逾期上报",
}  # fmt: skip
ACTS = {
    "announce": "发布", "revise": "修订", "postpone": "延期", "withdraw": "撤回", "answer": "回执", "escalate": "逾期上报",
    "rehearse": "演练", "effective": "生效", "carry out": "落实到交换库",
}  # fmt: skip
DECIDED = {**DECISIONS, **ACTS}
ISSUES = {
    "draft": ("warn", "草稿", "draft"), "reviewed": ("run", "已审阅", "reviewed"), "frozen": ("run", "已冻结", "frozen"),
    "published": ("ok", "已印发", "published"),
}  # fmt: skip
DOCKET_REASONS = {
    "maintenance": "已公告的维护", "third_party": "第三方故障", "disaster": "灾害", "own_fault": "交换平台责任", "verdict": "对结论有异议",
    "blame": "对责任有异议",
}  # fmt: skip
EFFECTS = {"exempt": "免考核", "source": "归源端", "hub": "归交换平台", "target": "归对端"}
RULINGS = {"granted": ("ok", "✓ 准予", "granted"), "refused": ("bad", "✗ 不予", "refused")}
FINDINGS = {"ok": ("ok", "✓ 正常", "ok"), "warn": ("warn", "△ 注意", "look"), "fail": ("bad", "✗ 故障", "fails")}
EXAMINED = {
    "airflow": "Airflow 组件", "hub": "交换库", "ledger": "台账", "landing": "落地表", "hold": "挂起", "holds": "挂起",
    "messages": "待发消息",
    "slot": "复制槽",
    "disk": "磁盘", "fonts": "字体", "catalog": "目录", "route": "链路", "platform": "平台",
    "backup": "备份",
    "sign": "签名密钥", "seal": "加密密钥", "hash": "散列密钥", "python": "Python",
}  # fmt: skip
REHEARSED = {"pass": ("ok", "✓", "passed"), "fail": ("bad", "✗", "failed"), "not_possible": ("na", "—", "not possible")}
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
    "GW-302": ("什么都没有改动。在下方更正所指字段，再重放。", "Nothing was changed. Correct the field below and replay."),
    "GW-862": (
        "本期还没有应到，或这台机器上的证据文件不是冻结时的那一份：从备份中取回。",
        "Nothing was expected yet, or the file here is not the one that was frozen: get it back from a backup.",
    ),
    "GW-875": ("写明理由（4至500字），它会记入回执链。", "Say why in 4 to 500 characters; it stands in the chain."),
    "GW-401": ("检查交换库与磁盘空间；链路会自动重试。", "Check the hub and its disk; the run is repeated by itself."),
    "GW-402": ("等待另一次运行结束；会自动重试。", "Wait for the other run; this one is repeated by itself."),
    "GW-403": ("请做出决定，见上方的挂起说明。", "A decision is needed, see the hold above."),
}  # fmt: skip
ROUTE_STATES = {  # the worst first
    "failed": ("bad", "最近一次失败", "the last run failed"),
    "held": ("bad", "已挂起，等待决定", "on hold, waiting for a decision"),
    "structure": ("bad", "已挂起，结构不符", "on hold, the structure is not as declared"),
    "paused": ("warn", "已暂停", "paused"),
    "retired": ("na", "已停用", "retired"),
    "empty": ("na", "尚未装载", "not loaded yet"),
    "running": ("run", "运行中", "running"),
    "good": ("ok", "正常", "in order"),
}  # fmt: skip
SIGNS = {"ok": "✓", "warn": "△", "bad": "✗", "run": "▷", "na": "—"}
VERDICTS = {
    "on_time": ("ok", "✓ 按时", "on time"), "late": ("bad", "✗ 迟到", "late"), "exempt": ("na", "免考核", "exempt"),
    "unmeasured": ("warn", "△ 未观测", "unmeasured"), "open": ("run", "未到期", "not due yet"),
}  # fmt: skip
RESULTS = {
    "met": ("ok", "✓ 达标", "met"), "missed": ("bad", "✗ 未达标", "not met"), "unmeasured": ("warn", "△ 观测不足", "unmeasured"),
    "open": ("run", "未到期", "not due yet"),
}  # fmt: skip
BLAMES = {"source": ("源端", "source"), "hub": ("交换平台", "hub"), "target": ("对端", "target")}
CLOCKS = {
    "source": ("源端可见 → 网关看到", "available to seen"), "hub": ("看到 → 交付", "seen to handed over"),
    "target": ("交付 → 对端确认", "handed over to confirmed"), "whole": ("全程", "the whole"),
}  # fmt: skip
SLA_KINDS = {"scheduled": ("定时", "slots"), "real_time": ("实时", "windows")}
WITHOUT_PLACE = {"too_few": ("样本不足", "too few"), "too_little_measured": ("观测不足", "too little measured")}
DOCKETS = {"exempt": ("免考核", "exemption"), "dispute": ("申诉", "dispute")}
_DEFAULT_REMEDY = (
    "打开任务日志：最后几行的 HINT 写明怎么办。",
    "Open the task's log: HINT at its end tells what to do.",
)
BAD_DAY = "日期应写作 2026-12-31 · write the day as 2026-12-31"
_HUB = "交换库"
_SIZES, _STEP = ("B", "kB", "MB", "GB", "TB"), 1000
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def ends(route: Route) -> tuple[str, str]:
    """Return the Chinese names of what a route leads from and to."""
    return (_HUB, route.peer.name) if route.outbound else (route.peer.name, _HUB)


def day(moment: date | str) -> str:
    """Return a day as offices write it: 2026年11月20日."""
    found = date.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{found.year}年{found.month}月{found.day}日"


def china(moment: datetime | str | None) -> str:
    """Return a moment in China time to the second, or a dash."""
    if moment is None:
        return "—"
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float | timedelta | None, units: Sequence[str] = ("秒", "分", "小时", "天")) -> str:
    """Return a length of time in the largest fitting units: `0.45 秒`, `3 分 05 秒`, `2 天 4 小时`."""
    second, minute, hour, days = units
    if seconds is None:
        return "—"
    value = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    if value < _MINUTE:
        return f"{value:.2f} {second}" if value < _MINUTE / 6 else f"{value:.0f} {second}"
    whole = int(value)
    if whole < _HOUR:
        return f"{whole // _MINUTE} {minute} {whole % _MINUTE:02d} {second}"
    if whole < _DAY:
        return f"{whole // _HOUR} {hour} {whole % _HOUR // _MINUTE:02d} {minute}"
    return f"{whole // _DAY} {days} {whole % _DAY // _HOUR} {hour}"


def ago(lasted: timedelta) -> str:
    """Return how long ago something was."""
    return f"{span(lasted)}前"


def size(amount: int | None) -> str:
    """Return a number of bytes in the largest fitting unit: `512 B`, `3.4 MB`."""
    if amount is None:
        return "—"
    value, units = float(amount), iter(_SIZES)
    unit = next(units)
    while value >= _STEP and (larger := next(units, None)):
        value, unit = value / _STEP, larger
    return f"{value:.1f} {unit}" if unit != _SIZES[0] else f"{amount} B"


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


def latency_chart(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the chart of latencies draws: days, and for each line its seconds, null where too few runs carry it."""
    found = list(rows)
    lines = (("P50", "p50_ms"), ("P95", "p95_ms"), ("P99", "p99_ms"), ("最长", "longest_ms"))
    return {
        "days": [row["day"].isoformat() for row in found],
        "n": [row["n"] for row in found],
        "lines": [
            {
                "name": name,
                "seconds": [None if row[key] is None else row[key] / 1000 for row in found],
            }
            for name, key in lines
        ],
    }


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
