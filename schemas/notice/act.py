"""One act upon a notice: a transaction that holds what it decides, the messages it sends and its entry in the chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import settings
from gateway.deployment import Deployment
from gateway.ledger import acts
from gateway.notify import outbox
from gateway.sla.calendar import Calendar
from schemas.notice import dispatch, store, terms
from schemas.notice.store import Notice, Recipient, Revision

_EXPIRES = timedelta(days=30)  # a link shows its notice so long after the day of effect


@dataclass
class Act:
    """An act upon a notice in progress, within one of the ledger's."""

    inner: acts.Act

    @property
    def deployment(self) -> Deployment:
        """Return the deployment."""
        return self.inner.deployment

    @property
    def hub(self) -> Connection:
        """Return the hub's transaction."""
        return self.inner.hub

    def tell(
        self, units: Iterable[str], about: tuple[str, str], subject: str, text: str, *, leader: bool | None = None
    ) -> int:
        """Queue plain words for whoever answers for units, as `outbox.tell` does."""
        return outbox.tell(self.hub, self.deployment.keys, units, about, subject, text, leader=leader)

    @cached_property
    def calendar(self) -> Calendar:
        """Return the city's working days."""
        return Calendar.from_files(self.deployment.catalog.calendar_files)

    def chained(self, notice: Notice, body: Mapping[str, Any]) -> None:
        """Add what was done to the chain."""
        self.inner.chained("notice", {"notice": notice.name, "revision": notice.revision, **body})

    def keep(self, made: Revision) -> None:
        """Put a revision into the ledger."""
        values = {
            "notice": made.notice, "revision": made.revision, "class": made.class_, "effective_on": made.effective_on,
            "transition_until": made.transition_until, "announced_at": made.announced_at, "answers_due": made.answers_due,
            "basis": made.basis, "body": dict(made.body),
        }  # fmt: skip
        store.run(self.hub, "put_revision", values)

    def publish(self, notice: Notice, made: Revision, told: list[Recipient], *, who: str, what: str) -> Notice:
        """Put a revision in force, and tell its recipients."""
        year = settings.now().astimezone(settings.CHINA).year
        number = notice.number or store.next_number(self.hub, year)
        standing = replace(notice, number=number, state="announced", revision=made.revision)
        made = replace(made, body={**made.body, "issued_by": who})
        self.keep(made)
        self.move(standing)
        for recipient in told:
            self._put_recipient(standing, made, recipient)
        done = store.rehearsed(self.hub, made)
        told = [replace(own, rehearsal=done.get(own.unit)) for own in told]
        dispatch.announced(self.deployment, self.hub, standing, made, told)
        units = [r.unit for r in told]
        day = made.effective_on.isoformat()
        self.chained(standing, {"what": what, "who": who, "class": made.class_, "effective": day, "units": units})
        return standing

    def move(self, notice: Notice) -> None:
        """Write a notice's state, number and revision."""
        values = {"notice": notice.notice, "state": notice.state, "revision": notice.revision, "number": notice.number}
        store.run(self.hub, "move", values)

    def transition(self, effective_on: date) -> date:
        """Return the last day on which the old shape stays readable."""
        return self.calendar.add_workdays_at_worst(effective_on, terms.TRANSITION)[0]

    def _put_recipient(self, notice: Notice, made: Revision, recipient: Recipient) -> None:
        token = dispatch.token(self.deployment, notice, recipient.unit)
        values = {
            "notice": notice.notice, "revision": made.revision, "unit": recipient.unit, "impact": recipient.impact,
            "uses": recipient.uses, "token_hash": dispatch.token_hash(token),
            "token_expires": datetime.combine(made.effective_on, datetime.min.time(), settings.CHINA) + _EXPIRES,
            "answer": recipient.answer, "answer_until": recipient.answer_until, "remark": recipient.remark,
            "answered_by": recipient.answered_by, "answered_title": recipient.answered_title,
            "answered_at": recipient.answered_at,
        }  # fmt: skip
        store.run(self.hub, "put_recipient", values)


@contextmanager
def acting(deployment: Deployment) -> Iterator[Act]:
    """Open an act; it commits as a whole."""
    with acts.acting(deployment, "handle a notice") as inner:
        yield Act(inner)
