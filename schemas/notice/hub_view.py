"""Old-shape views in the hub: for units that read the hub's own tables, made in the transaction that changes the table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.exchange import evolving
from gateway.exchange import hub as hub_tables
from gateway.exchange.evolving import Evolution
from gateway.model import Dataset
from schemas import compat, compat_sql
from schemas.diff.model import Change, Effect
from schemas.notice import store, transition
from schemas.notice.act import Act
from schemas.notice.store import Notice
from schemas.notice.transition import HUB
from schemas.snapshot import pg as pg_snapshot


def base(dataset: Dataset) -> str:
    """Return the name of a data set's table in full."""
    return f"{hub_tables.SCHEMA}.{dataset.hub_name}"


def relation(deployment: Deployment, dataset: Dataset) -> dict[str, Any] | None:
    """Return the hub's table as a snapshot holds it; None when there is none yet."""
    with closing(deployment.hub(name="gateway snapshot", autocommit=True)) as hub, pg.hub_errors("read a structure"):
        if not hub_tables.table_columns(hub, dataset):
            return None
        return pg_snapshot.relation(hub, hub_tables.SCHEMA, dataset.hub_name)


def announced(body: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the columns whose change a notice announced, with a new name, or None where the column goes or stays."""
    found: dict[str, str | None] = {}
    for change in (Change.of(item) for item in body["changes"]):
        name = change.path.replace("/", ".").rpartition(".")[2]
        renamed = change.rule.endswith(".rename") and isinstance(change.after, str)
        found[name] = str(change.after) if renamed else found.get(name)
    return found


def shape(before: Mapping[str, Any], dataset: Dataset, body: Mapping[str, Any], schema: str) -> compat.OldShape:
    """Return the old shape of the hub's table over what its contract makes of it."""
    columns = {str(c["name"]): str(c["type"]) for c in before["columns"]}
    made = evolving.between(dataset, columns, announced(body))
    given = {name: text for name, text in (body.get("old_columns") or {}).items() if name in made.dropped}
    return compat.of(before, _changes(base(dataset), columns, made), schema, given)


def make(act: Act, notice: Notice, dataset: Dataset) -> list[str]:
    """Make the views that were asked for, after the table changed, in the same transaction; return their names."""
    revision, opening = (
        store.revision(act.hub, notice.notice, notice.revision),
        transition.opening(act.hub, notice.notice),
    )
    assert opening is not None
    asked = [v for v in transition.views(act.hub, notice.notice) if v.place == HUB and v.made_at is None]
    for view in asked:
        old = shape(opening["before"], dataset, revision.body, view.schema)
        _make_schema(act.hub, view.schema)
        pg.run(act.hub, "set local search_path = pg_catalog, pg_temp")
        for statement in compat_sql.make(old, act.hub, readers=view.units.values(), trigger=view.writable):
            pg.run(act.hub, statement)
        pg.run(act.hub, "set local search_path to default")
        transition.put_view(act.hub, replace(view, made_at=settings.now(), drop_after=revision.transition_until))
    return [view.name for view in asked]


def _make_schema(hub: Connection, name: str) -> None:
    """Make a schema as the account that logged in, for the role that the gateway works as, which may make none."""
    role = str(pg.one(hub, "select current_setting('role')")[0])
    if role == "none":
        return
    pg.run(hub, "set local role none")
    made = sql.SQL("create schema if not exists {} authorization {}")
    pg.run(hub, made.format(sql.Identifier(name), sql.Identifier(role)))
    pg.run(hub, sql.SQL("set local role {}").format(sql.Identifier(role)))


def _changes(table: str, columns: Mapping[str, str], made: Evolution) -> list[Change]:
    breaking = (Effect.breaking, Effect.breaking)
    old = {new: name for name, new in made.renamed.items()}
    retyped = [(old.get(f.name, f.name), f.hub_type) for f in made.retyped]
    return [
        *(Change("column_renamed", f"{table}.{n}", n, new, *breaking, "pg.column.rename") for n, new in made.renamed.items()),
        *(Change("column_dropped", f"{table}.{n}", n, None, *breaking, "pg.column.drop") for n in made.dropped),
        *(Change("type_changed", f"{table}.{n}", columns[n], new, *breaking, "pg.type.change") for n, new in retyped),
    ]  # fmt: skip
