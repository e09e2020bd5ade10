"""Looks at everything, tells each owner once what is wrong in one message, and once what is over.

Two at once do no harm: who opens an alarm tells of it. What a look could not look at stays as it was, and is an alarm itself.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg, settings
from gateway.alarms import machine, routes
from gateway.alarms.alarm import KINDS, UNSEEN, Look, Wrong
from gateway.deployment import Deployment
from gateway.errors import GatewayError
from gateway.ledger.acts import Act, acting
from gateway.notify import contacts, outbox
from gateway.settings import CHINA
from gateway.sql import queries

log = logging.getLogger(__name__)
_SQL = queries(__file__)
LOOKS = (*routes.LOOKS, *machine.LOOKS)


def watch(deployment: Deployment, more: Iterable[Look] = ()) -> list[dict[str, Any]]:
    """Look at everything, tell what begins and what is over, and return what is wrong now."""
    looks = [*LOOKS, *more]
    wrong, blind = _found(deployment, looks)
    known = {kind for look in looks for kind in look.kinds} - {kind for look in blind for kind in look.kinds}
    with acting(deployment, "note alarms") as act:
        _note(act, wrong)
        _close(act, known | {UNSEEN}, wrong)
        _tell(act)
    with closing(deployment.hub(name="gateway alarms", autocommit=True)) as hub, pg.hub_errors("read alarms"):
        return standing(hub)


def raise_one(deployment: Deployment, wrong: Wrong) -> None:
    """Note and tell one thing that somebody else found wrong; known already, it is told no more."""
    with acting(deployment, "note an alarm") as act:
        _note(act, [wrong])
        _tell(act)


def standing(hub: Connection) -> list[dict[str, Any]]:
    """Return all that is wrong now, the oldest first: alarms, and what backups, notices and structures keep themselves."""
    return pg.dicts(hub, _SQL["standing"], {"now": settings.now()})


def _found(deployment: Deployment, looks: Sequence[Look]) -> tuple[list[Wrong], list[Look]]:
    """Return what is wrong, and the looks that failed."""
    wrong: list[Wrong] = []
    blind: list[Look] = []
    for look in looks:
        try:
            wrong += look.find(deployment)
        except GatewayError as error:
            blind.append(look)
            said = f"{look.name}：[{error.code}] {error.chinese}。 {error.message}"
            hint = error.hint or "gateway doctor"
            wrong.append(Wrong(UNSEEN, look.name, deployment.catalog.bureau, said, hint))
    return wrong, blind


def _note(act: Act, wrong: Iterable[Wrong]) -> None:
    for found in sorted(wrong, key=lambda w: (w.kind, w.subject)):  # two at once wait for each other in this order
        values = {name: getattr(found, name) for name in Wrong.__slots__}
        pg.run(act.hub, _SQL["note"], values | {"now": settings.now()})


def _close(act: Act, kinds: Iterable[str], wrong: Sequence[Wrong]) -> None:
    values = {"kinds": sorted(kinds), "wrong": [w.kind for w in wrong], "subjects": [w.subject for w in wrong]}
    pg.run(act.hub, _SQL["close"], values | {"now": settings.now()})


def _tell(act: Act) -> None:
    """Queue one message an owner about what begins, and one about what is over; what nobody answers for yet waits."""
    for asked, noted, mark in (("untold", "told", "告警"), ("over", "over_told", "已恢复")):
        owned: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in pg.dicts(act.hub, _SQL[asked]):
            owned[_owner(act, row["unit"])].append(row)
        for unit, rows in sorted(owned.items()):
            if not contacts.current(act.hub, unit):
                log.warning("nobody answers for unit %s: %s alarms wait; run `gateway contact add`", unit, len(rows))
                continue
            alarms = [int(row["alarm"]) for row in rows]
            topic = (f"alarm {alarms[0]}", noted)
            outbox.tell(act.hub, act.deployment.keys, [unit], topic, _subject(mark, rows), _text(noted, rows))
            pg.run(act.hub, _SQL[noted], {"alarms": alarms, "now": settings.now()})


def _owner(act: Act, unit: str) -> str:
    """Return who is told: the unit, or the bureau where nobody answers for that."""
    return unit if contacts.current(act.hub, unit) else act.deployment.catalog.bureau


def _subject(mark: str, rows: Sequence[dict[str, Any]]) -> str:
    first = f"{KINDS[rows[0]['kind']][0]}：{rows[0]['subject']}"
    return f"[{mark}] {first}" + (f" 等{len(rows)}项" if len(rows) > 1 else "")


def _text(name: str, rows: Sequence[dict[str, Any]]) -> str:
    return "\n\n".join((_begun if name == "told" else _over)(row) for row in rows)


def _begun(row: dict[str, Any]) -> str:
    chinese, english = KINDS[row["kind"]]
    since = f"{row['since'].astimezone(CHINA):%Y-%m-%d %H:%M}"
    return f"【{chinese}】{english}\n{row['said']}\n自 since：{since}\n怎么办 what to do：{row['hint']}"


def _over(row: dict[str, Any]) -> str:
    chinese, english = KINDS[row["kind"]]
    return f"【已恢复】{row['subject']}：此前{chinese}。 It is over: {english}."
