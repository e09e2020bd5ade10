"""What every repository keeps to: parts read back, the manifest last, cuts gone on with, refusals told."""

from __future__ import annotations

import errno
import hashlib
import io
import mmap
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from backup.ports import MANIFEST, Repository
from backup.repositories import local, open_repository, s3_upload
from backup.repositories.files import FilesRepository
from backup.repositories.local import LocalMedium
from gateway.errors import NotFound, RepositoryRefused, RepositoryUnavailable
from tests.integration.backup.peers import SECRET, S3Store, Sshd
from tests.integration.proxy import Proxy

NO_SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") is None
SYSTEM = [pytest.mark.system, pytest.mark.skipif(NO_SSHD, reason="install the system package openssh-server")]
KINDS = ["file", pytest.param("sftp", marks=SYSTEM), "s3"]
PEERS = [kind for kind in KINDS if kind != "file"]
PIECE = 5 << 20  # the least that a store takes
SIZE = 12 << 20  # three pieces of an S3 upload


@dataclass
class Place:
    """A fresh repository and what lies behind it."""

    kind: str
    url: str
    bucket: str
    read: Callable[[str], bytes | None]
    write: Callable[[str, bytes], None]

    @property
    def repository(self) -> Repository:
        """Return the repository, opened anew."""
        return open_repository(self.url)


@pytest.fixture(scope="module")
def store() -> Iterator[S3Store]:
    """Yield an S3 store for the tests of this file."""
    found = S3Store()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Yield an OpenSSH server for the tests of this file."""
    with Sshd(tmp_path_factory.mktemp("sshd")) as found:
        yield found


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have uploads of several pieces without many megabytes."""
    monkeypatch.setattr(s3_upload, "_PIECE", PIECE)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a fresh place of the kind that the test is run for."""
    kind, root = request.param, tmp_path / "store"
    if kind == "s3":
        return _bucket(request.getfixturevalue("store"))
    root.mkdir()

    def read(path: str) -> bytes | None:
        return (root / path).read_bytes() if (root / path).exists() else None

    def write(path: str, body: bytes) -> None:
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(body)

    url = root.as_uri() if kind == "file" else request.getfixturevalue("sshd").url(root)
    return Place(kind, url, "", read, write)


def _bucket(store: S3Store, *, lock: bool = False, query: str = "") -> Place:
    bucket = store.bucket(f"b{uuid.uuid4().hex}", lock=lock)

    def read(path: str) -> bytes | None:
        try:
            return store.client.get_object(Bucket=bucket, Key=f"city/{path}")["Body"].read()
        except store.client.exceptions.NoSuchKey:
            return None

    def write(path: str, body: bytes) -> None:
        store.client.put_object(Bucket=bucket, Key=f"city/{path}", Body=body)

    return Place("s3", store.url(bucket, query), bucket, read, write)


def _part(tmp_path: Path, size: int = 3_000_000) -> Path:
    source = tmp_path / f"{uuid.uuid4().hex}.part"
    source.write_bytes(os.urandom(1 << 20) * (size >> 20) + os.urandom(size & 0xFFFFF))
    return source


def system(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that needs an OpenSSH server."""
    for mark in SYSTEM:
        test = mark(test)
    return test


every = pytest.mark.parametrize("place", KINDS, indirect=True)
remote = pytest.mark.parametrize("place", PEERS, indirect=True)


