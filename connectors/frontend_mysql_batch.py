"""One batch on its way into an up table on MySQL or MariaDB: a few rows at a time, all in one transaction.

Whether a key was told before is asked of the table for each few rows; what the table would refuse is put aside before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pymysql

from connectors import copy_text, frontend_format
from connectors import mysql_session as session
from connectors.frontend_format import ENVELOPE, MOST_REFUSED, UNKNOWN
from connectors.frontend_mysql_refusal import Place
from connectors.frontend_options import Resource
from gateway.model import Dataset
from gateway.ports import Outgoing, Verdict
from gateway.sql import queries

_SQL = queries(__file__)
_ROWS, _KEYS, _BYTES = 500, 200, 1_048_576
_Key = tuple[str | None, ...]


@dataclass
class Batch:
    """A batch, the table that takes it, and what became of its rows so far.

    `repeated`: the table has the batch already, so that nothing is written and only refusals are told again.
    """

    connection: pymysql.Connection[Any]
    dataset: Dataset
    up: Resource
    places: Mapping[str, Place]
    outgoing: Outgoing
    stamp: tuple[str, str, str]  # batch, time, source
    operations: Mapping[str, str]
    platform: str
    packet: int
    repeated: bool
    refused: list[Verdict] = field(default_factory=list)
    _waiting: list[tuple[_Key, str]] = field(default_factory=list)
    _size: int = 0

    def write(self) -> None:
        """Add the new versions, and the last version of each key that is gone."""
        copy_text.each(self.outgoing.rows, self._take)
        self._append()
        gone: list[_Key] = []
        copy_text.each(self.outgoing.gone, lambda row: self._take_gone(gone, row))
        self._delete(gone)

    def _take(self, row: copy_text.Row) -> None:
        named = dict(zip(self.dataset.columns, row, strict=True))
        key = tuple(named[k] for k in self.dataset.key)
        stored = {f.name: self.places[f.name].stored(named[f.name]) for f in frontend_format.written(self.dataset)}
        for name, value in stored.items():
            if kind := self.places[name].fault(value):
                self._refuse(key, name, kind)
                return
        text = ", ".join(self.places[name].sql(value) for name, value in stored.items())
        size = len(text.encode())
        if size > self.packet // 2:
            self._refuse(key, max(stored, key=lambda name: len(stored[name] or "")), "length")
            return
        if self._waiting and self._size + size > min(_BYTES, self.packet // 2):
            self._append()
        self._waiting.append((tuple(self.places[k].stored(named[k]) for k in self.dataset.key), text))
        self._size += size
        if len(self._waiting) >= _ROWS:
            self._append()

    def _append(self) -> None:
        """Add the waiting rows; a key that was told before is an update."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        if self.repeated or not waiting:
            return
        told = self._told("told", [key for key, _ in waiting])
        letters = [self.operations["update" if self._same(key) in told else "insert"] for key, _ in waiting]
        self._insert(f"({text}, {self._envelope(letter)})" for (_, text), letter in zip(waiting, letters, strict=True))

    def _take_gone(self, gone: list[_Key], row: copy_text.Row) -> None:
        pairs = zip(self.dataset.key, row, strict=True)
        gone.append(tuple(self.places[name].stored(value) for name, value in pairs))
        if len(gone) >= _KEYS:
            self._delete(gone)

    def _delete(self, gone: list[_Key]) -> None:
        """Repeat the last version of each key as a deletion; refuse those that nobody can tell any more."""
        keys = gone.copy()
        gone.clear()
        if not keys:
            return
        if self.repeated:
            there = {key for table in self.up.sent for key in self._told("told_in", keys, table)}
        else:
            last = dict(self._last(keys))
            there = set(last)
            deleted = self.operations["delete"]
            lines = [
                self._line(last[key][0]) for key in map(self._same, keys) if key in last and last[key][1] != deleted
            ]
            for one in lines:  # a version may be as long as a packet
                self._insert([f"({one}, {self._envelope(deleted)})"])
        for key in keys:
            if self._same(key) not in there:
                self.refused.append(frontend_format.refused(self.dataset, self.outgoing, key, "delete", UNKNOWN))

    def _last(self, keys: Sequence[_Key]) -> Iterator[tuple[_Key, tuple[Sequence[str | None], str]]]:
        """Yield the newest version of each key, as the server shows it, and its operation."""
        columns = [f.name for f in frontend_format.written(self.dataset)]
        exactly = ", ".join(f"cast({session.name(k)} as binary)" for k in self.dataset.key)
        asked = [*columns, *(k for k in self.dataset.key if k not in columns)]
        places = [asked.index(k) for k in self.dataset.key]
        rows = self._rows("versions", keys, columns=session.names(asked), exactly=exactly)
        for key, versions in groupby(rows, key=lambda row: self._same([self._again(i, row, asked) for i in places])):
            first = next(versions)
            yield key, ([self._again(i, first, asked) for i in range(len(columns))], first[-1])

    def _again(self, index: int, row: Sequence[str | None], names: Sequence[str]) -> str | None:
        return self.places[names[index]].again(row[index])

    def _line(self, version: Sequence[str | None]) -> str:
        fields = frontend_format.written(self.dataset)
        return ", ".join(self.places[f.name].sql(value) for f, value in zip(fields, version, strict=True))

    def _told(self, query: str, keys: Sequence[_Key], table: str = "") -> set[_Key]:
        """Return those of the keys that the table holds; its collation may find more, which are no matter."""
        shown = self._rows(query, keys, table, batch=session.literal(self.stamp[0]))
        return {
            self._same([self.places[k].again(v) for k, v in zip(self.dataset.key, row, strict=True)]) for row in shown
        }

    def _rows(self, query: str, keys: Sequence[_Key], table: str = "", **parts: str) -> Sequence[Any]:
        lines = (", ".join(self.places[k].sql(v) for k, v in zip(self.dataset.key, key, strict=True)) for key in keys)
        statement = _SQL[query].format(
            table=session.name(table or self.up.up), key=session.names(self.dataset.key),
            keys=", ".join(f"({line})" for line in lines), **parts,
        )  # fmt: skip
        return session.rows(self.connection, statement)

    def _insert(self, lines: Iterable[str]) -> None:
        columns = [*(f.name for f in frontend_format.written(self.dataset)), *ENVELOPE]
        rows = ", ".join(lines)
        session.run(
            self.connection,
            _SQL["append"].format(table=session.name(self.up.up), columns=session.names(columns), rows=rows),
        )

    def _envelope(self, operation: str) -> str:
        name, time, source = self.stamp
        return ", ".join(map(session.literal, (name, operation, time, source)))

    def _same(self, key: Sequence[str | None]) -> _Key:
        return tuple(self.places[k].same(v) for k, v in zip(self.dataset.key, key, strict=True))

    def _refuse(self, key: _Key, name: str, kind: str) -> None:
        words = frontend_format.words(self.dataset.field(name), kind)
        self.refused.append(frontend_format.refused(self.dataset, self.outgoing, key, f"{name}.{kind}", words))
        if len(self.refused) > MOST_REFUSED:
            raise frontend_format.too_many(self.up.up, self.platform)
