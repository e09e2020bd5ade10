"""A city that two units receive persons from, each with somebody who answers; its clock is the test's."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from gateway import settings
from gateway.deployment import Deployment
from gateway.model import Platform, Route, Unit
from gateway.notify import contacts, outbox
from gateway.notify.message import Message
from sandbox.mailbox import Mailbox
from schemas import scratch
from schemas.diff.model import Change
from schemas.notice import lifecycle, store
from schemas.notice.store import Notice, Recipient
from tests.integration.conftest import City

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it says of the HTTP library it finds is its own to mend
    importlib.import_module("starlette.testclient")

SPLIT = "alter table public.person rename column name to full_name"
_FOUND: dict[str, tuple[Change, ...]] = {}
UNITS = {"gaj": "市公安局", "zjj": "市住房和城乡建设局", "mzj": "市民政局", "gxj": "市工业和信息化局"}


@dataclass
class Noticing:
    """The city, its mail server, and the clock."""

    city: City
    mailbox: Mailbox
    clock: pytest.MonkeyPatch

    @property
    def deployment(self) -> Deployment:
        """Return the deployment."""
        return self.city.deployment

    def at(self, moment: str) -> None:
        """Set the gateway's clock to a time in China."""
        self.clock.setenv("GATEWAY_NOW", datetime.fromisoformat(moment).replace(tzinfo=settings.CHINA).isoformat())

    def changes(self, script: str = SPLIT) -> tuple[Change, ...]:
        """Return what a script changes at the population library."""
        if script not in _FOUND:  # the table is the same for every test, and a copy of it is a server of its own
            _FOUND[script] = scratch.changes(self.deployment, self.deployment.catalog.platforms["pop"], script)
        return _FOUND[script]

    def draft(self, script: str = SPLIT, **planned: Any) -> int:
        """Draft the change that a script makes."""
        body = {
            "platform": "pop",
            "dataset": "test.person",
            "reason": "姓名字段改名",
            "origin": "planned rename",
            "script": script,
            **planned,
        }
        return lifecycle.draft(self.deployment, body, self.changes(script))

    def announce(self, **how: Any) -> Notice:
        """Draft and announce a rename, which breaks readers."""
        return lifecycle.announce(self.deployment, str(self.draft()), who="tester", **how)

    def told(self, notice: Notice) -> dict[str, Recipient]:
        """Return the recipients of the revision in force, by unit."""
        with closing(self.deployment.hub()) as hub:
            now = store.get(hub, notice.notice)
            return {r.unit: r for r in store.recipients(hub, now.notice, now.revision)}

    def messages(self) -> list[tuple[str, str, Message]]:
        """Return what was queued: purpose, address and message."""
        rows = self.city.ask(
            "select o.topic, o.contact, o.purpose, o.sealed, c.address from gateway.outbox o "
            "join gateway.contact c using (contact) order by o.message"
        )
        return [
            (
                purpose,
                address,
                Message.load(self.deployment.keys.open_sealed(bytes(sealed), outbox._bound(topic, contact, purpose))),
            )
            for topic, contact, purpose, sealed, address in rows
        ]

    def mails(self) -> list[EmailMessage]:
        """Send what waits, and return all that came."""
        outbox.deliver(self.deployment)
        return self.mailbox.mails()


@pytest.fixture
def noticing(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Noticing]:
    """Yield the city on 2026-11-24 at nine."""
    with Mailbox(tmp_path / "mails") as mailbox:
        monkeypatch.setenv("GATEWAY_CONN_NOTIFY_MAIL", mailbox.dsn)
        monkeypatch.setenv("GATEWAY_PUBLIC_URL", "https://exchange.example.gov.cn")
        here = city.deployment
        arriving = here.catalog.routes["person_in"]
        routes = {"person_in": arriving} | {
            name: Route(name, arriving.dataset, Platform(unit, unit, "postgres", "SHARE", unit, clearance="L4"), "delivery", "manual", arriving.sla, withhold=withhold)
            for name, unit, withhold in (("person_zjj", "zjj", ()), ("person_mzj", "mzj", ("name",)))
        }  # fmt: skip
        units = {unit: Unit(unit, name) for unit, name in UNITS.items()}
        city.deployment = replace(here, catalog=replace(here.catalog, routes=routes, units=units, bureau="gxj"))
        found = Noticing(city, mailbox, monkeypatch)
        found.at("2026-11-24 09:00")
        for unit in ("zjj", "mzj", "gxj"):
            contacts.add(city.deployment, unit, "王五", "mail", f"{unit}@example.gov.cn", who="tester", title="科长")
        contacts.add(city.deployment, "zjj", "赵六", "mail", "leader@example.gov.cn", who="tester", leader=True)
        yield found


DAY = date.fromisoformat
