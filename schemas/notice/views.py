"""Old-shape views of a notice: who reads the old shape until when, asked for ahead of time, made where the tables are.

A view covers a unit by the role that it reads with; a role that held no right on the old relation gets none here. In the hub
the view is made by the gate; on a platform by `make`, or by its administrator with the script that `plan` gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import GateClosed, NotFound, SchemaMismatch, ViewRefused
from gateway.sql import queries
from schemas import compat, compat_sql, database, guard
from schemas.compat import OldShape
from schemas.diff.model import Change
from schemas.notice import gate, hub_view, old_relation, store, transition
from schemas.notice.act import Act, acting
from schemas.notice.store import Notice
from schemas.notice.transition import HUB, View
from schemas.snapshot import pg as pg_snapshot

_SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Plan:
    """A view as it would be made: its place in the ledger, its shape, and the change that goes before it."""

    notice: Notice
    view: View
    shape: OldShape
    ddl: str

    @property
    def lacking(self) -> list[str]:
        """Return what old writers can not do through it."""
        return self.shape.lacking(trigger=self.view.writable)

    def statements(self, quoting: Connection) -> list[str]:
        """Return the statements that make it, without the change."""
        return compat_sql.make(self.shape, quoting, readers=self.view.units.values(), trigger=self.view.writable)


def plan(
    deployment: Deployment, name: str, units: Mapping[str, str], *, hub: bool, writable: bool = False, ddl: bool = False
) -> Plan:
    """Return the old-shape view of a notice; `units` maps each unit to the role it reads with.

    ViewRefused for a notice without the old shape, a unit that was not told, or a place where no view can stand.
    """
    with acting(deployment) as act:
        notice = store.get(act.hub, store.find(act.hub, name))
        revision = store.revision(act.hub, notice.notice, notice.revision)
        _refuse_strange(act, notice, units)
        place = HUB if hub else notice.platform
        script = str(revision.body.get("script") or "") if ddl else ""
        if ddl and not script:
            raise ViewRefused(f"notice {notice.name} was announced without a script", "Leave --ddl away.")
        before, changes = _hub_before(act, notice) if hub else old_relation.find(deployment, act.hub, notice, revision)
        base = f"{before['schema']}.{before['name']}"
        count = transition.rows(
            act.hub, "count_views", {"place": place, "base": base, "notice": notice.notice}
        )[0]["made"]  # fmt: skip
        schema = f"share_v{count + 1}"
        if hub:
            shape = hub_view.shape(before, deployment.catalog.datasets[notice.dataset], revision.body, schema)
        else:
            shape = compat.of(before, changes, schema, revision.body.get("old_columns"))
        found = View(place, schema, shape.name, notice.notice, base, dict(units), writable, revision.transition_until)
        return Plan(notice, found, shape, script)


def ask(deployment: Deployment, made: Plan, *, who: str) -> None:
    """Note that a view is to stand from the day of effect on: the units that it names are covered."""
    if not made.view.units:
        raise ViewRefused("no unit is named that reads the view", "Name each with its role: `--for UNIT=ROLE`.")
    with acting(deployment) as act:
        if made.view.place == HUB:
            _refuse_roles(act.hub, made)
        transition.put_view(act.hub, made.view)
        _chain(act, made, "view asked", who)


def make(deployment: Deployment, made: Plan, *, who: str, dsn: str = "") -> None:
    """Make the view on the platform, with the change itself where the plan holds it; one transaction there.

    GateClosed when the change is part of it and may not take effect; ViewRefused when the table still has the old shape.
    """
    if made.view.place == HUB:
        raise ViewRefused("in the hub the gate makes the view, when the table changes", "Leave --apply away.")
    if made.ddl:
        _refuse_closed(deployment, made)
    _on_platform(deployment, made, dsn)
    with acting(deployment) as act:
        transition.put_view(act.hub, replace(made.view, made_at=settings.now()))
        _chain(act, made, "view made", who)


def _on_platform(deployment: Deployment, made: Plan, dsn: str) -> None:
    place = made.view.place
    with (
        pg.platform_errors(place, f"make view {made.view.name}"),
        closing(database.connect(deployment, place, dsn)) as there,
    ):
        there.autocommit = True
        if made.ddl:
            guard.window(there, str(made.notice.number), made.view.base)
        else:
            _refuse_unchanged(there, made)
        there.autocommit = False
        with there:
            _refuse_roles(there, made)
            if made.ddl:
                pg.run(there, "select set_config('gateway.notice', %s, true)", (made.notice.number,))
                pg.run(there, made.ddl)
            pg.run(there, "set local search_path = pg_catalog, pg_temp")
            for statement in made.statements(there):
                pg.run(there, statement)


def _refuse_strange(act: Act, notice: Notice, units: Mapping[str, str]) -> None:
    if notice.state not in {"announced", *gate.IN_EFFECT}:
        raise ViewRefused(f"notice {notice.name} is {notice.state}", "A view serves a change that was announced.")
    told = {own.unit for own in store.recipients(act.hub, notice.notice, notice.revision)}
    if strange := sorted(set(units) - told):
        raise ViewRefused(f"notice {notice.name} was not told to {', '.join(strange)}", "Run `gateway notice show`.")


def _refuse_closed(deployment: Deployment, made: Plan) -> None:
    _, found = gate.ready(deployment, made.notice.name)
    left = [o for o in found if o.unit not in made.view.units]
    if left:
        named = "; ".join(f"{o.unit}: {o.words}" if o.unit else o.words for o in left)
        raise GateClosed(f"notice {made.notice.name} may not take effect: {named}", "Leave --ddl away, or wait.")


def _refuse_unchanged(there: Connection, made: Plan) -> None:
    """Refuse a view over a table whose columns are not there yet, before PostgreSQL names the first one that lacks."""
    schema, name = made.shape.base
    try:
        now = {c["name"] for c in pg_snapshot.relation(there, schema, name)["columns"]}
    except SchemaMismatch:
        now = set()
    if lacking := sorted({c.source for c in made.shape.columns if c.source} - now):
        raise ViewRefused(
            f"{schema}.{name} has no column {', '.join(lacking)} yet",
            "Make the view after the change, or both at once: --ddl.",
        )


def _refuse_roles(there: Connection, made: Plan) -> None:
    """Refuse a role that is not there, or that could not read the old relation: a view gives nobody a new right."""
    allowed = sorted({role for role, privilege, _ in made.shape.grants if privilege == "SELECT"})
    for unit, role in made.view.units.items():
        held = pg.one(there, _SQL["reads"], {"role": role, "allowed": allowed})
        if held is None:
            raise NotFound(f"there is no role {role}", f"Name the role that unit {unit} reads with.")
        if not held[0]:
            raise ViewRefused(
                f"role {role} of unit {unit} could not read {made.view.base}", "The view gives nobody a new right."
            )


def _hub_before(act: Act, notice: Notice) -> tuple[Mapping[str, Any], list[Change]]:
    opening = transition.opening(act.hub, notice.notice)
    dataset = act.deployment.catalog.datasets[notice.dataset]
    before = opening["before"] if opening else hub_view.relation(act.deployment, dataset)
    if before is None:
        raise ViewRefused(f"the hub has no table of {notice.dataset}", "There is nothing that anybody reads.")
    return before, []


def _chain(act: Act, made: Plan, what: str, who: str) -> None:
    view = made.view
    body = {"what": what, "who": who, "place": view.place, "view": view.name, "units": sorted(view.units)}
    act.chained(made.notice, body)
