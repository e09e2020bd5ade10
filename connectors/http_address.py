"""What the connection secret (the DSN) of a platform over HTTP says; no error repeats any of it."""

from __future__ import annotations

import re
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from gateway.errors import SettingMissing
from gateway.http_session import loopback
from gateway.model import Platform


@dataclass(frozen=True, slots=True)
class Address:
    """What the DSN says; never shown but for its origin and path. `base` is the path without a slash at its end."""

    origin: str
    base: str
    path: str
    user: str = field(repr=False)
    secret: str = field(repr=False)
    ca: str | None = None
    cert: tuple[str, str] | str | None = None


def address(platform: Platform, dsn: str) -> Address:
    """Return what the DSN says; SettingMissing, repeating nothing of it, when it cannot be used."""
    try:
        found = _parsed(dsn)
    except ValueError:
        found = None
    if found is None:
        raise SettingMissing(
            f"the connection of platform {platform.platform} is malformed",
            "Write https://ID:SECRET@host:port/base?ca=/path&cert=/path&key=/path, special characters percent-encoded; "
            "http:// is for loopback hosts only.",
        )
    _check_credentials(platform, found)
    _check_files(platform, found)
    return found


def basic(user: str, secret: str) -> str:
    """Return what HTTP Basic writes into the header Authorization."""
    return f"Basic {b64encode(f'{user}:{secret}'.encode()).decode()}"


def _parsed(dsn: str) -> Address | None:
    if not re.fullmatch(r"https?://[!-~]+", dsn):
        return None
    parts = urlsplit(dsn)
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True, errors="strict") if parts.query else []
    query = dict(pairs)
    if "@" in parts.path or parts.fragment or len(query) < len(pairs) or not set(query) <= {"ca", "cert", "key"}:
        return None
    if ("key" in query and "cert" not in query) or not all(query.values()) or not _allowed(parts, query):
        return None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = parts.port or (443 if parts.scheme == "https" else 80)
    cert: tuple[str, str] | str | None = query.get("cert")
    return Address(
        origin=f"{parts.scheme}://{host}:{port}", base=parts.path.rstrip("/"), path=parts.path,
        user=unquote(parts.username or "", errors="strict"), secret=unquote(parts.password or "", errors="strict"),
        ca=query.get("ca"), cert=(query["cert"], query["key"]) if "key" in query else cert,
    )  # fmt: skip


def _allowed(parts: SplitResult, query: Mapping[str, str]) -> bool:
    host = parts.hostname or ""
    if not re.fullmatch(r"[a-z0-9_.-]+|[0-9a-f:.]+", host):
        return False
    return parts.scheme == "https" or (not query and loopback(host))


def _check_credentials(platform: Platform, found: Address) -> None:
    kind = platform.options.get("auth", {"kind": "none"})["kind"]
    needed = {"none": (), "signature": (), "api_key": (found.secret,)}.get(kind, (found.user, found.secret))
    in_header = {"api_key": found.secret, "hmac": found.user}.get(kind, "")
    if not all(needed):
        raise SettingMissing(
            f"the connection of platform {platform.platform} has no credentials for {kind}", "Write ID:SECRET@ in it."
        )
    if not re.fullmatch(r"[!-~]*", in_header):
        raise SettingMissing(
            f"the connection of platform {platform.platform} has credentials that no HTTP header carries",
            "Letters, digits and ASCII signs without blanks can be sent.",
        )


def _check_files(platform: Platform, found: Address) -> None:
    """Load the TLS files once, since a wrong one would only show as a failed connection later."""
    cert, key = (found.cert, None) if isinstance(found.cert, str) else (found.cert or (None, None))
    try:
        if found.ca:
            with Path(found.ca).open("rb"):
                ssl.create_default_context(cafile=found.ca)
        if cert:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, password=lambda: "")
    except OSError:  # ssl.SSLError is one
        raise SettingMissing(
            f"the connection of platform {platform.platform} names a TLS file that cannot be used",
            "ca, cert and key are PEM files that the gateway may read; the key has no password and fits the certificate.",
        ) from None
