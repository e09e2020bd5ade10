"""A snapshot turned back into statements that build the same structure, empty, on another server.

What a snapshot holds as text (types, defaults, definitions) was written by a PostgreSQL server and is taken over as it is;
names are quoted. Functions are not in a snapshot: what calls one of the platform's own cannot be built and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql
from psycopg2.sql import SQL, Composable, Identifier

_SEQUENCE = re.compile(r"nextval\('((?:[^']|'')+)'::regclass\)")
_GENERATED = {"s": SQL(" stored"), "v": SQL(" virtual")}
_LAST = {"f": 1}  # foreign keys come after the keys they refer to


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, and whether the copy is of no use without it."""

    text: Composable
    needed: bool = True


def statements(shape: Mapping[str, Any]) -> Iterator[Statement]:
    """Yield what builds a shape, in an order in which each finds what it refers to."""
    for schema in shape["schemas"]:
        yield Statement(SQL("create schema if not exists {}").format(Identifier(schema["name"])))
    tables = [r for r in shape["relations"] if r["kind"] in "rpf"]
    yield from _types(tables)
    yield from _sequences(tables)
    for relation in sorted(tables, key=lambda r: "parent" in r):
        yield _table(relation)
        yield from _comments(relation)
    constraints = [(r, c) for r in tables for c in r.get("constraints", ())]
    for relation, constraint in sorted(constraints, key=lambda pair: _LAST.get(pair[1]["type"], 0)):
        made = SQL("alter table {} add constraint {} {}").format(
            _name(relation), Identifier(constraint["name"]), SQL(constraint["def"])
        )
        yield Statement(made, needed=False)
    for relation in tables:
        for index in relation.get("indexes", ()):
            yield Statement(SQL(index["def"]), needed=False)
    for relation in sorted((r for r in shape["relations"] if r["kind"] in "vm"), key=lambda r: r["oid"]):
        kind = SQL("materialized view" if relation["kind"] == "m" else "view")
        body = SQL(relation["view"].rstrip().rstrip(";"))
        yield Statement(SQL("create {} {} as {}").format(kind, _name(relation), body), needed=False)


def _types(tables: list[Mapping[str, Any]]) -> Iterator[Statement]:
    made: set[str] = set()
    for column in (c for relation in tables for c in relation["columns"]):
        name = column["type"].removesuffix("[]")
        if name in made or not ("enum" in column or "domain" in column):
            continue
        made.add(name)
        if "enum" in column:
            labels = sql.SQL(", ").join(map(sql.Literal, column["enum"]))
            yield Statement(SQL("create type {} as enum ({})").format(SQL(name), labels))
        else:
            domain = column["domain"]
            parts: list[Composable] = [SQL(domain["base"])]
            if domain["notnull"]:
                parts.append(SQL("not null"))
            parts += [SQL("default {}").format(SQL(domain["default"]))] if domain["default"] else []
            parts += [SQL(check) for check in domain["checks"]]
            yield Statement(SQL("create domain {} as {}").format(SQL(name), SQL(" ").join(parts)))


def _sequences(tables: list[Mapping[str, Any]]) -> Iterator[Statement]:
    defaults = (c.get("default") or "" for relation in tables for c in relation["columns"])
    for name in sorted({found for default in defaults for found in _SEQUENCE.findall(default)}):
        yield Statement(SQL("create sequence if not exists {}").format(SQL(name.replace("''", "'"))))


def _table(relation: Mapping[str, Any]) -> Statement:
    if "parent" in relation and "bound" in relation:
        made = SQL("create table {} partition of {} {}").format(
            _name(relation), SQL(relation["parent"]), SQL(relation["bound"])
        )
        return Statement(made, needed=False)
    columns = SQL(", ").join(_column(c) for c in relation["columns"])
    kind = SQL("create unlogged table") if relation["persistence"] == "u" else SQL("create table")
    parted = SQL(" partition by {}").format(SQL(relation["partition_key"])) if relation["kind"] == "p" else SQL("")
    return Statement(SQL("{} {} ({}){}").format(kind, _name(relation), columns, parted))


def _column(column: Mapping[str, Any]) -> Composable:
    parts: list[Composable] = [Identifier(column["name"]), SQL(column["type"])]
    if "collation" in column:
        parts.append(SQL("collate {}").format(Identifier(column["collation"])))
    if column.get("notnull"):
        parts.append(SQL("not null"))
    if identity := column.get("identity"):
        parts.append(SQL("generated {} as identity").format(SQL("always" if identity == "a" else "by default")))
    elif generated := column.get("generated"):
        parts.append(SQL("generated always as ({}){}").format(SQL(column["default"]), _GENERATED[generated]))
    elif default := column.get("default"):
        parts.append(SQL("default {}").format(SQL(default)))
    return SQL(" ").join(parts)


def _comments(relation: Mapping[str, Any]) -> Iterator[Statement]:
    if comment := relation.get("comment"):
        yield Statement(SQL("comment on table {} is {}").format(_name(relation), sql.Literal(comment)), needed=False)
    for column in relation["columns"]:
        if comment := column.get("comment"):
            place = SQL("{}.{}").format(_name(relation), Identifier(column["name"]))
            yield Statement(SQL("comment on column {} is {}").format(place, sql.Literal(comment)), needed=False)


def _name(relation: Mapping[str, Any]) -> Composable:
    return Identifier(relation["schema"], relation["name"])
