"""Fills the stand-in city's platforms with realistic, seeded data; a known share of it is bad in known ways."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from sandbox import (
    approval_tables,
    breaking,
    entities,
    licence_tables,
    permits,
    persons,
    places,
    province,
    sources,
)
from sandbox.approval_tables import CASES, Made

SEED = 20261124
CERT_KEY = b"the sandbox's identity key: known to everybody, for made-up persons only"
ROLE, DELIVER_ROLE = "gateway_extract", "gateway_deliver"
NAMES = (*sources.DATABASES, *sources.RECEIVING, province.NAME)
PERSONS, ADDRESSES = 100_000, 3_000
ENTITIES = {"legal.market_entity": 17_000, "legal.institution": 1_000, "legal.social_org": 2_000}
_SHARE = 2_000  # one bad row in so many, but each rule at least once
_SLICE = 5_000
_NULL = "\ue000"  # of the private use area: no text of the city holds it
_SPECIAL = re.compile(r"[\\\n\r]")
Row = dict[str, Any]


def accounts(admin_dsn: str) -> dict[str, str]:
    """Make every platform's database unless it is there; return the DSN of each connection by its name.

    `<NAME>` is the account the gateway uses, to read or to deliver, `<NAME>_ADMIN` the owner's, for whoever plays the
    platform.
    """
    found: dict[str, str] = {}
    for role, names in ((ROLE, sources.DATABASES), (DELIVER_ROLE, (*sources.RECEIVING, province.NAME))):
        password = _role(admin_dsn, role)
        for name in names:
            _create(admin_dsn, name)
            found |= {
                name.upper(): _with(admin_dsn, name, role, password),
                f"{name.upper()}_ADMIN": _with(admin_dsn, name),
            }
    return found


def fill(
    admin_dsn: str, scale: float = 1.0, seed: int = SEED, progress: Callable[[str], None] = print, names: Iterable[str] = NAMES
) -> None:  # fmt: skip
    """Fill the databases that `accounts` made; one that was filled before stays as it is."""
    for name in names:
        with closing(psycopg2.connect(_with(admin_dsn, name))) as connection, connection:
            if not _is_empty(connection):
                continue
            if name in sources.DATABASES:
                progress(f"filling platform {name} …")
                _fill_database(connection, _made(admin_dsn, name, scale, seed), name)
                if name == permits.NAME:
                    _hand_on(connection, permits.handed_on(_with(admin_dsn, "approval")))
            elif name in sources.RECEIVING:
                _make_receiving(connection, name)
            else:
                province.create(connection, DELIVER_ROLE)
    progress(
        f"the platforms hold {round(PERSONS * scale):,} persons, {sum(ENTITIES.values()):,} legal persons, {CASES + permits.CASES:,} cases"
    )


def reset(admin_dsn: str) -> None:
    """Drop every platform's database."""
    for name in NAMES:
        _admin(admin_dsn, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def write(connection: Connection, dataset: str, rows: Iterable[Row]) -> int:
    """Append rows to a platform's table and return how many."""
    table = sources.table(dataset)
    columns = [c.name for c in table.columns]
    copy = sql.SQL("copy public.{} ({}) from stdin").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = 0
    with connection.cursor() as cursor:
        for page in _pages(rows):
            text = "".join(f"{_line(map(row.get, columns))}\n" for row in page)
            cursor.copy_expert(copy, io.StringIO(text))
            count += len(page)
    return count


def _make_receiving(connection: Connection, name: str) -> None:
    """Make empty tables for what comes."""
    role = sql.Identifier(DELIVER_ROLE)
    with connection.cursor() as cursor:
        cursor.execute("create schema sandbox; create table sandbox.bad_row (dataset text, key text, rule text)")
        for dataset in sources.RECEIVING[name]:
            cursor.execute(sources.table(dataset).create(own=False))
            for statement in sources.table(dataset).index():
                cursor.execute(statement)
        rights = "select, insert, update, delete on all tables in schema public"
        cursor.execute(sql.SQL("grant {} to {}").format(sql.SQL(rights), role))
        cursor.execute(sql.SQL("grant create on schema public to {}").format(role))


def _made(admin_dsn: str, name: str, scale: float, seed: int) -> Made:
    """Return what a platform's tables are to hold."""
    if name == "approval":
        return approval_tables.tables(seed, CERT_KEY)
    if name == permits.NAME:
        return permits.tables(seed, CERT_KEY)
    if name == "licence":
        decided = [_with(admin_dsn, handling) for handling in ("approval", permits.NAME)]
        return licence_tables.tables(decided, scale, seed, CERT_KEY)
    return {"pop": _fill_pop, "legal": _fill_legal, "geo": _fill_geo}[name](scale, seed)


def _fill_database(connection: Connection, made: Made, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("create schema sandbox; create table sandbox.bad_row (dataset text, key text, rule text)")
        for dataset in sources.DATABASES[name]:
            cursor.execute(sources.table(dataset).create())
    for dataset, rows, spare in made:
        count = write(connection, dataset, rows)
        _write_bad(connection, dataset, spare, count)
        with connection.cursor() as cursor:
            for statement in sources.table(dataset).index():
                cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("grant select on all tables in schema public to {}").format(sql.Identifier(ROLE)))
        cursor.execute("analyze")


def _hand_on(connection: Connection, handed: list[Row]) -> None:
    """Append cases that another system holds too, and note that their keys are claimed."""
    write(connection, permits.ACCEPT, handed)
    with connection.cursor() as cursor:
        noted = [(permits.ACCEPT, row["row_guid"], permits.CLAIMED) for row in handed]
        cursor.executemany("insert into sandbox.bad_row values (%s, %s, %s)", noted)


def _fill_pop(scale: float, seed: int) -> Made:
    count = round(PERSONS * scale)
    rows = (dict(zip(persons.COLUMNS, row, strict=True)) for row in persons.people(0, count, seed, CERT_KEY))
    yield "pop.person", rows, lambda i: persons.person(count + (i + 1) * persons.CHUNK, seed, CERT_KEY)


def _fill_legal(scale: float, seed: int) -> Made:
    for dataset, base in ENTITIES.items():
        count = round(base * min(scale, 1.0))
        rows = (entities.entity(dataset, i, seed, CERT_KEY) for i in range(count))
        yield dataset, rows, lambda i, d=dataset, n=count: entities.entity(d, n + i, seed, CERT_KEY)  # type: ignore[misc]


def _fill_geo(_: float, seed: int) -> Made:
    yield "geo.division", list(places.divisions()), places.new_division
    rng = Random(f"{seed}:addresses")
    spare = list(places.addresses(Random(f"{seed}:spare"), 200, ADDRESSES))
    yield "geo.address", places.addresses(rng, ADDRESSES), spare.__getitem__


def _write_bad(connection: Connection, dataset: str, spare: Callable[[int], Row], count: int) -> None:
    """Append one bad row per awake rule (more in a large set) and note what is wrong with it."""
    table = sources.table(dataset)
    number, noted = 0, []
    rows: list[Row] = []
    wanted = [r for r in table.rules if not r.sleeps and r.severity == "error"]
    for turn in range(max(1, count // _SHARE // max(1, len(wanted)))):
        for rule in wanted:
            other = spare(number + 1)
            made = breaking.broken(rule, table, spare(number), other)
            number += 1
            if made is None or any(made.get(k) is None for k in table.key):
                continue
            if rule.check in breaking.BESIDE_ANOTHER:
                number += 1
                rows.append(other)
            rows.append(made)
            noted.append((dataset, str(made[table.key[0]]), rule.id))
        if not dataset.startswith(("pop.", "legal.")) and turn == 0:
            break
    write(connection, dataset, rows)
    with connection.cursor() as cursor:
        cursor.executemany("insert into sandbox.bad_row values (%s, %s, %s)", noted)


def _role(admin_dsn: str, name: str) -> str:
    """Make an account with a fresh password; it may read statistics, which the probe needs."""
    password = secrets.token_urlsafe(18)
    role = sql.Identifier(name)
    _admin(
        admin_dsn,
        sql.SQL(
            "do $$ begin if not exists (select from pg_roles where rolname = {name}) then create role {role} login; end if; end $$"
        ).format(name=sql.Literal(name), role=role),
    )
    _admin(admin_dsn, sql.SQL("alter role {} password {}").format(role, sql.Literal(password)))
    _admin(admin_dsn, sql.SQL("grant pg_read_all_stats to {}").format(role))
    return password


def _create(admin_dsn: str, name: str) -> None:
    """Create a database unless it is there."""
    with closing(psycopg2.connect(admin_dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("select from pg_database where datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def _is_empty(connection: Connection) -> bool:
    """Tell whether a database has to be filled; none is half filled: filling is one transaction."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('sandbox.bad_row') is null")
        return bool(cursor.fetchall()[0][0])


def _admin(admin_dsn: str, statement: sql.Composable) -> None:
    connection = psycopg2.connect(admin_dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def _with(dsn: str, database: str, user: str | None = None, password: str | None = None) -> str:
    parts = urlsplit(dsn)
    netloc = parts.netloc
    if user is not None:
        netloc = f"{user}:{quote(password or '', safe='')}@{parts.hostname}:{parts.port}"
    return urlunsplit((parts.scheme, netloc, f"/{database}", "", ""))


def _pages(rows: Iterable[Row]) -> Iterator[list[Row]]:
    page: list[Row] = []
    for row in rows:
        page.append(row)
        if len(page) == _SLICE:
            yield page
            page = []
    if page:
        yield page


def _line(values: Iterable[Any]) -> str:
    """Return a row as a line of COPY text; nearly none holds anything to escape, which one look at the whole tells."""
    texts = [_NULL if value is None else str(value) for value in values]
    line = "\t".join(texts)
    if line.count("\t") == len(texts) - 1 and not _SPECIAL.search(line):
        return line.replace(_NULL, r"\N")
    return "\t".join(map(_escaped, texts))


def _escaped(text: str) -> str:
    if text == _NULL:
        return r"\N"
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
