"""A structure that changed unannounced: its route is held, whoever it concerns is told once, and it goes on by itself.

Found before a row is read or sent, so that no watermark moves and nothing is lost: what arrives meanwhile waits at the
source, or in the hub for a delivery. The other routes go on. Each run of a held route looks again; when the structure is as
declared, because it was taken back or the contract has a new version, the hold ends and the run carries what waited.

Two things are looked at: what the contract says, and what the route last ran with. The second sees what the first cannot,
such as two columns that swapped names; an engineer may approve going on with that. Of a PostgreSQL database it is the
catalogue; of anything else what it says of itself (the schema of another server, WSDL, OpenAPI, a map service's schema, a
file's beginning), of which a small sign is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

from gateway import pg, registry
from gateway.deployment import Deployment
from gateway.errors import GatewayError, RouteBusy, RouteHeld, SchemaMismatch, SourceChanged
from gateway.exchange.attempt import Attempt
from gateway.exchange.shape import declared
from gateway.exchange.spared import Spared
from gateway.ledger import incidents, ledger
from gateway.ledger.acts import Act, acting
from gateway.ledger.ledger import STRUCTURE, Hold
from gateway.model import Route
from gateway.notify import outbox
from gateway.ports import Catalogued, Drift, Marking

T = TypeVar("T")
_MOST = 50  # changes that a hold names
SPOOL_LIMIT = 10_000  # verdicts kept for a held route, from which on its people are told
_HINT = (
    "Ask the owner. It goes on by itself when the change is taken back or the contract has a new version; announced changes: "
    "`gateway notice`."
)
_SEEN_HINT = (
    "Ask the owner. It goes on by itself when the change is taken back; `gateway approve HOLD` goes on with it."
)


def watched(attempt: Attempt, look: Callable[[], T], place: object = None) -> T:
    """Return what `look` finds of the platform's structure; `place` is the source or target, asked for more if it can be.

    A SchemaMismatch it raises, or a change that the contract does not show and that harms the route, puts the route on
    hold and is raised; from the next run on it is RouteHeld. When there is none any more, the hold is over.
    """
    hold = ledger.waiting_hold(attempt.notes, attempt.route.route)
    held = hold if hold is not None and hold.kind == STRUCTURE else None
    found: list[T] = []
    mismatch = _mismatch(look, found)
    drift = _drift(attempt, place, mismatch, held)
    seen = drift is not None and bool(drift.harmful) and not _approved(held, drift)
    if mismatch is None and seen and drift is not None:
        mismatch = _seen(attempt.route, drift)
    if mismatch is not None:
        _stop(attempt, mismatch, drift, hold)
        raise mismatch
    if drift is not None:
        registry.watcher().accept(attempt.notes, attempt.route, drift)
    if held:
        _end(attempt, held, approved=_approved(held, drift))
    return found[0]


def stamp(attempt: Attempt, place: object) -> str | None:
    """Return what every change of a relation's columns moves, to be compared after a read; None where nobody can tell."""
    where = catalogued(place)
    return None if where is None else registry.patiently(lambda: where.stamp(attempt.dataset))


def refuse_moved(attempt: Attempt, place: object, before: str | None) -> None:
    """Raise SourceChanged when the structure changed while rows were read: they may stand in other columns than was thought."""
    if stamp(attempt, place) != before:
        raise SourceChanged(
            f"the structure of {attempt.dataset.table} of platform {attempt.route.peer.platform} changed during the read",
            "Nothing was changed. The next run looks at it first.",
        )


def tell_moved(attempt: Attempt, place: object) -> None:
    """Have a target's structure that changed while rows were written kept and told; they stand, and the next run looks first."""
    where, watcher = catalogued(place), registry.watcher()
    if where is None:
        return
    try:
        drift: Drift | None = watcher.look(attempt.deployment, attempt.notes, attempt.route, where)
    except GatewayError:  # what was written is confirmed all the same
        return
    if drift is not None and drift.changes:
        watcher.keep(attempt.deployment, attempt.route, drift, holds=False)


def catalogued(place: object) -> Catalogued | None:
    """Return a source or target as one whose catalogue can be asked; None when it has none."""
    inner = _inner(place)
    return inner if isinstance(inner, Catalogued) else None


