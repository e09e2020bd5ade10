"""Trees of files come back as they were: every entry, each content once, nothing through a symlink."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup.trees import take
from backup.trees.compare import compare
from backup.trees.entries import INDEX, Entry, read
from backup.trees.restore import restore
from gateway.errors import BackupFailed, RestoreRefused, Tampered


@pytest.fixture(autouse=True)
def _small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have several packs without many megabytes."""
    monkeypatch.setattr(take, "_FULL", 1000)


def _taken(root: Path, tmp_path: Path, exclude: tuple[str, ...] = ()) -> tuple[take.Taking, Path]:
    """Return what was counted, and the folder of packs and index as a repository would hold them."""
    spool, kept = tmp_path / "spool", tmp_path / "kept"
    spool.mkdir()
    kept.mkdir()
    taking = take.Taking(root, spool, exclude)
    for part in taking.parts():
        part.rename(kept / part.name)
    assert list(spool.iterdir()) == []
    return taking, kept


def _restored(kept: Path, tmp_path: Path) -> Path:
    target, spool = tmp_path / "target", tmp_path / "second"
    target.mkdir()
    spool.mkdir()
    restore(kept / INDEX, lambda name: kept / name, target, spool)
    assert list(spool.iterdir()) == []
    return target


def _attachments(root: Path) -> Path:
    """Make a tree of every kind of entry; return its root."""
    (root / "2026/批复").mkdir(parents=True)
    (root / "empty").mkdir(mode=0o700)
    (root / "2026/批复/承德1308.pdf").write_bytes(os.urandom(1500))
    (root / "2026/a.txt").write_bytes(b"licence")
    (root / "b.txt").write_bytes(b"licence")
    (root / "none").touch(mode=0o600)
    (root / "out").symlink_to("/etc/passwd")
    (root / "folder").symlink_to("2026")
    (root / "gone").symlink_to("nowhere")
    Path(os.fsdecode(bytes(root) + b"/\xb3\xd0\xb5\xc2")).write_bytes(b"a name in GBK")
    os.utime(root / "b.txt", ns=(1, 1_700_000_000_123_456_789))
    os.utime(root / "2026", ns=(1, 1_700_000_000_000_000_000))
    return root


def test_a_tree_comes_back_as_it_was(tmp_path: Path) -> None:
    """Folders, files, links, modes, times and names that are no text are restored, and compare agrees."""
    root = _attachments(tmp_path / "root")
    taking, kept = _taken(root, tmp_path)
    target = _restored(kept, tmp_path)
    assert compare(kept / INDEX, target) == []
    assert sorted(p.relative_to(root) for p in root.rglob("*")) == sorted(
        p.relative_to(target) for p in target.rglob("*")
    )
    assert (target / "2026/批复/承德1308.pdf").read_bytes() == (root / "2026/批复/承德1308.pdf").read_bytes()
    assert (target / "b.txt").stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert (target / "out").readlink() == Path("/etc/passwd")
    assert (taking.entries, taking.kinds["f"], taking.kinds["x"]) == (11, 5, 0)


def test_a_content_is_stored_once(tmp_path: Path) -> None:
    """A hundred equal files take the room of one."""
    root = tmp_path / "root"
    root.mkdir()
    for number in range(100):
        (root / str(number)).write_bytes(b"the same notice" * 10)
    taking, kept = _taken(root, tmp_path)
    assert (taking.bytes, taking.stored_bytes) == (15_000, 150)
    assert sum(p.stat().st_size for p in kept.glob("pack_*")) == 150
    assert compare(kept / INDEX, _restored(kept, tmp_path)) == []


@given(st.dictionaries(st.integers(0, 40), st.binary(max_size=700), max_size=12))
@settings(max_examples=20)
def test_any_contents_come_back(tmp_path_factory: pytest.TempPathFactory, contents: dict[int, bytes]) -> None:
    """Whatever the sizes and repetitions, each file has its own content again."""
    tmp_path = tmp_path_factory.mktemp("any")
    root = tmp_path / "root"
    root.mkdir()
    for name, body in contents.items():
        (root / str(name)).write_bytes(body)
    _, kept = _taken(root, tmp_path)
    target = _restored(kept, tmp_path)
    assert {int(p.name): p.read_bytes() for p in target.iterdir()} == contents


def test_what_is_excluded_is_not_there(tmp_path: Path) -> None:
    """Patterns match names anywhere and paths from the root; a folder goes with all that is in it."""
    root = _attachments(tmp_path / "root")
    (root / "x.tmp").touch()
    _, kept = _taken(root, tmp_path, ("*.tmp", "2026/批复"))
    assert {e.path for e in read(kept / INDEX)} & {"x.tmp", "2026/批复", "2026/批复/承德1308.pdf"} == set()


def test_sockets_are_told_and_not_read(tmp_path: Path) -> None:
    """What is neither file, folder nor link is in the index as such; a pipe does not block the reading."""
    root = tmp_path / "root"
    root.mkdir()
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "s"))
        _, kept = _taken(root, tmp_path)
    assert {e.path: e.t for e in read(kept / INDEX)} == {"pipe": "o", "s": "o"}
    assert compare(kept / INDEX, _restored(kept, tmp_path)) == []


