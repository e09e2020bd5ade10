"""The gate: whether an announced change may take effect, and what then happens to the gateway's own tables.

It opens on the day of effect or later, once every harmed unit agreed, or an old-shape view serves it, or the bureau overrode it
with a reason. The hub's table then follows the contract's new version, in the transaction that opened the gate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import GateClosed
from gateway.exchange import evolving, proof
from gateway.exchange import hub as hub_tables
from gateway.ledger import acts
from schemas.notice import hub_view, store, transition
from schemas.notice.act import Act, acting
from schemas.notice.store import Notice, Recipient, Revision

IN_EFFECT = frozenset({"effective", "transition"})


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing in the way: a unit's silence, time or objection, or something that no override removes."""

    what: str
    words: str
    unit: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it for people and machines."""
        return {"what": self.what, "unit": self.unit, "words": self.words}


def ready(deployment: Deployment, name: str) -> tuple[Notice, list[Obstacle]]:
    """Return a notice and what stands in its way now."""
    with acting(deployment) as act:
        notice = store.get(act.hub, store.find(act.hub, name))
        return notice, obstacles(act, notice)


def seen(deployment: Deployment, hub: Connection, notice: int) -> list[Obstacle]:
    """Return what stands in a notice's way as one sees it who may only read the ledger."""
    return obstacles(Act(acts.Act(deployment, hub)), store.get(hub, notice))


def apply(deployment: Deployment, name: str, *, who: str, override: bool = False, why: str = "") -> Notice:
    """Let a change take effect and carry it out on the hub; once in effect, carry out what the contract gained since.

    GateClosed names every obstacle; `override` passes those of units, with its reason.
    """
    if override and not why.strip():
        raise GateClosed("an override needs its reason", "Say --why: it is kept in the chain of receipts.")
    with acting(deployment) as act:
        notice = store.lock(act.hub, store.find(act.hub, name))
        if notice.state not in IN_EFFECT:
            notice = _open(act, notice, who=who, override=override, why=why)
        carry_out(act, notice)
        return notice


def obstacles(act: Act, notice: Notice) -> list[Obstacle]:
    """Return what stands in the way of a notice: nothing when it may take effect, or has."""
    if notice.state in IN_EFFECT:
        return []
    if notice.state != "announced":
        return [Obstacle("state", f"变更通知单状态为 {notice.state}，未在告知中 · it is {notice.state}, not announced")]
    revision = store.revision(act.hub, notice.notice, notice.revision)
    found = []
    if (today := settings.now().astimezone(settings.CHINA).date()) < revision.effective_on:
        found.append(
            Obstacle(
                "day", f"{revision.effective_on} 起生效，今天 {today} · it takes effect on {revision.effective_on}"
            )
        )
    standing = transition.views(act.hub)
    if revision.class_ != "emergency":  # whose answers come after the fact
        covered = {unit for view in standing if view.notice == notice.notice for unit in view.units}
        told = store.recipients(act.hub, notice.notice, notice.revision)
        found += [Obstacle("unit", _said(own), own.unit) for own in told if own.blocks and own.unit not in covered]
    return found + _of_hub(act, notice, revision, standing)


def _said(own: Recipient) -> str:
    if own.answer == "needs_time":
        return f"请求延期至 {own.answer_until} · needs time until {own.answer_until}"
    if own.answer == "objects":
        return f"有异议：{own.remark} · objects"
    return "尚未回执 · silent"


def _of_hub(act: Act, notice: Notice, revision: Revision, standing: Iterable[transition.View]) -> list[Obstacle]:
    """Return what of the contract's new version the notice did not announce, and views of another one that need the columns."""
    dataset = act.deployment.catalog.datasets[notice.dataset]
    found = hub_tables.table_columns(act.hub, dataset)
    try:
        made = evolving.between(dataset, found, hub_view.announced(revision.body))
    except GateClosed as error:
        return [Obstacle("contract", f"{error.message} · 该变更未在通知单中告知")]
    others = [
        v
        for v in standing
        if v.place == transition.HUB and v.base == hub_view.base(dataset) and v.notice != notice.notice
    ]
    if made.harmful and found:
        return [Obstacle("view", f"旧结构视图 {v.name} 尚在使用 · it stands until {v.drop_after}") for v in others]
    return []


def _open(act: Act, notice: Notice, *, who: str, override: bool, why: str) -> Notice:
    found = obstacles(act, notice)
    firm = [o for o in found if o.what != "unit"]
    if firm or (found and not override):
        named = "; ".join(f"{o.unit}: {o.words}" if o.unit else o.words for o in found)
        hint = "Wait, postpone it, give the units an old-shape view (`gateway notice view`), or `--override` with the bureau's reason."
        raise GateClosed(f"notice {notice.name} may not take effect: {named}", hint)
    now, passed = settings.now(), [o.unit for o in found]
    standing = replace(notice, state="effective")
    act.move(standing)
    dataset = act.deployment.catalog.datasets[notice.dataset]
    values = {
        "notice": notice.notice, "revision": notice.revision, "at": now, "who": who, "overridden": passed or None,
        "why": why or None, "before": hub_view.relation(act.deployment, dataset),
    }  # fmt: skip
    transition.run(act.hub, "open", values)
    act.chained(standing, {"what": "effective", "who": who, "overridden": passed, "why": why or None})
    return standing


def carry_out(act: Act, notice: Notice) -> bool:
    """Bring the hub's table to the contract as far as the notice announced it, with the views asked for; tell whether it did."""
    dataset = act.deployment.catalog.datasets[notice.dataset]
    columns = hub_view.announced(store.revision(act.hub, notice.notice, notice.revision).body)
    found = hub_tables.table_columns(act.hub, dataset)
    if not found or not evolving.between(dataset, found, columns).harmful:
        return False
    transition.wait_for_dataset(act.hub, dataset.name)
    made = hub_tables.ensure_table(act.hub, dataset, columns)
    assert made is not None
    views = hub_view.make(act, notice, dataset)
    transition.run(act.hub, "carried", {"notice": notice.notice, "at": settings.now()})
    body = {"what": "carry out", "dataset": dataset.name, "contract": dataset.version, **made.as_dict(), "views": views}
    act.chained(notice, {**body, "contents": proof.contents(act.hub, dataset)})
    return True
