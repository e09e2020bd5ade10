"""Write a tree from its index and packs into an empty folder, each content held to its hash."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from backup.trees.entries import Entry, read
from gateway.errors import RestoreRefused, Tampered

_STEP = 1 << 20
_TABLES = """
create table file (pack text, start integer, path blob, size integer, sha256 text, mode integer, mtime integer);
create table folder (path blob, mode integer, mtime integer);
create table link (path blob, target blob)
"""


def restore(index: Path, pack: Callable[[str], Path], target: Path, spool: Path) -> None:
    """Write the tree below `target`; `pack` brings each pack once, by name, as a file that is removed after its use.

    Folders come first and symlinks last, so that nothing is written through one. Owners are not kept. Tampered names what
    does not fit.
    """
    if any(target.iterdir()):
        raise RestoreRefused(f"folder {target.name} is not empty", "Name an empty folder; nothing was written.")
    places = spool / "places"
    places.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(places, isolation_level=None)) as base:
            _prepare(index, target, base)
            for (name,) in base.execute("select distinct pack from file order by pack").fetchall():
                path = pack(name)
                with path.open("rb") as opened:
                    _unpack(base, name, opened, target)
                path.unlink()
            _finish(base, target)
    except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
        raise Tampered(
            "the index of a tree names an entry twice, or one in a folder that it has not", "Take another backup."
        ) from error
    finally:
        places.unlink(missing_ok=True)


def _prepare(index: Path, target: Path, base: sqlite3.Connection) -> None:
    """Make the folders, and note the rest on the disk in the order in which the packs are needed."""
    base.executescript(
        f"pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -8192; begin; {_TABLES}"
    )
    for told in read(index):
        path = os.fsencode(told.path)
        if told.t == "d":
            (target / told.path).mkdir(mode=0o700)
            base.execute("insert into folder values (?, ?, ?)", (path, told.mode, told.mtime))
        elif told.t == "f":
            facts = (told.pack, told.offset, path, told.size, told.sha256, told.mode, told.mtime)
            base.execute("insert into file values (?, ?, ?, ?, ?, ?, ?)", facts)
        elif told.t == "l":
            base.execute("insert into link values (?, ?)", (path, os.fsencode(told.to)))
    base.execute("create index place on file (pack, start)")


def _unpack(base: sqlite3.Connection, name: str, pack: BinaryIO, target: Path) -> None:
    wanted = "select path, start, size, sha256, mode, mtime from file where pack = ? order by start"
    for path, start, size, sha256, mode, mtime in base.execute(wanted, (name,)):
        told = Entry(os.fsdecode(path), "f", mode, mtime, size, sha256, name, start)
        pack.seek(start)
        _write(pack, told, target / told.path)


def _write(pack: BinaryIO, told: Entry, path: Path) -> None:
    digest, left = hashlib.sha256(), told.size
    with path.open("xb") as out:
        while left and (step := pack.read(min(_STEP, left))):
            digest.update(step)
            out.write(step)
            left -= len(step)
        os.fchmod(out.fileno(), told.mode)
    if left or digest.hexdigest() != told.sha256:
        path.unlink()
        raise Tampered(f"{told.pack} holds something else than file {told.path}", "Take another copy of this backup.")
    os.utime(path, ns=(told.mtime, told.mtime))


def _finish(base: sqlite3.Connection, target: Path) -> None:
    for path, to in base.execute("select path, target from link"):
        (target / os.fsdecode(path)).symlink_to(os.fsdecode(to))
    for path, mode, mtime in base.execute("select path, mode, mtime from folder order by length(path) desc"):
        folder = target / os.fsdecode(path)
        folder.chmod(mode)
        os.utime(folder, ns=(mtime, mtime))
