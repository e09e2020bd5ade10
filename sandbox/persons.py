"""Rows of pop.person: person number i is the same for every scale, so a small city is the beginning of a big one."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from itertools import islice, pairwise
from random import Random
from typing import NamedTuple

from sandbox import identity, names, places

COLUMNS = (
    "citizen_id", "cert_type", "cert_key", "cert_valid_from", "cert_valid_to", "name", "former_name", "sex", "ethnic",
    "birth_date", "birth_place", "native_place", "household_no", "household_relation", "household_type",
    "household_address", "household_division", "police_station", "residence_address", "residence_division", "mobile",
    "marital", "spouse_key", "marriage_on", "social_security_no", "insured_kinds", "insured_division", "death_on",
    "cancelled_on", "cancel_reason", "status", "cd_time", "cd_operation",
)  # fmt: skip
CHUNK = 5_000
_FIRST_DAY, _LAST_DAY = date(1932, 1, 1), date(2026, 5, 31)
AS_OF = date(2026, 6, 30)
# Births of one day that one county's numbers can hold, a rough age pyramid: (year, births).
_PYRAMID = (
    (1932, 60), (1945, 260), (1952, 420), (1962, 640), (1968, 900), (1975, 700), (1982, 650), (1988, 800),
    (1995, 520), (2003, 430), (2012, 480), (2018, 400), (2022, 240), (2026, 180),
)  # fmt: skip
_STEP = 15_485_863  # a prime far above any county's population: consecutive persons are born far apart
_TURN = 1_000  # persons after which each county has had its share
_TIMES = tuple(f"{h:02d}:{m:02d}:{s:02d}" for h in range(8, 20) for m in range(60) for s in range(60))
_UPDATED = tuple((AS_OF - timedelta(d)).isoformat() for d in range(365))
_ELSEWHERE = ("110105", "131082", "211302", "150404", "120104", "370202", "410105", "130203")
_FROM = tuple(f"{y}{m:02d}{d:02d}" for y in range(2010, 2025) for m in range(1, 13) for d in range(1, 29))


class Born(NamedTuple):
    """What the slot of a number fixes: the day in two spellings, its weight in the check sum, the sequence."""

    iso: str
    digits: str
    weight: int
    sequence: int


class Calendar:
    """All days of birth with room for their numbers: slot k belongs to exactly one day and sequence."""

    def __init__(self) -> None:
        days = [_FIRST_DAY + timedelta(d) for d in range((_LAST_DAY - _FIRST_DAY).days + 1)]
        self._iso = [d.isoformat() for d in days]
        self._digits = [f"{d:%Y%m%d}" for d in days]
        self._weights = [identity.weigh(d, identity.REGION_LENGTH) for d in self._digits]
        self._starts = array("L", [0])
        for day in days:
            self._starts.append(self._starts[-1] + _births(day.year))
        self.slots = self._starts.pop()

    def at(self, slot: int) -> Born:
        """Return the day and sequence of a slot (0 <= slot < slots)."""
        day = bisect_right(self._starts, slot) - 1
        return Born(self._iso[day], self._digits[day], self._weights[day], slot - self._starts[day] + 1)


@cache
def calendar() -> Calendar:
    """Return the one calendar of births."""
    return Calendar()


def people(start: int, count: int, seed: int, key: bytes) -> Iterator[list[str | None]]:
    """Yield the persons number start … start+count-1 as rows in the order of COLUMNS."""
    first = start - start % CHUNK
    made = (row for chunk in range(first, start + count, CHUNK) for row in _chunk(chunk, seed, key))
    return islice(made, start - first, start - first + count)


def person(number: int, seed: int, key: bytes) -> dict[str, str | None]:
    """Return one living person in good standing, at or after that number, as a row by column name."""
    for row in people(number, CHUNK, seed, key):
        made = dict(zip(COLUMNS, row, strict=True))
        if made["status"] == "1" and made["cd_operation"] != "D":
            return made
    raise AssertionError("a chunk without a living person")


def _births(year: int) -> int:
    for (low, few), (high, many) in pairwise(_PYRAMID):
        if low <= year <= high:
            return few + (many - few) * (year - low) // (high - low)
    raise ValueError(year)


@cache
def _turn(seed: int) -> tuple[list[int], list[int], list[int]]:
    """Return, for each place of a turn: the county, its how-manieth person this is, and the county's persons a turn."""
    shares = [c.share for c in places.counties()]
    order = [i for i, share in enumerate(shares) for _ in range(share)]
    Random(f"{seed}:turn").shuffle(order)
    seen = [0] * len(shares)
    ranks = []
    for county in order:
        ranks.append(seen[county])
        seen[county] += 1
    return order, ranks, shares


