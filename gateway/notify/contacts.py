"""Who answers for a unit, and how that person is reached.

Names and addresses are personal: they are kept in the ledger alone, shown masked, and stand in no record of the chain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import ContactInvalid, NotFound
from gateway.ledger.acts import acting
from gateway.notify import channels
from gateway.security.masking import mask
from gateway.sql import queries

_SQL = queries(__file__)
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,60}")
_PERSONAL = ("mail", "sms")  # channels whose address is a person's; the others' is the name of a connection


@dataclass(frozen=True, slots=True)
class Contact:
    """One person, or robot, that answers for a unit on one channel."""

    contact: int
    unit: str
    name: str = field(repr=False)
    title: str
    channel: str
    address: str = field(repr=False)
    leader: bool
    since: datetime
    until: datetime | None

    def as_dict(self, *, reveal: bool = False) -> dict[str, Any]:
        """Return the contact for people and machines, name and address masked unless revealed."""
        hidden = self.address if reveal or self.channel not in _PERSONAL else mask(self.address, "L4")
        return {
            "contact": self.contact, "unit": self.unit, "name": self.name if reveal else mask(self.name, "L3"),
            "title": self.title, "channel": self.channel, "address": hidden, "leader": self.leader,
            "since": self.since, "until": self.until,
        }  # fmt: skip


def add(
    deployment: Deployment, unit: str, name: str, channel: str, address: str, *,
    who: str, title: str = "", leader: bool = False,
) -> int:  # fmt: skip
    """Add a contact and return its number; ContactInvalid when it cannot be reached or is there already."""
    if unit not in deployment.catalog.units:
        raise ContactInvalid(f"there is no unit {unit}", "Name a unit of catalog/units.yaml.")
    if not _NAME.fullmatch(name.strip()) or (title and not _NAME.fullmatch(title)):
        raise ContactInvalid(
            "the name or title of a contact is empty, too long or no text", "Give 60 characters at most."
        )
    channels.check_address(channel, address)
    channels.open_channel(channel, address, deployment.resolve).close()  # what cannot be reached is told now
    values = {
        "unit": unit,
        "name": name.strip(),
        "title": title,
        "channel": channel,
        "address": address,
        "leader": leader,
    }
    with acting(deployment, "add a contact") as act:
        found = pg.one(act.hub, _SQL["add"], {**values, "now": settings.now()})
        if found is None:
            raise ContactInvalid(
                f"unit {unit} has a contact with this address on channel {channel}",
                f"See `gateway contact list --unit {unit}`; end that one first to change it.",
            )
        body = {"what": "contact add", "contact": found[0], "unit": unit, "channel": channel, "who": who}
        act.chained("decision", body)
        return int(found[0])


def end(deployment: Deployment, contact: int, *, who: str, why: str) -> str:
    """Let a contact answer no longer and return its unit; what still waits for it is given up."""
    with acting(deployment, "end a contact") as act:
        found = pg.one(act.hub, _SQL["end"], {"contact": contact, "now": settings.now()})
        if found is None:
            raise NotFound(f"there is no contact {contact} that has not ended", "Run `gateway contact list`.")
        act.chained("decision", {"what": "contact end", "contact": contact, "unit": found[0], "who": who, "why": why})
        return str(found[0])


def listing(connection: Connection, unit: str | None = None, *, ended: bool = False) -> list[Contact]:
    """Return contacts by unit, the responsible persons before their leaders."""
    return _find(connection, unit=unit, ended=ended)


def current(connection: Connection, unit: str, *, leader: bool | None = None) -> list[Contact]:
    """Return who answers for a unit now: all, only leaders, or only those that are none."""
    return _find(connection, unit=unit, leader=leader)


def get(connection: Connection, contact: int) -> Contact:
    """Return one contact, ended or not; NotFound when there is none."""
    found = _find(connection, contact=contact, ended=True)
    if not found:
        raise NotFound(f"there is no contact {contact}", "Run `gateway contact list`.")
    return found[0]


def _find(
    connection: Connection, *, unit: str | None = None, ended: bool = False, leader: bool | None = None,
    contact: int | None = None,
) -> list[Contact]:  # fmt: skip
    values = {"unit": unit, "ended": ended, "leader": leader, "contact": contact}
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(_SQL["find"], values)
        return [Contact(**row) for row in cursor.fetchall()]
