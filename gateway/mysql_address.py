"""What the connection secret (the DSN) of a MySQL or MariaDB server says; no error repeats any of it."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.errors import SettingMissing
from gateway.hosts import loopback

_SCHEME = "mysql://"


@dataclass(frozen=True, slots=True)
class Address:
    """A server, and a database on it; never shown but for these. `tls` is what the server is verified by, None without TLS."""

    host: str
    port: int
    database: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    tls: ssl.SSLContext | None = field(repr=False, default=None)


def is_mysql(dsn: str) -> bool:
    """Tell whether a DSN is that of a MySQL or MariaDB server."""
    return dsn.startswith(_SCHEME)


def address(platform: str, dsn: str) -> Address:
    """Return what the DSN says; SettingMissing, repeating nothing of it, when it cannot be used.

    A host that is not this machine is always verified: by the certificates in `ca`, else by those that this system trusts.
    """
    try:
        found, ca = _parts(dsn)
    except ValueError:
        raise SettingMissing(
            f"the connection of platform {platform} is malformed",
            "Write mysql://user:password@host:3306/database?ca=/path, special characters percent-encoded.",
        ) from None
    return found if loopback(found.host) and ca is None else replace(found, tls=_verified(platform, ca))


def ca_file(dsn: str) -> str | None:
    """Return the file of certificates that a DSN names, which programs of the server's maker want by its path."""
    return dict(parse_qsl(urlsplit(dsn).query)).get("ca")


def _parts(dsn: str) -> tuple[Address, str | None]:
    if not re.fullmatch(r"mysql://[!-~]+", dsn):
        raise ValueError
    parts = urlsplit(dsn)
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True, errors="strict") if parts.query else []
    query = dict(pairs)
    database = unquote(parts.path.removeprefix("/"), errors="strict")
    host = parts.hostname or ""
    if (
        parts.netloc.count("@") != 1
        or parts.fragment
        or len(query) < len(pairs)
        or not set(query) <= {"ca"}
        or not all(query.values())
    ):
        raise ValueError
    if (
        not re.fullmatch(r"[a-z0-9_.-]+|[0-9a-f:.]+", host)
        or not re.fullmatch(r"[^/@\0]+", database)
        or not parts.username
    ):
        raise ValueError
    user, password = (unquote(v or "", errors="strict") for v in (parts.username, parts.password))
    return Address(host, parts.port or 3306, database, user, password), query.get("ca")


def _verified(platform: str, ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError:  # ssl.SSLError is one
        raise SettingMissing(
            f"the connection of platform {platform} names a file of certificates that cannot be used",
            "ca is a PEM file, with the certificates that the server is verified by, that the gateway may read.",
        ) from None
