"""What the batches of a range did to a data set of the hub, seen at one moment: rows by their batch, and tombstones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, BinaryIO, Literal

from psycopg2 import sql

from gateway import pg
from gateway.deployment import Deployment
from gateway.exchange import gate, outgoing, sequence
from gateway.exchange import hub as hub_tables
from gateway.ledger.deliveries import Extent, Range
from gateway.model import Route
from gateway.ports import Read
from gateway.records import as_json

_BUFFER = 262_144
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one row: its values, of which the key finds it, and its record hash."""

    record: Mapping[str, Any]
    hash: int


class Changes:
    """A context manager: one read-only view of the hub, open until what was chosen has been sent."""

    def __init__(
        self, deployment: Deployment, route: Route, range_: Range, only: Version | None = None, *, deletes: bool = True
    ) -> None:
        """Take what to look at: a range, or of it `only` one row in just that version; `with` opens the view.

        `deletes` is false for a target that never had anything: what is gone need not be told.
        """
        self._deployment, self._route, self._range, self._only = deployment, route, range_, only
        self._dataset = route.dataset
        self._deletes = deletes and only is None
        self._reason = gate.reason(route, "t")

    def __enter__(self) -> Changes:
        """Open the view and measure it."""
        self._hub = self._deployment.hub(name=f"gateway changes {self._dataset.name}")
        try:
            with pg.hub_errors("read the changes"):
                self._hub.set_session(isolation_level="REPEATABLE READ", readonly=True)
                self.extent = self._measure()
                # A partition that is swapped in meanwhile is of a newer batch; no later query of this view takes it.
                self._range = replace(self._range, upto=self.extent.upto)
        except BaseException:
            self._hub.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the view go."""
        self._hub.close()

    def rows(self, format_: Literal["binary", "text"]) -> Read:
        """Return the read of new and changed rows, in the order of the projection."""
        query = sql.SQL("select {} from {} t where {}").format(
            outgoing.columns(self._route, "t"), hub_tables.table(self._dataset), self._within("t")
        )
        if self.extent.stopped:  # else nobody looks again
            query += sql.SQL(" and {} is null").format(self._reason)
        return self._read(query + sequence.order(self._dataset, "t"), format_)

    def gone(self, format_: Literal["binary", "text"]) -> Read:
        """Return the read of the keys that no source holds any more."""
        query = sql.SQL("select {} from {}").format(pg.names(self._dataset.key, "g"), self._gone())
        return self._read(query, format_)

    def stopped(self) -> Iterator[list[tuple[str, int, str]]]:
        """Yield rule, record hash and record, as JSON, of the rows that must not leave, in pages."""
        query = sql.SQL(
            "select {reason}, {hash}, (select row_to_json(x) from (select {columns}) x)::text from {table} t "
            "where {within} and {reason} is not null"
        ).format(
            hash=hub_tables.record_hash(self._dataset, "t"), columns=pg.names(self._dataset.columns, "t"),
            table=hub_tables.table(self._dataset), within=self._within("t"), reason=self._reason,
        )  # fmt: skip
        with self._hub.cursor("stopped") as cursor:
            cursor.itersize = _PAGE
            cursor.execute(query)
            while page := cursor.fetchmany(_PAGE):
                yield page

    def _measure(self) -> Extent:
        statement = sql.SQL(
            "select reason, count(*), coalesce(sum(hash), 0), max(gw_batch) "
            "from (select {hash} as hash, gw_batch, {reason} as reason from {table} t where {within}) changed group by 1"
        ).format(
            hash=outgoing.record_hash(self._route, "t"), table=hub_tables.table(self._dataset),
            reason=self._reason, within=self._within("t"),
        )  # fmt: skip
        with self._hub.cursor() as cursor:
            cursor.execute(statement)
            found = cursor.fetchall()
        rows, hash_sum = next(((n, total) for rule, n, total, _ in found if rule is None), (0, 0))
        self.rejects = {rule: int(n) for rule, n, *_ in found if rule is not None}
        newest = max((batch for *_, batch in found), default=0)
        gone = pg.one(self._hub, sql.SQL("select count(*) from {}").format(self._gone()))[0]
        newest_gone = pg.one(
            self._hub,
            sql.SQL("select max(g.gw_batch) from {} g where {}").format(
                hub_tables.gone(self._dataset), self._since("g")
            ),
        )[0]
        upto = self._range.upto or max(newest, newest_gone or 0, self._range.after)
        return Extent(int(rows), int(gone), sum(self.rejects.values()), int(hash_sum), int(upto))

    def _gone(self) -> sql.Composed:
        """Return tombstones whose key is not in the hub: a key may leave one source and come from another."""
        same = sql.SQL(" and ").join(sql.SQL("t.{0} = g.{0}").format(sql.Identifier(k)) for k in self._dataset.key)
        return sql.SQL("{} g where {} and not exists (select from {} t where {})").format(
            hub_tables.gone(self._dataset), self._since("g") if self._deletes else sql.SQL("false"),
            hub_tables.table(self._dataset), same,
        )  # fmt: skip

    def _within(self, alias: str) -> sql.Composable:
        if self._only is None:
            return self._since(alias)
        wanted = sql.SQL("json_populate_record(null::{}, {})").format(
            hub_tables.table(self._dataset), sql.Literal(as_json(self._only.record))
        )
        return sql.SQL("({}) = (select {} from {} w) and {} = {}").format(
            pg.names(self._dataset.key, alias), pg.names(self._dataset.key, "w"), wanted,
            hub_tables.record_hash(self._dataset, alias), sql.Literal(self._only.hash),
        )  # fmt: skip

    def _since(self, alias: str) -> sql.Composed:
        batch, others = sql.Identifier(alias, "gw_batch"), gate.not_its_own(self._route, alias)
        after = sql.SQL("{} > {} and {}").format(batch, sql.Literal(self._range.after), others)
        if self._range.upto is None:
            return after
        return sql.SQL("{} and {} <= {}").format(after, batch, sql.Literal(self._range.upto))

    def _read(self, query: sql.Composed, format_: str) -> Read:
        copy = sql.SQL("copy ({}) to stdout (format {})").format(query, sql.SQL(format_))

        def read(out: BinaryIO) -> int:
            with pg.hub_errors("read the changes"), self._hub.cursor() as cursor:
                cursor.copy_expert(copy, out, size=_BUFFER)
                return int(cursor.rowcount)

        return read