@every
@pytest.mark.parametrize("size", [0, 1, 3_000_000, SIZE])
def test_a_part_comes_back_as_it_was(place: Place, tmp_path: Path, size: int) -> None:
    """Size and hash are those of the file, and fetching gives the same bytes."""
    source = _part(tmp_path, size)
    told = place.repository.put_part("b1", "0001.part", source)
    assert (told.name, told.bytes) == ("0001.part", size)
    assert told.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    place.repository.fetch("b1", "0001.part", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == source.read_bytes()


@every
def test_without_a_manifest_there_is_no_backup(place: Place, tmp_path: Path) -> None:
    """Parts alone are no backup; the manifest makes it one, whole and as it was given."""
    repository = place.repository
    assert list(repository.manifests()) == []
    for backup in ("b2", "b1", "half"):
        repository.put_part(backup, "0001.part", _part(tmp_path))
    assert list(repository.manifests()) == []
    for backup in ("b2", "b1"):
        repository.put_manifest(backup, backup.encode() * 1000)
    assert list(repository.manifests()) == ["b1", "b2"]
    assert repository.manifest("b2") == b"b2" * 1000
    with pytest.raises(NotFound, match=r"no manifest.json of backup half"):
        repository.manifest("half")


@every
def test_what_is_stored_twice_is_stored_once(place: Place, tmp_path: Path) -> None:
    """The same part and the same manifest may be given again; other content never takes their place."""
    repository, source = place.repository, _part(tmp_path)
    first = repository.put_part("b1", "0001.part", source)
    assert repository.put_part("b1", "0001.part", source) == first
    other = repository.put_part("b1", "0001.part", _part(tmp_path))  # not a backup yet: a later try seals anew
    repository.put_manifest("b1", b"{}")
    repository.put_manifest("b1", b"{}")
    with pytest.raises(RepositoryRefused, match="b1 has another manifest already"):
        repository.put_manifest("b1", b"[]")
    with pytest.raises(RepositoryRefused, match=r"b1 is whole and has no such part 0001.part"):
        repository.put_part("b1", "0001.part", source)
    assert place.read("b1/manifest.json") == b"{}"
    repository.fetch("b1", "0001.part", tmp_path / "out")
    assert hashlib.sha256((tmp_path / "out").read_bytes()).hexdigest() == other.sha256


@every
def test_a_part_that_was_changed_there_is_stored_again(place: Place, tmp_path: Path) -> None:
    """Nothing is believed to be there because of its name and size: it is read back."""
    source = _part(tmp_path)
    place.repository.put_part("b1", "0001.part", source)
    place.write("b1/0001.part", bytes(source.stat().st_size))
    place.repository.put_part("b1", "0001.part", source)
    assert place.read("b1/0001.part") == source.read_bytes()


@every
def test_what_is_missing_is_named(place: Place, tmp_path: Path) -> None:
    """A part that is not there is NotFound, and leaves no file."""
    place.repository.put_part("b1", "0001.part", _part(tmp_path))
    for backup, name in (("b1", "0002.part"), ("b7", "0001.part")):
        with pytest.raises(NotFound, match=f"no {name} of backup {backup}"):
            place.repository.fetch(backup, name, tmp_path / "out")
        assert not (tmp_path / "out").exists()


@every
def test_a_deleted_backup_is_gone(place: Place, tmp_path: Path) -> None:
    """Deleting removes one backup whole, half ones too, and may be done twice."""
    repository = place.repository
    for backup in ("b1", "b10", "half"):
        repository.put_part(backup, "0001.part", _part(tmp_path))
    for backup in ("b1", "b10"):
        repository.put_manifest(backup, b"{}")
    for backup in ("b1", "b1", "half"):
        repository.delete(backup)
    assert list(repository.manifests()) == ["b10"]
    assert place.read("b1/0001.part") is None
    assert place.read("half/0001.part") is None
    assert place.read("b10/0001.part") is not None


@every
@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x" * 300, "a\n"])
def test_no_name_leads_elsewhere(place: Place, tmp_path: Path, name: str) -> None:
    """Names are letters, digits, dots, hyphens and underscores."""
    with pytest.raises(RepositoryRefused, match="is no name"):
        place.repository.put_part(name, "0001.part", _part(tmp_path))
    with pytest.raises(RepositoryRefused, match="is no name"):
        place.repository.fetch("b1", name or "/", tmp_path / "out")


@remote
def test_an_upload_that_was_cut_is_gone_on_with(place: Place, tmp_path: Path) -> None:
    """After a cut nothing looks whole; the next try sends only what is missing, and the part is as it was."""
    source, sent, limit = _part(tmp_path, SIZE), [0], [9 << 20]

    def watch(to_server: bool, data: bytes) -> str:
        sent[0] += len(data) if to_server else 0
        return "cut" if sent[0] > limit[0] else "pass"

    with Proxy(place.url, watch) as proxy:
        repository = open_repository(proxy.dsn)
        with pytest.raises(RepositoryUnavailable, match=r"unable to store part 0001.part of b1"):
            repository.put_part("b1", "0001.part", source)
        assert place.read("b1/0001.part") is None
        sent[0], limit[0] = 0, 1 << 40
        told = repository.put_part("b1", "0001.part", source)
    assert told.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert sent[0] < 9 << 20
    assert place.read("b1/0001.part") == source.read_bytes()


@remote
def test_a_peer_that_is_away_may_come_back(place: Place, tmp_path: Path) -> None:
    """A refused connection is told as such, without the address, and each call may be repeated."""
    with Proxy(place.url, lambda *_: "cut") as proxy:
        repository = open_repository(proxy.dsn)
        calls: list[Callable[[], object]] = [
            lambda: repository.put_part("b1", "p", _part(tmp_path)),
            lambda: repository.put_manifest("b1", b"{}"),
            lambda: list(repository.manifests()),
            lambda: repository.manifest("b1"),
            lambda: repository.fetch("b1", "p", tmp_path / "out"),
            lambda: repository.delete("b1"),
        ]
        for call in calls:
            with pytest.raises(RepositoryUnavailable) as caught:
                call()
            assert SECRET not in str(caught.value)
            assert "127.0.0.1" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", KINDS[:2], indirect=True)
def test_the_rest_of_something_else_is_not_gone_on_with(place: Place, tmp_path: Path) -> None:
    """What an earlier try left of other content, or longer than the part, is found by reading back and written anew."""
    source = _part(tmp_path)
    for left in (os.urandom(1000), bytes(source.stat().st_size + 5)):
        place.write("b1/.0001.part.part", left)
        assert place.repository.put_part("b1", "0001.part", source).bytes == source.stat().st_size
        assert place.read("b1/0001.part") == source.read_bytes()
        assert place.read("b1/.0001.part.part") is None
        source = _part(tmp_path)


@every
def test_many_backups_are_all_seen(place: Place) -> None:
    """Every backup is listed, in order, and deleting one leaves its neighbours."""
    for number in range(12):
        place.write(f"b{number:02d}/0001.part", b"x")
        place.write(f"b{number:02d}/{MANIFEST}", b"{}")
    assert len(list(place.repository.manifests())) == 12
    place.repository.delete("b03")
    assert "b03" not in list(place.repository.manifests())


def test_a_locked_backup_is_deleted_by_nobody(store: S3Store, tmp_path: Path) -> None:
    """Object Lock refuses a delete: nothing of the backup is gone, and it stays visible."""
    locked = _bucket(store, lock=True, query="&lock_days=35")
    source = _part(tmp_path)
    told = locked.repository.put_part("b1", "0001.part", source)
    locked.repository.put_manifest("b1", b"{}")
    assert told.version
    with pytest.raises(RepositoryRefused, match="does not let the gateway delete b1: AccessDenied") as caught:
        locked.repository.delete("b1")
    assert "nobody can end it sooner" in caught.value.hint
    assert list(locked.repository.manifests()) == ["b1"]
    locked.repository.fetch("b1", "0001.part", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == source.read_bytes()
    held = store.client.head_object(Bucket=locked.bucket, Key="city/b1/manifest.json")
    assert held["ObjectLockMode"] == "COMPLIANCE"
    assert 34 < (held["ObjectLockRetainUntilDate"] - datetime.now(UTC)) / timedelta(days=1) < 36


def test_a_large_part_is_locked_too(store: S3Store, tmp_path: Path) -> None:
    """What is uploaded in pieces is locked as what is uploaded at once."""
    locked = _bucket(store, lock=True, query="&lock_days=1")
    locked.repository.put_part("b1", "0001.part", _part(tmp_path, SIZE))
    assert store.client.head_object(Bucket=locked.bucket, Key="city/b1/0001.part")["ObjectLockMode"] == "COMPLIANCE"
    with pytest.raises(RepositoryRefused, match="AccessDenied"):
        locked.repository.delete("b1")


def test_a_lock_needs_a_bucket_that_locks(store: S3Store, tmp_path: Path) -> None:
    """Parts that should be locked are refused by a bucket without Object Lock; they would lie there unlocked."""
    plain = _bucket(store, query="&lock_days=35")
    with pytest.raises(RepositoryRefused, match=r"store part p of b1: InvalidRequest"):
        plain.repository.put_part("b1", "p", _part(tmp_path))
    assert plain.read("b1/p") is None


def test_what_a_cut_left_of_an_upload_is_deleted_too(store: S3Store) -> None:
    """Deleting a half backup ends its unfinished uploads, which nobody sees and everybody pays for."""
    place = _bucket(store)
    store.client.create_multipart_upload(Bucket=place.bucket, Key="city/b1/0001.part")
    store.client.create_multipart_upload(Bucket=place.bucket, Key="city/b2/0001.part")
    place.repository.delete("b1")
    left = store.client.list_multipart_uploads(Bucket=place.bucket)["Uploads"]
    assert [upload["Key"] for upload in left] == ["city/b2/0001.part"]


def test_versions_are_all_removed(store: S3Store, tmp_path: Path) -> None:
    """In a bucket with versions a deleted backup leaves none behind, and no deletion mark."""
    versioned = _bucket(store, lock=True)
    for _ in range(3):
        versioned.repository.put_part("b1", "0001.part", _part(tmp_path))
    store.client.delete_object(Bucket=versioned.bucket, Key="city/b1/0001.part")
    versioned.repository.delete("b1")
    left = store.client.list_object_versions(Bucket=versioned.bucket)
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")


def test_a_bucket_must_be_there(store: S3Store, tmp_path: Path) -> None:
    """A bucket that nobody made is refused by name of the fault, not told as a missing part."""
    with pytest.raises(RepositoryRefused, match="the bucket of an S3 repository is not there"):
        open_repository(store.url("nobody-made-it")).put_part("b1", "p", _part(tmp_path))


def test_a_folder_must_be_there(tmp_path: Path) -> None:
    """The folder is not made on the fly: it would lie under the mount point of a missing disk."""
    with pytest.raises(RepositoryRefused, match="the folder of a repository is not there"):
        open_repository((tmp_path / "unmounted").as_uri()).put_part("b1", "p", _part(tmp_path))
    assert not (tmp_path / "unmounted").exists()


@system
def test_another_servers_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    """A server that shows a key other than the pinned one is refused before anything is sent."""
    other = "SHA256:" + "A" * 43
    with pytest.raises(RepositoryRefused, match="shows another key than its address names"):
        open_repository(sshd.url(tmp_path, other)).put_part("b1", "p", _part(tmp_path))


@system
def test_another_account_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    """A key that the server does not know is told as a refusal, which no repeating mends."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    stranger = sshd.url(tmp_path).replace(quote(str(sshd.key), safe=""), quote(str(tmp_path / "key"), safe=""))
    with pytest.raises(RepositoryRefused, match="does not let the gateway list its backups"):
        list(open_repository(stranger).manifests())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a disk of 4 MB, where this process may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root and the right to mount")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.system
def test_a_full_disk_is_told_and_the_rest_follows(small_disk: Path, tmp_path: Path) -> None:
    """A repository that is full keeps earlier backups, shows no half one, and takes the rest when there is room."""
    repository, source = open_repository(small_disk.as_uri()), _part(tmp_path)
    repository.put_part("b1", "0001.part", _part(tmp_path, 2 << 20))
    repository.put_manifest("b1", b"{}")
    with pytest.raises(RepositoryUnavailable, match="no space left on device"):
        repository.put_part("b2", "0001.part", source)
    assert list(repository.manifests()) == ["b1"]
    assert not (small_disk / "b2/0001.part").exists()
    repository.delete("b1")
    repository.put_part("b2", "0001.part", source)
    assert (small_disk / "b2/0001.part").read_bytes() == source.read_bytes()


@pytest.mark.system
def test_a_read_only_repository_refuses(small_disk: Path, tmp_path: Path) -> None:
    """A repository that is read-only gives what it has and refuses to take or delete."""
    repository = open_repository(small_disk.as_uri())
    repository.put_part("b1", "0001.part", _part(tmp_path, 1000))
    repository.put_manifest("b1", b"{}")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for call in (
        lambda: repository.put_part("b2", "p", _part(tmp_path, 1000)),
        lambda: repository.put_manifest("b2", b"{}"),
        lambda: repository.delete("b1"),
    ):
        with pytest.raises(RepositoryRefused, match="read-only file system"):
            call()
    assert list(repository.manifests()) == ["b1"]
    repository.fetch("b1", "0001.part", tmp_path / "out")


def test_two_runs_leave_one_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two runs that write the manifest of one backup at once, the quicker one wins and the other is told."""
    repository = FilesRepository(LocalMedium(str(tmp_path)))
    publish = LocalMedium.publish

    def slower(medium: LocalMedium, part: str, path: str, *, replace: bool) -> None:
        Path(path).write_bytes(b"the other run's")
        publish(medium, part, path, replace=replace)

    monkeypatch.setattr(LocalMedium, "publish", slower)
    with pytest.raises(RepositoryRefused, match="b1 has another manifest already"):
        repository.put_manifest("b1", b"{}")
    assert repository.manifest("b1") == b"the other run's"


def test_what_reads_back_as_something_else_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that gives back other bytes than it took is found at once, and nothing of it looks stored."""
    monkeypatch.setattr(LocalMedium, "read_back", lambda _medium, _path: io.BytesIO(b"rot"))
    with pytest.raises(RepositoryUnavailable, match="reads back as something else than was written"):
        FilesRepository(LocalMedium(str(tmp_path))).put_part("b1", "0001.part", _part(tmp_path))
    assert list((tmp_path / "b1").iterdir()) == []


@pytest.mark.parametrize("folder", ["/dev/shm", None])  # a file system of memory has no disk to ask
@pytest.mark.parametrize(
    "size", [0, 1, 4096, 4097, 9_000_001]
)  # none, less than a block, a block, with a rest, several steps
@pytest.mark.parametrize("shift", [0, 3])  # room that begins at a page, and room that a disk refuses to write into
def test_what_is_read_back_is_what_lies_there(tmp_path: Path, folder: str | None, size: int, shift: int) -> None:
    """Reading past the cache gives every byte once, whatever the file system and the room lend themselves to."""
    content = os.urandom(size)
    with tempfile.NamedTemporaryFile(dir=folder or tmp_path) as written:
        written.write(content)
        written.flush()
        step, found = memoryview(mmap.mmap(-1, 5 << 20))[shift : shift + (4 << 20)], b""
        with LocalMedium(str(tmp_path)).read_back(written.name) as file:
            while count := file.readinto(step):
                found += step[:count]
    assert found == content


def test_a_link_is_not_read_back(tmp_path: Path) -> None:
    """A link in place of a part leads out of the folder: it is refused."""
    (tmp_path / "part").symlink_to("/etc/hostname")
    with pytest.raises(OSError, match="symbolic links"):
        LocalMedium(str(tmp_path)).read_back(str(tmp_path / "part"))


def test_a_disk_that_fails_while_it_is_read_back_fails_the_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the disk is no reason to ask the cache instead: the part is not stored, and may be later."""

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(local._Disk, "readinto", broken)
    with pytest.raises(RepositoryUnavailable, match="input/output error"):
        FilesRepository(LocalMedium(str(tmp_path))).put_part("b1", "0001.part", _part(tmp_path))
    assert not (tmp_path / "b1" / "0001.part").exists()
