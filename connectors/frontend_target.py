"""Writes the up tables of a front end (前置库): a row for each change, with the envelope by which the other side collects it.

Nothing is ever changed there: a new version is a new row of the same key. A batch becomes visible as a whole. What the
table itself would refuse is refused row by row before it, so that one bad row does not keep the others back. There is no
positive receipt; what the other side finds wrong comes back in a table of returns, days later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any, Literal

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from connectors import frontend_options, frontend_refusal
from connectors.frontend_format import (
    ENVELOPE,
    UNKNOWN,
    batch_name,
    refused,
    repeated_row,
    returned,
    table_hint,
    up_of,
    wall,
    written,
)
from connectors.frontend_options import Resource
from connectors.postgres_shape import described, stamp_of
from connectors.postgres_target import LOCK_WAIT, by_itself, received, stored
from gateway import pg
from gateway.model import Dataset, Platform
from gateway.ports import Delivery, Outgoing, Shape, Unread, Verdict
from gateway.sql import queries

_SQL = queries(__file__)
_ROWS, _GONE = sql.Identifier("gateway_rows"), sql.Identifier("gateway_gone")


class FrontendTarget:
    """The up tables of one platform. Raises PlatformUnavailable; AccessDenied and SchemaMismatch."""

    format: Literal["binary", "text"] = "binary"

    def __init__(self, platform: Platform, dsn: str) -> None:
        """Read the options and connect."""
        self._platform, self._options = platform, frontend_options.checked(platform)
        self._operations = self._options.operations
        with self._errors("connect"):
            self._connection = pg.connect(dsn, name=f"gateway to {platform.platform}", lock_timeout=LOCK_WAIT)

    def describe(self, dataset: Dataset) -> Shape:
        """Return the columns of the up table; SchemaMismatch when there is no such table."""
        up = self._up(dataset)
        with self._errors(f"describe {up.up}"), self._connection as connection:
            return described(connection, self._where, f'public."{up.up}"', table_hint(dataset, "up"))

    @contextmanager
    def catalogue(self, dataset: Dataset) -> Iterator[tuple[Connection, str]]:
        """Yield the session and the up table's name."""
        up = self._up(dataset)
        with (
            self._errors(f"look at the structure of {up.up}"),
            by_itself(self._connection) as connection,
        ):
            yield connection, f'public."{up.up}"'

    def stamp(self, dataset: Dataset) -> str:
        """Return what each change of the up table's columns moves; nothing when it is gone."""
        with self.catalogue(dataset) as (connection, name):
            return stamp_of(connection, name)

    def write(self, dataset: Dataset, batch: Outgoing) -> Delivery:
        """Append a row for each change, in one transaction, once per batch number."""
        up = self._up(dataset)
        with self._errors(f"write {up.up}"), self._connection as connection:
            pg.one(connection, _SQL["alone"], {"table": up.up})
            received(connection, _ROWS, dataset.fields, batch.rows, self._errors)
            gone = received(connection, _GONE, [dataset.field(k) for k in dataset.key], batch.gone, self._errors)
            fields = {f.name: f for f in written(dataset)}
            faults = frontend_refusal.taken_out(
                connection, _ROWS, up.up, list(fields.values()), dataset.key, self._where
            )
            verdicts = tuple(refused(dataset, batch, key, *said) for key, *said in faults)
            taken = self._taken(up, batch)
            if repeated := bool(taken):
                verdicts += self._untold(dataset, up, batch, among=self._number(up, batch)) if gone else ()
            elif put_away := self._put_away(batch):
                repeated, taken = True, put_away
            else:
                verdicts += self._delete(dataset, up, batch) if gone else ()
                self._append(dataset, up, batch)
                taken = self._taken(up, batch)
                self._remember(batch, taken)
        counts = [taken.get(self._operations[o], 0) for o in ("insert", "update", "delete")]
        return Delivery(batch.number, counts[0], counts[1], 0, counts[2], repeated, verdicts)

    def unread(self, dataset: Dataset) -> Unread | None:
        """Return the rows of the data set's table that the other side has not fetched yet; None when that is not limited."""
        lying, up = self._options.unread, self._up(dataset)
        if lying is None:
            return None
        flag = sql.Identifier(lying.flag)
        waiting = sql.SQL("{0} is null or {0}::text = {1}").format(flag, sql.Literal(lying.waiting))
        query = sql.SQL(_SQL["unread"]).format(table=_table(up), waiting=waiting if lying.flag else sql.SQL("true"))
        with self._errors(f"count what is unread in {up.up}"), self._connection:
            return Unread(int(self._all(query, {"most": lying.rows})[0][0]), lying.rows)

    def count(self, dataset: Dataset, hub: str, number: int, left: datetime) -> int | None:  # noqa: ARG002 - the table is ours alone
        """Return the rows of a batch that are still there; None when all are gone: the other side has put them away."""
        up = self._up(dataset)
        with self._errors(f"count {up.up}"), self._connection:
            return sum(self._by_operation(up, batch_name(self._options, up, number, left)).values()) or None

    def verdicts(self, dataset: Dataset, since: datetime | None) -> Iterator[Verdict]:
        """Yield the error returns of the data set's table."""
        up = self._up(dataset)
        if up.row_returns:
            yield from self._repeated(dataset, up)
        if not up.returns:
            return
        query = sql.SQL(_SQL["returned"]).format(
            returns=sql.Identifier("public", up.returns), key=pg.names(dataset.key, "u"), table=_table(up),
            row_key=sql.Identifier(up.row_key),
        )  # fmt: skip
        asked = {"name": up.up, "source": self._options.source, "since": since and wall(since)}
        reading = self._connection.cursor("gateway_returned")
        with self._errors(f"read {up.returns}"), self._connection, reading as cursor:
            cursor.execute(query, asked)
            for number, row, sent, error, words, at, name, *key in cursor:
                known = dict(zip(dataset.key, key, strict=True))
                if key[0] is None and dataset.key == (up.row_key,):
                    known = {up.row_key: row}  # the front end has put the row away; its key is what was returned
                texts = {field: None if value is None else str(value) for field, value in known.items()}
                where = f"table {up.returns} of platform {self._where}"
                yield returned(where, number, texts, name, error, words, at, sent)

    def _repeated(self, dataset: Dataset, up: Resource) -> Iterator[Verdict]:
        """Yield the rows that the platform repeats, all of them each time: when it wrote them is not told."""
        query = sql.SQL(_SQL["repeated"]).format(
            key=pg.names(dataset.key), returns=sql.Identifier("public", up.row_returns)
        )
        reading = self._connection.cursor("gateway_repeated")
        with self._errors(f"read {up.row_returns}"), self._connection, reading as cursor:
            cursor.execute(query, {"source": self._options.source})
            for batch, words, sent, *key in cursor:
                texts = {k: None if v is None else str(v) for k, v in zip(dataset.key, key, strict=True)}
                where = f"table {up.row_returns} of platform {self._where}"
                yield repeated_row(where, texts, batch, words, sent)

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self._connection.close()

    # What a batch is made of

    def _append(self, dataset: Dataset, up: Resource, batch: Outgoing) -> None:
        """Add the new versions; a key that was told before is an update."""
        fields = written(dataset)
        known = sql.SQL("exists (select from {} u where {})").format(_table(up), _same(dataset, "r"))
        statement = sql.SQL(
            "insert into {table} ({columns}, {envelope}) select {values}, {batch}, "
            "case when {known} then {update} else {insert} end, {time}, {source} from {rows} r"
        )
        pg.run(self._connection, statement.format(
            table=_table(up), columns=pg.names([f.name for f in fields]), envelope=pg.names(ENVELOPE),
            values=stored(fields), known=known, rows=_ROWS, update=sql.Literal(self._operations["update"]),
            insert=sql.Literal(self._operations["insert"]), **self._stamps(up, batch),
        ))  # fmt: skip

    def _delete(self, dataset: Dataset, up: Resource, batch: Outgoing) -> tuple[Verdict, ...]:
        """Add the last version of each key that is gone, marked as deleted; return those that nobody can tell any more."""
        untold = self._untold(dataset, up, batch)
        columns = [f.name for f in written(dataset)]
        statement = sql.SQL(
            "insert into {table} ({columns}, {envelope}) select {columns}, {batch}, {delete}, {time}, {source} from ("
            "select distinct on ({key}) {theirs}, u.cd_operation from {table} u join {gone} r on {same} "
            "order by {key}, u.cd_time desc) last where cd_operation <> {delete}"
        )
        pg.run(self._connection, statement.format(
            table=_table(up), columns=pg.names(columns), envelope=pg.names(ENVELOPE), theirs=pg.names(columns, "u"),
            key=pg.names(dataset.key, "u"), gone=_GONE, same=_same(dataset, "r"),
            delete=sql.Literal(self._operations["delete"]), **self._stamps(up, batch),
        ))  # fmt: skip
        return untold

    def _untold(
        self, dataset: Dataset, up: Resource, batch: Outgoing, *, among: str | None = None
    ) -> tuple[Verdict, ...]:
        """Return the keys that are gone and of which the table holds no row (of one batch) to tell it by."""
        within = sql.SQL("u.cd_batch = {}").format(sql.Literal(among)) if among else sql.SQL("true")
        absent = sql.SQL(" and ").join(
            sql.SQL("not exists (select from {} u where {} and {})").format(
                sql.Identifier("public", table), _same(dataset, "r"), within
            )
            for table in (up.sent if among else (up.up,))
        )
        query = sql.SQL("select {} from {} r where {}").format(pg.names(dataset.key, "r"), _GONE, absent)
        return tuple(refused(dataset, batch, key, "delete", UNKNOWN) for key in self._all(query))

    def _remember(self, batch: Outgoing, taken: Mapping[str, int]) -> None:
        """Note the transaction that is about to show the batch: its rows may be gone before its reply is there."""
        ((server, transaction),) = self._all(_SQL["transaction"])
        note = {"hub": batch.hub, "number": batch.number, "server": server, "transaction": transaction, "taken": taken}
        batch.memory.keep(note)

    def _put_away(self, batch: Outgoing) -> dict[str, int]:
        """Return what a batch was made of that this server once committed though nothing of it is left; else nothing."""
        noted = batch.memory.recall()
        if (noted.get("hub"), noted.get("number")) != (batch.hub, batch.number):
            return {}
        ((server, _),) = self._all(_SQL["transaction"])
        if server != noted["server"]:  # restored or replaced: what it committed once is no matter
            return {}
        ((became,),) = self._all(_SQL["became"], {"earlier": noted["transaction"]})
        taken: dict[str, int] = noted["taken"] if became == "committed" else {}
        return taken

    # Its name and stamps

    def _up(self, dataset: Dataset) -> Resource:
        return up_of(self._platform, self._options, dataset)

    def _number(self, up: Resource, batch: Outgoing) -> str:
        return batch_name(self._options, up, batch.number, batch.left)

    def _stamps(self, up: Resource, batch: Outgoing) -> dict[str, sql.Composable]:
        return {
            "batch": sql.Literal(self._number(up, batch)), "time": sql.Literal(wall(batch.left)),
            "source": sql.Literal(self._options.source),
        }  # fmt: skip

    def _taken(self, up: Resource, batch: Outgoing) -> dict[str, int]:
        return self._by_operation(up, self._number(up, batch))

    def _by_operation(self, up: Resource, name: str) -> dict[str, int]:
        found: Counter[str] = Counter()
        for table in up.sent:
            query = sql.SQL(_SQL["taken"]).format(table=sql.Identifier("public", table))
            found.update(dict(self._all(query, {"batch": name})))
        return dict(found)

    def _all(self, query: Any, values: Any = None) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    @property
    def _where(self) -> str:
        return self._platform.platform

    def _errors(self, doing: str) -> AbstractContextManager[None]:
        return pg.platform_errors(self._where, doing)


def _table(up: Resource) -> sql.Identifier:
    return sql.Identifier("public", up.up)


def _same(dataset: Dataset, alias: str) -> sql.Composed:
    """Return the condition that a row of the table (`u`) has the key of `alias`."""
    pairs = [sql.SQL("u.{0} = {1}.{0}").format(sql.Identifier(k), sql.Identifier(alias)) for k in dataset.key]
    return sql.SQL(" and ").join(pairs)
