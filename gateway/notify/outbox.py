"""What is to be sent waits in the ledger, put there by the transaction that decided it, and goes out afterwards.

One transaction a message: it is taken, sent, and what came of it noted. A worker that dies in between leaves it waiting; it may
then be sent twice, under the same id. Each channel goes its own way, so that none waits for another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import ChannelRefused, GatewayError, NotFound
from gateway.notify import channels, contacts
from gateway.notify.channel import Answer, Channel, Envelope, PutOff, message_id, shown
from gateway.notify.message import Message, page
from gateway.security.crypto import Keys
from gateway.sql import queries

_SQL = queries(__file__)
_GIVEN_UP = timedelta(hours=72)
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
_CHUNK = 500  # messages looked up at once
_DOUBLINGS = 6  # beyond them the longest wait holds
_GIVE_UP_HINT = "Mend what it names, then run `gateway outbox retry MESSAGE`."
STATES = ("waiting", "sent", "dead")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """What one delivery did: messages sent, tried in vain and waiting for another try, and given up."""

    sent: int = 0
    waiting: int = 0
    dead: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts for machines."""
        return {"sent": self.sent, "waiting": self.waiting, "dead": self.dead}


def put(connection: Connection, keys: Keys, message: Message, contact: int, purpose: str) -> int | None:
    """Queue a message for a contact inside the caller's transaction and return its number.

    None when the topic reached, or is to reach, that contact for that purpose already: the one that is there stays.
    """
    sealed = keys.seal(message.dump(), _bound(message.topic, contact, purpose))
    values = {"topic": message.topic, "contact": contact, "purpose": purpose, "sealed": sealed, "now": settings.now()}
    found = pg.one(connection, _SQL["put"], values)
    return int(found[0]) if found else None


def tell(
    connection: Connection, keys: Keys, units: Iterable[str], about: tuple[str, str], subject: str, text: str, *,
    leader: bool | None = None,
) -> int:  # fmt: skip
    """Queue plain words for whoever answers for units; return how many were not told of them before.

    `about` is topic and purpose, which reach a contact once.
    """
    topic, purpose = about
    message = Message(topic, subject, text, subject, html=page(subject, text))
    people = {p.contact for unit in sorted(set(units)) for p in contacts.current(connection, unit, leader=leader)}
    return sum(put(connection, keys, message, contact, purpose) is not None for contact in sorted(people))


def known(connection: Connection, topic: str, contact: int, purpose: str) -> bool:
    """Tell whether `put` would change nothing: what costs a moment to make need not be made for that."""
    values = {"topic": topic, "contact": contact, "purpose": purpose}
    return pg.one(connection, _SQL["known"], values) is not None


def deliver(deployment: Deployment, limit: int = 10_000) -> Counts:
    """Send what is due, at most `limit` messages of each channel; what fails waits longer each time, 72 hours in all."""
    with (
        closing(deployment.hub(name="gateway outbox", autocommit=True)) as hub,
        pg.hub_errors("look for messages"),
        hub.cursor() as cursor,
    ):
        cursor.execute(_SQL["due"], {"now": settings.now()})
        due = [channel for (channel,) in cursor.fetchall()]
    if not due:
        return Counts()
    with ThreadPoolExecutor(len(due), thread_name_prefix="notify") as pool:
        rounds = [pool.submit(_Round(deployment, channel).run, limit) for channel in due]
    done = sum((r.result() for r in rounds), Counter[str]())
    return Counts(done["sent"], done["waiting"], done["dead"])