def _inner(place: object) -> object:
    return place.spared if isinstance(place, Spared) else place


def _showing(place: object) -> Catalogued | Marking | None:
    """Return a source or target as one that shows its structure; None when it shows none."""
    inner = _inner(place)
    return inner if isinstance(inner, Catalogued | Marking) else None


def _mismatch(look: Callable[[], T], found: list[T]) -> SchemaMismatch | None:
    try:
        found.append(look())
    except SchemaMismatch as mismatch:
        return mismatch
    return None


def _drift(attempt: Attempt, place: object, mismatch: SchemaMismatch | None, held: Hold | None) -> Drift | None:
    """Return what is different from the last run, and have a new version kept and told; a mismatch stands without it.

    What is no catalogue and cannot be seen now keeps no run from its data, which the contract still judges; a hold stays.
    """
    where, watcher = _showing(place), registry.watcher()
    if where is None:
        return None
    try:
        drift: Drift | None = watcher.look(
            attempt.deployment, attempt.notes, attempt.route, where, ran=attempt.state.loaded
        )
    except GatewayError:
        if mismatch is None and (held is not None or isinstance(where, Catalogued)):
            raise
        return None
    if drift is not None and (drift.first or drift.changes) and held is None:
        watcher.keep(attempt.deployment, attempt.route, drift, holds=mismatch is not None or bool(drift.harmful))
    return drift


def _approved(held: Hold | None, drift: Drift | None) -> bool:
    """Tell whether an engineer approved just this structure."""
    if held is None or drift is None or held.state != "approved":
        return False
    return bool(drift.identity) and held.facts.get("identity") == drift.identity


def hold_harmed(deployment: Deployment, route: Route, place: object) -> int | None:
    """Look at the structure for a route that does not run, and hold it when it would be harmed; return the hold's number.

    None when it would not be, when it runs at the moment (it looks by itself), or when it is on hold already.
    """
    where = _showing(place)
    if where is None:
        return None
    with closing(deployment.hub(name="gateway structure", autocommit=True)) as hub, pg.hub_errors("hold a route"):
        try:
            ledger.take_locks(hub, route.route, None)
        except RouteBusy:
            return None
        drift: Drift | None = registry.watcher().look(deployment, hub, route, where)
        if drift is None or not drift.harmful or ledger.waiting_hold(hub, route.route) is not None:
            return None
        return _hold(deployment, route, _seen(route, drift), drift, None)


def _seen(route: Route, drift: Drift) -> SchemaMismatch:
    """Return the error of changes that the contract does not show."""
    said = "; ".join(f"{change['path']} ({change['rule']})" for change in drift.harmful[:_MOST])
    what = (
        f"what platform {route.peer.platform} tells of {drift.told}" if drift.told
        else f"relation {drift.relation} of platform {route.peer.platform}"
    )  # fmt: skip
    return SchemaMismatch(
        f"{what} is not as route {route.route} last found it: {said}",
        _SEEN_HINT,
    )


def _stop(attempt: Attempt, mismatch: SchemaMismatch, drift: Drift | None, hold: Hold | None) -> None:
    """Put the route on hold; RouteHeld when it is, for this or for what it was before."""
    if hold is not None and hold.kind == STRUCTURE and not _moved_on(hold, drift):
        words = f"route {attempt.route.route} is on hold {hold.id}: {mismatch.message}"
        raise RouteHeld(words, mismatch.hint if "identity" in hold.facts else _HINT) from mismatch
    if hold is None or hold.kind == STRUCTURE:
        _hold(attempt.deployment, attempt.route, mismatch, drift, hold)


def _moved_on(hold: Hold, drift: Drift | None) -> bool:
    """Tell whether the structure became yet another one after somebody approved it."""
    return hold.state == "approved" and drift is not None and hold.facts.get("identity") != drift.identity


def _facts(route: Route, mismatch: SchemaMismatch, drift: Drift | None) -> dict[str, Any]:
    """Return what is to be known of a hold; `identity` is what an approval would be for, where one can help."""
    facts: dict[str, Any] = {"found": mismatch.message, "contract": declared(route.dataset)}
    if drift is not None and drift.relation:
        facts |= {"relation": drift.relation, "changes": list(drift.changes[:_MOST])}
        facts |= {"notice": drift.notice} if drift.notice else {}
        facts |= {"identity": drift.identity} if mismatch.hint == _SEEN_HINT else {}
    return facts


