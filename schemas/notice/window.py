"""The end of a transition window: an old-shape view goes when it is proven unused, and stays, told to leader and bureau, when not."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime

from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import GatewayError
from schemas import compat_sql, database
from schemas.notice import gate, store, terms, transition, usage
from schemas.notice.act import Act, acting
from schemas.notice.store import Notice
from schemas.notice.transition import HUB, View

log = logging.getLogger(__name__)


def look_at_all(deployment: Deployment) -> Counter[str]:
    """Look at the use of every standing view, and end those whose time is over; return how many were dropped or extended.

    A server that cannot be asked leaves its views as they are: they are looked at again.
    """
    counts: Counter[str] = Counter()
    with acting(deployment) as act:
        standing = transition.views(act.hub)
    for view in standing:
        try:
            counts[_one(deployment, view)] += 1
        except GatewayError as error:
            log.warning("view %s at %s: %s", view.name, view.place, error)
    del counts[""]
    return counts


def _one(deployment: Deployment, view: View) -> str:
    with acting(deployment) as act:
        notice = store.get(act.hub, view.notice)
        if notice.state == "withdrawn":
            transition.run(act.hub, "drop_view", {**_key(view), "at": settings.now()})
            return ""
        if notice.state not in gate.IN_EFFECT:
            return ""  # asked for, and not yet needed
        with closing(_server(deployment, view)) as there, pg.platform_errors(view.place, f"look at view {view.name}"):
            there.autocommit = True
            found = usage.look(there, view)
            return _judge(act, notice, _kept(act, view, found), found, there)


def _kept(act: Act, view: View, found: usage.Look) -> View:
    """Note what the look found, and that the view is there when it is."""
    now = settings.now()
    if found.exists and view.made_at is None:
        view = replace(view, made_at=now)
        transition.run(act.hub, "made_view", {**_key(view), "at": now, "drop_after": view.drop_after})
    seen = usage.next_seen(view, found, now)
    values = {
        "observed_since": seen.observed_since,
        "last_used": seen.last_used,
        "counter": dict(seen.counter or {}) or None,
    }
    transition.run(act.hub, "look_view", {**_key(view), **values})
    return replace(view, observed_since=seen.observed_since, last_used=seen.last_used, counter=seen.counter)


def _judge(act: Act, notice: Notice, view: View, found: usage.Look, there: Connection) -> str:
    today = settings.now().astimezone(settings.CHINA).date()
    over = view.drop_after is not None and today > view.drop_after
    if not found.exists:
        if over:  # dropped by hand, or by a look that died before it could note that
            transition.run(act.hub, "drop_view", {**_key(view), "at": settings.now()})
        return _lacking(act, notice, view) if notice.state == "transition" and not over else ""
    if not over:
        return ""
    proven = usage.Seen(view.observed_since, view.last_used, view.counter).unused_since()
    if not found.dependents and proven is not None and _stretch(act, proven, today) and _dropped(there, view):
        transition.run(act.hub, "drop_view", {**_key(view), "at": settings.now()})
        act.chained(
            notice, {"what": "view dropped", "place": view.place, "view": view.name, "unused": proven.isoformat()}
        )
        return "dropped"
    return _extend(act, notice, view, found, today)


def _stretch(act: Act, since: datetime, today: date) -> bool:
    """Tell whether it was watched, unused, for long enough."""
    return act.calendar.workdays_between(since.astimezone(settings.CHINA).date(), today) >= terms.OBSERVED


def _dropped(there: Connection, view: View) -> bool:
    """Drop the view in one transaction; False when something was built upon it, or somebody is reading it right now."""
    there.autocommit = False
    try:
        with there:
            pg.run(there, "select set_config('lock_timeout', %s, true)", (database.LOCK_TIMEOUT,))
            for statement in compat_sql.drop(view.schema, view.view, there):
                pg.run(there, statement)
    except (errors.DependentObjectsStillExist, errors.LockNotAvailable):
        return False
    return True


def _extend(act: Act, notice: Notice, view: View, found: usage.Look, today: date) -> str:
    """Let the view stay, and tell the leader of each unit that reads it and the bureau why."""
    later = act.calendar.add_workdays_at_worst(today, terms.EXTENSION)[0]
    transition.run(act.hub, "extend_view", {**_key(view), "drop_after": later})
    act.chained(notice, {"what": "view extended", "place": view.place, "view": view.name, "until": later.isoformat()})
    why, english = _why(view, found)
    subject = f"[过渡期延长] {notice.number} 旧结构视图 {view.name} 延至 {later}"
    text = (
        f"过渡期已满，旧结构视图 {view.name} 不能撤除：{why}。延至 {later}，届时再核。\n"
        f"请仍按旧结构取数的单位尽快改造：{'、'.join(sorted(view.units)) or '未登记'}。\n\n"
        f"The old-shape view {view.name} of {notice.number} stays until {later}: {english}."
    )
    units = [*view.units, notice.publisher]
    about = (f"{notice.number} view {view.name}"[:200], f"extended {later}")
    act.tell([act.deployment.catalog.bureau], about, subject, text)
    act.tell(units, about, subject, text)
    return "extended"


def _why(view: View, found: usage.Look) -> tuple[str, str]:
    if found.dependents:
        return f"其上另建有视图 {'、'.join(found.dependents)}", f"{', '.join(found.dependents)} is built upon it"
    if found.source == "unknown":
        return (
            "使用情况无法得知（没有 pg_stat_statements 或无权查看），不能视为未使用",
            "its use is unknown, and unknown is not unused",
        )
    if view.last_used:
        day = view.last_used.astimezone(settings.CHINA).date()
        return f"最近使用于 {day}", f"it was last used on {day}"
    return "观测时间不足", "it was not watched for long enough"


def _lacking(act: Act, notice: Notice, view: View) -> str:
    """Tell once that a promised view is not there: the units that it was to serve read nothing."""
    subject = f"[旧结构视图缺失] {notice.number} {view.name} 尚未建立"
    text = (
        f"变更已生效，但承诺的旧结构视图 {view.place}：{view.name} 不存在，{'、'.join(sorted(view.units))} 无法按旧结构取数。\n"
        f"请执行 gateway notice view {notice.number} --sql 给出的脚本。\n\n"
        f"The change is in effect and the promised view {view.name} at {view.place} is not there."
    )
    about = (f"{notice.number} view {view.name}"[:200], "lacking")
    return "lacking" if act.tell([act.deployment.catalog.bureau, notice.publisher], about, subject, text) else ""


def _server(deployment: Deployment, view: View) -> Connection:
    if view.place == HUB:
        return deployment.hub(name="gateway view")
    with pg.platform_errors(view.place, "connect"):
        return database.connect(deployment, view.place)


def _key(view: View) -> dict[str, str]:
    return {"place": view.place, "schema": view.schema, "view": view.view}
