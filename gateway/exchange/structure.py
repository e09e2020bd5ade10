"""A structure that changed unannounced: its route is held, whoever it concerns is told once, and it goes on by itself.

Found before a row is read or sent, so that no watermark moves and nothing is lost: what arrives meanwhile waits at the
source, or in the hub for a delivery. The other routes go on. Each run of a held route looks again; when the structure is as
declared, because it was taken back or the contract has a new version, the hold ends and the run carries what waited.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from psycopg2.extensions import connection as Connection

from gateway.errors import RouteHeld, SchemaMismatch
from gateway.exchange.attempt import Attempt
from gateway.ledger import ledger
from gateway.ledger.acts import acting
from gateway.ledger.ledger import STRUCTURE, Hold
from gateway.notify import contacts, outbox
from gateway.notify.message import Message, page

T = TypeVar("T")
_HINT = (
    "Ask the owner. It goes on by itself when the change is taken back or the contract has a new version; announced changes: "
    "`gateway notice`."
)


def watched(attempt: Attempt, look: Callable[[], T]) -> T:
    """Return what `look` finds of the platform's structure.

    A SchemaMismatch it raises puts the route on hold and is raised again; from the next run on it is RouteHeld. When it
    raises none any more, the hold is over.
    """
    hold = ledger.waiting_hold(attempt.notes, attempt.route.route)
    held = hold if hold is not None and hold.kind == STRUCTURE else None
    try:
        found = look()
    except SchemaMismatch as mismatch:
        if held:
            raise RouteHeld(
                f"route {attempt.route.route} is on hold {held.id}: {mismatch.message}", _HINT
            ) from mismatch
        if hold is None:
            _hold(attempt, mismatch)
        raise
    if held:
        _end(attempt, held)
    return found


def _hold(attempt: Attempt, mismatch: SchemaMismatch) -> None:
    route = attempt.route.route
    with acting(attempt.deployment, "hold a route") as act:
        number = ledger.raise_hold(act.hub, route, STRUCTURE, {"found": mismatch.message})
        act.chained("decision", {"what": "hold structure", "hold": number, "found": mismatch.message}, route)
        words = (
            f"链路 {route} 已挂起：{attempt.route.peer.name}的结构与数据合同不符，事先没有变更通知。\n"
            f"{mismatch.message}\n"
            f"没有读取或改动任何数据，其他链路照常运行；恢复原结构或更新合同后自动继续。\n\n"
            f"Route {route} is on hold: the structure is not what the contract says, and no change was announced. Nothing was "
            f"read or changed; the route goes on by itself when the change is taken back or the contract has a new version."
        )
        _tell(attempt, act.hub, number, "held", f"[结构异常] {attempt.dataset.chinese} 链路已挂起", words)


def _end(attempt: Attempt, hold: Hold) -> None:
    route = attempt.route.route
    with acting(attempt.deployment, "end a hold") as act:
        why = "the structure is as declared again"
        ledger.decide_hold(act.hub, hold.id, "released", who="gateway", why=why)
        act.chained("decision", {"what": "hold released", "hold": hold.id, "why": why}, route)
        words = (
            f"链路 {route} 自动继续：结构已与数据合同相符，其间的数据随本次运行补齐。\n\n"
            f"Route {route} goes on: the structure is as declared again."
        )
        _tell(attempt, act.hub, hold.id, "resumed", f"[结构异常] {attempt.dataset.chinese} 链路已恢复", words)


def _tell(attempt: Attempt, hub: Connection, number: int, purpose: str, subject: str, words: str) -> None:
    """Queue a message to whoever answers for the platform's unit and for the data set's."""
    message = Message(f"hold {number}", subject, words, subject, html=page(subject, words))
    for unit in sorted({attempt.route.peer.unit, attempt.dataset.owner}):
        for person in contacts.current(hub, unit):
            outbox.put(hub, attempt.deployment.keys, message, person.contact, purpose)
