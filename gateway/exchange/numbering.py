"""Finds by their numbers the records of a delivery that quarantine knows by their hashes.

The delivery is read again as it was landed: plain records are copied into a typed table and hashed there, the others judged.
"""

from __future__ import annotations

from typing import BinaryIO

from psycopg2 import sql

from gateway import pg
from gateway.exchange import hub as hub_tables
from gateway.exchange import raw
from gateway.exchange.landing import Landing
from gateway.exchange.plain import Lines
from gateway.sql import queries

_SQL = queries(__file__)


class Numbering:
    """Fills `_no` with number and rule of each record that is among the quarantined."""

    def __init__(self, landing: Landing, live: sql.Composable) -> None:
        """Make the tables; `live` is the condition of the entries that count."""
        self._landing, self._live = landing, live
        self._came = 0
        tables = {
            "no": landing.name("_no"),
            "like": landing.name("_like"),
            "shape": hub_tables.columns(landing.dataset),
        }
        pg.run(landing.hub, sql.SQL(_SQL["tables"]).format(**tables))
        pg.run(landing.hub, sql.SQL("truncate {}").format(landing.name("_raw")))

    def read(self, stream: BinaryIO) -> int:
        """Take the lines of a delivery and return how many came."""
        return raw.each_way(self._landing, stream, self._plain, self._judged)

    def _plain(self, lines: Lines) -> int:
        landing, like = self._landing, self._landing.name("_like")
        into = sql.SQL("copy {} ({}) from stdin").format(like, landing.columns)
        came = raw.copy_plain(landing, lines, into)
        hashed = hub_tables.record_hash(landing.dataset, "_r_")
        records = sql.SQL("select row_number() over (order by _r_.ctid) as gw_row, {} as gw_hash from {} _r_")
        self._note(came, records.format(hashed, like), like)
        return came

    def _judged(self) -> int:
        came = self._landing.count("_raw")
        self._note(came, raw.numbered(self._landing), self._landing.name("_raw"))
        return came

    def _note(self, came: int, records: sql.Composable, of: sql.Composable) -> None:
        """Note which of the records that came last are quarantined, and forget them all."""
        if came:
            before = sql.Literal(self._came)
            found = sql.SQL(_SQL["note"]).format(
                no=self._landing.name("_no"), before=before, records=records, live=self._live
            )
            pg.run(self._landing.hub, found)
            pg.run(self._landing.hub, sql.SQL("truncate {}").format(of))
        self._came += came
