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
        self, deployment: Deployment, route: Route, range_: Range, only: Version | None = None, *, deletes: bool = True,
        confirmed: int = 0,
    ) -> None:  # fmt: skip
        """Take what to look at: a range, or of it `only` one row in just that version; `with` opens the view.

        `deletes` is false for a target that never had anything: what is gone need not be told. Nor need keys that came after
        the newest batch that it `confirmed`, or whose every version was stopped.
        """
        self._confirmed = confirmed
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

    def rows(self, format_: Literal["binary", "text"], *, stored: bool = False) -> Read:
        """Return the read of new and changed rows, in the order of the projection; `stored` as a table without zones has it."""
        query = sql.SQL("select {} from {} t where {}").format(
            outgoing.columns(self._route, "t", stored=stored), hub_tables.table(self._dataset), self._within("t")
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

    def unsent(self) -> Iterator[list[int]]:
        """Yield the hashes of keys that the target was never told, since their first version is stopped, in pages."""
        if not self.extent.stopped:  # most ranges: nobody looks at their rows again
            return iter(())
        query = sql.SQL("select {} from {} t where {} and {} is not null and t.gw_since > {}").format(
            self._key_hash("t"), hub_tables.table(self._dataset), self._within("t"), self._reason,
            sql.Literal(self._confirmed),
        )  # fmt: skip
        return self._hashes(query)

    def freed(self) -> Iterator[list[int]]:
        """Yield the hashes of keys that were never told and are about to be, in pages."""
        marked = "select exists (select from gateway.unsent where route = %s)"
        if not pg.one(self._hub, marked, (self._route.route,))[0]:
            return iter(())
        query = sql.SQL(
            "select n.key_hash from gateway.unsent n join {table} t on {hash} = n.key_hash "
            "where n.route = {route} and {within} and {reason} is null"
        ).format(
            table=hub_tables.table(self._dataset), hash=self._key_hash("t"), route=sql.Literal(self._route.route),
            within=self._within("t"), reason=self._reason,
        )  # fmt: skip
        return self._hashes(query)

    def _hashes(self, query: sql.Composed) -> Iterator[list[int]]:
        with self._hub.cursor("hashes") as cursor:
            cursor.itersize = _PAGE
            cursor.execute(query)
            while page := cursor.fetchmany(_PAGE):
                yield [found for (found,) in page]

    def _key_hash(self, alias: str) -> sql.Composed:
        return sql.SQL("pg_catalog.hash_record_extended(row({}), 0)").format(pg.names(self._dataset.key, alias))

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
        return sql.SQL(
            "{gone} g where {since} and coalesce(g.gw_since, 0) <= {confirmed} "
            "and not exists (select from {table} t where {same}) "
            "and not exists (select from gateway.unsent n where n.route = {route} and n.key_hash = {hash})"
        ).format(
            gone=hub_tables.gone(self._dataset), since=self._since("g") if self._deletes else sql.SQL("false"),
            confirmed=sql.Literal(self._confirmed), table=hub_tables.table(self._dataset), same=same,
            route=sql.Literal(self._route.route), hash=self._key_hash("g"),
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
        batch, others = sql.Identifier(alias, "gw_batch"), gate.meant_for_it(self._route, alias)
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
