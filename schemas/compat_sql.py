"""The script that makes an old-shape view, and the one that drops it: each a transaction that does not wait long for locks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import quote_ident

from gateway.errors import ViewRefused
from schemas.compat import Column, OldShape
from schemas.database import LOCK_TIMEOUT

_PUBLIC = "public"


def make(shape: OldShape, quoting: Connection, *, readers: Iterable[str] = (), trigger: bool = False) -> list[str]:
    """Return the statements that make the view with its grants; `readers` are roles that read it besides those of old.

    `quoting` is any connection. Run them in one transaction, after the change, with a search path of pg_catalog alone.
    """
    return _Script(shape, quoting).statements(tuple(readers), trigger=trigger)


def whole(statements: Iterable[str], ddl: str = "") -> str:
    """Return statements as one script of one transaction; the change itself comes first where it is given."""
    change = [ddl.strip().rstrip(";")] if ddl.strip() else []
    lines = [
        "begin", f"set local lock_timeout = '{LOCK_TIMEOUT}'", *change, "set local search_path = pg_catalog, pg_temp",
        *statements, "commit",
    ]  # fmt: skip
    return "".join(f"{line};\n" for line in lines)


def drop(schema: str, view: str, quoting: Connection) -> list[str]:
    """Return the statements that drop the view and its trigger; what was kept aside stays, and so does the schema."""
    name, function = (f"{quote_ident(schema, quoting)}.{quote_ident(n, quoting)}" for n in (view, f"{view}__insert"))
    return [f"drop view if exists {name}", f"drop function if exists {function}()"]


class _Script:
    """One view's statements; everything is quoted by a connection."""

    def __init__(self, shape: OldShape, quoting: Connection) -> None:
        self._shape, self._connection = shape, quoting
        self._view = self._name(shape.schema, shape.name)
        self._base = self._name(*shape.base)

    def statements(self, readers: tuple[str, ...], *, trigger: bool) -> list[str]:
        shape = self._shape
        invoker = " with (security_invoker = true)" if shape.row_security else ""
        items = ", ".join(self._item(c) for c in shape.columns)
        made = [
            self._schema(),
            f"create or replace view {self._view}{invoker} as select {items} from {self._base}",
        ]
        made += self._trigger() if trigger else [
            f"drop trigger if exists {self._id(f'{shape.name}__insert')} on {self._view}"
        ]  # fmt: skip
        return made + self._grants(readers)

    def _schema(self) -> str:
        """Return what makes the schema unless it is there: whoever may not make one can be given one."""
        name = self._id(self._shape.schema)
        text = f"begin if to_regnamespace({self._text(name)}) is null then create schema {name}; end if; end"
        return f"do {self._text(text)}"

    def _item(self, column: Column) -> str:
        name = self._id(column.name)
        if column.expression is not None:
            return f"({column.expression})::{column.type} as {name}"
        if column.source is None:
            return f"null::{column.type} as {name}"
        source = self._id(column.source)
        if column.new_type is not None:
            return f"{source}::{column.type} as {name}"
        return source if column.source == column.name else f"{source} as {name}"

    def _grants(self, readers: tuple[str, ...]) -> list[str]:
        grants: dict[tuple[str, str], Mapping[str, None]] = {}
        for role, privilege, columns in (*self._shape.grants, *((r, "SELECT", ()) for r in readers)):
            held = grants.get((role, privilege))
            grants[role, privilege] = {} if held == {} or not columns else {**(held or {}), **dict.fromkeys(columns)}
        schema = self._id(self._shape.schema)
        made = [f"grant usage on schema {schema} to {self._role(role)}" for role in sorted({r for r, _ in grants})]
        for (role, privilege), names in sorted(grants.items(), key=lambda g: g[0]):
            which = f" ({', '.join(map(self._id, names))})" if names else ""
            made.append(f"grant {privilege.lower()}{which} on {self._view} to {self._role(role)}")
        return made

    def _trigger(self) -> list[str]:
        """Return what lets rows in: defaults on the view, a function that writes the table, a table for what has no place."""
        shape = self._shape
        if shape.row_security and any(c.identity for c in shape.columns):
            raise ViewRefused(
                f"{shape.schema}.{shape.name}: with row security a writer would need the right to draw numbers itself",
                "Make the view without a trigger.",
            )
        function, kept = (self._name(shape.schema, f"{shape.name}__{part}") for part in ("insert", "kept"))
        definer = "invoker" if shape.row_security else "definer"
        body = sql.Literal(self._body(kept)).as_string(self._connection)
        table = (
            f"create table if not exists {kept} (kept_at timestamptz not null default clock_timestamp(), "
            "kept_by name not null default session_user, key jsonb not null, lost jsonb not null)"
        )
        made = (
            f"create or replace function {function}() returns trigger language plpgsql security {definer} "
            f"set search_path = pg_catalog, pg_temp as {body}"
        )
        trigger = (
            f"create or replace trigger {self._id(f'{shape.name}__insert')} instead of insert on {self._view} "
            f"for each row execute function {function}()"
        )
        filled = [c for c in shape.columns if c.default is not None and c.source is not None and not c.generated]
        alter = f"alter view {self._view} alter column"
        defaults = [f"{alter} {self._id(c.name)} set default {c.default}" for c in filled]
        return [table, made, f"revoke all on function {function}() from public", trigger, *defaults]

    def _body(self, kept: str) -> str:
        written = [c for c in self._shape.columns if c.source is not None and not c.generated and c.identity != "a"]
        names = ", ".join(self._id(c.source or "") for c in written)
        values = ", ".join(self._value(c) for c in written)
        body = f"begin insert into {self._base} ({names}) values ({values}); "
        lost = [c for c in self._shape.columns if c.source is None]
        if lost:
            given = " or ".join(f"new.{self._id(c.name)} is not null" for c in lost)
            values = f"{self._object(self._shape.key)}, {self._object(c.name for c in lost)}"
            body += f"if {given} then insert into {kept} (key, lost) values ({values}); end if; "
        return body + "return new; end"

    def _value(self, column: Column) -> str:
        value = f"new.{self._id(column.name)}"
        if column.new_type is not None:
            value = f"{value}::{column.new_type}"
        if column.identity:
            drawn = f"nextval(pg_get_serial_sequence({self._text(self._base)}, {self._text(column.source or '')}))"
            return f"coalesce({value}, {drawn})"
        return value

    def _object(self, names: Iterable[str]) -> str:
        pairs = (f"{self._text(name)}, new.{self._id(name)}" for name in names)
        return f"jsonb_build_object({', '.join(pairs)})"

    def _role(self, role: str) -> str:
        return "public" if role == _PUBLIC else self._id(role)

    def _id(self, name: str) -> str:
        return quote_ident(name, self._connection)

    def _name(self, schema: str, name: str) -> str:
        return f"{self._id(schema)}.{self._id(name)}"

    def _text(self, value: str) -> str:
        return sql.Literal(value).as_string(self._connection)