def listing(
    connection: Connection, *, state: str | None = None, topic: str | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Return messages, newest first, without their content and their contact's name and address."""
    return pg.dicts(connection, _SQL["find"], {"state": state, "topic": topic, "limit": limit})


def retry(deployment: Deployment, message: int | None = None) -> int:
    """Make a message that is not sent due now, or all that were given up; return how many. Dead ones have 72 hours again."""
    with closing(deployment.hub(name="gateway outbox")) as hub, pg.hub_errors("send messages again"), hub:
        found = pg.run(hub, _SQL["retry"], {"message": message, "now": settings.now()})
    if message is not None and not found:
        raise NotFound(f"there is no message {message} that is not sent", "Run `gateway outbox list`.")
    return found


def dead(connection: Connection) -> int:
    """Return how many messages were given up."""
    return int(pg.one(connection, _SQL["dead"])[0])


@dataclass
class _Round:
    """One delivery of one channel: its open accounts, and those that turned out not to work."""

    deployment: Deployment
    channel: str
    opened: dict[str, Channel] = field(default_factory=dict)
    resting: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def run(self, limit: int) -> Counter[str]:
        """Send one after the other until nothing is due; return how many ended in which state."""
        with (
            closing(self.deployment.hub(name=f"gateway outbox {self.channel}")) as hub,
            pg.hub_errors("send messages"),
        ):
            try:
                while (left := limit - sum(self.counts.values())) > 0 and (due := self._due(hub, min(left, _CHUNK))):
                    if not sum([self._one(hub, message) for message in due]):
                        break  # another worker has all of them
            finally:
                for channel in self.opened.values():
                    channel.close()
        return self.counts

    def _due(self, hub: Connection, limit: int) -> list[int]:
        with hub, hub.cursor() as cursor:
            cursor.execute(
                _SQL["next"], {"now": settings.now(), "resting": self.resting, "limit": limit, **self._whose()}
            )
            return [message for (message,) in cursor.fetchall()]

    def _one(self, hub: Connection, message: int) -> bool:
        """Take, send and note one message; tell whether it was there to take, by an account that works."""
        with hub:
            with hub.cursor(cursor_factory=RealDictCursor) as cursor:
                cursor.execute(_SQL["take"], {"message": message, "now": settings.now()})
                row = cursor.fetchone()
            if row is None or channels.account(self.channel, row["address"]) in self.resting:
                return False
            answer = self._tried(hub, row)
            settings.failpoint("notice")
            self._note(hub, row, answer)
        return True

    def _tried(self, hub: Connection, row: Row) -> Answer | GatewayError:
        """Send a message; return what the other side answered, or why it is not sent."""
        account = channels.account(self.channel, row["address"])
        try:
            envelope = self._envelope(row)
        except GatewayError as error:  # a key is missing, or the contact has ended: no account is to blame
            return error
        try:
            return self._open(account, row["address"]).send(envelope)
        except GatewayError as error:
            if not isinstance(error, ChannelRefused | PutOff):
                self._rest(hub, row, account, error)
            return error
        except Exception as error:  # noqa: BLE001 - what no channel foresaw stops neither the others nor the record of it
            kind = type(error).__name__  # its words may hold anything
            return GatewayError(f"channel {account} failed with {kind}", "It is tried again; report this.")

    def _envelope(self, row: Row) -> Envelope:
        if row["until"] is not None:
            raise ChannelRefused(
                f"contact {row['contact']} has ended", "Tell another contact of its unit; add one when there is none."
            )
        topic, contact, purpose = row["topic"], row["contact"], row["purpose"]
        plain = self.deployment.keys.open_sealed(bytes(row["sealed"]), _bound(topic, contact, purpose))
        return Envelope(Message.load(plain), row["address"], message_id(topic, contact, purpose))

    def _open(self, account: str, address: str) -> Channel:
        if account not in self.opened:
            self.opened[account] = channels.open_channel(self.channel, address, self.deployment.resolve)
        return self.opened[account]

    def _rest(self, hub: Connection, row: Row, account: str, error: GatewayError) -> None:
        """Leave an account that does not work alone for this round; what waited for it too long dies with this one."""
        self.resting.append(account)
        now = settings.now()
        values = {"now": now, "before": now - _GIVEN_UP, "message": row["message"], "answer": _words(error, dead=True)}
        self.counts["dead"] += pg.run(hub, _SQL["give_up"], {**values, "resting": account, **self._whose()})

    def _note(self, hub: Connection, row: Row, answer: Answer | GatewayError) -> None:
        now, attempt = settings.now(), row["attempts"] + 1
        if isinstance(answer, Answer):
            state, said, hashed = "sent", answer.said, answer.hash
        else:
            gone = isinstance(answer, ChannelRefused) or row["queued_at"] <= now - _GIVEN_UP
            state, hashed = "dead" if gone else "waiting", None
            said = _words(answer, dead=gone)
        values = {
            "message": row["message"], "attempt": attempt, "now": now, "state": state, "answer": said, "hash": hashed,
            "next_try": now + min(_FIRST_WAIT * 2 ** min(row["attempts"], _DOUBLINGS), _LONGEST_WAIT),
        }  # fmt: skip
        pg.run(hub, _SQL["note"], values)
        self.counts[state] += 1

    def _whose(self) -> dict[str, str | None]:
        return {"channel": self.channel, "account": channels.KINDS[self.channel].account}


def _words(error: GatewayError, *, dead: bool) -> str:
    """Return what is kept of a try in vain: what failed, and what a person does about it."""
    hint = f"{error.hint} {_GIVE_UP_HINT}" if dead else error.hint
    return f"[{error.code}] {shown(error.message)} HINT: {hint}"


def _bound(topic: str, contact: int, purpose: str) -> bytes:
    """Return what a sealed message is bound to: in another row it does not open."""
    return "\n".join(["outbox", topic, str(contact), purpose]).encode()
