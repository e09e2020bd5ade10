"""The part of a copy that guards its rows: grants, row security, policies, triggers. `create table … (like …)` leaves them out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from psycopg2.sql import SQL, Composable, Identifier

from schemas.snapshot.copy import Statement

_COMMANDS = {"r": "select", "a": "insert", "w": "update", "d": "delete", "*": "all"}
_PUBLIC = "public"


def accounts(shape: Mapping[str, Any]) -> set[str]:
    """Return the roles that grants and policies of a shape name."""
    named = {entry.rpartition(":")[0] for entry in _entries(shape)}
    for relation in shape["relations"]:
        named |= {role for policy in relation.get("policies", ()) for role in policy.get("roles") or ()}
    named |= {role["role"] for role in shape.get("access", ())}
    return named - {_PUBLIC}


def memberships(shape: Mapping[str, Any]) -> Iterator[Statement]:
    """Yield which accounts belong to which; only who may make roles may say so."""
    for role in shape.get("access", ()):
        for group in role.get("member_of") or ():
            yield Statement(SQL("grant {} to {}").format(Identifier(group), Identifier(role["role"])), needed=False)


def statements(shape: Mapping[str, Any]) -> Iterator[Statement]:
    """Yield what guards the rows of a copy whose tables stand already; its accounts must exist."""
    for schema in shape["schemas"]:
        for entry in schema.get("acl") or ():
            yield _grant(entry, SQL("schema {}").format(Identifier(schema["name"])))
    for relation in shape["relations"]:
        name = Identifier(relation["schema"], relation["name"])
        for entry in relation.get("acl") or ():
            yield _grant(entry, name)
        for column in relation["columns"]:
            for entry in column.get("acl") or ():
                yield _grant(entry, name, column["name"])
        yield from _security(relation, name)
        for trigger in relation.get("triggers", ()):
            yield Statement(SQL(trigger["def"]), needed=False)


def _security(relation: Mapping[str, Any], name: Composable) -> Iterator[Statement]:
    if relation.get("rls"):
        yield Statement(SQL("alter table {} enable row level security").format(name))
    if relation.get("force_rls"):
        yield Statement(SQL("alter table {} force row level security").format(name))
    for policy in relation.get("policies", ()):
        roles = SQL(", ").join(
            SQL("public") if role == _PUBLIC else Identifier(role) for role in policy.get("roles") or (_PUBLIC,)
        )
        parts = [
            SQL("create policy {} on {} as {} for {} to {}").format(
                Identifier(policy["name"]), name, SQL("permissive" if policy.get("permissive") else "restrictive"),
                SQL(_COMMANDS[policy["cmd"]]), roles,
            )
        ]  # fmt: skip
        parts += [SQL("using ({})").format(SQL(policy["using"]))] if policy.get("using") else []
        parts += [SQL("with check ({})").format(SQL(policy["check"]))] if policy.get("check") else []
        yield Statement(SQL(" ").join(parts), needed=False)


def _grant(entry: str, place: Composable, column: str = "") -> Statement:
    who, _, right = entry.rpartition(":")
    named = SQL("public") if who == _PUBLIC else Identifier(who)
    right_on = SQL("{} ({})").format(SQL(right), Identifier(column)) if column else SQL(right)
    return Statement(SQL("grant {} on {} to {}").format(right_on, place, named), needed=False)


def _entries(shape: Mapping[str, Any]) -> Iterator[str]:
    for schema in shape["schemas"]:
        yield from schema.get("acl") or ()
    for relation in shape["relations"]:
        yield from relation.get("acl") or ()
        for column in relation["columns"]:
            yield from column.get("acl") or ()
