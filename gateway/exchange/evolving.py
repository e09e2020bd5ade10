"""What a contract's new version does to its hub table: columns come, and those that go, move or change type pass the gate.

A column that comes harms nobody who reads the hub. One that goes, is renamed or retyped does: it is carried out only where
a notice that took effect announced it, and refused anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg2 import sql

from gateway.errors import CatalogInvalid, GateClosed
from gateway.model import Dataset, Field

Opened = Mapping[str, str | None]  # a column that a notice announced, and its new name; None when it goes


@dataclass(frozen=True, slots=True)
class Evolution:
    """What differs between a contract and its hub table."""

    added: tuple[Field, ...]
    renamed: Mapping[str, str]
    dropped: tuple[str, ...]
    retyped: tuple[Field, ...]

    @property
    def harmful(self) -> tuple[str, ...]:
        """Return the columns whose readers are harmed, by the names that they know."""
        return (*self.renamed, *self.dropped, *(f.name for f in self.retyped))

    def as_dict(self) -> dict[str, list[str] | dict[str, str]]:
        """Return it for the chain."""
        return {
            "added": [f.name for f in self.added], "renamed": dict(self.renamed), "dropped": list(self.dropped),
            "retyped": [f.name for f in self.retyped],
        }  # fmt: skip


def between(dataset: Dataset, found: Mapping[str, str], opened: Opened) -> Evolution:
    """Return what brings a table's columns (name to type) to a contract.

    GateClosed for a column that would be lost or change its type and that no notice opened.
    """
    wanted = {f.name: f for f in dataset.fields}
    lost = [name for name in found if name not in wanted and not name.startswith("gw_")]
    renamed = {n: new for n in lost if (new := opened.get(n)) and new in wanted and new not in found}
    retyped = tuple(
        f
        for old, f in [(n, wanted[renamed.get(n, n)]) for n in found if n in wanted or n in renamed]
        if not same_type(f.hub_type, found[old])
    )
    made = Evolution(
        tuple(f for f in dataset.fields if f.name not in found and f.name not in renamed.values()),
        renamed,
        tuple(n for n in lost if n not in renamed),
        retyped,
    )
    _refuse_unopened(dataset, found, made, opened)
    return made


def statements(
    made: Evolution, dataset: Dataset, table: sql.Composable, gone: sql.Composable, definitions: Mapping[str, sql.Composable]
) -> list[sql.Composable]:  # fmt: skip
    """Return the statements that carry it out on the table, and on its tombstones where the key is concerned."""
    made_of: list[sql.Composable] = []
    for old, new in made.renamed.items():
        names = sql.Identifier(old), sql.Identifier(new)
        made_of += [_alter(t, "rename column {} to {}", *names) for t in _concerned(new, dataset, table, gone)]
    made_of += [_alter(table, "add column {}", definitions[f.name]) for f in made.added]
    for field in made.retyped:
        name, kind = sql.Identifier(field.name), sql.SQL(field.hub_type)
        tables = _concerned(field.name, dataset, table, gone)
        made_of += [_alter(t, "alter column {} type {} using {}::{}", name, kind, name, kind) for t in tables]
    return made_of + [_alter(table, "drop column {}", sql.Identifier(n)) for n in made.dropped]


def _concerned(
    name: str, dataset: Dataset, table: sql.Composable, gone: sql.Composable
) -> tuple[sql.Composable, ...]:  # fmt: skip
    return (table, gone) if name in dataset.key else (table,)


def _alter(table: sql.Composable, what: str, *parts: sql.Composable) -> sql.Composable:
    return sql.SQL("alter table {} ").format(table) + sql.SQL(what).format(*parts)


def _refuse_unopened(dataset: Dataset, found: Mapping[str, str], made: Evolution, opened: Opened) -> None:
    hint = "Announce it (`gateway notice draft`), then run `gateway notice apply NOTICE`; or keep the field in the contract."
    if unopened := [n for n in made.dropped if n not in opened]:
        raise GateClosed(
            f"contract {dataset.name}: the hub still has column {', '.join(unopened)}, and who reads it was not told",
            hint,
        )
    reverse = {new: old for old, new in made.renamed.items()}
    for field in made.retyped:
        old = reverse.get(field.name, field.name)
        if old not in opened:
            raise GateClosed(
                f"contract {dataset.name}: field {field.name} is {field.hub_type}, the hub holds {found[old]}, and who reads it "
                f"was not told",
                hint,
            )


def refuse_new_key(dataset: Dataset, held: Iterable[str], made: Evolution) -> None:
    """Refuse a contract whose key is not that of the table, under its new names: rows could not be told apart as before."""
    if {made.renamed.get(name, name) for name in held} != set(dataset.key):
        raise CatalogInvalid(
            f"contract {dataset.name}: its key is not that of the hub's table", "Another key is another data set."
        )


def same_type(declared: str, found: str) -> bool:
    """Tell whether a contract's type is the one that the server names."""
    plain = found.replace(" without time zone", "").replace(" with time zone", "tz")
    if plain.startswith("timestamp(") and plain.endswith("tz"):
        plain = plain.removesuffix("tz").replace("timestamp", "timestamptz")
    return plain.replace(" ", "") == declared.replace(" ", "")
