"""A unit's own work done on both sides of the stage, and what is different: its statements, its routes, what it is sent."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, BinaryIO

import psycopg2
from psycopg2 import sql
from psycopg2.extras import Json

from gateway import pg, registry
from gateway.errors import GatewayError
from gateway.model import Dataset, Platform
from gateway.ports import Delivery, Outgoing, Window
from gateway.security.masking import mask
from schemas.rehearsal.stage import AFTER, BEFORE, Stage, words

PASS, FAIL, NOT_POSSIBLE = "pass", "fail", "not_possible"
_TIMEOUT = "10s"
_MOST = 10_000
_PARAMETER = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$\d+|%\(\w+\)s|%s")
Rows = tuple[tuple[str, ...], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Check:
    """One piece of work and what became of it; `rows` is how many it gave before the change."""

    kind: str
    name: str
    result: str
    said: str = ""
    rows: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it as the ledger keeps it."""
        return asdict(self)


def statement(stage: Stage, kind: str, name: str, text: str, account: str = "") -> Check:
    """Run a statement before and after the change as its account; one with parameters is planned only."""
    plain, count = _numbered(text)
    asked = (
        f"explain (generic_plan) {plain}" if count else f"select * from ({plain.rstrip().rstrip(';')}) q limit {_MOST}"
    )
    try:
        before = _asked(stage.dsn(BEFORE, account), asked)
    except psycopg2.Error as error:
        return Check(kind, name, NOT_POSSIBLE, f"it does not run on the structure as it is: {words(error)}")
    try:
        after = _asked(stage.dsn(AFTER, account), asked)
    except psycopg2.errors.QueryCanceled:
        return Check(kind, name, NOT_POSSIBLE, f"it takes longer than {_TIMEOUT}")
    except psycopg2.Error as error:
        return Check(kind, name, FAIL, words(error), len(before[1]))
    if count:
        return Check(kind, name, PASS, "planned, not run: it has parameters")
    found = difference(before, after)
    return Check(kind, name, FAIL if found else PASS, found, len(before[1]))


def mapping(stage: Stage, platform: Platform, dataset: Dataset, route: str, account: str) -> Check:
    """Read the fields of a route by the platform's connector, before and after the change."""
    try:
        before = _read(platform, dataset, stage.dsn(BEFORE, account))
    except GatewayError as error:
        return Check("mapping", route, NOT_POSSIBLE, f"it does not read the structure as it is: {error.message}")
    try:
        after = _read(platform, dataset, stage.dsn(AFTER, account))
    except GatewayError as error:
        return Check("mapping", route, FAIL, error.message, len(before[1]))
    found = difference(before, after, len(dataset.key))
    return Check("mapping", route, FAIL if found else PASS, found, len(before[1]))


def written(stage: Stage, platform: Platform, dataset: Dataset, route: str, rows: Sequence[dict[str, Any]]) -> Check:
    """Write rows of the last batches by the platform's connector, before and after the change."""
    done: list[Delivery] = []
    for side in (BEFORE, AFTER):
        try:
            done.append(_write(stage, platform, dataset, side, rows))
        except GatewayError as error:
            first = side == BEFORE
            said = f"they do not fit the structure as it is: {error.message}" if first else error.message
            return Check("write", route, NOT_POSSIBLE if first else FAIL, said, len(rows))
    if done[0] != done[1]:
        return Check("write", route, FAIL, "the same rows were taken otherwise", len(rows))
    return Check("write", route, PASS, "", len(rows))


def difference(before: Rows, after: Rows, keys: int = 1) -> str:
    """Return the first difference by field and masked key, in words; empty when both are alike whatever their order."""
    (names, rows), (new_names, new_rows) = before, after
    if names != new_names:
        return _columns(names, new_names)
    lost, come = Counter(map(repr, rows)), Counter(map(repr, new_rows))
    gone = next((row for row in rows if (lost - come)[repr(row)]), None) if lost != come else None
    if gone is None:
        return "" if lost == come else f"{len(rows)} rows before, {len(new_rows)} after"
    key = "/".join(_shown(value) for value in gone[:keys])
    now = next((row for row in new_rows if row[:keys] == gone[:keys] and repr(row) not in lost), None)
    if now is None:
        return f"{len(rows)} rows before, {len(new_rows)} after; row {key} is gone"
    place = next(p for p, (one, other) in enumerate(zip(gone, now, strict=True)) if one != other)
    return f"field {names[place]} of row {key} is another"


