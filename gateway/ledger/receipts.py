"""The hash chain of receipts as values: making entries, proving them, and writing them to a file that proves itself.

hash = SHA-256(previous hash || body in canonical JSON, RFC 8785). Each hash is signed with Ed25519, and so is the
head: without it the end of a chain could be cut off unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from gateway.errors import NotFound
from gateway.security.crypto import Keys, verify_signature

FIRST = "00" * 32


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of the chain."""

    no: int
    prev: str
    body: Mapping[str, Any]
    hash: str
    signature: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Head:
    """The signed end of the chain: number and hash of its last entry."""

    no: int
    hash: str
    signature: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a chain holds, how many entries were checked, and the first that does not fit."""

    ok: bool
    checked: int
    fault: str | None = None


def canonical(body: Mapping[str, Any]) -> bytes:
    """Return canonical JSON; bodies hold strings, integers, booleans, null, lists and objects with ASCII names."""
    return rfc8785.dumps(dict(body))


def seal(prev: str, body: Mapping[str, Any]) -> str:
    """Return the hash that binds a body to the one before it."""
    return hashlib.sha256(bytes.fromhex(prev) + canonical(body)).hexdigest()


def make(last: Entry | None, body: Mapping[str, Any], keys: Keys) -> Entry:
    """Return the entry that follows `last`; its number stands in its body too, so that order is part of the hash."""
    no, prev = (last.no + 1, last.hash) if last else (1, FIRST)
    numbered = {**body, "no": no}
    found = seal(prev, numbered)
    signature, key_id = keys.sign(bytes.fromhex(found))
    return Entry(no, prev, numbered, found, signature, key_id)


def make_head(entry: Entry, keys: Keys) -> Head:
    """Return the signed head for a chain that ends with `entry`."""
    signature, key_id = keys.sign(head_message(entry.no, entry.hash))
    return Head(entry.no, entry.hash, signature, key_id)


def head_message(no: int, hash_: str) -> bytes:
    """Return the bytes that a head's signature covers."""
    return f"head|{no}|{hash_}".encode()


def verify(entries: Iterable[Entry], head: Head | None, public_keys: Mapping[str, str]) -> Verdict:
    """Check order, hashes, signatures and head in one pass and constant memory; stops at the first fault."""
    prev, checked = FIRST, 0
    for entry in entries:
        fault = _fault(entry, checked + 1, prev, public_keys)
        if fault:
            return Verdict(False, checked, fault)
        prev, checked = entry.hash, checked + 1
    if head is None:
        return Verdict(checked == 0, checked, "the signed head is missing" if checked else None)
    if not _signed(public_keys, head.key_id, head_message(head.no, head.hash), head.signature):
        return Verdict(False, checked, "the head's signature is not ours")
    if (head.no, head.hash) != (checked, prev):
        return Verdict(False, checked, f"truncated: the head says {head.no} records, {checked} are there")
    return Verdict(True, checked)


def export(entries: Iterable[Entry], head: Head | None, public_keys: Mapping[str, str], path: Path) -> int:
    """Write a zip of receipts.jsonl, head.json, the public keys and a verifier that needs only Python."""
    if head is None:
        raise NotFound("there are no receipts to export", "Run a route first.")
    count = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("receipts.jsonl", "w") as file:
            for entry in entries:
                file.write(json.dumps(_as_dict(entry), ensure_ascii=False).encode() + b"\n")
                count += 1
        archive.writestr("head.json", json.dumps(_head_dict(head)))
        archive.writestr("keys.json", json.dumps(dict(public_keys)))
        archive.writestr(
            "verify_receipts.py", Path(__file__).with_name("verify_receipts.py").read_text(encoding="utf-8")
        )
    return count


def _fault(entry: Entry, expected: int, prev: str, public_keys: Mapping[str, str]) -> str | None:
    if entry.no != expected:
        return f"record {expected} was removed or reordered: record {entry.no} stands in its place"
    if entry.body.get("no") != entry.no or entry.prev != prev or seal(prev, entry.body) != entry.hash:
        return f"record {entry.no} was changed"
    if not _signed(public_keys, entry.key_id, bytes.fromhex(entry.hash), entry.signature):
        return f"record {entry.no} is not signed by us"
    return None


def _signed(public_keys: Mapping[str, str], key_id: str, message: bytes, signature: str) -> bool:
    pem = public_keys.get(key_id)
    return pem is not None and verify_signature(pem, message, signature)


def _as_dict(entry: Entry) -> dict[str, Any]:
    return {"no": entry.no, "prev": entry.prev, "body": entry.body, "hash": entry.hash, "signature": entry.signature,
            "key_id": entry.key_id}  # fmt: skip


def _head_dict(head: Head) -> dict[str, Any]:
    return {"no": head.no, "hash": head.hash, "signature": head.signature, "key_id": head.key_id}
