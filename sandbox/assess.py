"""The supervision and assessment system's interface: exemptions out, results of the circular in; strict in what it takes.

How it is asked and what it refuses is in `paged`.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from starlette.routing import Route

from sandbox import exemptions, shelf
from sandbox.exemptions import EXEMPTION, KEYS
from sandbox.messages import Row
from sandbox.paged import Paged
from sandbox.shelf import Shelf
from sandbox.standin import now as _now

BASE = "/assess/api"
SEED = 20261127


class AssessmentSystem(Paged):
    """The stand-in assessment system on 127.0.0.1, in a thread of its owner's process; a context manager."""

    name, keys, base, realm = "assessment system", KEYS, BASE, "assess"

    def __init__(self, path: Path | None = None, *, seed: int = SEED, count: int = exemptions.EXEMPTIONS) -> None:
        """Take the file that keeps everything (default: memory); fill it when it is new."""
        self._seed, self._count = seed, count
        super().__init__(path, self._fill, shelf.TABLES)
        self.results = Shelf(self, "assess.result", "本系统没有该单位", seed=seed)

    def _routes(self) -> list[Route]:
        return [
            Route(f"{BASE}/exemptions", self._guarded(self._page), methods=["GET"]),
            Route(f"{BASE}/results", self._guarded(self._take), methods=["POST"]),
        ]

    @property
    def shelf(self) -> Shelf:
        """Return where it keeps the results."""
        return self.results

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        return f"the assessment system answers at {self.url}: {len(self.rows(EXEMPTION)):,} exemptions"

    def live(self) -> None:
        """Let the office grant what waits longest, if anything does."""
        waiting = [row for row in self.rows(EXEMPTION) if row["state"] == "1" and self._is_good(row)]
        if waiting:
            self.grant(str(min(waiting, key=lambda row: str(row["applied_at"]))["exemption_id"]))

    def grant(self, exemption_id: str, **changes: Any) -> Row:
        """Grant an exemption now, and return it."""
        with self.writing():
            number = self._next()
            made = exemptions.decision(number, _now(), Random(f"{self._seed}:granted:{number}"))
            return self.edit(EXEMPTION, (exemption_id,), **({"state": "2"} | made | changes))

    def _is_good(self, row: Row) -> bool:
        return (row["exemption_id"],) not in {key for key, _ in self.bad[EXEMPTION]}

    # What it holds

    def _fill(self) -> None:
        """Make the account and write good records and bad ones."""
        now = _now()
        self._make_account()
        good = list(exemptions.exemptions(now, self._seed, self._count))
        for row in good:
            self._write(EXEMPTION, row)
        decided = next(row for row in good if row["state"] != "1")
        for place, rule in enumerate(exemptions.breakable()):
            row = exemptions.exemption(self._count + place, now, self._seed)
            self._write_bad(EXEMPTION, rule, exemptions.broken(rule, row, decided))
        self.set("next", self._count + len(exemptions.breakable()))

    def _body(self, dataset: str, row: Row, fault: str | None) -> str:  # noqa: ARG002 - the protocol's
        shown = dict(row)
        shown["interval"] = {"begin": shown.pop("begins_at"), "end": shown.pop("ends_at")}
        shown["attachments"] = []
        return json.dumps(shown, ensure_ascii=False)
