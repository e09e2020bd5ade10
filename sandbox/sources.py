"""What the stand-in city's platforms hold and receive: tables as the contracts describe them.

The YAML is read here directly, so that the sandbox stays a stranger to the gateway's own loader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from psycopg2 import sql

CONTRACTS = Path(__file__).parent.parent / "schemas" / "contracts"
DATABASES: Mapping[str, tuple[str, ...]] = {
    "pop": ("pop.person",),
    "legal": ("legal.market_entity", "legal.institution", "legal.social_org"),
    "geo": ("geo.division", "geo.address"),
    "approval": (
        *("case.accept", "case.process", "case.special", "case.material", "case.result", "case.event"),
        *("item.directory", "item.guide", "item.material", "item.fee", "item.faq", "item.step"),
        *("org.region", "org.org", "org.staff", "org.user", "org.corporator", "org.contact"),
        *("push.message", "superv.task", "document.meta"),
    ),
    "self_zjj_case": ("case.accept", "case.process", "case.result"),  # after the approval system, which handed on some
    "licence": ("licence.data",),  # after the cases whose licences it holds
}
RECEIVING: Mapping[str, tuple[str, ...]] = {
    "share": (
        "pop.person",
        "legal.market_entity",
        "legal.institution",
        "legal.social_org",
        "geo.division",
        "geo.address",
        "item.step",
        "licence.data",
        "geo.feature",
    ),
    "approval_base": (
        *("pop.person", "legal.market_entity", "legal.institution", "legal.social_org"),
        *("geo.division", "item.directory", "document.meta", "receipt.returned"),
    ),
    "licence_base": ("receipt.returned",),
}
# Columns that a source carries for itself; the contracts ignore them by name.
_OWN_COLUMNS = {"id": "bigint generated always as identity", "is_sync": "smallint not null default 0"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a source table; `minimum` is the shortest string the contract accepts."""

    name: str
    type: str
    required: bool
    minimum: int

    @property
    def text(self) -> bool:
        """Tell whether the column holds a string."""
        return self.type.startswith(("varchar", "char", "text"))

    @property
    def size(self) -> int | None:
        """Return the most characters the column takes; None for any number."""
        sized = re.fullmatch(r"(?:var)?char\((\d+)\)", self.type)
        return int(sized[1]) if sized else None


@dataclass(frozen=True, slots=True)
class SourceRule:
    """One rule of a contract as far as the sandbox must know it to break it."""

    id: str
    check: str
    args: Mapping[str, Any]
    severity: str

    @property
    def sleeps(self) -> bool:
        """Tell whether the rule waits for a data set that no platform of the city has yet."""
        return "needs" in self.args and not (CONTRACTS / f"{self.args['needs']}.odcs.yaml").exists()


_TEXT = (SourceRule("TX-01", "clean", {}, "error"),)


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A source table with the rules of its contract."""

    dataset: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    cursor: str | None
    ignored: tuple[str, ...]
    rules: tuple[SourceRule, ...]

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError when there is none."""
        return {c.name: c for c in self.columns}[name]

    def listed(self, name: str) -> tuple[str, ...]:
        """Return the values that a column's code list allows; none when it has no list."""
        return next(
            (tuple(r.args["values"]) for r in self.rules if r.check == "values" and r.args["field"] == name), ()
        )

    def create(self, *, own: bool = True) -> sql.Composed:
        """Return the statement that creates the table: as loose as real sources are, strict only in key and cursor.

        `own`: with the columns that a source carries for itself.
        """
        certain = {*self.key, self.cursor}
        parts = [sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(_OWN_COLUMNS[c])) for c in self.ignored if own]
        parts += [
            sql.SQL("{} {}{}").format(
                sql.Identifier(c.name), sql.SQL(c.type), sql.SQL(" not null" if c.name in certain else "")
            )
            for c in self.columns
        ]
        return sql.SQL("create table public.{} ({})").format(sql.Identifier(self.name), sql.SQL(", ").join(parts))

    def index(self) -> Iterator[sql.Composed]:
        """Return the statements that add the primary key and, where there is a cursor, the index that pages by it."""
        table, key = sql.Identifier(self.name), sql.SQL(", ").join(map(sql.Identifier, self.key))
        yield sql.SQL("alter table public.{} add primary key ({})").format(table, key)
        if self.cursor:
            yield sql.SQL("create index on public.{} ({}, {})").format(table, sql.Identifier(self.cursor), key)


@cache
def table(dataset: str) -> SourceTable:
    """Return the source table of a data set as its contract describes it."""
    document = yaml.safe_load((CONTRACTS / f"{dataset}.odcs.yaml").read_text(encoding="utf-8"))
    schema = document["schema"][0]
    more = {p["property"]: p["value"] for p in document["customProperties"]}
    properties = schema["properties"]
    keys = sorted((p for p in properties if p.get("primaryKey")), key=lambda p: int(p["primaryKeyPosition"]))
    return SourceTable(
        dataset=dataset,
        name=schema["physicalName"],
        columns=tuple(_column(p) for p in properties),
        key=tuple(p["name"] for p in keys),
        cursor=more.get("gatewayCursor"),
        ignored=tuple(more.get("gatewayIgnored", ())),
        rules=(*_rules(schema), *_TEXT[: more.get("gatewayText") == "strict"]),
    )


def _column(declared: Mapping[str, Any]) -> Column:
    limits = declared.get("logicalTypeOptions", {})
    return Column(
        declared["name"],
        declared["physicalType"],
        bool(declared.get("required")),
        int(limits.get("minLength", 0)),
    )


def _rules(schema: Mapping[str, Any]) -> Iterator[SourceRule]:
    for declared in schema["properties"]:
        for quality in declared.get("quality", ()):
            yield _rule(quality, declared["name"])
    for quality in schema.get("quality", ()):
        yield _rule(quality, "")


def _rule(quality: Mapping[str, Any], field: str) -> SourceRule:
    if quality["type"] == "library":
        args = {"field": field, "values": quality["arguments"]["validValues"]}
        return SourceRule(quality["id"], "values", args, quality["severity"])
    said = quality["implementation"]
    args = {"check": said, "field": field} if isinstance(said, str) else dict(said)
    return SourceRule(quality["id"], args.pop("check"), args, quality["severity"])
