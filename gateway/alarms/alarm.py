"""What an alarm is made of: something that is wrong, and the looks that find it.

A look is asked again and again and answers for whole kinds: what it no longer names is over. It asks, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.deployment import Deployment

LATE, SILENT, FAILING, OVERRUN, BURNING = "late", "silent", "failing", "overrun", "burning"
SLOT, EXPIRING, DISK, UNSEEN = "slot", "expiring", "disk", "unseen"
KINDS: Mapping[str, tuple[str, str]] = {
    LATE: ("到时未送达", "did not come when it was due"),
    SILENT: ("到时无人执行", "nothing ran when it was due"),
    FAILING: ("连续失败", "fails again and again"),
    OVERRUN: ("运行超时", "a run takes longer than its route may take"),
    BURNING: ("容许迟到次数将尽", "the misses that are allowed will not last"),
    SLOT: ("复制槽积压", "a replication slot holds back WAL"),
    EXPIRING: ("证书或密钥将到期", "a certificate or key expires"),
    DISK: ("磁盘空间不足", "a disk is nearly full"),
    UNSEEN: ("无法查看", "nobody can tell"),
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong: what and whose, in both languages, since when, and what to do about it.

    While it is muted it is noted and not told.
    """

    kind: str
    subject: str
    unit: str
    said: str
    hint: str
    since: datetime | None = None
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """A question about a deployment and the kinds that it answers for."""

    name: str
    kinds: tuple[str, ...]
    find: Callable[[Deployment], Iterable[Wrong]]
