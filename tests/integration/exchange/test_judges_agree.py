"""The SQL judge, the Python judge and the JSON verdict say the same of every record."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from connectors.postgres_projection import projected
from gateway import contracts
from gateway.embedded import Server
from gateway.exchange import hub as hub_tables
from gateway.exchange import rules
from gateway.exchange.checks import CHECKS
from gateway.exchange.values import stored
from gateway.model import Dataset, Field, Rule
from tests.integration.exchange import made_rows
from tests.integration.exchange.made_rows import TODAY, Record

CONTRACTS = sorted((Path(__file__).parents[3] / "schemas" / "contracts").glob("*.odcs.yaml"))
MIX = settings(
    max_examples=6, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)  # fmt: skip


class Judges:
    """One data set with its three judges."""

    def __init__(self, hub: Connection, dataset: Dataset) -> None:
        self.hub, self.dataset, self.seen = hub, dataset, set[str | None]()
        self.validator, self.judge = rules.validator(dataset, TODAY), rules.judge(dataset, TODAY)
        function, ddl = rules.reason_function(dataset, TODAY)
        shape = f"shape_{dataset.hub_name}"
        with hub.cursor() as cursor:
            cursor.execute(ddl)
            rules.assert_inlined(cursor, dataset, function)
            fields = hub_tables.columns(dataset)
            cursor.execute(sql.SQL("create type {} as (gw_no int, {})").format(sql.Identifier(shape), fields))
        projection = [
            projected(replace(f, zone=None)) + sql.SQL(" as {}").format(sql.Identifier(f.name)) for f in dataset.fields
        ]
        names = sql.SQL(", ").join(map(sql.Identifier, dataset.columns))
        self.query = sql.SQL(
            "select {function}({names}), {names} from (select gw_no, {projection} from json_populate_recordset(null::{shape}, %s) offset 0) x order by gw_no"
        ).format(
            function=sql.Identifier("gateway", function), names=names, projection=sql.SQL(", ").join(projection), shape=sql.Identifier(shape)
        )  # fmt: skip

    def agree(self, records: list[Record]) -> None:
        """Ask all three about the records and compare; remember the reasons."""
        told = [(record, self.judge(record)) for record in records]
        for record, reason in told:
            assert (reason is None) == self.validator.verdict(record), record
        storable = [(record, reason) for record, reason in told if not str(reason).endswith(".type")]
        for (record, reason), (in_sql, *landed) in zip(storable, self._in_sql([r for r, _ in storable]), strict=True):
            assert [stored(f, record.get(f.name)) for f in self.dataset.fields] == landed, record
            assert in_sql == reason, record
            self.seen.add(reason)

    def _in_sql(self, records: list[Record]) -> list[tuple[Any, ...]]:
        numbered = [{**r, "gw_no": number} for number, r in enumerate(records)]
        with self.hub.cursor() as cursor:
            cursor.execute(self.query, (json.dumps(numbered, default=_plain),))
            return cursor.fetchall()

    def missed(self) -> set[str]:
        """Return the error rules that no record broke first."""
        return {r.id for r in rules.row_rules(self.dataset)} - self.seen


def _plain(value: Decimal) -> str:
    return str(value)


@pytest.fixture(scope="module")
def hub(servers: tuple[Server, Server]) -> Iterator[Connection]:
    """Yield a connection that reads naive times as China's, as the contracts declare them."""
    name = f"judges_{uuid.uuid4().hex[:8]}"
    servers[0].create_database(name)
    connection = psycopg2.connect(servers[0].dsn(name), options="-c timezone=Asia/Shanghai -c jit=off")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("create schema gateway")
    yield connection
    connection.close()


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda p: p.name.removesuffix(".odcs.yaml"))
def test_judges_agree_on_every_contract(hub: Connection, path: Path) -> None:
    """Rows of the stand-in city, changed in up to three places, are judged alike; every error rule rejects some."""
    dataset = contracts.load(path)
    judges, rows = Judges(hub, dataset), made_rows.good_rows(dataset)
    changes = made_rows.moves(dataset, rows)
    judges.agree(rows)
    assert None in judges.seen
    judges.agree(list(made_rows.broken_rows(dataset, rows)))
    judges.agree([{**row, name: value} for row in rows[:1] for name, value in changes])

    @MIX
    @given(
        st.lists(
            st.tuples(st.sampled_from(rows), st.lists(st.sampled_from(changes), max_size=3)), min_size=20, max_size=60
        )
    )
    def mix(mixed: list[tuple[Record, list[made_rows.Move]]]) -> None:
        judges.agree([{**row, **dict(changed)} for row, changed in mixed])

    mix()
    assert set() == judges.missed()


