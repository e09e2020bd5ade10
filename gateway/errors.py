"""Every error the gateway raises on purpose, each with a fixed code.

Wording: lower case, what failed and where, no full stop, no secret and no personal value; then a hint that is a
sentence. Whether a retry may help is the type's business, never the caller's guess.
"""

from __future__ import annotations


class GatewayError(Exception):
    """Raised for anything that went wrong in a way the gateway understands."""

    code = "GW-000"
    chinese = "网关错误"

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep the message (what failed, where) apart from the hint (what to do)."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return `[code] message`, then the hint on a line of its own."""
        text = f"[{self.code}] {self.message}"
        return f"{text}\nHINT: {self.hint}" if self.hint else text


class RetryableError(GatewayError):
    """Raised when the same call may succeed later without anybody changing anything."""


class PermanentError(GatewayError):
    """Raised when a person has to change something first."""


# 1xx: catalog and settings


class CatalogInvalid(PermanentError):
    """Raised when a file of the catalog or a contract cannot be used, from the loader; names file, line and field."""

    code = "GW-101"
    chinese = "目录配置有误"


class SettingMissing(PermanentError):
    """Raised when an environment setting or a key file that is needed does not exist, from settings and security."""

    code = "GW-102"
    chinese = "缺少配置"


class ConnectionUnknown(PermanentError):
    """Raised when a platform names a connection that nothing resolves, from the registry."""

    code = "GW-103"
    chinese = "未配置连接"


class CalendarMissing(PermanentError):
    """Raised when a working day is asked for outside the loaded calendar, from the calendar."""

    code = "GW-104"
    chinese = "工作日历缺失"


# 2xx: platforms


class PlatformUnavailable(RetryableError):
    """Raised when a platform does not answer or drops the connection; it may be back in a minute."""

    code = "GW-201"
    chinese = "平台不可用"


class AccessDenied(PermanentError):
    """Raised when a platform refuses our credentials or rights; only its owner can change that."""

    code = "GW-202"
    chinese = "平台拒绝访问"


class SourceChanged(RetryableError):
    """Raised when a source broke off or contradicted itself in the middle of a read; the next read starts afresh."""

    code = "GW-203"
    chinese = "来源读取中断"


class SchemaMismatch(PermanentError):
    """Raised before a row is read when the source's table is not what the contract says; nothing was moved."""

    code = "GW-204"
    chinese = "来源表结构与契约不符"


class NotNow(RetryableError):
    """Raised instead of asking a platform that must not be asked yet; `seconds` is how long, from now on."""

    code = "GW-205"
    chinese = "平台暂不可访问"

    def __init__(self, message: str, hint: str, seconds: float) -> None:
        """Keep the wait beside the words."""
        super().__init__(message, hint)
        self.seconds = seconds


class OutsideWindow(NotNow):
    """Raised before a run starts while its platform's window is closed; it opens by itself."""

    code = "GW-206"
    chinese = "不在交换时段"


class PlatformResting(NotNow):
    """Raised when a platform asks for a longer wait than a page has, and before each run until that is over."""

    code = "GW-207"
    chinese = "平台要求稍候"


# 3xx: contract and check


class ContractInvalid(PermanentError):
    """Raised when a contract's rule cannot be compiled, from the rule compiler; names dataset and rule."""

    code = "GW-301"
    chinese = "数据契约有误"


class RuleRefused(PermanentError):
    """Raised when an edited row still breaks a rule, from the replay of a quarantined row."""

    code = "GW-302"
    chinese = "数据仍不合规"


# 4xx: landing, merging, state


class HubUnavailable(RetryableError):
    """Raised when the hub drops a connection or refuses one for a passing reason (restart, lock, full disk)."""

    code = "GW-401"
    chinese = "交换库不可用"


class RouteBusy(RetryableError):
    """Raised when another run holds the route or its data set; that run's end frees it."""

    code = "GW-402"
    chinese = "链路正在运行"


class RouteHeld(PermanentError):
    """Raised when a route is on hold or paused; a person has to decide first."""

    code = "GW-403"
    chinese = "链路已挂起"


class FenceLost(RetryableError):
    """Raised when a newer attempt took the route over while this one was still running; nothing was committed."""

    code = "GW-404"
    chinese = "链路已被接管"


class OutcomeUnknown(RetryableError):
    """Raised when a commit's reply was lost and the hub cannot tell yet; the next run asks again before it moves."""

    code = "GW-405"
    chinese = "提交结果待确认"


class NotFound(PermanentError):
    """Raised when something asked for by number or name does not exist, from the ledger."""

    code = "GW-406"
    chinese = "未找到"


class ChainBroken(PermanentError):
    """Raised when a receipt was changed, removed, reordered or cut off; names the first that does not fit."""

    code = "GW-407"
    chinese = "回执链断裂"


# 7xx: notices and what is sent


class ChannelUnavailable(RetryableError):
    """Raised when a channel does not answer, or asks to come again later; what waits is sent when it does."""

    code = "GW-701"
    chinese = "通知渠道不可用"


class ChannelRefused(PermanentError):
    """Raised when a channel refuses this message or its recipient for good; the message is given up."""

    code = "GW-702"
    chinese = "通知被拒收"


class ContactInvalid(PermanentError):
    """Raised when a contact is given an address that its channel cannot use, or one that it has already."""

    code = "GW-703"
    chinese = "联系人有误"


class MessageInvalid(PermanentError):
    """Raised before a message is queued when something of it cannot be sent, such as a line break in its subject."""

    code = "GW-704"
    chinese = "通知内容有误"


class NoticeRefused(PermanentError):
    """Raised when a notice may not be announced, moved or answered as asked, from the notices; the words say what may."""

    code = "GW-705"
    chinese = "变更通知单不能这样办理"
