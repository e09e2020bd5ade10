"""The facts of a notice as a file for machines, signed by the gateway, and the check code that the document shows.

The check code (校验码) is the beginning of the hash of the facts: who holds the paper compares it with the file's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import rfc8785

from gateway.errors import DocumentAltered
from gateway.security.crypto import Keys, verify_signature

_FORMAT = "gateway.notice/1"
_CODE = 16  # hex digits on paper: 64 bits, and the whole hash is in the file
_HINT = "Ask the publishing unit for the file once more; do not act on this one."


def code(facts: Mapping[str, Any]) -> str:
    """Return the check code of facts, in groups of four."""
    digits = _hash(facts)[:_CODE].upper()
    return "-".join(digits[i : i + 4] for i in range(0, _CODE, 4))


def dump(keys: Keys, facts: Mapping[str, Any]) -> bytes:
    """Return the file: the facts, their hash over canonical JSON (RFC 8785), and its signature."""
    found = _hash(facts)
    signature, key = keys.sign(bytes.fromhex(found))
    whole = {"format": _FORMAT, "facts": facts, "sha256": found, "signature": signature, "key": key}
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def verified(data: bytes, public_keys: Mapping[str, str]) -> dict[str, Any]:
    """Return the facts of a file whose hash and signature hold; DocumentAltered says what does not."""
    try:
        whole = json.loads(data)
        facts, found, signature, key = (whole[name] for name in ("facts", "sha256", "signature", "key"))
        fits = whole["format"] == _FORMAT and _hash(facts) == found
    except (ValueError, KeyError, TypeError, rfc8785.CanonicalizationError):
        raise DocumentAltered("this is no file of a notice", "Give the JSON file that came with the mail.") from None
    if not fits:
        raise DocumentAltered("the facts are not those that were signed", _HINT)
    if key not in public_keys:
        raise DocumentAltered(f"it is signed by key {key}, which is none of this gateway's", _HINT)
    if not verify_signature(public_keys[key], bytes.fromhex(found), str(signature)):
        raise DocumentAltered("the signature is not that of the gateway's key", _HINT)
    return dict(facts)


def _hash(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(dict(facts))).hexdigest()