class _Changing:
    """Changes a file each time it is read, as often as said."""

    def __init__(self, path: Path, times: int, real: Callable[..., Any]) -> None:
        self._path, self._left, self._real = path, times, real

    def __call__(self, file: Any, pack: Any) -> Any:
        found = self._real(file, pack)
        if self._left:
            self._left -= 1
            with self._path.open("ab") as more:
                more.write(b"more")
        return found


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two changes are outlasted; what comes back is a state that the file had."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "log").write_bytes(b"line")
    monkeypatch.setattr(take, "_copied", _Changing(root / "log", 2, take._copied))
    taking, kept = _taken(root, tmp_path)
    assert taking.kinds["x"] == 0
    assert (_restored(kept, tmp_path) / "log").read_bytes() == b"linemoremore"


def test_a_file_that_never_rests_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After three readings it is in the index as unread, nothing of it is stored, and the rest goes on."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "log").write_bytes(b"line")
    monkeypatch.setattr(take, "_copied", _Changing(root / "log", 3, take._copied))
    taking, kept = _taken(root, tmp_path)
    assert (taking.kinds["x"], taking.stored_bytes) == (1, 0)
    assert list(read(kept / INDEX)) == [Entry("log", "x", why="it changed each time while it was read")]
    assert list(_restored(kept, tmp_path).iterdir()) == []


def test_a_root_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A tree that is not mounted is a failure, never an empty backup."""
    with pytest.raises(BackupFailed, match="unable to read a tree: no such file or directory"):
        _taken(tmp_path / "unmounted", tmp_path)


def test_a_full_spool_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool without room ends the backup; it is no unreadable file."""
    root = _attachments(tmp_path / "root")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(take, "_copied", full)
    with pytest.raises(BackupFailed, match="no space left on device"):
        _taken(root, tmp_path)


CHANGES = [
    # one byte of a file, its time kept
    (lambda t: _rewritten(t / "b.txt", b"licenc3"), "b.txt: has other content"),
    # a file gone
    (lambda t: (t / "none").unlink(), "none: is missing"),
    # a mode
    (lambda t: (t / "none").chmod(0o644), "none: has another mode or time"),
    # a link that leads elsewhere
    (lambda t: ((t / "gone").unlink(), (t / "gone").symlink_to("here")), "gone: leads elsewhere"),
    # a file in a folder's place
    (lambda t: ((t / "empty").rmdir(), (t / "empty").touch()), "empty: is of another kind"),
    # one entry more
    (lambda t: (t / "more").touch(), "the folder has 12 entries, the index 11"),
]


def _rewritten(path: Path, body: bytes) -> None:
    was = path.stat()
    path.write_bytes(body)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_what_is_not_as_it_was_is_named(tmp_path: Path, change: Callable[[Path], Any], words: str) -> None:
    """Comparing can fail: each kind of difference is told with its path."""
    _, kept = _taken(_attachments(tmp_path / "root"), tmp_path)
    target = _restored(kept, tmp_path)
    change(target)
    assert words in compare(kept / INDEX, target)


def test_a_changed_pack_is_refused(tmp_path: Path) -> None:
    """A content that is not what the index says is not left in the folder."""
    _, kept = _taken(_attachments(tmp_path / "root"), tmp_path)
    pack = next(p for p in kept.glob("pack_*") if p.stat().st_size)
    pack.write_bytes(b"X" + pack.read_bytes()[1:])
    with pytest.raises(Tampered, match=r"pack_\d+ holds something else than file"):
        _restored(kept, tmp_path)


def test_a_folder_that_holds_something_is_not_written_to(tmp_path: Path) -> None:
    """Restoring never mixes with what is there."""
    _, kept = _taken(_attachments(tmp_path / "root"), tmp_path)
    with pytest.raises(RestoreRefused, match="is not empty"):
        restore(kept / INDEX, lambda name: kept / name, tmp_path, tmp_path / "spool")


FORGED = [
    # paths that lead out of the tree, or nowhere
    ([{"path": "../x", "t": "d"}], "line 1 of the index"),
    ([{"path": "/etc/x", "t": "d"}], "line 1 of the index"),
    ([{"path": "a/../../x", "t": "d"}], "line 1 of the index"),
    ([{"path": "", "t": "d"}], "line 1 of the index"),
    ([{"path": "a//b", "t": "d"}], "line 1 of the index"),
    ([{"path": "./a", "t": "d"}], "line 1 of the index"),
    ([{"path": "a/", "t": "d"}], "line 1 of the index"),
    # something else than an entry
    ([["a"]], "line 1 of the index"),
    ([{"path": "a", "t": "d", "owner": 0}], "line 1 of the index"),
    ([{"path": 5, "t": "d"}], "line 1 of the index"),
    ([{"path": "a", "t": "f", "size": "5"}], "line 1 of the index"),
    ([{"path": "a", "t": "z"}], "line 1 of the index"),
    ([{"path": "a", "t": "l", "to": "b\0"}], "line 1 of the index"),
    # an entry below what is a link: links come last, so that its folder is missing
    ([{"path": "a", "t": "l", "to": "/tmp"}, {"path": "a/b", "t": "d"}], "names an entry twice, or one in a folder"),
    # the same folder twice
    ([{"path": "a", "t": "d"}, {"path": "a", "t": "d"}], "names an entry twice"),
]


@pytest.mark.parametrize(("lines", "words"), FORGED)
def test_a_forged_index_writes_nowhere_else(tmp_path: Path, lines: list[Any], words: str) -> None:
    """An index that leads out of the folder is refused by its line."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / INDEX).write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    with pytest.raises(Tampered, match=words):
        _restored(kept, tmp_path)
