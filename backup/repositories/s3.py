"""A bucket of an S3 store, with Object Lock where the address asks for it: a locked version can be deleted by nobody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backup.ports import MANIFEST, Kept, Stored
from backup.repositories import fetching
from backup.repositories.address import Address, malformed
from backup.repositories.names import checked, missing, other_manifest, other_part, unlike
from backup.repositories.s3_bucket import Bucket
from backup.repositories.s3_upload import upload
from gateway.hosts import loopback

_STEP = 8 << 20
_MOST_YEARS = 100


def open_bucket(address: Address) -> S3Repository:
    """Return the bucket of `s3://id:secret@host:port/bucket/prefix?region=…&lock_days=…&ca=/file`.

    The connection is https; `tls=off` is for stores on this machine.
    """
    bucket, _, prefix = address.path.strip("/").partition("/")
    if not (address.host and address.user and address.password and bucket):
        raise malformed()
    if (tls := address.one("tls") or "on") not in {"on", "off"} or (tls == "off" and not loopback(address.host)):
        raise malformed("the address of an S3 repository elsewhere than on this machine sets tls=off")
    days = address.one("lock_days") or "0"
    if not days.isdecimal() or int(days) > _MOST_YEARS * 366:
        raise malformed("lock_days in the address of an S3 repository is no number of days")
    scheme = "https" if tls == "on" else "http"
    host = f"[{address.host}]" if ":" in address.host else address.host
    endpoint = f"{scheme}://{host}" + (f":{address.port}" if address.port else "")
    return S3Repository(Bucket(endpoint, address, bucket, int(days)), f"{prefix}/" if prefix else "")


class S3Repository:
    """Raises RepositoryUnavailable (retryable); RepositoryRefused, NotFound (permanent)."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        """Keep where it is."""
        self._bucket, self._prefix = bucket, prefix

    def __repr__(self) -> str:
        """Tell the kind, never the address."""
        return "S3Repository()"

    def put_part(self, backup: str, name: str, source: Path, sha256: str | None = None) -> Stored:
        """Store a part and read it back; what is there already is read back only, what was cut off is gone on with."""
        key = self._key(backup, name)
        with self._bucket.errors(f"store part {name} of {backup}"):
            wanted = sha256 or _sha256(source)
            size = source.stat().st_size
            found = self._bucket.head(key)
            if found is not None and found["ContentLength"] == size and self._read_back(key) == wanted:
                return Stored(name, size, wanted, found.get("VersionId", ""))
            if self._bucket.head(self._key(backup, MANIFEST)) is not None:
                raise other_part(backup, name)
            version = upload(self._bucket, key, source)
            self._bucket.hold(key, version)
            if self._read_back(key) != wanted:
                self._bucket.remove(key, version)
                raise unlike(backup, name)
            return Stored(name, size, wanted, version)

    def put_manifest(self, backup: str, manifest: bytes) -> None:
        """Make the backup exist; RepositoryRefused when it has another manifest already."""
        key = self._key(backup, MANIFEST)
        with self._bucket.errors(f"store the manifest of {backup}"):
            if self._bucket.head(key) is None:
                self._bucket.put_new(key, manifest)
            if self._bucket.read(key) != manifest:
                raise other_manifest(backup)

    def manifests(self) -> Iterator[str]:
        """Yield the names of the backups that have a manifest, in their order, a thousand keys at a time."""
        pages = self._bucket.keys(self._prefix)
        while True:
            with self._bucket.errors("list its backups"):
                page = next(pages, None)
            if page is None:
                return
            for key in page:
                folder, _, name = key.removeprefix(self._prefix).rpartition("/")
                if name == MANIFEST and "/" not in folder:
                    yield folder

    def manifest(self, backup: str) -> bytes:
        """Return a backup's manifest; NotFound when there is none."""
        with self._bucket.errors(f"read the manifest of {backup}"):
            try:
                return self._bucket.read(self._key(backup, MANIFEST))
            except FileNotFoundError:
                raise missing(backup, MANIFEST) from None

    def kept(self, backup: str) -> Kept:
        """Return until when the manifest is locked, which comes last, and the newest version of each object."""
        folder = self._key(backup)
        with self._bucket.errors(f"look at {backup}"):
            told = self._bucket.head(self._key(backup, MANIFEST)) or {}
            newest = self._bucket.newest(folder) if told.get("VersionId") else ()
            versions = {key.removeprefix(folder): version for key, version in newest}
        return Kept(told.get("ObjectLockRetainUntilDate"), versions)

    def fetch(self, backup: str, name: str, target: Path) -> None:
        """Write a part to a file; NotFound when it is missing. What fails leaves no file."""
        try:
            with (
                self._bucket.errors(f"fetch part {name} of {backup}"),
                self._bucket.open(self._key(backup, name)) as file,
            ):
                fetching.fetch(file, target, _STEP)
        except FileNotFoundError:
            target.unlink(missing_ok=True)
            raise missing(backup, name) from None
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def delete(self, backup: str) -> None:
        """Remove every version of a backup, its manifest first; RepositoryRefused, with nothing removed, while it is locked."""
        folder, key = self._key(backup), self._key(backup, MANIFEST)
        with self._bucket.errors(f"delete {backup}"):
            for prefix in (key, folder):
                for found, version in self._bucket.versions(prefix):
                    self._bucket.remove(found, version)
            for left in self._bucket.call("list_multipart_uploads", Prefix=folder).get("Uploads", ()):
                self._bucket.call("abort_multipart_upload", Key=left["Key"], UploadId=left["UploadId"])

    def _read_back(self, key: str) -> str:
        with self._bucket.open(key) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _key(self, backup: str, name: str = "") -> Any:
        return f"{self._prefix}{checked(backup)}/{checked(name) if name else ''}"


def _sha256(source: Path) -> str:
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
