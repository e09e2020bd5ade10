"""Chengde's divisions with their history, and addresses inside them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

Row = dict[str, Any]
OLD_PINGQUAN, NEW_PINGQUAN = "130823", "130881"
ZONE, ZONE_BEGINS = "130871", "2018-02-01"
CHANGED, LAST_OLD_DAY = "2017-05-01", "2017-04-30"
_BEGINS = "1993-01-01"
_CITY, _PROVINCE = "130800000000", "130000000000"
_FILE = Path(__file__).parent / "data" / "chengde_divisions.csv"
# Per mille of the city's population, and the seat's latitude and longitude (CGCS2000).
_SHARES = {
    "130802": (98, 40.9746, 117.9435), "130803": (52, 40.9592, 117.7998), "130804": (16, 40.5463, 117.6595),
    "130821": (104, 40.7683, 118.1740), "130822": (89, 40.4173, 117.5005), "130881": (130, 41.0184, 118.7019),
    "130824": (80, 40.9415, 117.3326), "130825": (106, 41.3138, 117.7389), "130826": (96, 41.2090, 116.6460),
    "130827": (70, 40.6112, 118.4853), "130828": (129, 41.9383, 117.7604), "130871": (30, 40.9300, 117.9550),
}  # fmt: skip
_ROADS = (
    "南营子大街",
    "武烈路",
    "新华路",
    "迎宾路",
    "翠桥路",
    "半壁山路",
    "平安街",
    "府前路",
    "桥东街",
    "滨河路",
    "文化路",
    "建设街",
)
_VILLAGES = (
    "东沟",
    "西沟",
    "大庙",
    "三道河",
    "头道营",
    "小白旗",
    "石门子",
    "榆树底",
    "上窝铺",
    "下营子",
    "双峰寺",
    "柳树底",
)


@dataclass(frozen=True, slots=True)
class Street:
    """A street, town or township of today: 12-digit code and name."""

    code: str
    name: str

    @property
    def old_code(self) -> str:
        """Return the code before May 2017: streets of 平泉 stood below 130823."""
        return self.code.replace(NEW_PINGQUAN, OLD_PINGQUAN, 1)


@dataclass(frozen=True, slots=True, eq=False)
class County:
    """A county-level division of today with its share of the people, its seat and its streets."""

    code: str
    name: str
    share: int
    lat: float
    lon: float
    streets: tuple[Street, ...]

    def on(self, day: str) -> str:
        """Return the six-digit code that was in force on a day (ISO text)."""
        if self.code == NEW_PINGQUAN and day < CHANGED:
            return OLD_PINGQUAN
        return "130802" if self.code == ZONE and day < ZONE_BEGINS else self.code


@cache
def counties() -> tuple[County, ...]:
    """Return today's twelve county-level divisions."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    made = []
    for row in (r for r in rows if r["level"] == "3"):
        share, lat, lon = _SHARES[row["code"][:6]]
        streets = tuple(Street(r["code"], r["name"]) for r in rows if r["parent"] == row["code"])
        made.append(County(row["code"][:6], row["name"], share, lat, lon, streets))
    return tuple(made)


@cache
def doorsteps(county: County) -> tuple[tuple[str, str], ...]:
    """Return (street code, text up to the number) of places where people live in a county."""
    made = []
    for street in county.streets:
        for road in _VILLAGES if street.name[-1] in "乡镇" else _ROADS:
            words = f"{road}村" if road in _VILLAGES else road
            made.append((street.code, f"河北省承德市{county.name}{street.name}{words}"))
    return tuple(made)


def divisions() -> Iterator[Row]:
    """Yield the rows of geo.division: the province, the city, today's divisions, and 平泉县 as it was until 2017."""
    yield _division(_PROVINCE, "河北省", None)
    yield _division(_CITY, "承德市", _PROVINCE)
    for county in counties():
        code = county.code + "000000"
        begins = {NEW_PINGQUAN: CHANGED, ZONE: ZONE_BEGINS}.get(county.code, _BEGINS)
        kind = "F" if county.code == ZONE else "A"
        yield _division(code, county.name, _CITY, begins, kind=kind)
        for street in county.streets:
            yield _division(street.code, street.name, code, begins, kind=kind)
    old = OLD_PINGQUAN + "000000"
    yield _division(old, "平泉县", _CITY, ends=LAST_OLD_DAY, successor=NEW_PINGQUAN + "000000")
    for street in next(c for c in counties() if c.code == NEW_PINGQUAN).streets:
        yield _division(street.old_code, street.name, old, ends=LAST_OLD_DAY, successor=street.code)


def new_division(number: int) -> Row:
    """Return a made-up township that no list knows, for rows that must be bad in one way only."""
    return _division(f"130802{700 + number:03d}000", f"试验乡{number}", "130802000000", "2015-01-01")


def addresses(rng: Random, count: int, start: int = 0) -> Iterator[Row]:
    """Yield rows of geo.address; `start` is the first number of the identifiers."""
    chosen = rng.choices(counties(), [c.share for c in counties()], k=count)
    for number, county in enumerate(chosen, start):
        yield _address(rng, number, county)


def misplaced(number: int) -> bool:
    """Tell whether somebody wrote down an address far outside of its county."""
    return number % 500 == 250


def _address(rng: Random, number: int, county: County) -> Row:
    street, road = rng.choice(county.streets), rng.choice(_ROADS)
    built = f"{rng.randint(2018, 2025)}-{rng.randint(3, 12):02d}-{rng.randint(1, 28):02d}"
    row: Row = {
        "address_id": f"DZ{number:010d}", "division": street.code, "street": street.name, "road": road,
        "door_no": f"{rng.randint(1, 399)}号", "estate": rng.choice((None, "嘉和小区", "武烈家园", "滨河花园")),
        "zone_type": "01", "coord_type": "01", "crs": "EPSG:4490", "valid_from": built, "valid_to": None,
        "lat": f"{county.lat + rng.uniform(-0.05, 0.05):.7f}", "lon": f"{county.lon + rng.uniform(-0.05, 0.05):.7f}",
        "updated_at": f"2026-{rng.randint(1, 6):02d}-{rng.randint(1, 28):02d} {rng.randint(8, 18):02d}:{rng.randint(0, 59):02d}:00",
    }  # fmt: skip
    if row["estate"]:
        row |= {
            "building": f"{rng.randint(1, 30)}栋",
            "unit": f"{rng.randint(1, 6)}单元",
            "room": f"{rng.randint(101, 2604)}室",
        }
    if misplaced(number):
        row["lon"] = f"{float(row['lon']) + 0.3:.7f}"
    parts = ("street", "road", "door_no", "estate", "building", "unit", "room")
    row["standard_name"] = "".join(row.get(p) or "" for p in parts)
    row["alias"] = f"{road}{row['door_no']}#{street.name}{row['door_no']}" if number % 5 == 0 else None
    if number % 50 == 1:
        row["valid_to"] = "9999-12-31"  # how old systems write an open end
    return row


def _division(
    code: str, name: str, parent: str | None, begins: str = _BEGINS, *,
    ends: str | None = None, successor: str | None = None, kind: str = "A",
) -> Row:  # fmt: skip
    digits = len(code.rstrip("0"))
    level = next(i for i, top in enumerate((2, 4, 6, 9, 12), 1) if digits <= top)
    return {
        "code": code, "valid_from": begins, "valid_to": ends, "replaced_by": successor, "name": name,
        "level": str(level), "kind": kind, "parent": parent, "source": "2023年统计用区划代码；平泉撤县设市依民政部2017年公告",
    }  # fmt: skip
