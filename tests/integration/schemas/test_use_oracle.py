"""The columns that are found in a statement, against the server itself: each column is dropped, and the statement asked again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from schemas.snapshot import pg
from schemas.use.shape import Shape
from schemas.use.statement import columns

TABLES = """
create table t (id int, 名称 text, "Name" text, ts timestamptz);
create table u (id int, t_id int, x text);
create view v as select id as i, "Name" as n from t where ts is not null;
"""


@pytest.fixture(scope="module")
def tables(owner: Connection) -> Connection:
    """Return a session of a database that holds the tables."""
    owner.autocommit = True
    with owner.cursor() as cursor:
        cursor.execute(TABLES)
    return owner


@contextmanager
def without(tables: Connection, relation: str, column: str) -> Iterator[None]:
    """Take a column away for a while, with what stands on it."""
    with tables.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute(f'alter table {relation} drop column "{column}" cascade')
        try:
            yield
        finally:
            cursor.execute("rollback")


def asked(tables: Connection, text: str) -> list[str] | None:
    """Return the columns that the server gives for a statement, or None when it refuses it."""
    with tables.cursor() as cursor:
        try:
            cursor.execute(text)
        except psycopg2.Error:
            return None
        return [d.name for d in cursor.description or ()]


@pytest.mark.parametrize(
    "text",
    [
        "select * from t",
        "select t.* from t join u on u.t_id = t.id",
        'select "Name" from t order by ts',
        "with c as (select * from t) select id from c where 名称 is null",
        "with c as (select * from t), d as (select id, ts from c) select id from d",
        "select id from t where exists (select * from u where u.t_id = t.id)",
        "select x from u join t using (id)",
        "select x from t natural join u",
        "select row_to_json(u) is null from u",
        "select id, rank() over (partition by 名称 order by ts) from t",
        "select count(*) filter (where x is null) from u group by t_id having max(id) > 1",
        "select id from t union select t_id from u order by 1",
        "select l.x from t, lateral (select x from u where u.t_id = t.id) l",
        "select (select max(x) from u where u.t_id = t.id) from t",
        "select distinct on (id) id, ts from t order by id, ts desc",
        "with recursive r as (select id, t_id from u where x = 'a' union all select u.id, u.t_id from u join r on u.t_id = r.id) select id from r",
        "select n from v",
        "select i from v where n = 'a'",
        "select case when x = 'a' then id end from u",
        "select coalesce(a.x, b.名称) from u a full join t b on a.t_id = b.id where (a.id, b.ts) is not null",
        "select id from t where id = any (array(select t_id from u))",
        "select q.k from (select id as k, ts from t) q",
        "select id from (select * from t union all select * from t) q",
        "select id from (select distinct * from t) q",
        'select id from t where (id, 名称, "Name", ts) in (select * from t)',
        "with c as (select * from u), d as (select * from c) select x from d",
    ],
)  # fmt: skip
def test_what_a_statement_is_said_to_use_is_what_it_needs(tables: Connection, text: str) -> None:
    """A column that it fails without, or gives less without, is found; what it does not need is not, but for whole rows."""
    shape = Shape.of(pg.take(tables, ["public"]))
    found = {(relation, column) for relation, column in columns(text, shape) if column not in {"", "*"}}
    whole = asked(tables, text)
    assert whole is not None
    needed = set()
    for relation in ("t", "u"):
        for column in shape.columns[f"public.{relation}"]:
            with without(tables, relation, column):
                if asked(tables, text) != whole:
                    needed.add((f"public.{relation}", column))
    on_tables = {place for place in found if place[0] not in shape.views}
    assert needed <= on_tables | _behind_views(text)
    if not any(
        words in text for words in ("row_to_json", " v", "natural", "distinct *")
    ):  # what tells rows apart decides, though nobody fails without it
        assert on_tables == needed


def _behind_views(text: str) -> set[tuple[str, str]]:
    """Return what a view cannot do without, though the statement asks for other columns of it: with it the view is gone."""
    return {("public.t", name) for name in ("id", "Name", "ts")} if " from v" in text else set()
