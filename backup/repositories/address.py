"""The address of a repository, as its connection gives it; never shown, since it holds what opens the place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from gateway.errors import SettingMissing

_KNOWN = {
    "file": frozenset[str](),
    "sftp": frozenset({"host_key", "key"}),
    "s3": frozenset({"region", "lock_days", "ca", "tls"}),
}


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an address; those of the query are lists, as a name may stand there more than once."""

    scheme: str
    host: str
    port: int | None
    path: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    query: Mapping[str, list[str]] = field(repr=False)

    def one(self, name: str) -> str | None:
        """Return the one value of a name in the query, or None."""
        return self.query.get(name, [None])[0]


def parsed(url: str) -> Address:
    """Return the parts of an address; SettingMissing, which repeats nothing of it, when it is no repository's."""
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        found = Address(
            parts.scheme, parts.hostname or "", parts.port, unquote(parts.path, errors="strict"),
            unquote(parts.username or "", errors="strict"), unquote(parts.password or "", errors="strict"), query,
        )  # fmt: skip
    except ValueError:
        raise malformed() from None
    known = _KNOWN.get(found.scheme)
    if known is None or set(query) - known or parts.fragment or not found.path.startswith("/"):
        raise malformed()
    if (found.scheme == "file") == bool(parts.netloc):
        raise malformed()
    return found


def malformed(what: str = "the address of a repository is malformed") -> SettingMissing:
    """Return the error of an address that cannot be used; it repeats nothing of it."""
    return SettingMissing(
        what,
        "Write file:///folder, sftp://user:password@host:port/folder?host_key=SHA256:… or "
        "s3://id:secret@host:port/bucket/prefix?region=…, special characters percent-encoded.",
    )
