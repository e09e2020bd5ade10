"""How a call between the gateway and a platform is signed: HMAC over the whole request, its moment and a nonce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

HEADERS = ("X-Gateway-Key", "X-Gateway-Timestamp", "X-Gateway-Nonce", "X-Gateway-Signature")
_DIGESTS: Mapping[str, type[hashes.SHA256 | hashes.SM3]] = {"sha256": hashes.SHA256, "sm3": hashes.SM3}


@dataclass(frozen=True, slots=True)
class Signer:
    """A key with its name; cryptography brings SM3, which hashlib may lack."""

    user: str
    secret: str = field(repr=False)
    digest: str = "sha256"

    def signature(self, method: str, path: str, query: str, body: bytes, stamp: str, nonce: str) -> str:
        """Return the keyed digest of method, path, sorted query, body digest, timestamp and nonce, in hex."""
        hashed = hashes.Hash(_DIGESTS[self.digest]())
        hashed.update(body)
        ordered = "&".join(sorted(query.split("&")))
        keyed = HMAC(self.secret.encode(), _DIGESTS[self.digest]())
        keyed.update("\n".join([method, path, ordered, hashed.finalize().hex(), stamp, nonce]).encode())
        return keyed.finalize().hex()
