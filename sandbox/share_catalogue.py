"""The sharing platform's catalogue of resources: what units registered out, what the gateway exchanges in.

How it is asked and what it refuses is in `paged`.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.routing import Route

from sandbox import breaking, catalogue, shelf, sources
from sandbox.catalogue import CATALOGUE, KEYS
from sandbox.messages import CHINA, Row, moment
from sandbox.paged import Paged
from sandbox.shelf import Shelf
from sandbox.standin import now

BASE = "/catalogue/api"
SEED = 20261126
_NAIVE = 19  # characters of a moment before its offset


class ShareCatalogue(Paged):
    """The stand-in catalogue on 127.0.0.1, in a thread of its owner's process; a context manager."""

    name, keys, base, realm = "catalogue of resources", KEYS, BASE, "catalogue"

    def __init__(self, path: Path | None = None, *, seed: int = SEED) -> None:
        """Take the file that keeps everything (default: memory); fill it when it is new."""
        self._seed = seed
        super().__init__(path, self._fill, shelf.TABLES)
        self.registered = Shelf(self, CATALOGUE, "本平台没有该提供单位", seed=seed)

    def _routes(self) -> list[Route]:
        return [
            Route(f"{BASE}/resources", self._guarded(self._page), methods=["GET"]),
            Route(f"{BASE}/resources", self._guarded(self._take), methods=["POST"]),
        ]

    @property
    def shelf(self) -> Shelf:
        """Return where it keeps what the gateway registered."""
        return self.registered

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        return f"the sharing platform's catalogue answers at {self.url}: {len(self.rows(CATALOGUE)):,} resources"

    def live(self) -> None:
        """Let a unit register a resource."""
        with self.writing():
            self._write(CATALOGUE, _row(catalogue.resource(self._next(), self._seed)) | {"updated_at": moment(now())})

    def _fill(self) -> None:
        """Make the account and write good records and bad ones."""
        self._make_account()
        for row in catalogue.resources(self._seed):
            self._write(CATALOGUE, _row(row))
        table, number = sources.table(CATALOGUE), catalogue.RESOURCES
        for rule in (r for r in table.rules if r.severity == "error"):
            made = breaking.broken(rule, table, *(catalogue.resource(number + n, self._seed) for n in (0, 1)))
            if made is not None:
                self._write_bad(CATALOGUE, rule.id, _row(made))
            number += 2
        self.set("next", number)

    def _body(self, dataset: str, row: Row, fault: str | None) -> str:  # noqa: ARG002 - the protocol's
        return json.dumps(row | {"updated_at": row["updated_at"][:_NAIVE], "visits": 0}, ensure_ascii=False)


def _row(made: Row) -> Row:
    """Return a resource as JSON values, its moment with the offset that the platform leaves out where it shows it."""
    at: Any = made["updated_at"]
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return made | {"updated_at": moment(at.replace(tzinfo=CHINA))}
