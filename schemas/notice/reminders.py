"""What the clock does to notices: who has not answered is reminded, then the unit's leader, then the bureau is told.

A clock that was stopped loses nothing: each step of each unit is taken once, whenever it is next asked for.
"""

from __future__ import annotations

from collections import Counter

from gateway import settings
from gateway.deployment import Deployment
from gateway.notify import contacts
from schemas.notice import compose, dispatch, store, terms
from schemas.notice.act import Act, acting
from schemas.notice.store import Notice, Recipient, Revision

_ASKS = {"half": "提醒", "soon": "即将到期", "overdue": "逾期未回执", "escalated": "逾期上报"}


def remind(deployment: Deployment) -> Counter[str]:
    """Remind whoever is due to be reminded today, on working days; return how many messages each step queued."""
    counts: Counter[str] = Counter()
    with acting(deployment) as act:
        standing = store.rows(act.hub, "standing", {"state": "announced"})
    for row in standing:
        with acting(deployment) as act:
            notice = store.lock(act.hub, row["notice"])
            if notice.state == "announced":
                counts += _of_notice(act, notice)
    return counts


def _of_notice(act: Act, notice: Notice) -> Counter[str]:
    revision = store.revision(act.hub, notice.notice, notice.revision)
    counts: Counter[str] = Counter()
    if revision.answers_due is None:
        return counts
    today = settings.now().astimezone(settings.CHINA).date()
    if not act.calendar.is_work(today):
        return counts  # nobody is at work to read it
    zero = terms.day_zero(compose.sent_at(revision), act.calendar)
    step = terms.stage(today, zero, revision.answers_due, act.calendar)
    for own in store.recipients(act.hub, notice.notice, notice.revision):
        if step is not None and own.harmed and own.answered_at is None:
            counts[step] += _remind(act, notice, revision, own, step)
    return counts


def _remind(act: Act, notice: Notice, revision: Revision, own: Recipient, step: str) -> int:
    """Queue one step for one unit; what is overdue goes to its leaders too, what is escalated to the bureau."""
    people = contacts.current(act.hub, own.unit, leader=None if step in {"overdue", "escalated"} else False)
    if step == "escalated":
        people += contacts.current(act.hub, act.deployment.catalog.bureau)
        values = {"notice": notice.notice, "revision": notice.revision, "unit": own.unit, "at": settings.now()}
        if store.run(act.hub, "escalate", values):
            act.chained(notice, {"what": "escalate", "unit": own.unit})
    asks = f"{_ASKS[step]}（{own.unit}）" if step == "escalated" else _ASKS[step]
    return dispatch.reminded(act.deployment, act.hub, (notice, revision, own), people, f"{step} {own.unit}", asks)