class Draw(NamedTuple):
    """What chance gave one person."""

    luck: float
    house: int
    name: str
    former_name: str | None
    issued: str
    updated: str


def _chunk(first: int, seed: int, key: bytes) -> Iterator[list[str | None]]:
    rng = Random(f"{seed}:person:{first}")
    called, former = names.people(rng, CHUNK), names.people(rng, CHUNK)
    days, clock = rng.choices(_UPDATED, k=CHUNK), rng.choices(_TIMES, k=CHUNK)
    issued = rng.choices(_FROM, k=CHUNK)
    for i in range(CHUNK):
        once = former[i] if i % 50 == 0 else None
        draw = Draw(rng.random(), rng.getrandbits(24), called[i], once, issued[i], f"{days[i]} {clock[i]}")
        county, born, number = _number(first + i, seed)
        yield _row(county, born, number, draw, key)


def _number(person_number: int, seed: int) -> tuple[places.County, Born, str]:
    """Return county, birth and citizen number of a person: one number each, because slots are a permutation."""
    order, ranks, shares = _turn(seed)
    turn, place = divmod(person_number, _TURN)
    county = places.counties()[order[place]]
    rank = turn * shares[order[place]] + ranks[place]
    days, zone, moved_here = calendar(), county.code == places.ZONE, person_number % 40 == 7
    if zone:
        rank += days.slots // 2  # the zone issues no numbers: its people have those of 双滦, from the other half
    if moved_here:
        rank = person_number
    born = days.at((rank * _STEP + seed) % days.slots)
    region = "130803" if zone else county.on(born.iso)
    if moved_here:
        region = _ELSEWHERE[person_number // 40 % len(_ELSEWHERE)]
    total = _region_weight(region) + born.weight + _sequence_weight(born.sequence)
    return county, born, f"{region}{born.digits}{born.sequence:03d}{identity.check_digit(total)}"


@cache
def _region_weight(region: str) -> int:
    return identity.weigh(region)


@cache
def _sequence_weight(sequence: int) -> int:
    return identity.weigh(f"{sequence:03d}", 14)


def _row(county: places.County, born: Born, number: str, draw: Draw, key: bytes) -> list[str | None]:
    luck, house, year = draw.luck, draw.house, int(born.iso[:4])
    doors = places.doorsteps(county)
    street, words = doors[int(luck * 7_919) % len(doors)]
    address = f"{words}{house % 380 + 1}号"
    living, words = (street, words) if house & 7 else doors[house % len(doors)]
    wed = year + 23 + house % 9
    married = wed <= 2025 and luck < 0.8
    status, died, gone, why = _standing(born, luck, house)
    region, issued = number[:6], draw.issued if int(draw.issued[:4]) > year else None
    return [
        number, "111", identity.keyed_hash(number, key), issued,
        f"{int(issued[:4]) + 20}{issued[4:]}" if issued and luck < 0.8 else None,
        draw.name, draw.former_name, "1" if born.sequence % 2 else "2", _ethnic(county.code, house),
        born.iso, region, region, f"{county.code}{house:08d}", "01" if house & 3 else "02",
        "1" if street[6:9] < "100" else "2", address, street, f"{county.code}{house % 30 + 1:04d}00",
        f"{words}{house % 380 + 1}号", living,
        f"1{(3, 5, 7, 8, 9)[house % 5]}{house * 59 % 10**9:09d}" if year < 2014 else None,
        "20" if married else "10", identity.keyed_hash(number[::-1], key) if married else None,
        f"{wed}-{born.iso[5:7]}-{house % 28 + 1:02d}" if married else None, number if luck < 0.7 else None,
        "1,2" if house & 1 else "2", county.code if luck < 0.7 else None, died, gone, why, status, draw.updated,
        "D" if status == "3" and luck < 0.0045 else "I" if house & 15 else "U",
    ]  # fmt: skip


def _standing(born: Born, luck: float, house: int) -> tuple[str, str | None, str | None, str | None]:
    """Return status, date of death, date of cancellation and its reason."""
    if born.iso < "1948" and luck < 0.12:
        day = f"{2008 + house % 17}-{house % 12 + 1:02d}-{house % 28 + 1:02d}"
        return "4", day, day, "01"
    if luck < 0.005:
        return "3", None, f"2025-{house % 12 + 1:02d}-{house % 28 + 1:02d}", "05"
    return ("2" if 0.005 < luck < 0.025 else "1"), None, None, None


def _ethnic(county: str, house: int) -> str:
    """Return the code of GB/T 3304: 满族 11 and 蒙古族 05 are many in the autonomous counties."""
    roll = house % 100
    if county in {"130826", "130827", "130828"}:
        return "11" if roll < 60 else "05" if roll < 66 and county == "130828" else "01"
    return "01" if roll < 62 else "11" if roll < 96 else "03" if roll < 99 else "05"
