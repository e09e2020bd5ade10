"""Files that are written keep their numbers when their reader moves them away."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.files import connect_target
from connectors.files_manifest import SUFFIX
from connectors.files_store import LocalStore
from gateway.errors import PlatformUnavailable
from gateway.ports import Delivery, Forgetful, Outgoing
from tests.integration.connectors.test_files import ITEM, platform

LEFT = datetime(2026, 11, 24, 4, tzinfo=UTC)


class Reader:
    """A folder whose reader moves away what it has read, and a gateway that remembers."""

    def __init__(self, root: Path) -> None:
        """Begin with an empty folder."""
        self.root, self.memory = root, Forgetful()

    def write(self, number: int, *keys: str, left: datetime = LEFT) -> Delivery:
        """Write a batch."""
        data = "".join(f"{key}\ta\t1\t2026-11-24 04:00:00+00\n" for key in keys).encode()
        batch = Outgoing("h", number, left, lambda out: len(keys) if out.write(data) else 0, lambda _: 0, self.memory)
        return connect_target(platform(), f"file://{self.root}").write(ITEM, batch)

    def manifests(self) -> list[dict[str, Any]]:
        """Return the manifests that are there, by their number."""
        return [json.loads(p.read_bytes()) for p in sorted(self.root.glob(f"*{SUFFIX}"))]

    def move_away(self) -> None:
        """Empty the folder."""
        for path in self.root.iterdir():
            path.unlink()


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Return an empty folder and its reader."""
    (tmp_path / "out").mkdir()
    return Reader(tmp_path / "out")


def test_numbers_go_on_after_the_reader_moved_everything_away(reader: Reader) -> None:
    """No number comes twice, and none is left out; the files have names of their own."""
    seen = []
    for number in (11, 12, 15):
        reader.write(number, "1")
        seen += [(m["sequence"], m["file"]) for m in reader.manifests()]
        reader.move_away()
    assert seen == [(n, f"test_item_{n:06}.csv") for n in (1, 2, 3)]


def test_moments_never_go_back(reader: Reader) -> None:
    """A batch that left before others, and is sent again after their files are gone, is taken no earlier than they."""
    reader.write(11, "1", left=LEFT + timedelta(hours=1))
    reader.move_away()
    reader.write(12, "1")
    assert reader.manifests()[0]["taken_at"] == (LEFT + timedelta(hours=1)).isoformat()


def test_a_batch_that_was_read_before_its_reply_was_is_not_written_again(reader: Reader) -> None:
    """The gateway died after the manifest was there, and the reader was quick."""
    reader.write(11, "1", "2")
    reader.move_away()
    again = reader.write(11, "1", "2")
    assert (again.inserted, again.repeated, list(reader.root.iterdir())) == (2, True, [])
    reader.write(12, "3")
    assert [m["sequence"] for m in reader.manifests()] == [2]


def test_a_number_that_may_have_been_seen_is_kept_by_its_batch(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the manifest was renamed nobody knows: the same batch comes under the same number, which counts once."""
    write = LocalStore.write

    def lost(self: LocalStore, folder: str, name: str, fill: Any) -> Any:
        done = write(self, folder, name, fill)
        if name.endswith(SUFFIX):
            raise PlatformUnavailable("the reply is lost", "")
        return done

    monkeypatch.setattr(LocalStore, "write", lost)
    with pytest.raises(PlatformUnavailable):
        reader.write(11, "1")
    monkeypatch.undo()
    first = reader.manifests()
    reader.move_away()
    assert reader.write(11, "1").repeated is False
    assert [(m["sequence"], m["sha256"]) for m in reader.manifests()] == [(m["sequence"], m["sha256"]) for m in first]


def test_without_a_memory_the_folder_tells(reader: Reader) -> None:
    """The hub was restored to before its first file: the newest manifest counts."""
    reader.write(11, "1")
    reader.memory = Forgetful()
    reader.write(12, "2")
    assert [m["sequence"] for m in reader.manifests()] == [1, 2]
