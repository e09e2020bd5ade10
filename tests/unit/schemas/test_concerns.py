"""Which changes of what a platform tells concern a route."""

from __future__ import annotations

from gateway.ports import Mark
from schemas.diff.compare import compare
from schemas.diff.model import Policy
from schemas.snapshot import ogc
from schemas.told import _concerning


def test_of_a_service_only_the_routes_own_collection_counts() -> None:
    """A notice may tell of the whole service, where a route's look tells of one collection."""
    roads = {"properties": {"name": {"type": "string"}, "lanes": {"type": "integer"}}, "geometry": {"property": "geom", "type": "Point"}}  # fmt: skip
    renamed = {**roads, "properties": {"title": {"type": "string"}, "lanes": {"type": "integer"}}}
    announced = ogc.snapshot({"roads": roads, "rivers": roads})
    concerns = _concerning(Mark("x", names=frozenset({"name"})), ogc.snapshot({"roads": roads}))
    assert not any(map(concerns, compare("ogc", announced, ogc.snapshot({"roads": roads}), "both", Policy()).changes))
    mine = compare("ogc", announced, ogc.snapshot({"roads": renamed}), "both", Policy()).changes
    assert [change.path for change in mine if concerns(change)] == ["roads/name"]
