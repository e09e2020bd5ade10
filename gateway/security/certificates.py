"""The files of certificates that connections name, and until when these hold."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509

NOTICE = timedelta(days=30)  # what a new certificate takes to be had
_NAMED = ("ca", "cert", "sslrootcert", "sslcert")  # in the address of HTTP and of PostgreSQL


def named(address: str | None) -> list[tuple[str, Path]]:
    """Return the parameters of a connection's address that name a file of certificates, with the file."""
    try:
        pairs = parse_qsl(urlsplit(address or "").query)
    except ValueError:  # whoever connects says so
        return []
    return [(name, Path(path)) for name, path in pairs if name in _NAMED and path != "system"]


def ends(path: Path) -> datetime | None:
    """Return when the first certificate of a PEM file ends; None when it holds none that we may read."""
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return None
    return min(one.not_valid_after_utc for one in found)
