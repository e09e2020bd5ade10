"""The set rules about areas in GeoJSON, as conditions under which a landed row `_r_` is broken.

PostgreSQL's own polygons are plane: longitudes are shortened as the parallel at hand is, which is true enough for what is
compared here, the areas of one feature and distances of some hundred metres.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2 import sql

from gateway.exchange import hub as hub_tables
from gateway.exchange.earlier import before
from gateway.exchange.landing import Landing
from gateway.model import Dataset

_METRES = 111_195  # a degree of a great circle
# The rings of an area: `part` and `ring` number them (the first ring of a part is its outline), `shape` is a polygon whose
# longitudes are multiplied by {scale}. What is not built as it should be has none: that is another rule's business.
_RINGS = (
    "(select p.part, r.ring, (select ('(' || string_agg(format('(%s,%s)', (c.at->>0)::float8 * {scale}, c.at->>1), ',' "
    "order by c.turn) || ')')::polygon from jsonb_array_elements({line}) with ordinality c(at, turn) "
    "where jsonb_typeof(c.at->0) = 'number' and jsonb_typeof(c.at->1) = 'number') as shape "
    "from jsonb_array_elements({parts}) with ordinality p(rings, part), "
    "jsonb_array_elements({rings}) with ordinality r(line, ring))"
)
_PARTS = (
    "case {geometry}->>'type' when 'Polygon' then jsonb_build_array({geometry}->'coordinates') "
    "when 'MultiPolygon' then {geometry}->'coordinates' end"
)
_FIRST_LATITUDE = "coalesce({geometry} #>> '{{coordinates,0,0,0,1}}', {geometry} #>> '{{coordinates,0,0,1}}')::float8"


def area_changed(landing: Landing, args: Mapping[str, Any], _: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when an area is more than `percent` larger or smaller than before; what was or is no area is not compared."""
    now, then = _area(args["field"], "_r_"), _area(args["field"], "h")
    changed = sql.SQL("abs({now} - {then}) * 100 > {percent} * {then}").format(
        now=now, then=then, percent=sql.Literal(args["percent"])
    )
    return [before(landing, changed)]


def inside(landing: Landing, args: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when a point lies more than `metres` outside of the area that its code names; a code without area is not judged.

    The area is the row of `in` whose key is `prefix` and the code's first `digits`.
    """
    area, geometry = datasets[args["in"]], sql.Identifier("a", args["geometry"])
    return [sql.SQL(
        "_r_.ctid in (with area as materialized (select a.{key} as name, s.scale, r.part, r.ring, r.shape from {areas} a "
        "cross join lateral (select cos(radians({first})) as scale) s cross join lateral {rings} r "
        "where starts_with(a.{key}, {prefix})), "
        "part as (select o.ctid, max(case when a.ring = 1 then p.at <-> a.shape "
        "when a.shape @> p.at then p.at <-> a.shape::path else 0 end) as away "
        "from {ok} o join area a on a.name = {prefix} || left(o.{code}, {digits}) "
        "cross join lateral (select point(o.{lon}::float8 * a.scale, o.{lat}::float8) as at) p group by o.ctid, a.part) "
        "select ctid from part group by ctid having min(away) * {metre} > {metres})"
    ).format(
        key=sql.Identifier(area.key[0]), areas=hub_tables.table(area), prefix=sql.Literal(args["prefix"]),
        first=sql.SQL(_FIRST_LATITUDE).format(geometry=geometry), rings=_rings(geometry, sql.SQL("s.scale")),
        ok=landing.name("_ok"), code=sql.Identifier(args["code"]), digits=sql.Literal(args["digits"]),
        lon=sql.Identifier(args["lon"]), lat=sql.Identifier(args["lat"]),
        metre=sql.Literal(_METRES), metres=sql.Literal(args["metres"]),
    )]  # fmt: skip


def _area(field: str, alias: str) -> sql.Composed:
    """Return the area of a geometry, its holes taken off, in a unit of its own; null for what is no area."""
    rings = _rings(sql.Identifier(alias, field), sql.SQL("1"))
    return sql.SQL("(select sum(area(r.shape::path) * case r.ring when 1 then 1 else -1 end) from {} r)").format(rings)


def _rings(geometry: sql.Composable, scale: sql.Composable) -> sql.Composed:
    parts = sql.SQL(_PARTS).format(geometry=geometry)
    return sql.SQL(_RINGS).format(
        scale=scale, parts=_array(parts), rings=_array(sql.SQL("p.rings")), line=_array(sql.SQL("r.line"))
    )


def _array(value: sql.Composable) -> sql.Composed:
    """Return a JSON value that is surely an array."""
    return sql.SQL("case jsonb_typeof({0}) when 'array' then {0} else '[]' end").format(value)
