"""A guard before the structure of a PostgreSQL server: DDL on shared relations is refused outside a notice's window.

It is a brake and never the detector: what it lets through (`LIMITS`) is found by the hourly look, as everything is where no
guard stands. Its tables decide, not the setting that a session may forge; they are written by the gateway's role alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import GuardRefused, NotFound
from gateway.exchange import hub as hub_tables
from gateway.model import Platform
from gateway.sql import queries
from schemas import database

_SQL = queries(__file__)
HOURS = 24  # for which a window is open; it closes by itself
LIMITS = (
    "GRANT and REVOKE", "DROP TRIGGER and DROP POLICY", "a changed body of a trigger's function",
    "CREATE INDEX and DROP INDEX", "TRUNCATE", "views that are not listed",
    "a superuser who turns event triggers off", "what somebody did and rolled back",
)  # fmt: skip


def labels(deployment: Deployment, platform: Platform | None) -> list[str]:
    """Return the relations of a platform that data sets are read from or written to; the hub's tables when it is None."""
    if platform is None:
        return sorted({f"{hub_tables.SCHEMA}.{d.hub_name}" for d in deployment.catalog.datasets.values()})
    routes = [r for r in deployment.catalog.routes.values() if r.peer.platform == platform.platform]
    return sorted({r.dataset.table if "." in r.dataset.table else f"public.{r.dataset.table}" for r in routes})


def own_roles(hub: Connection, login: str) -> list[str]:
    """Return the roles that the gateway works as in the hub: its own tables pass its own gate."""
    found = pg.one(hub, "select rolname from pg_catalog.pg_roles where rolname = 'gateway_load'")
    return [found[0] if found else login]


def script(quoting: Connection, shared: Sequence[str], writer: str, own: Sequence[str] = ()) -> str:
    """Return what a superuser runs to install the guard; `writer` opens windows, the roles of `own` are not held up."""
    parts = [_SQL["script"], "delete from gateway_guard.shared_relation;"]
    insert = sql.SQL(
        "insert into gateway_guard.shared_relation select c.oid, {label} from pg_catalog.pg_class c "
        "join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = {schema} and c.relname = {name};"
    )
    for label in shared:
        schema, _, name = label.partition(".")
        made = insert.format(label=sql.Literal(label), schema=sql.Literal(schema), name=sql.Literal(name))
        parts.append(made.as_string(quoting))
    for role in own:
        made = sql.SQL("insert into gateway_guard.own_role values ({}) on conflict do nothing;").format(
            sql.Literal(role)
        )
        parts.append(made.as_string(quoting))
    granted = sql.SQL(
        "grant usage on schema gateway_guard to {0};\ngrant select on all tables in schema gateway_guard to {0};\n"
        "grant insert, update, delete on gateway_guard.ddl_window to {0};"
    ).format(sql.Identifier(writer))
    return "begin;\n" + "\n".join([*parts, granted.as_string(quoting)]) + "\ncommit;\n"


def install(connection: Connection, text: str) -> None:
    """Run the script; GuardRefused when the account is no superuser, which event triggers need."""
    if not pg.one(connection, "select rolsuper from pg_catalog.pg_roles where rolname = current_user")[0]:
        raise GuardRefused(
            "only a superuser may make event triggers", "Have its administrator run the script: `--sql` prints it."
        )
    pg.run(connection, text)


def remove(connection: Connection) -> None:
    """Take the guard away; nothing happens where there is none."""
    if not pg.one(connection, "select rolsuper from pg_catalog.pg_roles where rolname = current_user")[0]:
        raise GuardRefused("only a superuser may drop event triggers", "`--sql` prints the script.")
    pg.run(connection, removal())


def removal() -> str:
    """Return what a superuser runs to take the guard away."""
    return _SQL["remove"]


def status(connection: Connection) -> list[dict[str, Any]]:
    """Return what is guarded and which windows are open; NotFound without a guard, GuardRefused when it was turned off."""
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(_SQL["installed"])
        triggers = {row["evtname"]: row["evtenabled"] for row in cursor.fetchall()}
        if not triggers:
            raise NotFound("there is no guard", "Run `gateway schema guard install`.")
        if len(triggers) < 2 or "D" in triggers.values():  # noqa: PLR2004 - one for commands, one for drops
            raise GuardRefused("the guard was turned off or is half gone", "Run `gateway schema guard install` again.")
        cursor.execute(_SQL["shared"])
        return [dict(row) for row in cursor.fetchall()]


def open_window(deployment: Deployment, number: str, platform: str, dataset: str) -> int:
    """Open the window of a notice in effect at its platform, where a guard stands; return the relations it opens."""
    if deployment.catalog.platforms[platform].connector != "postgres":
        return 0
    table = deployment.catalog.datasets[dataset].table
    with (
        pg.platform_errors(platform, "open a window of the guard"),
        closing(database.connect(deployment, platform)) as there,
        there,
    ):
        return window(there, number, table if "." in table else f"public.{table}")


def window(there: Connection, number: str, label: str, hours: int = HOURS) -> int:
    """Open a window for a relation, once a notice; nothing where no guard stands, GuardRefused where it may open none.

    The connection commits by itself, or this is a part of its transaction.
    """
    try:
        if not pg.one(there, _SQL["stands"])[0]:
            return 0
        return pg.run(there, _SQL["open"], {"notice": number, "label": label, "hours": hours})
    except errors.InsufficientPrivilege as error:
        raise GuardRefused(
            "the gateway's account may not open a window of the guard",
            "Install the guard again with that account: `gateway schema guard install`.",
        ) from error
