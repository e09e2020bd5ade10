"""The gateway's keys and what is done with them: sign receipts, seal rejected rows, hash identities.

Keys are files of mode 0600 in one folder, named `<kind>-<key id>`; the newest of a kind is used, older ones still
verify and open. Algorithms: Ed25519, AES-256-GCM, HMAC-SHA256.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gateway.errors import SettingMissing

KINDS = ("sign", "seal", "hash")
_VERSION = 1
_ID_BYTES = 4
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that is not used yet; its material is never shown."""

    kind: str
    key_id: str
    material: bytes = field(repr=False)

    @classmethod
    def of(cls, kind: str, material: bytes | None = None) -> NewKey:
        """Make a key of a kind, or take the material that is given."""
        if kind == "sign":
            private = Ed25519PrivateKey.generate()
            material = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(kind, secrets.token_hex(_ID_BYTES), material or secrets.token_bytes(32))

    @property
    def public(self) -> str | None:
        """Return the PEM text that checks what the key signs; None for a key that signs nothing."""
        return _public_pem(_parsed(self.material, self.kind)) if self.kind == "sign" else None


class Keys:
    """The keys of one deployment; never shown, not even in a repr."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; keys are read when they are needed."""
        self._folder = folder

    def __repr__(self) -> str:
        """Name the folder only."""
        return f"Keys({self._folder.name!r})"

    @classmethod
    def create(cls, folder: Path, hash_key: bytes | None = None) -> Keys:
        """Make one key of each kind that the folder lacks; existing keys are left alone.

        `hash_key` is the identity key that the platforms of a city already share; without it one is made.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = cls(folder)
        for kind in KINDS:
            if not keys.files(kind):
                keys.rotate(kind, hash_key if kind == "hash" else None)
        return keys

    def rotate(self, kind: str, material: bytes | None = None) -> str:
        """Add a key of a kind, used by processes started from now on; return its id. Made unless `material` is given."""
        return self.add(NewKey.of(kind, material))

    def add(self, key: NewKey) -> str:
        """Keep a key as the newest of its kind; return its id."""
        number = len(self.files(key.kind)) + 1
        _write_secret(self._folder / f"{key.kind}-{number:04d}-{key.key_id}", key.material)
        return key.key_id

    def files(self, kind: str) -> list[Path]:
        """Return the key files of a kind, oldest first."""
        return sorted(self._folder.glob(f"{kind}-*-*"))

    def sign(self, message: bytes) -> tuple[str, str]:
        """Return the Ed25519 signature (hex) and the id of the key that made it."""
        key_id, private = self._signer
        return private.sign(message).hex(), key_id

    def public_keys(self) -> dict[str, str]:
        """Return every public signing key as PEM text by key id."""
        return {_key_id(path): _public_pem(_private(path)) for path in self.files("sign")}

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        """Encrypt: version, key id, nonce, then ciphertext with its tag; bound to `associated`."""
        key_id, cipher = self._sealer
        nonce = os.urandom(_NONCE_BYTES)
        return bytes([_VERSION]) + bytes.fromhex(key_id) + nonce + cipher.encrypt(nonce, plain, associated)

    def open_sealed(self, sealed: bytes, associated: bytes) -> bytes:
        """Decrypt what `seal` made; SettingMissing when its key is gone or the bytes were changed."""
        key_id = sealed[1 : 1 + _ID_BYTES].hex()
        start = 1 + _ID_BYTES
        try:
            cipher = self._openers[key_id]
            return cipher.decrypt(sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :], associated)
        except (KeyError, InvalidTag) as error:
            raise SettingMissing(
                f"unable to open a sealed row with key {key_id}", "Restore the folder of keys that sealed it."
            ) from error

    def keyed_hash(self, text: str) -> str:
        """Return HMAC-SHA256 of a normalised identity (trimmed, upper case) as 64 hex digits."""
        return hmac.new(self._hash_key, text.strip().upper().encode(), hashlib.sha256).hexdigest()

    @cached_property
    def _signer(self) -> tuple[str, Ed25519PrivateKey]:
        path = self._newest("sign")
        return _key_id(path), _private(path)

    @cached_property
    def _sealer(self) -> tuple[str, AESGCM]:
        path = self._newest("seal")
        return _key_id(path), AESGCM(path.read_bytes())

    @cached_property
    def _openers(self) -> dict[str, AESGCM]:
        return {_key_id(path): AESGCM(path.read_bytes()) for path in self.files("seal")}

    @cached_property
    def _hash_key(self) -> bytes:
        return self._newest("hash").read_bytes()

    def _newest(self, kind: str) -> Path:
        found = self.files(kind)
        if not found:
            raise SettingMissing(
                f"there is no {kind} key in {self._folder}",
                "Run `gateway init DIR`, or set GATEWAY_HOME to its .gateway.",
            )
        return found[-1]


def verify_signature(public_pem: str, message: bytes, signature: str) -> bool:
    """Tell whether an Ed25519 signature (hex) is that of the key's owner."""
    key = load_pem_public_key(public_pem.encode())
    if not isinstance(key, Ed25519PublicKey):
        return False
    try:
        key.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _private(path: Path) -> Ed25519PrivateKey:
    return _parsed(path.read_bytes(), path.name)


def _parsed(pem: bytes, name: str) -> Ed25519PrivateKey:
    key = load_pem_private_key(pem, None)
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingMissing(f"{name} is not an Ed25519 key", "Restore the folder of keys.")
    return key


def _public_pem(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _key_id(path: Path) -> str:
    return path.name.rsplit("-", 1)[1]


def _write_secret(path: Path, material: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(material)
