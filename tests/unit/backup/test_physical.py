"""Names of WAL, gaps between them, and the server's own list of files: each fault named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.physical import checked, coverage, lsn, receive, segments
from gateway.errors import Tampered

SIZE = 16 << 20


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**63), st.sampled_from([1 << 20, SIZE, 1 << 30]))
def test_a_segment_holds_the_position_it_is_named_after(timeline: int, at: int, size: int) -> None:
    """Name and number say the same, whatever the size of a segment."""
    name = lsn.segment(timeline, at, size)
    assert lsn.SEGMENT.fullmatch(name)
    assert lsn.number(name, size) * size <= at < lsn.ends(name, size)
    assert lsn.position(f"{at >> 32:X}/{at & 0xFFFFFFFF:X}") == at


def _names(*numbers: int, timeline: int = 1) -> list[str]:
    return [lsn.segment(timeline, n * SIZE, SIZE) for n in numbers]


# What is stored, the first that is needed, what follows it, and what lacks.
LINES = [
    (_names(3, 4, 5), 3, 3, []),  # whole
    (_names(1, 2, 3, 4), 3, 2, []),  # older ones do no harm
    (_names(3, 5, 8), 3, 1, [4, 6, 7]),  # two gaps
    (_names(4, 5), 3, 0, [3]),  # the first lacks
    ([], 3, 0, []),  # nothing at all
    ([*_names(254, 255), *_names(256)], 254, 3, []),  # a name's last part overflows
    ([*_names(3, 4), *_names(4, 5, timeline=2)], 3, 4, []),  # promoted in segment 4
    ([*_names(3), "00000002.history"], 3, 1, []),  # a history is no segment
]


@pytest.mark.parametrize(("stored", "first", "follow", "lacking"), LINES)
def test_a_gap_is_seen_from_the_names(stored: list[str], first: int, follow: int, lacking: list[int]) -> None:
    """Nothing behind a gap follows."""
    line, gaps = segments.line(stored, _names(first)[0], SIZE)
    assert (len(line), gaps) == (follow, lacking)


def test_gaps_are_named_as_people_read_them() -> None:
    """Runs from and to, the first three."""
    said = segments.named([4, 6, 7, 9, 12], "00000001", SIZE)
    one, two, three = _names(4)[0], " to ".join(_names(6, 7)), _names(9)[0]
    assert said == f"{one}, {two}, {three} and 1 more gaps"


def _base(folder: Path) -> Path:
    for name, text in {"PG_VERSION": "18", "base/1/2": "rows", "pg_wal/000000010000000000000001": "wal"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    files = [
        {"Path": p, "Size": len(t), "Checksum-Algorithm": "SHA256", "Checksum": hashlib.sha256(t.encode()).hexdigest()}
        for p, t in (("PG_VERSION", "18"), ("base/1/2", "rows"))
    ]
    told = {"PostgreSQL-Backup-Manifest-Version": 2, "System-Identifier": 7, "Files": files,
            "WAL-Ranges": [{"Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000120"}]}  # fmt: skip
    body = json.dumps(told)[:-1] + ",\n"
    (folder / checked.LIST).write_text(f'{body}"Manifest-Checksum": "{hashlib.sha256(body.encode()).hexdigest()}"}}\n')
    return folder


def _write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


# What is done to a base backup, and what is said.
FAULTS = [
    (_write("base/1/2", "rowz"), "base/1/2 was changed"),
    (_write("base/1/2", "row"), "base/1/2 has 3 bytes, not 4"),
    (lambda folder: (folder / "base/1/2").unlink(), "base/1/2 is missing"),
    (_write("base/1/3", "x"), "base/1/3 is there, the server listed none of that name"),
    (lambda folder: (folder / checked.LIST).unlink(), "backup_manifest is missing or cannot be read"),
    (_write(checked.LIST, "{"), "backup_manifest is missing or cannot be read"),
    (lambda f: (f / checked.LIST).write_text((f / checked.LIST).read_text().replace("0/2000120", "0/2000121")), "backup_manifest is changed"),
]  # fmt: skip


@pytest.mark.parametrize(("size", "then"), [(0, 0), (5, 64), (64, 64)])
def test_a_segment_that_was_being_laid_out_gets_its_full_size(tmp_path: Path, size: int, then: int) -> None:
    """The receiver refuses any other size, and begins the segment anew; what it has is kept."""
    path = tmp_path / f"{_names(3)[0]}.partial"
    path.write_bytes(b"w" * size)
    receive.fill_up(tmp_path, 64)
    assert path.stat().st_size == then
    assert path.read_bytes().startswith(b"w" * size)


def test_a_base_as_the_server_wrote_it_is_read(tmp_path: Path) -> None:
    """Where its WAL begins and ends, and whose it is."""
    found = checked.verify(_base(tmp_path))
    assert found == checked.Base(1, 0x2000028, 0x2000120, "7", 2)


@pytest.mark.parametrize(("damage", "words"), FAULTS)
def test_every_fault_of_a_base_is_named(tmp_path: Path, damage: Callable[[Path], object], words: str) -> None:
    """Before anybody relies on it."""
    damage(_base(tmp_path))
    with pytest.raises(Tampered, match=words):
        checked.verify(tmp_path)


DAY = datetime(2026, 11, 1, tzinfo=UTC)


def _at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


def _stored(*rows: tuple[int, float | None, float]) -> list[dict[str, object]]:
    return [
        {"system": "7", "segment": _names(n)[0], "through": None if t is None else _at(t), "stored_at": _at(s)}
        for n, t, s in rows
    ]


# Segments as (number, until when they hold everything, when they were stored) behind a base whose WAL begins at 3 and that
# was proven at 10 o'clock; pairs of until when nothing is lost and since when that is so.
COVERED = [
    (_stored((3, 9, 9.1), (4, 11, 11.1)), [(9, 10), (11, 11.1)]),  # proven later than stored, stored later than proven
    (_stored((3, 9, 9.1), (5, 12, 12.1)), [(9, 10)]),  # nothing behind a gap counts
    (_stored((3, None, 9.1), (4, 11, 11.1)), [(11, 11.1)]),  # nobody saw until when
    (_stored((2, 8, 8.1)), []),  # older than the base
]


@pytest.mark.parametrize(("stored", "pairs"), COVERED)
def test_wal_counts_behind_a_proven_base_alone(
    stored: list[dict[str, object]], pairs: list[tuple[float, float]]
) -> None:
    """A commit is covered once its segment is stored and the base before it is proven."""
    bases = [
        {"system": "7", "first_segment": _names(3)[0], "proven_at": _at(10)},
        {"system": None, "first_segment": None, "proven_at": _at(1)},
    ]
    assert coverage.pairs(bases, stored) == [(_at(t), _at(s)) for t, s in pairs]
