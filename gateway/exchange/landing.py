"""The landing tables of one batch: rows arrive, are judged by being routed, and touch nothing live.

The landing table is list-partitioned by the contract's reason(): good rows (reason is null) fall into `_ok`, bad ones
into `_bad`. Rows that a set check refuses move from `_ok` to `_off`, with the rule. All of it may be dropped and
repeated at any time; leftovers of dead attempts are dropped under the data set's lock.
"""

from __future__ import annotations

import re
from datetime import date

import psycopg2.errors
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.exchange import hub as hub_tables
from gateway.exchange import rules
from gateway.model import Dataset
from gateway.ports import UNDECODABLE
from gateway.sql import queries

_SQL = queries(__file__)
SCHEMA = "landing"
DUPLICATE = "key.duplicate"
ENCODING = "text.encoding"
_INDEX_BYTES_A_ROW = 128


class Landing:
    """The landing tables of one batch of one data set; the caller holds the data set's lock."""

    def __init__(self, hub: Connection, dataset: Dataset, batch: int, source: str, today: date) -> None:
        """Name the tables; `today` is the day by which "not in the future" is judged."""
        self.hub, self.dataset, self.batch, self.source = hub, dataset, batch, source
        self.reason, self._reason_ddl = rules.reason_function(dataset, today)
        self._base = f"{dataset.hub_name}_b{batch}"
        self.typed = True
        self.repairing = False
        self.watching = False  # whether `_live` is filled
        self.logged = False  # whether `_ok` is to become the live table
        self.keyed = False  # whether `_ok` has its key
        self.plain = (
            False  # whether every record that came was plain, so that no text of unreadable bytes is among them
        )

    def name(self, suffix: str = "") -> sql.Identifier:
        """Return a table of this batch: the landing table itself, or one whose `suffix` tells what it is for."""
        return sql.Identifier(SCHEMA, self._base + suffix)

    @property
    def columns(self) -> sql.Composed:
        """Return the projection's column names."""
        return pg.names(self.dataset.columns)

    @property
    def reason_call(self) -> sql.Composed:
        """Return the call of the reason function on the projection's columns."""
        return sql.SQL("{}({})").format(sql.Identifier("gateway", self.reason), self.columns)

    def create(self, *, logged: bool) -> None:
        """Drop leftovers and make the tables; only a first load needs a logged `_ok`, for it becomes the live table."""
        self.drop_leftovers()
        self._make_reason()
        self.logged = logged
        shape = hub_tables.columns(self.dataset)
        self._run("create table {} ({}) partition by list (({}))", self.name(), shape, self.reason_call)
        kind, ok, there = sql.SQL("" if logged else "unlogged"), self.name("_ok"), self._keys_there()
        self._run("create {} table {} partition of {} {} for values in (null)", kind, ok, self.name(), there)
        self._run("create unlogged table {} partition of {} default", self.name("_bad"), self.name())
        self._run("create unlogged table {} (gw_rule text, gw_wait timestamptz, {})", self.name("_off"), shape)

    def copy_in(self, form: str) -> sql.Composed:
        """Return the COPY statement that takes the source's stream; columns are always named."""
        return sql.SQL("copy {} ({}) from stdin (format {})").format(self.name(), self.columns, sql.SQL(form))

    def refuse_undecodable(self) -> int:
        """Move rows with a text that the source could not read as characters from `_ok` to `_off`; return how many."""
        removed = sql.SQL("delete from {} _r_ where {} returning {}").format(
            self.name("_ok"), self.undecodable, pg.names(self.dataset.columns, "_r_")
        )
        return self.move(ENCODING, removed)

    @property
    def undecodable(self) -> sql.Composable:
        """Return the condition that a row `_r_` has a text of unreadable bytes."""
        texts = [f.name for f in self.dataset.fields if f.hub_type == "text"]
        marked = [
            sql.SQL("coalesce(starts_with(_r_.{}, {}), false)").format(sql.Identifier(t), sql.Literal(UNDECODABLE))
            for t in texts
        ]
        return sql.SQL(" or ").join(marked) if marked else sql.SQL("false")

    def make_repairs(self) -> sql.Composed:
        """Make `_fix`, which takes (key, field, original) of repaired values; return the COPY statement that fills it."""
        self.repairing = True
        keys = sql.SQL(", ").join(hub_tables.column(self.dataset.field(k), in_key=True) for k in self.dataset.key)
        self._run(
            "create unlogged table if not exists {} ({}, gw_field text, gw_original text)", self.name("_fix"), keys
        )
        return sql.SQL("copy {} from stdin (format binary)").format(self.name("_fix"))

    def count(self, suffix: str) -> int:
        """Return the number of rows in one of the tables."""
        return int(pg.one(self.hub, sql.SQL("select count(*) from {}").format(self.name(suffix)))[0])

    def refuse_duplicates(self) -> int:
        """Keep the newest row of each key in `_ok` and move the others to `_off`; return how many moved."""
        cursors = [c for c in (self.dataset.cursor,) if c]
        order: list[sql.Composable] = [sql.SQL("_r_.{} desc nulls last").format(sql.Identifier(c)) for c in cursors]
        order += [] if self.typed else [sql.SQL("_r_.ctid desc")]  # of what arrived in turn, the last
        ranked = sql.SQL(
            "delete from {ok} d using (select ctid, row_number() over (partition by {key} order by {order}) as place "
            "from {ok} _r_) r where d.ctid = r.ctid and r.place > 1 returning {columns}"
        ).format(
            ok=self.name("_ok"),
            key=pg.names(self.dataset.key),
            order=sql.SQL(", ").join([*order, hub_tables.record_hash(self.dataset, "_r_")]),
            columns=pg.names(self.dataset.columns, "d"),
        )
        return self.move(DUPLICATE, ranked)

    def move(self, rule: str, removed: sql.Composable, wait: sql.Composable | None = None) -> int:
        """Insert what a `delete … returning columns` gives into `_off` under a rule; return the number of rows."""
        statement = sql.SQL("with gone as ({}) insert into {} select {}, {}, {} from gone").format(
            removed, self.name("_off"), sql.Literal(rule), wait or sql.SQL("null"), self.columns
        )
        return pg.run(self.hub, statement)

    def add_key(self, rows: int) -> bool:
        """Give `_ok`, with so many rows, its key; tell whether no key stands twice, as otherwise it gets none."""
        memory_kb = min(1_048_576, max(65_536, rows * _INDEX_BYTES_A_ROW // 1024))
        pg.run(self.hub, f"set maintenance_work_mem = {memory_kb}")
        try:
            self._run("alter table {} add primary key ({})", self.name("_ok"), pg.names(self.dataset.key))
        except psycopg2.errors.UniqueViolation:
            return False
        self.keyed = True
        return True

    def become_live(self, rows: int) -> None:
        """Turn `_ok` into a table that can be attached to the hub: gateway columns and key.

        The keys are new unless the hub had, or lost, any of the data set before: then nobody knows since when they came.
        Gateway columns come as constant defaults and take no space in the rows; the CHECK spares the attach its scan.
        """
        self._run("alter table {} detach partition {}", self.name(), self.name("_ok"))
        if not self.keyed and not self.add_key(rows):
            self.refuse_duplicates()
            self.add_key(rows)
        self._run(
            'alter table {} add column gw_source text collate "C" not null default {source}, '
            "add column gw_batch bigint not null default {batch}, add column gw_since bigint default {since}, "
            "add check (gw_source = {source} and gw_source is not null)",
            self.name("_ok"), source=sql.Literal(self.source), batch=sql.Literal(self.batch),
            since=sql.Literal(self.batch if self._is_new() else None),
        )  # fmt: skip

    def _is_new(self) -> bool:
        known = sql.SQL("select exists (select from {}) or exists (select from {})")
        return not pg.one(self.hub, known.format(hub_tables.table(self.dataset), hub_tables.gone(self.dataset)))[0]

    def drop(self) -> None:
        """Drop every table of this batch."""
        tables = ("", "_raw", "_mis", "_ok", "_off", "_seal", "_kh", "_diff", "_live", "_fix", "_no", "_like")
        statement = sql.SQL("drop table if exists {}").format(sql.SQL(", ").join(self.name(t) for t in tables))
        pg.run(self.hub, statement)

    def drop_leftovers(self) -> None:
        """Drop landing tables that dead attempts of this data set left behind."""
        pattern = f"^{re.escape(self.dataset.hub_name)}_b[0-9]+(_[a-z]+)?$"
        with self.hub.cursor() as cursor:
            cursor.execute(_SQL["leftovers"], {"pattern": pattern})
            for (name,) in cursor.fetchall():
                pg.run(self.hub, sql.SQL("drop table if exists {}").format(sql.Identifier(SCHEMA, name)))

    def _run(self, statement: str, *parts: sql.Composable, **named: sql.Composable) -> None:
        pg.run(self.hub, sql.SQL(statement).format(*parts, **named))

    def _keys_there(self) -> sql.Composable:
        """Return NOT NULL for the parts of the key that a rule requires: no other row gets here, and the key needs no scan."""
        required = [k for k in self.dataset.key if self.dataset.field(k).required]
        if not (self.logged and required):
            return sql.SQL("")
        there = [sql.SQL("{} not null").format(sql.Identifier(k)) for k in required]
        return sql.SQL("({})").format(sql.SQL(", ").join(there))

    def _make_reason(self) -> None:
        pattern = f"^reason_{re.escape(self.dataset.hub_name)}_[0-9a-z]+$"
        with self.hub.cursor() as cursor:
            cursor.execute(_SQL["old_functions"], {"pattern": pattern, "current": self.reason})
            for (signature,) in cursor.fetchall():
                cursor.execute(f"drop function if exists {signature}")
            cursor.execute(_SQL["function_exists"], {"name": self.reason})
            if not cursor.fetchall()[0][0]:
                cursor.execute(self._reason_ddl)
                rules.assert_inlined(cursor, self.dataset, self.reason)
