"""One bucket by way of s3fs: its own calls where they do, the store's where a lock or a version is meant."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from aiohttp import ClientError as LineError
from botocore.exceptions import BotoCoreError, ClientError
from s3fs import S3FileSystem

from backup.repositories.address import Address
from backup.repositories.files import unavailable
from gateway import settings
from gateway.errors import RepositoryRefused

_SECONDS = 20
_BLOCK = 8 << 20
_REFUSED, _FAILED = 400, 500
_PASSING = {408, 409, 429}  # too slow, changed meanwhile, too much


class Bucket:
    """The objects of a bucket; connects when it is first needed."""

    def __init__(self, endpoint: str, address: Address, bucket: str, lock_days: int) -> None:
        """Keep where it is."""
        self._endpoint, self._address, self._bucket, self._lock_days = endpoint, address, bucket, lock_days
        self._opened: S3FileSystem | None = None

    def call(self, method: str, **arguments: Any) -> Any:
        """Call the store's own method on this bucket."""
        return self._fs.call_s3(method, Bucket=self._bucket, **arguments)

    def head(self, key: str) -> dict[str, Any] | None:
        """Return what the store tells of an object, or None."""
        try:
            found: dict[str, Any] = self.call("head_object", Key=key)
        except FileNotFoundError:
            return None
        return found

    def open(self, key: str) -> Any:
        """Return an object to read, one block at a time and none twice."""
        return self._fs.open(f"{self._bucket}/{key}", "rb", block_size=_BLOCK, cache_type="readahead")

    def read(self, key: str) -> bytes:
        """Return a small object."""
        with self.open(key) as file:
            return bytes(file.read())

    def put(self, key: str, body: bytes, **conditions: str) -> str:
        """Write an object and return its version; its hash travels with it, and the store refuses it when it differs."""
        hashed = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": sha256(body)}
        return str(
            self.call("put_object", Key=key, Body=body, **hashed, **conditions, **self.locked()).get("VersionId", "")
        )

    def put_new(self, key: str, body: bytes) -> None:
        """Write an object unless there is one; a store that does not know the condition writes another version."""
        with suppress(FileExistsError):
            self.put(key, body, IfNoneMatch="*")

    def keys(self, prefix: str) -> Iterator[list[str]]:
        """Yield the keys below a prefix in their order, a page at a time."""
        token: dict[str, str] = {}
        while True:
            page = self.call("list_objects_v2", Prefix=prefix, **token)
            yield [entry["Key"] for entry in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def versions(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield every version and deletion mark below a prefix."""
        for page in self._versions(prefix):
            for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                yield entry["Key"], entry["VersionId"]

    def newest(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the version that is read of each object below a prefix."""
        for page in self._versions(prefix):
            for entry in page.get("Versions", ()):
                if entry["IsLatest"]:
                    yield entry["Key"], entry["VersionId"]

    def _versions(self, prefix: str) -> Iterator[dict[str, Any]]:
        marker: dict[str, str] = {}
        while True:
            page = self.call("list_object_versions", Prefix=prefix, **marker)
            yield page
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    def remove(self, key: str, version: str) -> None:
        """Remove one version: without naming it a lock would only be covered up by a deletion mark."""
        self.call("delete_object", Key=key, **({"VersionId": version} if version else {}))

    def locked(self) -> dict[str, Any]:
        """Return what locks a new object, where the address asks for it."""
        if not self._lock_days:
            return {}
        until = settings.now() + timedelta(days=self._lock_days)
        return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}

    def hold(self, key: str, version: str) -> None:
        """Lock a version that should be locked and is not: some stores forget it for what comes in pieces."""
        if self._lock_days and "ObjectLockMode" not in (self.head(key) or {}):
            mode, until = self.locked().values()
            named = {"VersionId": version} if version else {}
            self.call("put_object_retention", Key=key, Retention={"Mode": mode, "RetainUntilDate": until}, **named)

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn what the store says, or does not say any more, into the gateway's errors; its words are not repeated."""
        try:
            yield
        except FileNotFoundError as error:
            if _refusal(error) == "NoSuchBucket":
                raise RepositoryRefused(
                    "the bucket of an S3 repository is not there", "Make it, with Object Lock."
                ) from None
            raise
        except (OSError, BotoCoreError, ClientError, LineError, TimeoutError) as error:
            if refusal := _refusal(error):
                raise RepositoryRefused(
                    f"an S3 repository does not let the gateway {doing}: {refusal}",
                    "If it is locked, the lock ends by itself and nobody can end it sooner; else ask the bucket's owner for "
                    "the right, or for Object Lock.",
                ) from None
            raise unavailable(doing, "the store does not answer or broke off") from None

    @property
    def _fs(self) -> S3FileSystem:
        if self._opened is None:
            self._opened = S3FileSystem(
                endpoint_url=self._endpoint, key=self._address.user, secret=self._address.password,
                client_kwargs={"region_name": self._address.one("region") or "us-east-1", "verify": self._address.one("ca")},
                config_kwargs={"connect_timeout": _SECONDS, "read_timeout": _SECONDS, "retries": {"max_attempts": 0}},
                use_listings_cache=False, skip_instance_cache=True,
            )  # fmt: skip
            self._opened.retries = 1  # repeating is what asked for it does
        return self._opened


def _refusal(error: BaseException) -> str | None:
    """Return the store's own code for what it refuses for good, or None when it may do it later."""
    said = error if isinstance(error, ClientError) else error.__cause__
    if not isinstance(said, ClientError):
        return "AccessDenied" if isinstance(error, PermissionError) else None
    code, status = said.response["Error"]["Code"], said.response["ResponseMetadata"]["HTTPStatusCode"]
    return str(code) if _REFUSED <= status < _FAILED and status not in _PASSING else None


def sha256(body: bytes) -> str:
    """Return the SHA-256 of a body as the store is told it."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()
