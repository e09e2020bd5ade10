"""What the clock does to notices whose day has come: into effect, through their transition, to their end.

A clock that was stopped loses nothing: each step is taken once, whenever it is next asked for.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import GateClosed, GatewayError
from schemas import guard
from schemas.notice import gate, store, transition, window
from schemas.notice.act import Act, acting
from schemas.notice.store import Notice

log = logging.getLogger(__name__)
_WHO = "gateway"


def move_on(deployment: Deployment) -> Counter[str]:
    """Move every notice whose day has come as far as the rules allow; return how many took each step."""
    today = settings.now().astimezone(settings.CHINA).date()
    with acting(deployment) as act:
        due = transition.rows(act.hub, "due", {"today": today})
    counts: Counter[str] = Counter()
    for row in due:
        try:
            counts[_step(deployment, row, today)] += 1
        except GatewayError as error:  # one notice does not keep the others from going on
            log.warning("notice %s: %s", row["notice"], error)
            counts["failed"] += 1
    counts += window.look_at_all(deployment)
    del counts[""]
    return counts


def _step(deployment: Deployment, row: dict[str, Any], today: date) -> str:
    if row["state"] == "announced":
        return _effect(deployment, row["notice"])
    if row["state"] == "effective":  # its window closes by itself: it is opened once
        guard.open_window(deployment, row["number"], row["platform"], row["dataset"])
    with acting(deployment) as act:
        notice = store.lock(act.hub, row["notice"])
        carried = gate.carry_out(act, notice)
        if row["class"] == "emergency" and not row["reported"]:
            _ask_report(act, notice, row["effective_on"], today)
        moved = _later_state(row, today)
        if moved != notice.state:
            act.move(replace(notice, state=moved))
            act.chained(notice, {"what": moved})
            return moved
        return "carried" if carried else ""


def _effect(deployment: Deployment, number: int) -> str:
    """Let an announced change take effect; where something stands in the way, the bureau is told once."""
    with acting(deployment) as act:
        name = store.get(act.hub, number).name
    try:
        gate.apply(deployment, name, who=_WHO)
    except GateClosed as closed:
        with acting(deployment) as act:
            return _tell_blocked(act, store.lock(act.hub, number), closed)
    return "effective"


def _later_state(row: dict[str, Any], today: date) -> str:
    """Return the state that a notice in effect has by now; an emergency is not closed without its report."""
    over = row["transition_until"] is None or today > row["transition_until"]
    if over and not row["viewed"] and (row["class"] != "emergency" or row["reported"]):
        return "closed"
    return "transition" if today > row["opened_at"].astimezone(settings.CHINA).date() else str(row["state"])


def _tell_blocked(act: Act, notice: Notice, closed: GateClosed) -> str:
    subject = f"[变更受阻] {notice.number} 已到生效日，尚不能实施"
    text = (
        f"{closed.message}\n\n可以改期（gateway notice postpone）、提供旧结构视图（gateway notice view），"
        f"或由主管部门批准后实施（gateway notice apply --override --why）。\n\n"
        f"The day of {notice.number} has come and it may not take effect; the reasons stand above."
    )
    about = (f"{notice.number} r{notice.revision}", "blocked")
    if not act.tell([act.deployment.catalog.bureau, notice.publisher], about, subject, text):
        return ""
    act.chained(notice, {"what": "blocked", "why": closed.message})
    return "blocked"


def _ask_report(act: Act, notice: Notice, effective_on: date, today: date) -> None:
    """Ask for the report of an emergency each working day from the first after it on."""
    if today <= effective_on or not act.calendar.is_work(today):
        return
    subject = f"[紧急变更] {notice.number} 尚缺事后报告"
    text = (
        f"紧急变更 {notice.number} 已于 {effective_on} 生效，请提交事后报告（原因、影响、处置）：gateway notice report。\n\n"
        f"The emergency {notice.number} took effect on {effective_on}; its report is asked for until it is there."
    )
    units = [act.deployment.catalog.bureau, notice.publisher]
    act.tell(units, (f"{notice.number} report", f"report {today}"), subject, text)
