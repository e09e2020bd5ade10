"""What happens to a notice: drafted, announced, postponed, revised, withdrawn, answered.

A date may move later; an earlier one is a revision, with the whole lead time again. A revision asks everybody anew, a
postponement lets answers stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, get_args

from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import NotFound, NoticeRefused
from schemas.diff.model import Change, Effect
from schemas.notice import dispatch, impact, store, terms
from schemas.notice.act import Act, acting
from schemas.notice.store import Notice, Recipient, Revision
from schemas.notice.terms import Class
from schemas.use import profile, registered

_FIXED = {"platform", "dataset", "origin", "effective"}  # a revision is of the same notice
Answer = Literal["no_impact", "adapted", "needs_time", "objects"]
AGREED = frozenset({"no_impact", "adapted"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a unit answers, and who says so for it."""

    answer: str
    by: str
    title: str
    until: date | None = None
    remark: str = ""


def draft(deployment: Deployment, planned: Mapping[str, Any], changes: Iterable[Change]) -> int:
    """Keep a planned change as a draft and return its id; the same origin has one notice, whose id is returned.

    A draft that says something else than its plan does by now is withdrawn, and the plan drafted anew. `planned` holds
    platform, dataset, origin, and what the notice is to say besides: effective, reason, basis, measures.
    """
    found = tuple(changes)
    platform = deployment.catalog.platforms.get(planned["platform"])
    if platform is None or planned["dataset"] not in deployment.catalog.datasets:
        raise NotFound(
            f"there is no platform {planned['platform']} with data set {planned['dataset']}",
            "See `gateway route list`.",
        )
    with acting(deployment) as act:
        body = {**planned, "effective": None, "changes": [c.as_dict() for c in found]}
        if (existing := store.of_origin(act.hub, planned["origin"])) is not None:
            if not _outdated(act, existing, body, planned.get("effective")):
                return existing
            _withdraw_draft(act, existing)
        notice = store.draft(
            act.hub, platform=platform.platform, dataset=planned["dataset"], publisher=platform.unit, origin=planned["origin"]
        )  # fmt: skip
        kind = terms.class_of(found)
        wanted = terms.dates(settings.now(), kind, act.calendar)
        day = planned.get("effective") or wanted.earliest
        act.keep(Revision(notice, 0, kind, day, None, None, None, wanted.basis, body))
        return notice


def _outdated(act: Act, number: int, body: Mapping[str, Any], effective: date | None) -> bool:
    """Tell whether a notice is a draft of what its plan said before; what was announced is revised, never drafted anew."""
    if store.lock(act.hub, number).state != "draft":
        return False
    kept = store.revision(act.hub, number, 0)
    return store.kept(kept.body) != store.kept(body) or effective not in {None, kept.effective_on}


def _withdraw_draft(act: Act, number: int) -> None:
    gone = replace(store.lock(act.hub, number), state="withdrawn")
    act.move(gone)
    act.chained(gone, {"what": "withdraw", "who": "", "why": "its plan was changed and drafted anew"})


def concerned(deployment: Deployment, name: str) -> list[Recipient]:
    """Return whom a draft would be told to, as things stand now."""
    with acting(deployment) as act:
        notice = store.get(act.hub, store.find(act.hub, name))
        planned = store.revision(act.hub, notice.notice, notice.revision)
        return _touched(act, notice, [Change.of(item) for item in planned.body["changes"]])


def announce(
    deployment: Deployment, name: str, *, who: str, effective_on: date | None = None, emergency: str = ""
) -> Notice:
    """Send a draft to every unit it touches; with `emergency` (the basis of the bureau's approval) without lead time.

    NoticeRefused when it is no draft, comes too late for its class, touches nobody, or a unit has nobody to be told.
    """
    with acting(deployment) as act:
        notice = store.lock(act.hub, store.find(act.hub, name))
        if notice.state != "draft":
            raise NoticeRefused(f"notice {notice.name} is {notice.state} already", "Revise, postpone or withdraw it.")
        planned = store.revision(act.hub, notice.notice, 0)
        kind: Class = "emergency" if emergency else planned.class_
        body = {**planned.body, "emergency": emergency or None}
        return _issue(act, notice, body, kind, effective_on or planned.effective_on, who=who, what="announce")


