"""The day of effect: whether what is there now is what was announced.

Looked at when the day begins, a quarter of an hour and an hour later, and when it ends. As announced: nothing follows. Still
the old structure an hour into the day: the publisher and the bureau are told once. Anything else is an incident, with what
was announced against what was found, and the routes that it harms are held. A clock that was stopped takes the newest look
that is due; one that could not be taken is taken by the next call.
"""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import GatewayError
from gateway.exchange import structure
from gateway.ledger import incidents
from gateway.model import Route
from schemas.notice import found as finding
from schemas.notice import store, words
from schemas.notice.act import Act, acting
from schemas.notice.found import Found
from schemas.notice.store import Notice, Revision

log = logging.getLogger(__name__)
STAGES = (
    ("begin", timedelta()), ("quarter", timedelta(minutes=15)), ("hour", timedelta(hours=1)),
    ("end", timedelta(hours=23, minutes=55)),
)  # fmt: skip
_LATE = {"hour", "end"}  # what is still old by then was not done
_MOST = 50  # differences that a message names


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at a notice's day found, and the routes that were held for it."""

    notice: str
    stage: str
    found: str
    held: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it for people and machines."""
        return {"notice": self.notice, "stage": self.stage, "found": self.found, "held": list(self.held)}


def check(deployment: Deployment) -> list[Looked]:
    """Take the look that is due of each notice whose day has come; a platform that is away does not keep the others from it."""
    now = settings.now()
    with acting(deployment) as act:
        due = store.rows(act.hub, "effecting", {"today": now.astimezone(settings.CHINA).date()})
    looked = list[Looked]()
    for row in due:
        stage = stage_of(row["effective_on"], now)
        if stage in row["stages"]:
            continue
        try:
            looked.append(_look(deployment, row["notice"], stage))
        except GatewayError as error:
            log.warning("%s: %s", row["number"], error)
    return looked


def stage_of(day: date, now: datetime) -> str:
    """Return the newest look that is due on or after a day of effect."""
    begin = datetime.combine(day, time(), settings.CHINA)
    return [name for name, after in STAGES if begin + after <= now][-1]


def _look(deployment: Deployment, number: int, stage: str) -> Looked:
    with acting(deployment) as act:
        notice = store.get(act.hub, number)
        revision = store.revision(act.hub, number, notice.revision)
    found = finding.on_platform(deployment, deployment.catalog.platforms[notice.platform], revision.body["announced"])
    with acting(deployment) as act:
        notice = store.lock(act.hub, number)
        values = {
            "notice": number, "revision": revision.revision, "stage": stage, "found": found.state, "shape": found.shape,
            "diff": list(found.diff), "now": settings.now(),
        }  # fmt: skip
        if not store.run(act.hub, "put_check", values):
            return Looked(notice.name, stage, found.state)  # somebody else's look came first
        act.chained(notice, {"what": "effective check", "stage": stage, "found": found.state})
        _follow(act, notice, revision, stage, found)
    held = _hold_harmed(deployment, notice) if found.state == "other" else ()
    return Looked(notice.name, stage, found.state, held)


def _follow(act: Act, notice: Notice, revision: Revision, stage: str, found: Found) -> None:
    """Do what follows from a look, in its transaction."""
    platform = act.deployment.catalog.platforms[notice.platform].name
    if found.state == "old" and stage in _LATE:
        subject = f"[结构变更未执行] {notice.number} {platform} 仍为旧结构"
        _tell(act, notice, revision, "not_executed", subject, [
            f"{notice.number} 的生效日 {revision.effective_on} 已到，{platform}仍为旧结构，链路按原合同继续运行。",
            "请尽快执行，或办理延期：gateway notice postpone。",
            f"The change of {notice.number} was not carried out on its day; routes go on with the old structure.",
        ])  # fmt: skip
    if found.state == "other":
        incidents.opened(act.hub, notice.platform, "effective", found.diff, notice=notice.notice)
        subject = f"[结构异常] {notice.number} {platform} 与公告不符"
        shown = [
            f"- {c['path']}：{words.kind(c['rule'], c['kind'])}，公告 {words.value(c['before'])}，实际 {words.value(c['after'])}"
            for c in found.diff[:_MOST]
        ]
        _tell(act, notice, revision, "not_as_announced", subject, [
            f"{notice.number} 的生效日 {revision.effective_on} 查验：{platform}的结构既不是公告的新结构，也不是旧结构。", *shown,
            "受影响的链路已挂起；请按公告执行、恢复原结构，或补发变更通知。",
            f"The structure is neither the old one nor what {notice.number} announced; the routes that it harms are held.",
        ])  # fmt: skip


def _tell(act: Act, notice: Notice, revision: Revision, purpose: str, subject: str, lines: list[str]) -> None:
    units = {notice.publisher, act.deployment.catalog.bureau}
    about = (f"{notice.number} r{revision.revision}", purpose)
    act.tell(units, about, subject, "\n".join(lines))


def _hold_harmed(deployment: Deployment, notice: Notice) -> tuple[str, ...]:
    """Hold the routes of the data set at the platform that what was found harms."""
    routes = [
        r for r in deployment.catalog.routes.values()
        if (r.peer.platform, r.dataset.name) == (notice.platform, notice.dataset)
    ]  # fmt: skip
    return tuple(sorted(r.route for r in routes if _held(deployment, r)))


def _held(deployment: Deployment, route: Route) -> bool:
    try:
        reached: Any = (deployment.target if route.outbound else deployment.source)(route.peer)
        with closing(reached) as place:
            return structure.hold_harmed(deployment, route, place) is not None
    except GatewayError as error:  # its next run looks by itself
        log.warning("%s: %s", route.route, error)
        return False
