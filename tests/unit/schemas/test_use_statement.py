"""Which columns a statement uses, and how: nasty SQL is followed to the columns, or its use is unknown; never none."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.use.registered import followed
from schemas.use.shape import Shape
from schemas.use.statement import Unresolved, columns, touches

SHAPE = Shape(
    {
        "public.t": ("id", "名称", "Name", "ts"),
        "public.u": ("id", "t_id", "x"),
        "public.v": ("i", "n"),
        "other.w": ("a",),
    },
    {"public.v": ' SELECT t.id AS i,\n    t."Name" AS n\n   FROM public.t\n  WHERE t.ts IS NOT NULL;'},
)


def used(text: str) -> dict[str, str]:
    """Return the columns of a statement as `relation.column` with their roles in one word."""
    found = columns(text, SHAPE).items()
    return {
        f"{relation.partition('.')[2]}.{column}": "/".join(sorted(roles))
        for (relation, column), roles in found
        if column
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # plain names, quoted names, Chinese names
        ('select id, "Name", 名称 from t', {"t.id": "read", "t.Name": "read", "t.名称": "read"}),
        # an alias is not the table's name
        ("select a.id from public.t a, u b where a.id = b.t_id", {"t.id": "filter/read", "u.t_id": "filter"}),
        # a star of a table is all columns, by their places
        ("select * from u", {"u.*": "positional", "u.id": "read", "u.t_id": "read", "u.x": "read"}),
        ("table u", {"u.*": "positional", "u.id": "read", "u.t_id": "read", "u.x": "read"}),
        # a star behind a list of names is that list
        ("select * from (select id from t) q", {"t.id": "read"}),
        # of a star inside only what is asked for outside
        ("with c as (select * from t) select id from c where ts > now()", {"t.id": "read", "t.ts": "read"}),
        # exists looks at no column
        ("select id from t where exists (select * from u where u.t_id = t.id)", {"t.id": "filter/read", "u.t_id": "filter"}),
        # joins by a condition, by using, by whatever is called alike
        ("select t.id from t join u on u.t_id = t.id", {"t.id": "key/read", "u.t_id": "key"}),
        ("select x from t join u using (id)", {"t.id": "key", "u.id": "key", "u.x": "read"}),
        ("select x from t natural join u", {"t.*": "positional", "u.*": "positional", "t.id": "key", "u.id": "key", "u.x": "read"}),
        # what is asked since the last time moves like a cursor; parameters of three drivers
        ("select id from t where ts > $1", {"t.id": "read", "t.ts": "cursor/filter"} | {"t.ts": "cursor"}),
        ("select id from t where ts between %s and %s", {"t.id": "read", "t.ts": "cursor"}),
        ("select id from t where ts >= %(since)s", {"t.id": "read", "t.ts": "cursor"}),
        ("select id from t where (id, ts) > ($1,$2) order by id, ts", {"t.id": "cursor/read", "t.ts": "cursor"}),
        # sorting by the name that an item was given
        ("select id as k from t order by k", {"t.id": "cursor/read"}),
        # groups, windows, distinct, filters of aggregates
        ("select count(*) from t group by ts", {"t.ts": "filter"}),
        ('select id, row_number() over (partition by "Name" order by ts) from t', {"t.id": "read", "t.Name": "filter", "t.ts": "cursor/filter"}),
        ("select distinct x from u", {"u.x": "filter"}),
        ('select count(*) filter (where "Name" is null) from t', {"t.Name": "filter"}),
        # unions: all of what is told apart or sorted decides
        ("select id from t union select t_id from u", {"t.id": "filter", "u.t_id": "filter"}),
        ("select id from t union all select t_id from u", {"t.id": "read", "u.t_id": "read"}),
        # subqueries that choose rows, also by a common table expression
        ("select id from t where id in (select t_id from u where x like 'a%')", {"t.id": "filter/read", "u.t_id": "filter", "u.x": "filter"}),
        ("with c as (select t_id from u) select id from t where ts is null and id in (select t_id from c)", {"t.id": "filter/read", "t.ts": "filter", "u.t_id": "filter"}),
        ("select l.x from t, lateral (select x from u where u.t_id = t.id limit 1) l", {"t.id": "filter", "u.t_id": "filter", "u.x": "read"}),
        ("with recursive r as (select id, t_id from u where id = 1 union all select u.id, u.t_id from u join r on u.t_id = r.id) select id from r", {"u.id": "filter/key/read", "u.t_id": "key/read"}),
        # what is done with an inner query's items is done with its columns
        ("select q.id from (select id, x from u) q where q.x = 'a' order by q.id", {"u.id": "cursor/read", "u.x": "filter"}),
        ("with c as (select id as k from u) select t.ts from t join c on c.k = t.id", {"t.ts": "read", "t.id": "key", "u.id": "key"}),
        ("select k from (select id as k from t union all select t_id from u) q where k > 3", {"t.id": "filter/read", "u.t_id": "filter/read"}),
        # whole rows are all columns
        ("select row_to_json(u) from u", {"u.id": "read", "u.t_id": "read", "u.x": "read"}),
        ("select json_agg(u.*) from u", {"u.id": "read", "u.t_id": "read", "u.x": "read"}),
        # a view, and what stands behind it
        ("select n from v where i = 3", {"v.n": "read", "v.i": "filter", "t.Name": "read", "t.id": "filter", "t.ts": "filter"}),
        # another schema, by its name or when there is no other of the name
        ("select a from w", {"w.a": "read"}),
        # what writes
        ("insert into u (id, x) select id, now()::text from t on conflict (id) do nothing", {"u.id": "key/write", "u.x": "write", "t.id": "read"}),
        ("insert into u values (1, 2, 'x')", {"u.*": "positional/write"}),
        ("update t set ts = now() where id = $1", {"t.ts": "write", "t.id": "filter"}),
        ("delete from t where id = $1", {"t.id": "filter"}),
        # text that looks like a parameter is none, nor does a comment end anything
        ("select id from t where \"Name\" = '$1 it''s %s' -- $2\n", {"t.id": "read", "t.Name": "filter"}),
    ],
)  # fmt: skip
def test_a_statement_is_followed_to_its_columns(text: str, expected: dict[str, str]) -> None:
    """By the role of each; names as the server writes them."""
    found = used(text)
    assert found.keys() == expected.keys()
    for column, roles in expected.items():  # what decides may do so in more than one way
        assert set(roles.split("/")) <= set(found[column].split("/")), column


def test_a_statement_that_names_no_column_uses_its_table() -> None:
    """Rows may be counted."""
    assert columns("select count(*) from t", SHAPE) == {("public.t", ""): {"read"}}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("select id from nowhere", "there is no relation nowhere"),
        ("select 1; select 2", "2 statements"),
        ("set role x", "neither selects nor writes"),
        ("select id from t as a(p, q)", "other names by their places"),
        ("select colour from t", "cannot be followed"),  # a column that is not there
        ("select ctid from t", "cannot be followed"),  # one of the server's own
        ("selekt id", "neither selects nor writes"),
        ("select id from t where (", "cannot be followed"),
        ("", "0 statements"),
    ],
)
def test_what_cannot_be_followed_is_unknown(text: str, why: str) -> None:
    """The words name no value of the statement."""
    with pytest.raises(Unresolved, match=why):
        columns(text, SHAPE)


def test_views_on_views_have_an_end() -> None:
    """Two that select each other, as a broken snapshot may have them."""
    shape = Shape(
        {"public.a": ("x",), "public.b": ("x",)},
        {"public.a": "select x from public.b", "public.b": "select x from public.a"},
    )
    with pytest.raises(Unresolved, match="too deeply"):
        columns("select x from a", shape)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select id from t", True),
        ("select 1 from pg_catalog.pg_class", False),
        ("begin", False),
        ("select ((( from T", True),  # it cannot be read, and names one
    ],
)
def test_whether_a_statement_may_touch_a_relation(text: str, expected: bool) -> None:
    """Of what a server counted, most is none of a data set's."""
    assert touches(text, SHAPE) is expected


def test_no_statement_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Its text may hold values of persons."""
    with caplog.at_level(logging.DEBUG):
        followed("set role 张三", SHAPE)
        followed("create user mapping for x server y options (a '13080219800101123X')", SHAPE)
    assert caplog.text == ""


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@given(st.lists(NAMES, min_size=2, max_size=6, unique=True), st.data())
def test_any_name_in_quotes_is_that_column(names: list[str], data: Any) -> None:
    """Whatever signs it is made of, quotes among them; others of the table are not used."""
    shape = Shape({"public.t": tuple(names)}, {})
    wanted = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    listed = ", ".join('"' + name.replace('"', '""') + '"' for name in wanted)
    found = columns(f"select {listed} from t", shape)
    assert {column for _, column in found if column} == set(wanted)


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    """It is followed, or it is unknown and says why."""
    found, unknown = followed(text, SHAPE)
    assert unknown or found
