"""Stand-in platforms that hold records of their own, in an SQLite file with every version they had.

So a reader's pages can stand still while others write.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.house import House
from sandbox.messages import Row, moment

Key = tuple[Any, ...]
_TABLES = """
create table if not exists version (
  seq integer primary key autoincrement, dataset text not null, key text not null, born integer not null,
  updated integer not null, live integer not null default 1, row text not null, body text not null
);
create unique index if not exists one_live on version (dataset, key) where live = 1;
create table if not exists bad (dataset text not null, key text not null, rule text not null);
"""


class Standin(House):
    """A stand-in platform on 127.0.0.1 with records of its own; a context manager."""

    keys: Mapping[str, tuple[str, ...]]

    def __init__(self, path: Path | None, fill: Callable[[], None], tables: str = "") -> None:
        """Take the file that keeps everything (default: memory), tables of its own, and what fills it when it is new."""
        super().__init__(path, fill, _TABLES + tables)

    @abstractmethod
    def _body(self, dataset: str, row: Row, fault: str | None) -> str:
        """Return a record as the interface shows it; `fault` names what its text alone is to have wrong."""

    @property
    def bad(self) -> Mapping[str, list[tuple[Key, str]]]:
        """Return what was filled in badly: by data set the key and the rule that is to find it."""
        found: dict[str, list[tuple[Key, str]]] = {dataset: [] for dataset in self.keys}
        for dataset, key, rule in self.ask("select dataset, key, rule from bad order by rowid"):
            found[dataset].append((tuple(json.loads(key)), rule))
        return found

    def rows(self, dataset: str) -> list[Row]:
        """Return what the platform holds now in the contract's fields, good and bad."""
        query = "select row from version where dataset = ? and live = 1 order by born"
        return [json.loads(text) for (text,) in self.ask(query, dataset)]

    def edit(self, dataset: str, key: Key, **changes: Any) -> Row:
        """Change a record and return it; it is stamped anew unless `changes` name updated_at. KeyError without it."""
        with self.writing():
            found = self.ask(
                "select row, born from version where live = 1 and dataset = ? and key = ?", dataset, _written(key)
            )
            if not found:
                raise KeyError(key)
            row: Row = json.loads(found[0][0]) | {"updated_at": moment(now())} | changes
            self.delete(dataset, key)
            self._write(dataset, row, born=found[0][1])
        return row

    def delete(self, dataset: str, key: Key) -> None:
        """Remove a record without a trace; KeyError when there is none."""
        with self.writing():
            query = "update version set live = 0 where live = 1 and dataset = ? and key = ?"
            if self._store.execute(query, (dataset, _written(key))).rowcount != 1:
                raise KeyError(key)

    def _write(self, dataset: str, row: Row, *, born: int | None = None, fault: str | None = None) -> None:
        updated = round(datetime.fromisoformat(row["updated_at"]).timestamp() * 1000)
        last = "(select coalesce(max(seq), 0) + 1 from version)"
        self._store.execute(
            f"insert into version (dataset, key, born, updated, row, body) values (?, ?, coalesce(?, {last}), ?, ?, ?)",
            (dataset, self._key(dataset, row), born, updated, json.dumps(row), self._body(dataset, row, fault)),
        )

    def _write_bad(self, dataset: str, rule: str, row: Row) -> None:
        self._write(dataset, row, fault=rule)
        self.note_bad(dataset, row, rule)

    def note_bad(self, dataset: str, row: Row, rule: str) -> None:
        """Note that a record is bad, and the rule that is to find it."""
        self._store.execute("insert into bad values (?, ?, ?)", (dataset, self._key(dataset, row), rule))

    def _key(self, dataset: str, row: Row) -> str:
        return _written(tuple(row[name] for name in self.keys[dataset]))

    def _next(self) -> int:
        """Return the number of the next new record."""
        number = int(self.setting("next") or 0)
        self.set("next", number + 1)
        return number

    def _versions(self, dataset: str, low: float, high: float, *, order: str) -> tuple[int, ...]:
        query = f"select seq from version where live = 1 and dataset = ? and updated between ? and ? order by {order}"
        return tuple(seq for (seq,) in self.ask(query, dataset, low, high))

    def _bodies(self, versions: tuple[int, ...]) -> list[str]:
        marks = ", ".join("?" * len(versions))
        found = dict(self.ask(f"select seq, body from version where seq in ({marks})", *versions))
        return [found[seq] for seq in versions]


def now() -> datetime:
    """Return the present second."""
    return datetime.now(UTC).replace(microsecond=0)


def _written(key: Key) -> str:
    return json.dumps(list(key), separators=(",", ":"))
