"""How long the certificates hold that connections name: of the hub and of every platform whose connection is configured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from gateway import settings
from gateway.cli.finding import Finding
from gateway.deployment import Deployment
from gateway.security import certificates

_HINT = "Have it renewed and put the new file in its place; the connection stays as it is."


def findings(deployment: Deployment) -> Iterator[Finding]:
    """Yield a line for each file, with its last day; nothing of an address is repeated."""
    platforms = {f"platform {p.platform}": p.connection for p in deployment.catalog.platforms.values()}
    addresses = {"hub": deployment.hub_dsn, **{what: deployment.resolve(name) for what, name in platforms.items()}}
    for what, address in addresses.items():
        for name, path in certificates.named(address):
            yield _judged(f"{what} {name}", path.name, certificates.ends(path), settings.now())


def _judged(what: str, file: str, ends: datetime | None, now: datetime) -> Finding:
    if ends is None:
        return Finding(what, "fail", f"{file} cannot be read as a certificate", "Give a PEM file the gateway may read.")
    state = "fail" if ends <= now else "warn" if ends <= now + certificates.NOTICE else "ok"
    return Finding(what, state, f"{file} holds until {ends.astimezone(settings.CHINA):%Y-%m-%d}", _HINT)
