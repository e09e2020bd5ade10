"""The benchmark's lines for backups: sealing a dump against compressing it, and storing a part against copying it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import zstandard

from backup import keys, seal
from backup.repositories import open_repository
from sandbox import meter
from sandbox.bench_drills import drills
from sandbox.bench_trees import trees

_STEP = 1 << 20


def backups(city: meter.Bench, pairs: int, files: int) -> list[dict[str, Any]]:
    """Return the lines: each seal profile, the store, whole backups, and a tree of files."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-backups-") as name:
        folder = Path(name)
        dump = folder / "dump"
        with dump.open("wb") as out, city.source.cursor() as cursor:
            cursor.copy_expert("copy person to stdout", out)
        sealing = [_sealing(city, dump, profile, pairs) for profile in seal.PROFILES]
        storing = _storing(city, dump, pairs)
        dump.unlink()
        return [*sealing, storing, *drills(city, folder, pairs - 1), trees(city, folder, files)]


def _sealing(city: meter.Bench, dump: Path, profile: str, pairs: int) -> dict[str, Any]:
    """Compare sealing, both hashes taken, with zstd of the same level alone."""
    identity, recipient = keys.create()
    sealer, sealed = seal.sealer(profile, {"bench": recipient}), dump.with_name("sealed")
    with dump.open("rb") as file:
        wanted = hashlib.file_digest(file, "sha256").hexdigest()

    def limit() -> None:
        with dump.open("rb") as source, dump.with_name("packed").open("wb") as target:
            zstandard.ZstdCompressor(level=1, write_checksum=True).copy_stream(
                source, target, read_size=_STEP, write_size=_STEP
            )

    def ours() -> None:
        with dump.open("rb") as source, sealed.open("wb") as target:
            meter.check(sealer.seal(source, target).plain_sha256 == wanted, "the hash of what was sealed")

    line = city.pairs(f"seal.{profile}", pairs, limit, ours, lambda: None)
    with sealed.open("rb") as source, dump.with_name("opened").open("w+b") as target:
        seal.opener(profile, identity).open(source, target)
        target.seek(0)
        meter.check(hashlib.file_digest(target, "sha256").hexdigest() == wanted, "what was opened")
    return line


def _storing(city: meter.Bench, part: Path, pairs: int) -> dict[str, Any]:
    """Compare storing a part, hashed, durable and read back, with `cp` and `sync` of it."""
    store = part.with_name("store")
    store.mkdir()
    cp, sync = (shutil.which(program) or program for program in ("cp", "sync"))
    with part.open("rb") as file:
        known = hashlib.file_digest(file, "sha256").hexdigest()  # a run has it from the sealer
    copy, repository, number = part.with_name("copy"), open_repository(store.as_uri()), [0]

    def between() -> None:
        copy.unlink(missing_ok=True)
        number[0] += 1

    def limit() -> None:
        subprocess.run([cp, str(part), str(copy)], check=True)
        subprocess.run([sync, str(copy)], check=True)

    def ours() -> None:
        told = repository.put_part(f"b{number[0]}", "0001.part", part, known)
        meter.check((told.bytes, told.sha256) == (part.stat().st_size, known), "the part as it was read back")
        repository.put_manifest(f"b{number[0]}", b"{}")
        repository.delete(f"b{number[0]}")

    return city.pairs("store.file", pairs, limit, ours, between)
