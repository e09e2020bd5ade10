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


class TargetLags(NotNow):
    """Raised before a delivery to a front end whose other side has yet to fetch too much; it goes on when that is less."""

    code = "GW-208"
    chinese = "对方尚未取走"


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


class TokenRefused(PermanentError):
    """Raised when a token is asked for a unit or a purpose that there is not, or for too long a time."""

    code = "GW-711"
    chinese = "令牌不能这样签发"


class DocumentRefused(PermanentError):
    """Raised when a notice cannot be printed, such as a character that no font can draw; names the unit and the character."""

    code = "GW-712"
    chinese = "通知单无法打印"


class DocumentAltered(PermanentError):
    """Raised when a notice's file is not what the gateway signed; says what does not fit."""

    code = "GW-713"
    chinese = "通知单校验不通过"


class GateClosed(PermanentError):
    """Raised when a change may not be carried out yet, from the gate and from hub tables; the words name what stands in the way."""

    code = "GW-721"
    chinese = "变更尚不能实施"


class ViewRefused(PermanentError):
    """Raised when a view of the old shape cannot be made or would not be what its readers knew; the words say why."""

    code = "GW-722"
    chinese = "旧结构视图不能建立"


class GuardRefused(PermanentError):
    """Raised when the guard of a server's structure cannot be installed or opened; the words name what is lacking."""

    code = "GW-723"
    chinese = "结构守护不能设置"


class RehearsalBusy(RetryableError):
    """Raised when a notice is being rehearsed already, from the rehearsal; its results come when that one ends."""

    code = "GW-731"
    chinese = "正在演练"


class ObservationImpossible(PermanentError):
    """Raised when a platform keeps no record of statements, or does not show it, from the profiles of use."""

    code = "GW-732"
    chinese = "无法观测使用情况"


class IncidentStands(PermanentError):
    """Raised when an incident cannot be closed as asked, from the incidents; its route is held, or it is closed."""

    code = "GW-741"
    chinese = "结构事件尚不能办结"


class StructureUnknown(PermanentError):
    """Raised when a platform tells nothing of its structure, or nothing that can be read, from the snapshots."""

    code = "GW-742"
    chinese = "平台结构无法获取"


class UserRefused(PermanentError):
    """Raised when a user cannot be made as asked, from `gateway user`: login, role, unit or password will not do."""

    code = "GW-751"
    chinese = "用户不能这样设置"


class AirflowRefused(PermanentError):
    """Raised when Airflow's own user and role commands cannot be run, or refuse; nothing was kept in the ledger."""

    code = "GW-752"
    chinese = "Airflow未执行用户命令"


class FormStale(PermanentError):
    """Raised when a form comes from elsewhere, or from a page that was opened too long ago; nothing was done."""

    code = "GW-753"
    chinese = "表单已失效"


# 8xx: backups


class Tampered(PermanentError):
    """Raised before anything is restored when a part or manifest of a backup is not what was stored; names which."""

    code = "GW-801"
    chinese = "备份已被改动或损坏"


class RepositoryUnavailable(RetryableError):
    """Raised when a repository does not answer, breaks off or is full; what was stored so far is gone on with."""

    code = "GW-802"
    chinese = "备份仓库不可用"


class RepositoryRefused(PermanentError):
    """Raised when a repository refuses for good: wrong credentials or host key, read-only, or the backup is locked."""

    code = "GW-803"
    chinese = "备份仓库拒绝"


class SealKeyRefused(PermanentError):
    """Raised when a backup's key is missing, expired, or does not open it."""

    code = "GW-804"
    chinese = "备份密钥不可用"


class BackupFailed(RetryableError):
    """Raised when a backup broke off: the dump ended early, the snapshot was lost, the spool is full; earlier ones stay."""

    code = "GW-805"
    chinese = "备份未完成"


class BackupBusy(RetryableError):
    """Raised when another run, drill or prune has the plan; its end frees it."""

    code = "GW-806"
    chinese = "备份正在进行"


class DrillFailed(PermanentError):
    """Raised when a restored backup is not what the source was; the backup is suspect and its owner is told."""

    code = "GW-807"
    chinese = "恢复演练未通过"


class RestoreRefused(PermanentError):
    """Raised before a restore changes anything: the target holds data, lacks space, or is not the one to overwrite."""

    code = "GW-808"
    chinese = "不能恢复到此处"


class ToolMissing(PermanentError):
    """Raised when no client program of the server's version is found; names the package to install."""

    code = "GW-809"
    chinese = "缺少数据库客户端工具"


class RestoreFailed(PermanentError):
    """Raised when a restore broke off, or what it brought is not what the source was; a target that held data is unchanged."""

    code = "GW-810"
    chinese = "恢复未完成"


class WalGap(PermanentError):
    """Raised before anything is recovered when WAL that a moment needs is not stored; names the segments."""

    code = "GW-820"
    chinese = "日志归档有缺口"


class ReceiverStopped(RetryableError):
    """Raised when WAL is not received or not stored for longer than it may; what was received stays."""

    code = "GW-821"
    chinese = "日志接收已中断"


class SlotLost(PermanentError):
    """Raised when a replication slot is gone or was invalidated: WAL that was not received may be lost."""

    code = "GW-822"
    chinese = "复制槽已丢失"


class MomentNotCovered(PermanentError):
    """Raised before anything is recovered when a moment lies before every base backup."""

    code = "GW-823"
    chinese = "无法恢复到该时刻"


class SourceUnfit(PermanentError):
    """Raised when a source cannot be backed up as it is, such as tables that no snapshot holds; nothing was stored."""

    code = "GW-830"
    chinese = "备份对象不适合"


# 86x: figures, evidence and issues


class PeriodInvalid(PermanentError):
    """Raised when a period's name is none, or its figures cannot be made yet, from gateway.sla."""

    code = "GW-861"
    chinese = "考核期有误"


class EvidenceRefused(PermanentError):
    """Raised when a file of evidence cannot be read, or there is nothing to export."""

    code = "GW-862"
    chinese = "证据文件不可用"


class DocketRefused(PermanentError):
    """Raised when an exemption or dispute cannot be filed, ruled on or withdrawn as asked."""

    code = "GW-863"
    chinese = "免考核或申诉不予受理"


class IssueRefused(PermanentError):
    """Raised when an issue of the circular is not in the state that a step needs; what is frozen stays."""

    code = "GW-864"
    chinese = "通报状态不符"


# 875 to 879: what is done at the pages


class ReasonMissing(PermanentError):
    """Raised when what needs a reason is asked for without one, from the pages; nothing was shown or done."""

    code = "GW-875"
    chinese = "须说明理由"


class TooManyGuesses(RetryableError):
    """Raised when too many unknown secrets came from one address, from the tokens; it may come again in a minute."""

    code = "GW-876"
    chinese = "令牌尝试过多"


class SelectionRefused(PermanentError):
    """Raised when rows chosen for one act are none, too many or of several kinds, from the pages; nothing was done."""

    code = "GW-885"
    chinese = "所选行不符合要求"
