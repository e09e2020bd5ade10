"""Geographic features of the stand-in city: good ones, and one that is bad for every reason there is.

Outlines are made up around the counties' seats: they border on nothing and are no map of anything. A record is as the
contract has it; its geometry has longitude first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sandbox import places

Row = dict[str, Any]
Position = list[float]
FEATURE = "geo.feature"
CHINA = ZoneInfo("Asia/Shanghai")
_COUNTY, _STREAM = "630200", "210101"
_KINDS = (("340101", "卫生院"), ("340201", "中心小学"), ("340301", "便民服务中心"))
_STREAMS = ("武烈河", "滦河", "瀑河", "𠂇柳河", "潮河")  # one with a character beyond the first plane
_CORNERS = 12
_SOURCE = "演示数据：依县级政府驻地虚构，非实测，不作地图使用"


def features(now: datetime, seed: int) -> Iterator[Row]:
    """Yield the good features: an outline for each county, streams, and places in each street and township."""
    rng = Random(f"{seed}:features")
    for number, county in enumerate(places.counties()):
        yield _row(f"XZQ{county.code}", _COUNTY, county.name, _outline(county, rng, number), now, rng)
    for number, name in enumerate(_STREAMS):
        county = places.counties()[number]
        line = [_near(county, rng, 0.02 * step) for step in range(8)]
        yield _row(f"SX{number:06d}", _STREAM, name, {"type": "LineString", "coordinates": line}, now, rng)
    number = 0
    for county in places.counties():
        for street in county.streets:
            for _ in range(2):
                yield place(number, street.name, county, now, seed)
                number += 1


def place(number: int, name: str, county: places.County, now: datetime, seed: int) -> Row:
    """Return a place that is a point."""
    rng = Random(f"{seed}:place:{number}")
    code, kind = _KINDS[number % len(_KINDS)]
    shape = {"type": "Point", "coordinates": _near(county, rng, 0.08)}
    return _row(f"XQD{number:07d}", code, f"{name}{kind}{'　' if number % 97 == 0 else ''}", shape, now, rng)


def _row(identity: str, code: str, name: str, shape: Row, now: datetime, rng: Random) -> Row:
    surveyed = now - timedelta(days=rng.randint(60, 900))
    return {
        "feature_id": identity, "class_code": code, "name": name, "geometry": shape, "crs": "EPSG:4490", "source": _SOURCE,
        "surveyed_on": f"{surveyed:%Y-%m-%d}", "valid_from": f"{surveyed + timedelta(days=30):%Y-%m-%d}",
        "valid_to": "9999-12-31" if rng.random() < 0.05 else None,
        "updated_at": moment(surveyed + timedelta(days=31, minutes=rng.randrange(1440))),
    }  # fmt: skip


def moment(when: datetime) -> str:
    """Return a moment as the service writes it: whole seconds with China's offset."""
    return when.astimezone(CHINA).replace(microsecond=0).isoformat()


def _outline(county: places.County, rng: Random, number: int) -> Row:
    """Return an area around a county's seat; some have a hole, some lie in two parts."""
    outer = _ring(county.lon, county.lat, rng.uniform(0.12, 0.2), rng)
    if number % 5 == 4:
        apart = _ring(county.lon + 0.6, county.lat, 0.05, rng)
        return {"type": "MultiPolygon", "coordinates": [[outer], [apart]]}
    hole = [_ring(county.lon + 0.075, county.lat, 0.0125, rng)[::-1]] if number % 5 == 2 else []  # where no address is
    return {"type": "Polygon", "coordinates": [outer, *hole]}


def _ring(lon: float, lat: float, radius: float, rng: Random) -> list[Position]:
    steps = (2 * math.pi * corner / _CORNERS for corner in range(_CORNERS))
    ring = [_at(lon + math.cos(a) * (r := radius * rng.uniform(0.8, 1.2)), lat + math.sin(a) * r) for a in steps]
    return [*ring, ring[0]]


def _near(county: places.County, rng: Random, span: float) -> Position:
    return _at(county.lon + rng.uniform(-span, span), county.lat + rng.uniform(-span, span))


def _at(lon: float, lat: float) -> Position:
    return [round(lon, 7), round(lat, 7)]


def _area(*positions: Position) -> Row:
    return {"geometry": {"type": "Polygon", "coordinates": [list(positions)]}}


_A, _B, _C, _D = [117.8, 40.9], [118.0, 40.9], [118.0, 41.0], [117.8, 41.0]
# What makes a good record bad, by the rule that is to find it. The last ones are no matter of the contract's rules.
_BREAKERS: Mapping[str, Callable[[Row], Row]] = {
    "geometry-type": lambda _: {"geometry": {"type": "MultiPoint", "coordinates": [_A, _B]}},
    "GE-01": lambda _: _area(_A, _B, _C, _D),
    "GE-02": lambda _: {"crs": "EPSG:4548"},
    "GE-03": lambda _: {"geometry": {"type": "Point", "coordinates": _A[::-1]}},
    "surveyed_on-future": lambda _: {"surveyed_on": "2099-01-01"},
    "valid-order": lambda row: {"valid_to": row["surveyed_on"]},
    "TX-01": lambda _: {"name": "名称\x02"},
    "geometry.required": lambda _: {"geometry": None},
    "name.length": lambda _: {"name": "长" * 201},
    "valid_from.type": lambda _: {"valid_from": "2026-02-30"},
    "text.encoding": lambda _: {"source": "来源\0"},
    "geo.shape": lambda _: {"geometry": {"type": "Point", "coordinates": [117.8]}},
    "geo.crossing": lambda _: _area(_A, _C, _B, _D, _A),
}


def broken(rule: str, row: Row) -> Row:
    """Return a good record with one rule broken; KeyError for a rule that nobody knows how to break."""
    return row | _BREAKERS[rule](row)


def breakable() -> tuple[str, ...]:
    """Return the rules that `broken` knows."""
    return tuple(_BREAKERS)
