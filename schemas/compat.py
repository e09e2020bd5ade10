"""A view of the old shape (旧结构视图): the columns that readers knew, in their order, over a relation that changed.

A renamed column is mapped, a retyped one is cast back, and one that is gone is NULL or an expression that the planned change
gives. What the view cannot do is said, never hidden: PostgreSQL takes rows through plain columns only, and a view takes COPY
only by a trigger, which in turn takes ON CONFLICT away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import ViewRefused
from schemas.diff.model import Change

_LOST = ("column.drop", "column.recreated")
_NEW_TABLE = ("table.rename", "table.move")
_OTHER_TABLE = ("table.drop", "table.swap", "table.recreated", "table.recreated.undecided")
_PATH = 3  # parts of a path that names a column


@dataclass(frozen=True, slots=True)
class Column:
    """One old column: what it is read from now. `expression` is the planned change's own; neither: it is NULL."""

    name: str
    type: str
    source: str | None
    expression: str | None = None
    new_type: str | None = None
    default: str | None = None
    identity: str | None = None
    generated: bool = False

    @property
    def plain(self) -> bool:
        """Tell whether rows can be written through it."""
        return self.source is not None and self.new_type is None


@dataclass(frozen=True, slots=True)
class OldShape:
    """The old shape of a relation over what is there now."""

    schema: str
    name: str
    base: tuple[str, str]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    row_security: bool
    grants: tuple[tuple[str, str, tuple[str, ...]], ...]  # role, privilege, columns (none: all)
    required: tuple[str, ...]  # new columns that must be given and that no old writer knows

    def lacking(self, *, trigger: bool) -> list[str]:
        """Return what old writers can not do through the view, in words."""
        blind = [c.name for c in self.columns if not c.plain and not c.generated]
        found = []
        if self.required:
            found.append(
                f"takes no rows: the new column {', '.join(self.required)} must be given, and no old writer knows it"
            )
        elif blind and not trigger:
            found.append(f"takes no rows that name {', '.join(blind)}; a trigger (--writable) does")
        if trigger:
            found.append("no ON CONFLICT: a trigger takes each row")
            if lost := [c.name for c in self.columns if c.source is None]:
                found.append(f"what is written to {', '.join(lost)} is kept aside in {self.schema}.{self.name}__kept")
        else:
            found.append("no COPY FROM: a view takes none without a trigger")
        if self.row_security:
            found.append("asks for the reader's own rights on the table (row security)")
        return found


def of(
    relation: Mapping[str, Any], changes: Iterable[Change], schema: str, expressions: Mapping[str, str] | None = None
) -> OldShape:
    """Return the old shape of a snapshot's relation after changes; ViewRefused when its rows are not there any more."""
    path = f"{relation['schema']}.{relation['name']}"
    found = tuple(changes)
    columns = {c["name"] for c in relation["columns"]}
    own = [c for c in found if c.path == path]
    if gone := next((c for c in own if c.rule.partition(".")[2] in _OTHER_TABLE), None):
        raise ViewRefused(
            f"{path}: {gone.rule} leaves nothing to read the old rows from", "Have the source keep the table."
        )
    if strange := set(expressions or {}) - columns:
        raise ViewRefused(f"{path} had no column {', '.join(sorted(strange))}", "Name columns of the old shape.")
    moved = next((str(c.after) for c in own if c.rule.partition(".")[2] in _NEW_TABLE), path)
    inside = _Inside(path, found, expressions or {})
    return OldShape(
        schema,
        str(relation["name"]),
        (moved.partition(".")[0], moved.partition(".")[2]),
        tuple(inside.column(c) for c in relation["columns"]),
        next((tuple(k["columns"]) for k in relation.get("constraints", ()) if k["type"] == "p"), ()),
        bool(relation.get("rls")),
        tuple(_grants(relation)),
        tuple(
            c.path.rpartition(".")[2]
            for c in found
            if c.rule.endswith("column.add.required") and c.path.startswith(path)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Inside:
    """What the changes say of each column of one relation."""

    path: str
    changes: tuple[Change, ...]
    expressions: Mapping[str, str]

    def column(self, column: Mapping[str, Any]) -> Column:
        """Return what an old column is read from."""
        name, old_type = str(column["name"]), str(column["type"])
        if name in self.expressions:
            return Column(name, old_type, None, self.expressions[name])
        its = {c.rule.partition(".")[2]: c for c in self.changes if c.path == f"{self.path}.{name}"}
        if any(rule in its for rule in _LOST):
            return Column(name, old_type, None)
        source = str(its["column.rename"].after) if "column.rename" in its else name
        if "column.swap" in its:
            source = self._swapped(name, its["column.swap"].before)
        retyped = next((c for rule, c in its.items() if rule.startswith("type.") and c.before == old_type), None)
        return Column(
            name, old_type, source, None, None if retyped is None else str(retyped.after), column.get("default"),
            column.get("identity"), bool(column.get("generated")),
        )  # fmt: skip

    def _swapped(self, name: str, number: Any) -> str:
        """Return under which name a column is now whose own passed to another."""
        for change in self.changes:
            if (
                change.rule.endswith("column.swap")
                and change.after == number
                and change.path.startswith(f"{self.path}.")
            ):
                return change.path.rpartition(".")[2]
        raise ViewRefused(
            f"{self.path}.{name} is another column now, and where the old one went is not known",
            "Give it by an expression: `old_columns` of the plan.",
        )


def _grants(relation: Mapping[str, Any]) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    for entry in relation.get("acl") or ():
        role, _, privilege = str(entry).rpartition(":")
        if privilege in {"SELECT", "INSERT", "UPDATE", "DELETE"}:
            yield role, privilege, ()
    by_column: dict[tuple[str, str], list[str]] = {}
    for column in relation["columns"]:
        for entry in column.get("acl") or ():
            role, _, privilege = str(entry).rpartition(":")
            if privilege in {"SELECT", "INSERT", "UPDATE"}:
                by_column.setdefault((role, privilege), []).append(str(column["name"]))
    for (role, privilege), names in by_column.items():
        yield role, privilege, tuple(names)
