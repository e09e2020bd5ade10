"""The stage of a rehearsal: on a server that is thrown away, the structure as it is and as it will be, with the same rows.

Both have the platform's grants, references, triggers and policies: without them work would pass that fails on the day.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.embedded import Server
from schemas import scratch
from schemas.rehearsal.sample import Sample
from schemas.snapshot import copy, copy_guards

OWNER = "rehearsal_owner"
BEFORE, AFTER = "before", "after"
_EMPTY = "empty"
_ADMIN = "postgres"  # who owns the server, and is nobody of the platform's
_TIMEOUT = "30s"
_FOREIGN_KEY = "23503"
_QUOTED = re.compile(r': ".*"')


@dataclass
class Stage:
    """Where units' work is done; `refused` is why the announced structure could not be made, and how that is to be judged."""

    server: Server
    password: str
    accounts: frozenset[str]
    refused: str = ""
    undecided: str = ""
    left_out: list[str] = field(default_factory=list)

    def dsn(self, side: str, account: str = "") -> str:
        """Return the address of a side for an account; one that the platform's grants do not name is the tables' owner."""
        return self.server.dsn(side, account if account in self.accounts else OWNER, self.password)


@contextmanager
def built(
    shape: Mapping[str, Any], functions: Sequence[str], sample: Sample, script: str, accounts: set[str]
) -> Iterator[Stage]:
    """Yield the stage; SchemaMismatch when the structure as it is cannot be copied. `accounts` may log in besides."""
    with scratch.throw_away() as server:
        named = {name for name in copy_guards.accounts(shape) | accounts if not name.startswith("pg_")}
        stage = Stage(server, secrets.token_hex(16), frozenset(named - {OWNER, _ADMIN}))
        _admit(stage, shape)
        with closing(_owner(stage, BEFORE)) as owner:
            later = _build(owner, shape, functions)
        _clone(stage, BEFORE, _EMPTY)
        with closing(_owner(stage, BEFORE)) as owner:
            _load(owner, sample, shape)
        for side in (BEFORE, _EMPTY):
            with closing(_owner(stage, side)) as owner:
                stage.left_out = _guard(owner, later, shape)
        _clone(stage, BEFORE, AFTER)
        _change(stage, script)
        yield stage


def _admit(stage: Stage, shape: Mapping[str, Any]) -> None:
    """Make the accounts; none may do more than own the copy, for what runs there is of others' making."""
    with closing(_admin(stage, "postgres")) as admin:
        for name in sorted({OWNER, *stage.accounts}):
            made = sql.SQL("create role {} login password {}")
            pg.run(admin, made.format(sql.Identifier(name), sql.Literal(stage.password)))
        for statement in copy_guards.memberships(shape):
            scratch.build(admin, statement)
        pg.run(admin, sql.SQL("grant set on parameter session_replication_role to {}").format(sql.Identifier(OWNER)))
        pg.run(admin, sql.SQL("create database {} owner {}").format(sql.Identifier(BEFORE), sql.Identifier(OWNER)))
    with closing(_admin(stage, BEFORE)) as admin:
        pg.run(admin, "drop schema public")


def _build(owner: Connection, shape: Mapping[str, Any], functions: Sequence[str]) -> list[copy.Statement]:
    """Build the structure as it is, without guards; return what could not be built before its tables stood."""
    pg.run(owner, "set check_function_bodies = off")
    for schema in shape["schemas"]:
        pg.run(owner, sql.SQL("create schema if not exists {}").format(sql.Identifier(schema["name"])))
    made = [copy.Statement(sql.SQL(text), needed=False) for text in functions]
    later = [statement for statement in made if not scratch.build(owner, statement)]
    return later + [statement for statement in copy.statements(shape) if not scratch.build(owner, statement)]


def _guard(owner: Connection, later: Sequence[copy.Statement], shape: Mapping[str, Any]) -> list[str]:
    """Build what was left, then what guards the rows; return the beginnings of what could not be built."""
    pg.run(owner, "set check_function_bodies = off")
    missing = [s for s in (*later, *copy_guards.statements(shape)) if not scratch.build(owner, s)]
    return [" ".join(statement.text.as_string(owner).split()[:6]) for statement in missing]


def _load(owner: Connection, sample: Sample, shape: Mapping[str, Any]) -> None:
    """Write the sample's rows; one that does not fit its own table is left out. Triggers and references sleep meanwhile."""
    pg.run(owner, "set session_replication_role = replica")
    relations = {f"{r['schema']}.{r['name']}": r for r in shape["relations"] if r["kind"] in "rp"}
    for relation, rows in sample.rows.items():
        if relation not in relations:
            continue
        filled = [c["name"] for c in relations[relation]["columns"] if not c.get("generated")]
        name = sql.Identifier(*relation.split(".", 1))
        statement = sql.SQL(
            "insert into {0} ({1}) overriding system value select {1} from jsonb_populate_recordset(null::{0}, %s::jsonb)"
        ).format(name, pg.names(filled))
        if not _put(owner, statement, rows):
            kept = [row for row in rows if _put(owner, statement, [row])]
            sample.left_out += len(rows) - len(kept)
            sample.rows[relation] = kept


def _put(owner: Connection, statement: sql.Composable, rows: list[dict[str, Any]]) -> bool:
    try:
        pg.run(owner, statement, (json.dumps(rows),))
    except (psycopg2.DataError, psycopg2.IntegrityError):
        return False
    return True


def _change(stage: Stage, script: str) -> None:
    """Carry out the change; what fails without any row is the script's fault, what fails with them the rows'."""
    with closing(_owner(stage, _EMPTY)) as owner:
        fault = _run(owner, script)
    if fault is not None:
        stage.refused = f"the script does not run on a copy of the structure: {words(fault)}"
        return
    with closing(_owner(stage, AFTER)) as owner:
        fault = _run(owner, script)
    if fault is None:
        return
    if fault.pgcode == _FOREIGN_KEY:
        stage.undecided = f"the sample lacks rows that others refer to: {words(fault)}"
    elif isinstance(fault, psycopg2.errors.QueryCanceled):
        stage.undecided = f"the script takes longer than {_TIMEOUT} on the sample"
    else:
        stage.refused = f"rows as there are today refuse the change: {words(fault)}"


def _run(owner: Connection, script: str) -> psycopg2.Error | None:
    try:
        pg.run(owner, "select set_config('statement_timeout', %s, false)", (_TIMEOUT,))
        pg.run(owner, sql.SQL("begin; {}; commit").format(sql.SQL(script.strip().rstrip(";"))))
    except psycopg2.Error as error:
        return error
    return None


def words(error: psycopg2.Error) -> str:
    """Return what a server said, without the value that it may have quoted."""
    said = (error.diag.message_primary if error.diag else None) or type(error).__name__
    return _QUOTED.sub("", said) if (error.pgcode or "").startswith(("22", "P0")) else said


def _clone(stage: Stage, source: str, name: str) -> None:
    with closing(_admin(stage, "postgres")) as admin:
        made = sql.SQL("create database {} owner {} template {}")
        pg.run(admin, made.format(sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(source)))


def _admin(stage: Stage, database: str) -> Connection:
    return _connected(stage.server.dsn(database))


def _owner(stage: Stage, database: str) -> Connection:
    return _connected(stage.dsn(database))


def _connected(dsn: str) -> Connection:
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    return connection
