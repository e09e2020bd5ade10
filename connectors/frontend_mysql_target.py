"""Writes the up tables of a front end (前置库) on MySQL or MariaDB, in the format that `frontend_target` tells of.

Rows arrive as text and leave in one transaction. A table whose engine knows no transactions is refused: the other side
would collect half of a batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any, Literal

import pymysql

from connectors import frontend_options, mysql_shape
from connectors import mysql_session as session
from connectors.frontend_format import batch_name, repeated_row, returned, table_hint, up_of, wall
from connectors.frontend_mysql_batch import Batch
from connectors.frontend_mysql_refusal import places
from connectors.frontend_options import Resource
from gateway.errors import PlatformUnavailable, SchemaMismatch
from gateway.model import Dataset, Platform
from gateway.mysql_address import address
from gateway.ports import Delivery, Mark, Outgoing, Shape, Unread, Verdict
from gateway.sql import queries

_SQL = queries(__file__)
_PAGE = 500


class MysqlFrontendTarget:
    """The up tables of one platform. Raises PlatformUnavailable; AccessDenied and SchemaMismatch."""

    format: Literal["binary", "text"] = "text"

    def __init__(self, platform: Platform, dsn: str) -> None:
        """Read the options and connect."""
        self._platform, self._options = platform, frontend_options.checked(platform)
        self._operations = self._options.operations
        self._address = address(platform.platform, dsn)
        with self._errors("connect"):
            self._connection = session.connect(self._address)
            ((packet,),) = session.rows(self._connection, "select @@max_allowed_packet")
        self._packet = int(packet)

    def describe(self, dataset: Dataset) -> Shape:
        """Return the columns of the up table; SchemaMismatch without one, or when it would show half of a batch."""
        up = self._up(dataset)
        with self._reading(f"describe {up.up}"):
            return mysql_shape.shape(dataset, self._columns(dataset, up))

    def mark(self, dataset: Dataset, memo: str) -> Mark:  # noqa: ARG002 - one small question is asked anyway
        """Return the sign of all that the server says of the up table."""
        up = self._up(dataset)
        with self._reading(f"look at {up.up}"):
            return mysql_shape.mark(self._connection, up.up)

    def write(self, dataset: Dataset, batch: Outgoing) -> Delivery:
        """Append a row for each change, in one transaction, once per batch number."""
        up = self._up(dataset)
        name = batch_name(self._options, up, batch.number, batch.left)
        with self._errors(f"write {up.up}"), self._alone(up):
            columns = self._columns(dataset, up)
            taken = self._by_operation(up, name)
            job = Batch(
                self._connection, dataset, up, places(dataset, columns), batch,
                (name, wall(batch.left).isoformat(sep=" "), self._options.source), self._operations, self._where,
                self._packet, repeated=bool(taken),
            )  # fmt: skip
            job.write()
            taken = taken or self._by_operation(up, name)
            self._connection.commit()
        counts = [taken.get(self._operations[o], 0) for o in ("insert", "update", "delete")]
        return Delivery(batch.number, counts[0], counts[1], 0, counts[2], job.repeated, tuple(job.refused))

    def unread(self, dataset: Dataset) -> Unread | None:
        """Return the rows of the data set's table that the other side has not fetched yet; None when that is not limited."""
        lying, up = self._options.unread, self._up(dataset)
        if lying is None:
            return None
        flag = session.name(lying.flag)
        waiting = f"{flag} is null or {flag} = {session.literal(lying.waiting)}" if lying.flag else "true"
        query = _SQL["unread"].format(table=session.name(up.up), waiting=waiting, most=lying.rows)
        with self._reading(f"count what is unread in {up.up}"):
            ((rows,),) = session.rows(self._connection, query)
        return Unread(int(rows), lying.rows)

    def count(self, dataset: Dataset, hub: str, number: int, left: datetime) -> int | None:  # noqa: ARG002 - the table is ours alone
        """Return the rows of a batch that are still there; None when all are gone: the other side has put them away."""
        up = self._up(dataset)
        with self._reading(f"count {up.up}"):
            return sum(self._by_operation(up, batch_name(self._options, up, number, left)).values()) or None

    def verdicts(self, dataset: Dataset, since: datetime | None) -> Iterator[Verdict]:
        """Yield the error returns of the data set's table."""
        up = self._up(dataset)
        if up.row_returns:
            yield from self._repeated(dataset, up)
        if not up.returns:
            return
        after = f"and cd_time >= {session.literal(wall(since).isoformat(sep=' '))}" if since else ""
        query = _SQL["returned"].format(
            returns=session.name(up.returns), name=session.literal(up.up),
            source=session.literal(self._options.source), since=after,
        )  # fmt: skip
        with self._errors(f"read {up.returns}"):
            reading = session.connect(self._address)  # rows of the one session come while the other looks up their keys
            try:
                found = session.streamed(reading, query)
                while page := list(islice(found, _PAGE)):
                    yield from self._judged(dataset, up, page)
            finally:
                session.close(reading)

    def _repeated(self, dataset: Dataset, up: Resource) -> Iterator[Verdict]:
        """Yield the rows that the platform repeats, all of them each time: when it wrote them is not told."""
        query = _SQL["repeated"].format(
            key=session.names(dataset.key), returns=session.name(up.row_returns),
            source=session.literal(self._options.source),
        )  # fmt: skip
        with self._errors(f"read {up.row_returns}"):
            reading = session.connect(self._address)
            try:
                for batch, words, sent, *key in session.streamed(reading, query):
                    where = f"table {up.row_returns} of platform {self._where}"
                    yield repeated_row(where, dict(zip(dataset.key, key, strict=True)), batch, words, _moment(sent))
            finally:
                session.close(reading)

    def close(self) -> None:
        """Close the connection; may be called twice."""
        session.close(self._connection)

    def _judged(self, dataset: Dataset, up: Resource, page: Sequence[Sequence[Any]]) -> Iterator[Verdict]:
        keys = self._keys(dataset, up, page)
        for number, row, sent, error, words, judged, batch in page:
            known = keys.get((batch, row), dict.fromkeys(dataset.key))
            if (batch, row) not in keys and dataset.key == (up.row_key,):
                known = {up.row_key: row}  # the front end has put the row away; its key is what was returned
            where = f"table {up.returns} of platform {self._where}"
            yield returned(where, number, known, batch, error, words, _moment(judged), _moment(sent))

    def _keys(
        self, dataset: Dataset, up: Resource, page: Sequence[Sequence[Any]]
    ) -> dict[tuple[str, str], dict[str, str | None]]:
        """Return the keys of the rows that returns name, by batch and by what names the row."""
        named = [(row[1], row[6]) for row in page if None not in (row[1], row[6])]
        if not named:
            return {}
        literals = {"rows": {row for row, _ in named}, "batches": {batch for _, batch in named}}
        query = _SQL["keys"].format(
            row_key=session.name(up.row_key), key=session.names(dataset.key), table=session.name(up.up),
            **{name: ", ".join(map(session.literal, sorted(texts))) for name, texts in literals.items()},
        )  # fmt: skip
        found: dict[tuple[str, str], dict[str, str | None]] = {}
        with self._reading(f"look up keys in {up.up}"):
            for batch, row, *key in session.rows(self._connection, query):
                found.setdefault((batch, row), dict(zip(dataset.key, key, strict=True)))
        return found

    def _up(self, dataset: Dataset) -> Resource:
        return up_of(self._platform, self._options, dataset)

    def _columns(self, dataset: Dataset, up: Resource) -> list[mysql_shape.Column]:
        found = mysql_shape.columns(self._connection, self._where, up.up, table_hint(dataset, "up"))
        mysql_shape.refuse_halves(self._connection, self._where, up.up)
        if lacking := sorted(set(dataset.columns) - {column.name for column in found}):
            raise SchemaMismatch(
                f"table {up.up} of platform {self._where} has no column {', '.join(lacking)}",
                "Compare the contract with the platform's table.",
            )
        return found

    def _by_operation(self, up: Resource, name: str) -> dict[str, int]:
        found: Counter[str] = Counter()
        for table in up.sent:
            query = _SQL["taken"].format(table=session.name(table), batch=session.literal(name))
            found.update({operation: int(count) for operation, count in session.rows(self._connection, query)})
        return dict(found)

    @contextmanager
    def _alone(self, up: Resource) -> Iterator[None]:
        """Hold the table against other sessions of ours: one whose connection was lost may still be at its commit."""
        lock = session.literal(f"gateway {sha256(f'{self._address.database}.{up.up}'.encode()).hexdigest()[:48]}")
        ((free,),) = session.rows(self._connection, _SQL["alone"].format(name=lock))
        if free != "1":
            hint = "An earlier session of ours has not ended there yet; the run is repeated."
            raise PlatformUnavailable(f"table {up.up} of platform {self._where} is being written already", hint)
        try:
            self._connection.rollback()  # what was read before the wait is old
            yield
        finally:
            with suppress(pymysql.Error):
                self._connection.rollback()
                session.run(self._connection, _SQL["leave"].format(name=lock))

    @contextmanager
    def _reading(self, doing: str) -> Iterator[None]:
        """Read what is committed now, and hold no view afterwards."""
        with self._errors(doing):
            try:
                yield
            finally:
                with suppress(pymysql.Error):
                    self._connection.rollback()

    @property
    def _where(self) -> str:
        return self._platform.platform

    def _errors(self, doing: str) -> AbstractContextManager[None]:
        return session.platform_errors(self._where, doing)


def _moment(text: str | None) -> datetime | None:
    """Return a moment of the format; None for a zero date, or for none."""
    try:
        return datetime.fromisoformat(text or "")
    except ValueError:
        return None
