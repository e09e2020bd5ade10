"""Whom a notice goes to, by which link, and its way into the outbox: in the transaction that decided it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from psycopg2.extensions import connection as Connection

from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import NoticeRefused
from gateway.notify import contacts, outbox
from gateway.notify.contacts import Contact
from schemas.notice import compose, enclosures, facts
from schemas.notice.store import Notice, Recipient, Revision


def announced(
    deployment: Deployment, hub: Connection, notice: Notice, revision: Revision, told: Iterable[Recipient]
) -> None:
    """Queue a revision for everybody who answers for its recipients; NoticeRefused names units that nobody answers for."""
    people = {own.unit: contacts.current(hub, own.unit, leader=False) for own in told}
    if lacking := sorted(unit for unit, found in people.items() if not found):
        raise NoticeRefused(
            f"nobody answers for {', '.join(lacking)}",
            "Run `gateway contact add UNIT …` for each; then announce again.",
        )
    for own in told:
        _queue(deployment, hub, (notice, revision, own), people[own.unit], "announce")


def withdrawn(
    deployment: Deployment, hub: Connection, notice: Notice, revision: Revision, told: Iterable[Recipient]
) -> None:
    """Queue the withdrawal for everybody who was told."""
    for own in told:
        _queue(
            deployment,
            hub,
            (notice, revision, own),
            contacts.current(hub, own.unit, leader=False),
            "withdraw",
            linked=False,
        )


def reminded(
    deployment: Deployment, hub: Connection, about: tuple[Notice, Revision, Recipient], people: Iterable[Contact],
    purpose: str, asks: str,
) -> int:  # fmt: skip
    """Queue a reminder; who has it already is not told twice. Returns how many were queued."""
    return _queue(deployment, hub, about, people, purpose, asks=asks)


def link(deployment: Deployment, notice: Notice, unit: str) -> str | None:
    """Return the address of a unit's page of a notice, if the deployment has a public address."""
    base = settings.public_url()
    return f"{base}/exchange/notices/{token(deployment, notice, unit)}" if base else None


def token(deployment: Deployment, notice: Notice, unit: str) -> str:
    """Return the secret of a unit's link to the revision in force; the ledger keeps its hash alone."""
    return deployment.keys.keyed_hash(f"notice {notice.notice} {notice.revision} {unit}")


def token_hash(secret: str) -> bytes:
    """Return what the ledger knows of a link's secret."""
    return hashlib.sha256(secret.encode()).digest()


def _queue(
    deployment: Deployment, hub: Connection, about: tuple[Notice, Revision, Recipient], people: Iterable[Contact],
    purpose: str, *, asks: str = "", linked: bool = True,
) -> int:  # fmt: skip
    notice, revision, own = about
    address = link(deployment, notice, own.unit) if linked else None
    message = compose.message(deployment.catalog, notice, revision, own, address, asks)
    people = [person for person in people if not outbox.known(hub, message.topic, person.contact, purpose)]
    if not people:
        return 0  # the clock asks every few minutes, and a document takes a moment to print
    said = facts.of(deployment.catalog, notice, revision, own)
    files = enclosures.made(deployment.keys, said, demanded=purpose == "announce")
    message = replace(message, attachments=files)
    queued = [outbox.put(hub, deployment.keys, message, person.contact, purpose) for person in people]
    return sum(number is not None for number in queued)