def revise(
    deployment: Deployment, name: str, changes: Iterable[Change] | None, *, who: str, why: str,
    effective_on: date | None = None, planned: Mapping[str, Any] | None = None,
) -> Notice:  # fmt: skip
    """Announce other changes or an earlier day under the same number: lead time and answers begin anew.

    `planned` holds what is said from now on besides the changes: measures, a contact, a script and the structure it is to leave.
    """
    with acting(deployment) as act:
        notice, now = _standing(act, name)
        said = {name: value for name, value in (planned or {}).items() if name not in _FIXED}
        body, kind = {**now.body, **said, "remark": why}, now.class_
        if changes is not None:
            found = tuple(changes)
            body |= {"announced": said.get("announced"), "changes": [c.as_dict() for c in found]}
            kind = terms.class_of(found)
        return _issue(act, notice, body, kind, effective_on or now.effective_on, who=who, what="revise")


def postpone(deployment: Deployment, name: str, *, who: str, why: str, effective_on: date) -> Notice:
    """Move the day of effect later; answers stand, and everybody is told."""
    with acting(deployment) as act:
        notice, now = _standing(act, name)
        if effective_on <= now.effective_on:
            raise NoticeRefused(
                f"notice {notice.name}: {effective_on} is not later than {now.effective_on}",
                "An earlier day is a revision: `gateway notice revise`.",
            )
        later = replace(
            now, revision=now.revision + 1, effective_on=effective_on, announced_at=settings.now(),
            transition_until=act.transition(effective_on), body={**now.body, "remark": why},
        )  # fmt: skip
        told = store.recipients(act.hub, notice.notice, now.revision)
        return act.publish(notice, later, told, who=who, what="postpone")


def withdraw(deployment: Deployment, name: str, *, who: str, why: str) -> Notice:
    """Take a notice back; everybody who was told is told so."""
    with acting(deployment) as act:
        notice = store.lock(act.hub, store.find(act.hub, name))
        if notice.state not in {"draft", "announced"}:
            raise NoticeRefused(
                f"notice {notice.name} is {notice.state}", "Only what has not taken effect is withdrawn."
            )
        gone = replace(notice, state="withdrawn")
        act.move(gone)
        if notice.state == "announced":
            now = store.revision(act.hub, notice.notice, notice.revision)
            told = store.recipients(act.hub, notice.notice, notice.revision)
            dispatch.withdrawn(deployment, act.hub, gone, replace(now, body={**now.body, "remark": why}), told)
        act.chained(gone, {"what": "withdraw", "who": who, "why": why})
        return gone


def answer(
    deployment: Deployment, notice_id: int, unit: str, reply: Reply, *, revision: int | None = None
) -> Recipient:
    """Keep a unit's answer (签收); the first one to a revision stands, but who asked for time or objected may agree later.

    NoticeRefused when the notice does not stand, the unit was not told, has answered, or the answer lacks its part.
    """
    _refuse_incomplete(reply)
    with acting(deployment) as act:
        notice = store.lock(act.hub, notice_id)
        own = _asked(notice, unit, revision, reply, store.recipients(act.hub, notice.notice, notice.revision))
        said: dict[str, Any] = {
            "answer": reply.answer, "answer_until": reply.until, "remark": reply.remark or None, "answered_by": reply.by,
            "answered_title": reply.title, "answered_at": settings.now(),
        }  # fmt: skip
        store.run(act.hub, "answer", {"notice": notice.notice, "revision": notice.revision, "unit": unit, **said})
        until = reply.until.isoformat() if reply.until else None
        act.chained(notice, {"what": "answer", "unit": unit, "answer": reply.answer, "until": until})
        return replace(own, **said)


