"""What the connection of a channel says, GATEWAY_CONN_<NAME>; no error repeats any of it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.errors import ConnectionUnknown, SettingMissing
from gateway.http_session import loopback

Resolve = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Form:
    """How the connections of one kind of channel are written: scheme to default port, options, and an example."""

    schemes: Mapping[str, int]
    options: frozenset[str]
    example: str
    plain: frozenset[str] = frozenset({"http", "smtp"})  # schemes without TLS


@dataclass(frozen=True, slots=True)
class Address:
    """What a connection says; only its name is ever shown."""

    name: str
    scheme: str
    host: str = field(repr=False)
    port: int = field(repr=False)
    path: str = field(repr=False)
    user: str = field(repr=False)
    secret: str = field(repr=False)
    options: Mapping[str, str] = field(repr=False)
    secure: bool = True

    @property
    def ca(self) -> str | None:
        """Return the file of certificates that are trusted, when not the system's."""
        return self.options.get("ca")


def resolved(name: str, resolve: Resolve, form: Form) -> Address:
    """Return what a connection says; ConnectionUnknown when nothing resolves it, SettingMissing when it is malformed."""
    dsn = resolve(name)
    if not dsn:
        raise ConnectionUnknown(
            f"channel {name}: the connection is not configured",
            f"Set GATEWAY_CONN_{name.upper()} or add the Airflow connection {name.lower()}.",
        )
    try:
        found = _parsed(name, dsn, form)
    except ValueError:
        found = None
    if found is None:
        raise SettingMissing(
            f"channel {name}: the connection is malformed",
            f"Write {form.example}, special characters percent-encoded; without TLS for loopback hosts only.",
        )
    _check_ca(found)
    return found


def _parsed(name: str, dsn: str, form: Form) -> Address | None:
    if not re.fullmatch(r"[!-~]+", dsn):
        return None
    parts = urlsplit(dsn)
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True, errors="strict") if parts.query else []
    options, host = dict(pairs), parts.hostname or ""
    if parts.scheme not in form.schemes or "@" in parts.path or parts.fragment:
        return None
    if len(options) < len(pairs) or not set(options) <= form.options or not all(options.values()):
        return None
    secure = parts.scheme not in form.plain
    if not re.fullmatch(r"[a-z0-9_.-]+|[0-9a-f:.]+", host) or not (secure or loopback(host)):
        return None
    return Address(
        name, parts.scheme, host, parts.port or form.schemes[parts.scheme], parts.path,
        unquote(parts.username or "", errors="strict"), unquote(parts.password or "", errors="strict"), options, secure,
    )  # fmt: skip


def _check_ca(found: Address) -> None:
    """Load the file once, since a wrong one would only show as a failed connection later."""
    if found.ca is None:
        return
    try:
        with Path(found.ca).open("rb"):
            ssl.create_default_context(cafile=found.ca)
    except OSError:  # ssl.SSLError is one
        raise SettingMissing(
            f"channel {found.name}: the connection names a TLS file that cannot be used",
            "ca is a PEM file that the gateway may read.",
        ) from None