def _hold(deployment: Deployment, of: Route, mismatch: SchemaMismatch, drift: Drift | None, before: Hold | None) -> int:
    route, facts = of.route, _facts(of, mismatch, drift)
    with acting(deployment, "hold a route") as act:
        if before is not None:
            why = "the structure is yet another one than was approved"
            ledger.decide_hold(act.hub, before.id, "released", who="gateway", why=why)
            incidents.resumed(act.hub, before.id, "released", None)
        number = ledger.raise_hold(act.hub, route, STRUCTURE, facts)
        diff = facts.get("changes") or [{"found": mismatch.message}]
        incidents.opened(act.hub, of.peer.platform, "unannounced", diff, route=route, hold=number)
        act.chained("decision", {"what": "hold structure", "hold": number, "found": mismatch.message}, route)
        known = f"变更通知单 {drift.notice} 已预告，数据合同尚未更新" if drift and drift.notice else "事先没有变更通知"
        words = (
            f"链路 {route} 已挂起：{of.peer.name}的结构与数据合同或上次运行时不符，{known}。\n"
            f"{mismatch.message}\n"
            f"没有读取或改动任何数据，其他链路照常运行；恢复原结构或更新合同后自动继续。\n\n"
            f"Route {route} is on hold: the structure is not what the contract says, or not what it was. Nothing was "
            f"read or changed; the route goes on by itself when the change is taken back or the contract has a new version."
        )
        _tell(act, of, number, "held", f"[结构异常] {of.dataset.chinese} 链路已挂起", words)
    return number


def _end(attempt: Attempt, hold: Hold, *, approved: bool) -> None:
    route = attempt.route.route
    how = (
        "approved" if approved else "mapped" if hold.facts.get("contract") != declared(attempt.dataset) else "reverted"
    )
    with acting(attempt.deployment, "end a hold") as act:
        why = "the structure is as declared again"
        if approved:
            ledger.use_hold(act.hub, hold.id)
        else:
            ledger.decide_hold(act.hub, hold.id, "released", who="gateway", why=why)
        incidents.resumed(act.hub, hold.id, how, attempt.batch)
        body = {"what": f"hold {'used' if approved else 'released'}", "hold": hold.id, "how": how}
        act.chained("decision", body if approved else {**body, "why": why}, route)
        words = (
            f"链路 {route} 自动继续：结构已与数据合同相符{'（已人工确认）' if approved else ''}，其间的数据随本次运行补齐。\n\n"
            f"Route {route} goes on: {'an engineer approved the structure' if approved else 'the structure is as declared again'}."
        )
        _tell(act, attempt.route, hold.id, "resumed", f"[结构异常] {attempt.dataset.chinese} 链路已恢复", words)


def warn_of_spool(attempt: Attempt, waiting: int) -> None:
    """Tell the people of a hold, once, when what is kept for its end becomes much; nothing is dropped."""
    hold = ledger.waiting_hold(attempt.notes, attempt.route.route)
    if waiting < SPOOL_LIMIT or hold is None:
        return
    with acting(attempt.deployment, "warn of a spool") as act:
        words = (
            f"链路 {attempt.route.route} 挂起期间，{attempt.route.peer.name}的退回已暂存 {waiting:,} 条，不会丢弃；请尽快处理挂起。\n\n"
            f"Route {attempt.route.route} is still on hold, and {waiting:,} verdicts wait for its end. None is dropped."
        )
        _tell(act, attempt.route, hold.id, "spool", f"[结构异常] {attempt.dataset.chinese} 暂存超过限额", words)


def _tell(act: Act, route: Route, number: int, purpose: str, subject: str, words: str) -> None:
    """Queue a message to whoever answers for the platform's unit and for the data set's."""
    units = {route.peer.unit, route.dataset.owner}
    outbox.tell(act.hub, act.deployment.keys, units, (f"hold {number}", purpose), subject, words)