def _refuse_incomplete(reply: Reply) -> None:
    if reply.answer not in get_args(Answer):
        raise NoticeRefused(f"{reply.answer!r} is no answer", f"There are {', '.join(get_args(Answer))}.")
    if not (reply.by.strip() and reply.title.strip()):
        raise NoticeRefused("an answer names who gives it, and the title", "Give both.")
    if reply.answer == "needs_time" and reply.until is None:
        raise NoticeRefused("who needs time says until when", "Give the day.")
    if reply.answer == "objects" and not reply.remark.strip():
        raise NoticeRefused("an objection needs its reason", "Give the reason.")


def _asked(
    notice: Notice, unit: str, revision: int | None, reply: Reply, told: Iterable[Recipient]
) -> Recipient:  # fmt: skip
    """Return the unit's own line of the revision in force, if it is asked and has not answered."""
    if notice.state == "withdrawn":
        raise NoticeRefused(f"notice {notice.name} was withdrawn", "There is nothing to answer any more.")
    if revision not in {None, notice.revision}:
        raise NoticeRefused(
            f"notice {notice.name} has revision {notice.revision} by now", "Answer by the newest message's link."
        )
    own = next((r for r in told if r.unit == unit), None)
    if own is None:
        raise NoticeRefused(f"unit {unit} is no recipient of notice {notice.name}", "Run `gateway notice show`.")
    agrees = own.answer in {"needs_time", "objects"} and reply.answer in AGREED
    if own.answered_at is not None and not agrees:
        day = own.answered_at.astimezone(settings.CHINA).date()
        raise NoticeRefused(f"unit {unit} has answered on {day}", "The first answer to a revision stands.")
    return own


def _standing(act: Act, name: str) -> tuple[Notice, Revision]:
    notice = store.lock(act.hub, store.find(act.hub, name))
    if notice.state != "announced":
        raise NoticeRefused(f"notice {notice.name} is {notice.state}", "Only an announced notice is moved.")
    return notice, store.revision(act.hub, notice.notice, notice.revision)


def _issue(
    act: Act, notice: Notice, body: Mapping[str, Any], kind: Class, effective_on: date, *, who: str, what: str
) -> Notice:
    """Announce a revision to everybody it touches; nobody has answered it yet."""
    when = terms.dates(settings.now(), kind, act.calendar)
    if effective_on < when.earliest:
        raise NoticeRefused(
            f"notice {notice.name}: {effective_on} is too soon: a change of class {terms.CHINESE[kind]} takes effect "
            f"{terms.LEAD[kind]} working days after it was sent, on {when.earliest} or later",
            "Choose a later day, or announce an emergency with the bureau's approval.",
        )
    told = _touched(act, notice, [Change.of(item) for item in body["changes"]])
    if not told:
        raise NoticeRefused(f"notice {notice.name} touches no unit", "No route carries the data set: tell nobody.")
    made = Revision(
        notice.notice, notice.revision + 1, kind, effective_on, act.transition(effective_on), settings.now(),
        when.answers_due, when.basis, body,
    )  # fmt: skip
    return act.publish(notice, made, told, who=who, what=what)


def _touched(act: Act, notice: Notice, changes: list[Change]) -> list[Recipient]:
    """Return whom changes concern: who uses the data set, and who reads by itself something else that they touch."""
    catalog = act.deployment.catalog
    dataset = catalog.datasets[notice.dataset]
    profile.keep(act.hub, catalog, [(notice.platform, dataset)])
    concerned = {use.unit for use in registered.at_platform(catalog, notice.platform) if notice.dataset in use.datasets}
    found = [impact.touched(use, changes) for use in profile.of(act.hub, catalog, dataset, notice.platform)]
    return [
        Recipient(one.unit, one.level.name, one.as_dict())
        for one in found
        if one.routes or one.unit in concerned or one.level > Effect.none
    ]
