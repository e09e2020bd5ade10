"""Proves entries of the chain as the pages show them: one by one, and whether the chain ends where it was seen to end."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from psycopg2.extensions import connection as Connection

from exchange_app import frame
from gateway import settings
from gateway.ledger import chain, receipts
from gateway.security.crypto import Keys, verify_signature


def of_entry(found: Mapping[str, Any], before: str) -> dict[str, bool | None]:
    """Prove one entry: its body gives its hash, it joins the one before it, its signature is ours."""
    pem = _public_keys(frame.minute()).get(found["key_id"])
    return {
        "hash": receipts.seal(found["prev"], found["body"]) == found["hash"],
        "joins": found["prev"] == before,
        "signed": None if pem is None else verify_signature(pem, bytes.fromhex(found["hash"]), found["signature"]),
    }


def fault_at_end(hub: Connection, newest: Mapping[str, Any] | None) -> str | None:
    """Return how the end of the chain contradicts its signed head or what this deployment has seen; None when it does not."""
    head = chain.head(hub)
    if head is None or newest is None:
        return None if head is None and newest is None else "the chain and its head do not belong together"
    if (head.no, head.hash) != (newest["no"], newest["hash"]):
        return f"the head names receipt {head.no}, the newest is {newest['no']}"
    pem = _public_keys(frame.minute()).get(head.key_id)
    if pem is not None and not verify_signature(pem, receipts.head_message(head.no, head.hash), head.signature):
        return "the head bears no signature of ours"
    return chain.contradiction(hub, chain.witness())


@lru_cache(maxsize=1)
def _public_keys(_: int) -> Mapping[str, str]:
    """Return the public keys that receipts may be signed with; none where this machine has no keys."""
    return Keys(settings.home() / "keys").public_keys()