def _one(name: str, check: str, of: list[Field], **args: Any) -> Dataset:
    """Return a data set whose only rule is one check, so that no earlier rule hides it."""
    rule = Rule("T-1", check, args)
    return Dataset(f"test.{name}", "", "1.0.0", name, tuple(of), (of[0].name,), (rule,), "gxj")


def _text(name: str, **limits: Any) -> Field:
    return Field(name, "text", limits=limits)


DAY, MOMENT, LATER = (
    Field("day", "date"),
    Field("moment", "timestamp(0)", zone="Asia/Shanghai"),
    Field("later", "timestamptz"),
)
WHOLE, NUMBER, FLAG = Field("whole", "smallint"), Field("number", "numeric(10,2)"), Field("flag", "boolean")
SHAPE = Field("shape", "jsonb")
CODE, OTHER, THIRD = _text("code"), _text("other"), _text("third")
SYNTHETIC = [
    _one("required", "required", [CODE], field="code"),
    _one("length", "length", [CODE], field="code", min=2, max=18),
    _one("pattern_fixed", "pattern", [CODE], field="code", pattern="^[1-9][0-9]{16}[0-9X]$"),  # by characters
    _one("pattern_last", "pattern", [CODE], field="code", pattern="^[0-9]{17}[0-9X]$"),  # by one trim
    _one("pattern_literal", "pattern", [CODE], field="code", pattern="^1308[0-9]{2}[0]{6}$"),  # by runs
    _one("pattern_regex", "pattern", [CODE], field="code", pattern="^(?:[0-9]+|.{1,3}|[^a-z]*)$"),  # by a regular expression
    _one("values_text", "values", [CODE], field="code", values=["1", "无", "a'b"]),
    _one("values_whole", "values", [WHOLE], field="whole", values=["1", "02"]),
    _one("values_number", "values", [NUMBER], field="number", values=["1", "0.50"]),  # 1.00 is 1
    _one("values_day", "values", [DAY], field="day", values=["2024-02-29"]),
    _one("org9_inside", "org9", [CODE], field="code", start=9, length=9),
    _one("when_there", "when", [CODE, OTHER], when={"field": "code"}, present=["other"]),
    *[_one(kind, kind, [CODE], field="code") for kind in ("id18", "org9", "uscc", "division12", "division6", "date8")],
    _one("birth", "birth_matches", [CODE, DAY], id="code", date="day"),
    _one("birth_digits", "birth_matches", [_text("code", pattern="^[0-9]{17}[0-9X]$"), DAY], id="code", date="day"),  # no guard
    _one("sex", "sex_matches", [CODE, OTHER], id="code", sex="other"),
    _one("sex_whole", "sex_matches", [CODE, WHOLE], id="code", sex="whole"),
    _one("order", "order", [DAY, Field("last", "date")], fields=["day", "last"]),
    _one("order_mixed", "order", [DAY, MOMENT, LATER], fields=["day", "moment", "later"]),  # a day against times
    _one("order_text", "order", [CODE, OTHER], fields=["code", "other"]),
    _one("future_day", "not_future", [DAY], field="day"),
    _one("future_text", "not_future", [CODE], field="code"),
    _one("future_moment", "not_future", [MOMENT], field="moment"),
    _one("when", "when", [CODE, OTHER, THIRD], when={"field": "code", "in": ["1", "2"]}, present=["other"], absent=["third"]),
    _one("when_in", "when", [WHOLE, OTHER], when={"field": "whole", "in": ["1"]}, **{"in": {"field": "other", "values": ["1", "无"]}}),
    _one("when_and", "when", [WHOLE, OTHER, THIRD], when={"field": "whole", "in": [1, 2], "and": {"field": "other", "in": ["1", "无"]}}, **{"in": {"field": "third", "values": ["1"]}}),
    _one("when_and_there", "when", [CODE, OTHER, THIRD], when={"field": "code", "in": ["1"], "and": {"field": "other"}}, present=["third"]),
    _one("ending", "ending", [CODE, OTHER], field="code", type="other", endings={"无": "1", "a'b": "2", "ab": "2", "字字": "无"}),
    _one("ending_whole", "ending", [CODE, WHOLE], field="code", type="whole", endings={"无": 1, "X": "2"}),
    _one("iff", "iff", [NUMBER, OTHER], when={"field": "number", "in": ["1"]}, present="other"),
    _one("text", "text", [CODE, OTHER], field="code", min=3, differs_from="other"),
    _one("identified", "identified", [CODE, OTHER], type="other", value="code", checks={"111": "id18", "001": "uscc"}),
    _one("identified_whole", "identified", [CODE, WHOLE], type="whole", value="code", checks={"1": "id18", 2: "uscc"}),
    _one("prefix", "prefix", [CODE], field="code", **{"in": ["91", "51", "a'"]}),
    _one("zeros", "level_zeros", [CODE, OTHER], code="code", level="other"),
    _one("parent", "parent_prefix", [CODE, OTHER], code="code", parent="other"),
    _one("range", "range", [NUMBER], field="number", min=0.5, max=100),
    _one("range_whole", "range", [WHOLE], field="whole", min=1),
    _one("range_low", "range", [Field("number", "numeric(24,6)")], field="number", min=0),  # rounding reaches zero
    _one("literal", "not_literal", [CODE], field="code"),
    _one("joined", "joined", [CODE, OTHER, THIRD], field="code", parts=["other", "third"]),
    _one("parts", "parts_unique", [CODE, OTHER], field="code", separator="#", other="other"),
    _one("clean", "clean", [CODE, OTHER], fields=["code", "other"]),
    _one("geometry", "geometry", [SHAPE], field="shape", types=["Point", "Polygon"]),
    _one("rings", "rings_closed", [SHAPE], field="shape"),
    _one("positions", "positions", [SHAPE], field="shape", lon=[73.62, 134.77], lat=[16.7, 53.56]),
    _one("members", "members", [SHAPE], field="shape", members={"no": 5, "title": 10}),
    _one("impersonal", "impersonal", [SHAPE], field="shape", members=["no", "title"]),
    _one("flag", "required", [FLAG, CODE], field="flag"),
    replace(_one("repaired", "length", [replace(CODE, repairs=("trim", "upper", "nullify"))], field="code", max=3), rules=()),
]  # fmt: skip


@pytest.mark.parametrize("dataset", SYNTHETIC, ids=lambda d: d.name.removeprefix("test."))
def test_judges_agree_on_every_check(hub: Connection, dataset: Dataset) -> None:
    """A check alone, on every pair of edge values of its fields."""
    judges = Judges(hub, dataset)
    first, *others = [[(f.name, v) for v in made_rows.edges(f)] for f in dataset.fields]
    records = [[value] for value in first]
    for choices in others:
        records = [
            [*record, choice]
            for record in records
            for choice in choices[:: max(1, len(records) * len(choices) // 12_000)]
        ]
    judges.agree([dict(record) for record in records])
    assert None in judges.seen
    assert set() == judges.missed()


def test_every_check_of_the_vocabulary_is_tried() -> None:
    """A new check cannot be added without a row in the table above."""
    assert set(CHECKS) == {rule.check for dataset in SYNTHETIC for rule in dataset.rules}
