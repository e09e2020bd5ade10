"""Rules that look at a row's earlier version, at its siblings, or at areas: which rows of a landing table they find broken."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from gateway import pg
from gateway.embedded import Server
from gateway.exchange import hub as hub_tables
from gateway.exchange import lookups
from gateway.exchange.landing import Landing
from gateway.ledger import migrate
from gateway.model import Dataset, Field

TEXT = {"maxLength": 20}


def _dataset(name: str, keys: int, *fields: Field) -> Dataset:
    return Dataset(f"test.{name}", "", "1.0.0", name, fields, tuple(f.name for f in fields[:keys]), (), "gaj")


def _text(name: str) -> Field:
    return Field(name, "text", limits=TEXT)


POST = _dataset("post", 1, _text("id"), Field("due", "timestamptz"), Field("moves", "integer"))
STEP = _dataset("step", 2, _text("task"), Field("no", "integer"), Field("days", "numeric(5,1)"))
GUIDE = _dataset("guide", 1, _text("guid"), _text("task"), Field("promise", "integer"), Field("kind", "integer"))
PAPER = _dataset("paper", 2, _text("id"), Field("version", "integer"), _text("trust"), _text("unit"), _text("person"))
SHAPE = _dataset("shape", 1, _text("id"), Field("shape", "jsonb"))
PLACE = _dataset(
    "place", 1, _text("id"), _text("division"), Field("lon", "numeric(10,7)"), Field("lat", "numeric(9,7)")
)
UNIT = _dataset("unit", 1, _text("unit"), _text("region"))
DATASETS = {d.name: d for d in (POST, STEP, GUIDE, PAPER, SHAPE, PLACE, UNIT)}
Rows = list[tuple[Any, ...]]
Find = Callable[[str, dict[str, Any], Dataset, Rows, dict[str, Rows]], list[str]]


@pytest.fixture(scope="module")
def hub(servers: tuple[Server, Server]) -> Iterator[Any]:
    """Yield a connection to a hub with the tables, all empty."""
    name = f"before_{uuid.uuid4().hex[:8]}"
    servers[0].create_database(name)
    migrate.upgrade(servers[0].dsn(name))
    connection = psycopg2.connect(servers[0].dsn(name))
    for dataset in DATASETS.values():
        hub_tables.ensure_table(connection, dataset)
        hub_tables.ensure_partition(connection, dataset, "pop")
    connection.commit()
    yield connection
    connection.close()


@pytest.fixture
def find(hub: Any) -> Iterator[Find]:
    """Yield what lands rows of a data set beside rows in the hub and returns the keys of those that a check finds broken."""

    def found(check: str, args: dict[str, Any], dataset: Dataset, rows: Rows, held: dict[str, Rows]) -> list[str]:
        landing = Landing(hub, dataset, 1, "pop", date(2026, 11, 25))
        landing.create(logged=False)
        _insert(hub, landing.name(), dataset.columns, rows)
        for name, there in held.items():
            other = DATASETS[name]
            _insert(
                hub, hub_tables.table(other), (*other.columns, "gw_source", "gw_batch"), [(*r, "pop", 1) for r in there]
            )
        broken: set[str] = set()
        for condition in lookups.CONDITIONS[check](landing, args, DATASETS):
            key = sql.SQL(" || '/' || ").join(sql.SQL("_r_.{}::text").format(sql.Identifier(k)) for k in dataset.key)
            with hub.cursor() as cursor:
                cursor.execute(sql.SQL("select {} from {} _r_ where {}").format(key, landing.name("_ok"), condition))
                broken.update(row[0] for row in cursor.fetchall())
        return sorted(broken)

    yield found
    hub.rollback()


def _insert(hub: Any, table: sql.Composable, columns: tuple[str, ...], rows: Rows) -> None:
    marks = sql.SQL(", ").join(sql.Placeholder() * len(columns))
    with hub.cursor() as cursor:
        cursor.executemany(sql.SQL("insert into {} ({}) values ({})").format(table, pg.names(columns), marks), rows)


FRIDAY, MONDAY = "2026-11-27 23:59:59+08", "2026-11-30 23:59:59+08"


@pytest.mark.parametrize(
    ("args", "broken"),
    [
        ({"field": "due"}, ["a", "b", "e"]),  # whatever else changed; what was not there before has no before
        ({"field": "due", "when_more": "moves"}, ["a", "e"]),  # only what was transferred
    ],
)
def test_a_field_stays_as_it_was(find: Find, args: dict[str, Any], broken: list[str]) -> None:
    """Compared with the version that the hub holds; empty is a value as any other."""
    before = [("a", FRIDAY, 0), ("b", FRIDAY, 1), ("c", FRIDAY, 1), ("e", None, 0)]
    after = [("a", MONDAY, 1), ("b", MONDAY, 1), ("c", FRIDAY, 2), ("d", MONDAY, 3), ("e", MONDAY, 1)]
    assert find("unchanged", args, POST, after, {POST.name: before}) == broken


SUM = {
    "field": "days",
    "fields": ["task"],
    "in": "test.guide",
    "limit": "promise",
    "where": {"field": "kind", "in": [1]},
}


@pytest.mark.parametrize(
    ("landed", "held", "broken"),
    [
        ([("t", 1, 2), ("t", 2, 3)], [], []),  # as many as promised
        ([("t", 1, 2), ("t", 2, "3.1")], [], ["t/1", "t/2"]),  # which one is too long nobody can say
        ([("t", 1, 2)], [("t", 2, "3.5"), ("u", 3, 9)], ["t/1"]),  # with what the hub has of the task, and of no other
        ([("t", 1, 2)], [("t", 1, 9), ("t", 2, 3)], []),  # what is replaced does not count
        ([("t", 1, 9), ("t", 2, None)], [], ["t/1", "t/2"]),  # nothing adds nothing
        ([("natural", 1, 9)], [], []),  # promised in other days
        ([("unknown", 1, 9)], [], []),  # promised by nobody: another rule's business
    ],
)
def test_parts_add_up_to_no_more_than_the_whole(find: Find, landed: Rows, held: Rows, broken: list[str]) -> None:
    """Over the rows of the batch and those of the hub that stay."""
    guides = [("g1", "t", 5, 1), ("g2", "natural", 5, 2)]
    assert find("sum_within", SUM, STEP, landed, {STEP.name: held, GUIDE.name: guides}) == broken


RISE = {
    "field": "trust",
    "grades": ["D", "C", "B", "A"],
    "keys": ["id"],
    "version": "version",
    "unless": ["unit", "person"],
}


@pytest.mark.parametrize(
    ("landed", "held", "broken"),
    [
        ([("p", 1, "A", None, None)], [], []),  # a first version is what it is
        ([("p", 2, "B", None, None)], [("p", 1, "C", None, None)], ["p/2"]),  # nobody stands for it
        ([("p", 2, "B", "u", None)], [("p", 1, "C", None, None)], ["p/2"]),  # a unit alone does not
        ([("p", 2, "B", "u", "x")], [("p", 1, "C", None, None)], []),
        ([("p", 2, "D", None, None)], [("p", 1, "C", None, None)], []),  # it may fall
        ([("p", 1, "D", None, None), ("p", 2, "C", None, None)], [], ["p/2"]),  # both in one batch
        ([("p", 3, "B", None, None)], [("p", 1, "D", None, None), ("p", 2, "B", "u", "x")], []),  # it rose, proven, before
        ([("p", 1, "B", None, None)], [("p", 1, "C", None, None)], ["p/1"]),  # the same version, edited
        ([("p", 2, "C", None, None), ("p", 1, "C", None, None)], [("p", 1, "D", "u", "x")], ["p/1"]),  # against what is replaced, too
        ([("p", 2, "?", None, None)], [("p", 1, "C", None, None)], []),  # no grade: another rule's business
        ([("p", 2, "B", None, None)], [("q", 1, "C", None, None)], []),  # another document
    ],
)  # fmt: skip
def test_a_grade_does_not_rise_by_itself(find: Find, landed: Rows, held: Rows, broken: list[str]) -> None:
    """Only with somebody who stands for it."""
    assert find("no_rise", RISE, PAPER, landed, {PAPER.name: held}) == broken


def _square(lon: float, lat: float, side: float) -> list[list[float]]:
    return [[lon, lat], [lon + side, lat], [lon + side, lat + side], [lon, lat + side], [lon, lat]]


def _polygon(*rings: Any) -> str:
    return json.dumps({"type": "Polygon", "coordinates": list(rings)})


ONE = _square(118, 41, 0.1)


@pytest.mark.parametrize(
    ("then", "now", "broken"),
    [
        (_polygon(ONE), _polygon(_square(118, 41, 0.109)), []),  # 18.8 % more
        (_polygon(ONE), _polygon(_square(118, 41, 0.11)), ["s"]),  # 21 % more
        (_polygon(ONE), _polygon(_square(118, 41, 0.09)), []),  # 19 % less
        (_polygon(ONE), _polygon(_square(118, 41, 0.089)), ["s"]),  # 20.8 % less
        (_polygon(ONE), _polygon(ONE, _square(118.01, 41.01, 0.05)), ["s"]),  # a hole of a quarter
        (_polygon(ONE), _polygon(ONE, _square(118.01, 41.01, 0.04)), []),  # a hole of 16 %
        (_polygon(ONE), _polygon(ONE[::-1]), []),  # the other way round
        (_polygon(ONE), json.dumps({"type": "MultiPolygon", "coordinates": [[ONE]]}), []),  # one part
        (_polygon(ONE), json.dumps({"type": "MultiPolygon", "coordinates": [[ONE], [_square(119, 41, 0.05)]]}), ["s"]),
        (_polygon(ONE), json.dumps({"type": "Point", "coordinates": [118, 41]}), []),  # no area any more
        (json.dumps({"type": "Point", "coordinates": [118, 41]}), _polygon(ONE), []),
        (_polygon(ONE), json.dumps({"type": "Polygon", "coordinates": [[[118, 41], None, ["x", 1], {}], 5, "x"]}), ["s"]),  # one corner is left
        (_polygon(ONE), json.dumps({"type": "MultiPolygon", "coordinates": 5}), []),
        (_polygon(ONE), _polygon([[*position, 900.5] for position in ONE]), []),  # with heights
    ],
)  # fmt: skip
def test_an_area_changes_little(find: Find, then: str, now: str, broken: list[str]) -> None:
    """Holes are taken off and parts added; what is built wrongly breaks nothing here."""
    args = {"field": "shape", "percent": 20}
    assert find("area_changed", args, SHAPE, [("s", now), ("new", now)], {SHAPE.name: [("s", then)]}) == broken


INSIDE = {
    "lon": "lon", "lat": "lat", "code": "division", "digits": 6, "in": "test.shape", "prefix": "C", "geometry": "shape", "metres": 200,
}  # fmt: skip
# 0.001 degrees are 111 m along a meridian and 84 m along the parallel of 41 degrees.
PLACES = {
    "in": ("130802001000", 118.05, 41.05),
    "near": ("130802001000", 118.1022, 41.05),  # 185 m east
    "east": ("130802001000", 118.1026, 41.05),  # 218 m east
    "north": ("130802001000", 118.05, 41.1017),  # 189 m north
    "far": ("130802001000", 118.05, 41.1019),  # 211 m north
    "hole": ("130802001000", 118.03, 41.03),  # in the middle of an enclave
    "edge": ("130802001000", 118.0212, 41.03),  # 101 m within it
    "part": ("130802001000", 119.01, 41.01),  # in the other part
    "other": ("130803001000", 118.05, 41.05),  # of a county without an area
    "road": ("130804001000", 118.05, 41.05),  # of one whose area is a line
}


def test_a_point_lies_within_what_its_code_names(find: Find) -> None:
    """Beyond the outline by more than the distance, or as far inside of a hole, it does not."""
    county = {"type": "MultiPolygon", "coordinates": [[ONE, _square(118.02, 41.02, 0.02)], [_square(119, 41, 0.02)]]}
    line = {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}
    shapes = [("C130802", json.dumps(county)), ("C130804", json.dumps(line)), ("X130803", _polygon(_square(1, 1, 1)))]
    rows = [(name, *where) for name, where in PLACES.items()]
    assert find("inside", INSIDE, PLACE, rows, {SHAPE.name: shapes}) == ["east", "far", "hole"]


def test_only_the_beginning_of_a_code_may_count(find: Find) -> None:
    """A township belongs to its county's unit."""
    args = {"fields": ["id", "division"], "in": "test.unit", "there": ["unit", "region"], "digits": {"division": 6}}
    rows = [("a", "130802001000", 1, 1), ("b", "130802000000", 1, 1), ("c", "130803001000", 1, 1), ("d", None, 1, 1)]
    units = [(name, "130802000000") for name in "abcd"]
    assert find("exists", args, PLACE, rows, {UNIT.name: units}) == ["c", "d"]