def _shown(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    return str(mask(text, "L4"))


def _columns(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    for place, (one, other) in enumerate(zip(before, after, strict=False), 1):
        if one != other:
            return f"column {place} was {one}, is {other}"
    return f"{len(before)} columns before, {len(after)} after"


def _numbered(text: str) -> tuple[str, int]:
    """Return a statement whose parameters are numbered, and how many it has."""
    seen: dict[str, int] = {}
    count = 0

    def number(found: re.Match[str]) -> str:
        nonlocal count
        word = found[0]
        if word[0] in "'\"":
            return word
        if word == "%s":
            count += 1
            return f"${count}"
        if word not in seen:
            count += 1
            seen[word] = count
        return word if word[0] == "$" else f"${seen[word]}"

    return _PARAMETER.sub(number, text), count


def _asked(dsn: str, text: str) -> Rows:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("set transaction read only")
        cursor.execute("select set_config('statement_timeout', %s, true)", (_TIMEOUT,))
        cursor.execute(text)
        names = tuple(f"{d.name}" for d in cursor.description or ())
        return names, cursor.fetchall()


def _read(platform: Platform, dataset: Dataset, dsn: str) -> Rows:
    with closing(registry.source(platform, dsn)) as source:
        source.describe(dataset)
        out = BytesIO()
        with source.snapshot() as view:
            view.copy(dataset, Window(), out)
    names = (*dataset.key, *(c for c in dataset.columns if c not in dataset.key))
    places = [dataset.columns.index(name) for name in names]
    return names, [tuple(row[p] for p in places) for row in _tuples(out.getvalue())]


def _tuples(stream: bytes) -> list[tuple[Any, ...]]:
    """Return the rows of a binary COPY stream, each value as its bytes."""
    place, rows = 19 + struct.unpack_from("!i", stream, 15)[0], []
    while (fields := struct.unpack_from("!h", stream, place)[0]) >= 0:
        place += 2
        row: list[bytes | None] = []
        for _ in range(fields):
            (length,) = struct.unpack_from("!i", stream, place)
            place += 4
            row.append(None if length < 0 else stream[place : place + length])
            place += max(length, 0)
        rows.append(tuple(row))
    return rows


def _write(stage: Stage, platform: Platform, dataset: Dataset, side: str, rows: Sequence[dict[str, Any]]) -> Delivery:
    with closing(registry.target(platform, stage.dsn(side))) as target:

        def some(out: BinaryIO) -> int:
            return _stream(stage, dataset, dataset.columns, rows, target.format, out)

        def none(out: BinaryIO) -> int:
            return _stream(stage, dataset, dataset.key, (), target.format, out)

        return target.write(dataset, Outgoing("rehearsal", 1, datetime(2000, 1, 1, tzinfo=UTC), some, none))


def _stream(
    stage: Stage, dataset: Dataset, columns: Sequence[str], rows: Sequence[dict[str, Any]], form: str, out: BinaryIO
) -> int:
    """Write rows as a COPY stream of the hub's types, made on the stage's own server."""
    types = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(dataset.field(c).hub_type)) for c in columns
    )
    query = sql.SQL("copy (select {} from jsonb_to_recordset({}) as r ({})) to stdout (format {})").format(
        pg.names(list(columns)), sql.Literal(Json(list(rows))), types, sql.SQL(form)
    )
    with closing(psycopg2.connect(stage.server.dsn("postgres"))) as connection, connection.cursor() as cursor:
        cursor.copy_expert(query, out)
    return len(rows)
