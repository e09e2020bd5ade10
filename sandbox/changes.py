"""Structure changes, shown from end to end: one is announced, answered and escalated; another comes unannounced and is held.

The announced one walks the gateway's clock through the working days until the bureau is told of silence. The other renames a
column of the approval system for a while: its route waits, rows arrive meanwhile, and nothing is lost.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg2
import requests

from gateway import settings
from gateway.deployment import Deployment
from gateway.exchange import reconcile
from gateway.ledger import ledger
from gateway.notify import contacts, outbox
from gateway.sla.calendar import Calendar
from sandbox.airflow import Api
from sandbox.mailbox import Mailbox
from sandbox.returns import run
from sandbox.waiting import when_free
from schemas.notice import lifecycle, planned, reminders, store
from schemas.notice.store import Notice, Recipient, Revision
from schemas.rehearsal import rehearse

Step = Callable[[str], None]
PEOPLE = (
    ("zjj", "王建国", "信息科科长", "mail", "wangjianguo@zjj.example.gov.cn", False),
    ("xzspj", "李秀英", "信息中心主任", "mail", "lixiuying@xzspj.example.gov.cn", False),
    ("xzspj", "张伟", "副局长", "mail", "zhangwei@xzspj.example.gov.cn", True),
    ("gxj", "刘洋", "数据科科长", "mail", "liuyang@gxj.example.gov.cn", False),
    ("gxj", "数据群机器人", "", "wecom", "ROBOT", False),
)
PLAN = """\
change: {name}
platform: legal
dataset: legal.market_entity
reason: 住所拆分为住所区县与详细住所两个字段
ddl: {name}.sql
measures: 请在生效日前把取数程序中的 address 改为 address_county 与 address_detail
fallback: 恢复原字段
contact: 市市场监督管理局信息中心 0314-0000000
"""
SPLIT = """\
alter table public.dn_legal_market_entity add column address_county varchar(60), add column address_detail varchar(200);
alter table public.dn_legal_market_entity drop column address;
"""
_LINK = re.compile(r"https?://\S+/exchange/notices/\S+")
_RENAME = "alter table public.dn_pro_accept rename column {} to {}"
_ARRIVE = (
    "update public.dn_pro_accept set cd_time = (now() at time zone 'Asia/Shanghai')::timestamp(0) "
    "where ctid in (select ctid from public.dn_pro_accept where length(contact_mobile) = 11 limit 20)"
)
HELD, BESIDE = "case_accept_in", "legal_social_org_in"


@dataclass(frozen=True)
class Played:
    """What became of one change, as build/demo.json has it."""

    notice: str | None
    dataset: str
    planned: bool
    level: str
    lead_workdays: int = 0
    recipients: int = 0
    acknowledged: int = 0
    escalated: int = 0
    held_routes: tuple[str, ...] = ()
    resumed: tuple[str, ...] = ()
    lost_rows: int = 0


@dataclass
class Changes:
    """The two stories, and what they need of the running demo."""

    api: Api
    url: str
    deployment: Deployment
    mailbox: Mailbox
    home: Path
    step: Step

    def show(self, connections: Mapping[str, str]) -> list[dict[str, Any]]:
        """Play both and return a line each for build/demo.json."""
        os.environ["GATEWAY_PUBLIC_URL"] = self.url
        return [asdict(played) for played in (self._announced(), self._unannounced(connections["APPROVAL_ADMIN"]))]

    def _announced(self) -> Played:
        self._add_people()
        draft = str(self._draft())
        self._rehearse(draft)
        notice = lifecycle.announce(self.deployment, draft, who="demo")
        revision, told = self._read(notice)
        outbox.deliver(self.deployment)
        self.step(
            f"{notice.number}: the legal-person library splits a column on {revision.effective_on}; {len(told)} units are told"
        )
        for mail in self.mailbox.mails()[-3:]:
            self.step(f"  mail to {mail['To']}: {mail['Subject']}")
        self._answer("zjj", notice)
        self._walk(revision)
        _, told = self._read(notice)
        answered, escalated = (
            sum(getattr(r, name) is not None for r in told) for name in ("answered_at", "escalated_at")
        )
        self.step(f"  {answered} answered by its link; {escalated} stayed silent, and the bureau was told")
        lead = self._workdays(revision)
        return Played(notice.number, notice.dataset, True, revision.class_, lead, len(told), answered, escalated)

    def _add_people(self) -> None:
        with closing(self.deployment.hub(name="demo", autocommit=True)) as hub:
            known = {(c.unit, c.address) for c in contacts.listing(hub)}
        for unit, name, title, channel, address, leader in PEOPLE:
            if (unit, address) not in known:
                contacts.add(self.deployment, unit, name, channel, address, who="demo", title=title, leader=leader)

    def _draft(self) -> int:
        """Plan the change under a name of its own: each demo announces it anew."""
        name = f"legal_address_{int(time.time())}"
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / f"{name}.sql").write_text(SPLIT, encoding="utf-8")
        (self.home / f"{name}.yaml").write_text(PLAN.format(name=name), encoding="utf-8")
        found = planned.read(self.deployment, self.home / f"{name}.yaml")
        return lifecycle.draft(self.deployment, found.body, found.changes)

    def _rehearse(self, draft: str) -> None:
        """Do each unit's own work on the announced structure, and tell whose fails by what."""
        found = rehearse.rehearse(self.deployment, draft, who="demo", rows=200)
        count = sum(found.sample["rows"].values())
        self.step(f"rehearsed on a copy with {count} masked rows in {found.seconds:.1f} s:")
        for outcome in found.outcomes:
            for check in outcome.checks:
                self.step(f"  {outcome.unit} {check.name}: {check.result}{f', {check.said}' if check.said else ''}")

    def _answer(self, unit: str, notice: Notice) -> None:
        """Answer as the unit does: by the form behind the link in its newest mail."""
        texts = (_text(mail) for mail in reversed(self.mailbox.mails()) if unit in str(mail["To"]))
        link = next(_LINK.search(text) for text in texts if str(notice.number) in text)
        assert link is not None
        form = {"answer": "adapted", "by": "王建国", "title": "信息科科长"}
        requests.post(link.group(0), data=form, timeout=30).raise_for_status()

    def _walk(self, revision: Revision) -> None:
        """Let the clock of this process go on, a working day after the other, until the bureau has been told."""
        assert revision.answers_due is not None
        for days in range((revision.answers_due - _today()).days + 5):
            with _at(_today() + timedelta(days=days)):
                queued = reminders.remind(self.deployment)
                outbox.deliver(self.deployment)
                for name, count in queued.items():
                    if count:
                        self.step(f"  {settings.now():%m-%d}: {count} messages, {name}")

    def _unannounced(self, approval: str) -> Played:
        with _renamed(approval, "contact_mobile", "contact_phone"):
            self.step("the approval system renames a column and tells nobody")
            states = {route: run(self.api, route) for route in (HELD, BESIDE)}
            held = self._holds()
            self.step(f"  {HELD}: {states[HELD]}, held: {held.get(HELD, 'no')}; {BESIDE}: {states[BESIDE]}")
        _execute(approval, _ARRIVE)
        state = run(self.api, HELD)
        resumed = (HELD,) if state == "success" and HELD not in self._holds() else ()
        compared = when_free(lambda: reconcile.run(self.deployment, HELD))
        lost = 0 if compared.passed else compared.missing + compared.different
        self.step(f"  taken back: {HELD} goes on by itself ({state}), rows lost: {lost}")
        outbox.deliver(self.deployment)
        return Played(None, "case.accept", False, "breaking", held_routes=tuple(held), resumed=resumed, lost_rows=lost)

    def _holds(self) -> dict[str, str]:
        """Return the routes that are held by their structure, and by what."""
        with closing(self.deployment.hub(name="demo", autocommit=True)) as hub:
            found = ((route, ledger.waiting_hold(hub, route)) for route in self.deployment.catalog.routes)
            return {route: str(hold.facts["found"]) for route, hold in found if hold and hold.kind == ledger.STRUCTURE}

    def _read(self, notice: Notice) -> tuple[Revision, list[Recipient]]:
        with closing(self.deployment.hub(name="demo")) as hub, hub:
            return (
                store.revision(hub, notice.notice, notice.revision),
                store.recipients(hub, notice.notice, notice.revision),
            )

    def _workdays(self, revision: Revision) -> int:
        calendar = Calendar.from_files(self.deployment.catalog.calendar_files)
        return calendar.workdays_between(_today(), revision.effective_on)


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def _today() -> date:
    return datetime.now(settings.CHINA).date()


@contextmanager
def _at(day: date) -> Iterator[None]:
    """Let it be ten in the morning of a day for what runs in this process."""
    os.environ["GATEWAY_NOW"] = datetime.combine(day, clock(10), settings.CHINA).isoformat()
    try:
        yield
    finally:
        del os.environ["GATEWAY_NOW"]


@contextmanager
def _renamed(dsn: str, old: str, new: str) -> Iterator[None]:
    _execute(dsn, _RENAME.format(old, new))
    try:
        yield
    finally:
        _execute(dsn, _RENAME.format(new, old))


def _execute(dsn: str, statement: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
