"""Upload a file to a bucket in pieces; the pieces that an earlier try brought there are not sent again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backup.repositories.s3_bucket import Bucket, sha256

_PIECE = 16 << 20
_MOST_PIECES = 9_000  # a store takes 10,000


def upload(bucket: Bucket, key: str, source: Path) -> str:
    """Write an object and return its version, or nothing where the store counts none."""
    size = source.stat().st_size
    piece = max(_PIECE, -(-size // _MOST_PIECES))
    if size <= piece:
        return bucket.put(key, source.read_bytes())
    number, there = _resumed(bucket, key)
    pieces = []
    with source.open("rb") as file:
        for place, body in enumerate(iter(lambda: file.read(piece), b""), 1):
            digest = sha256(body)
            etag = _same(there.get(place), body) or _sent(bucket, key, number, place, body, digest)
            pieces.append({"PartNumber": place, "ETag": etag, "ChecksumSHA256": digest})
    told = bucket.call("complete_multipart_upload", Key=key, UploadId=number, MultipartUpload={"Parts": pieces})
    return str(told.get("VersionId", ""))


def _resumed(bucket: Bucket, key: str) -> tuple[str, Mapping[int, Mapping[str, Any]]]:
    """Return the upload that an earlier try left, with its pieces, or a new one."""
    for left in bucket.call("list_multipart_uploads", Prefix=key).get("Uploads", ()):
        if left["Key"] == key:
            return left["UploadId"], {piece["PartNumber"]: piece for piece in _pieces(bucket, key, left["UploadId"])}
    made = bucket.call("create_multipart_upload", Key=key, ChecksumAlgorithm="SHA256", **bucket.locked())
    return made["UploadId"], {}


def _pieces(bucket: Bucket, key: str, number: str) -> Iterator[Mapping[str, Any]]:
    marker: dict[str, int] = {}
    while True:
        page = bucket.call("list_parts", Key=key, UploadId=number, **marker)
        yield from page.get("Parts", ())
        if not page.get("IsTruncated"):
            return
        marker = {"PartNumberMarker": page["NextPartNumberMarker"]}


def _same(there: Mapping[str, Any] | None, body: bytes) -> str | None:
    """Return the tag of a piece that the store has as it is here.

    The tag is an MD5 unless the store encrypts by keys of its own; then no piece is recognised and all are sent again.
    """
    if there is None or there["Size"] != len(body):
        return None
    tag = str(there["ETag"])
    return tag if tag.strip('"') == hashlib.md5(body, usedforsecurity=False).hexdigest() else None


def _sent(bucket: Bucket, key: str, number: str, place: int, body: bytes, digest: str) -> str:
    told = bucket.call("upload_part", Key=key, UploadId=number, PartNumber=place, Body=body, ChecksumSHA256=digest)
    return str(told["ETag"])
