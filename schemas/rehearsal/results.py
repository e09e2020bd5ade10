"""What rehearsals found, kept in the ledger and in the chain, and the line that a notice shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg
from gateway.sql import queries
from schemas.notice import store
from schemas.notice.act import Act
from schemas.notice.store import Notice, Revision
from schemas.rehearsal.replay import FAIL, NOT_POSSIBLE, PASS, Check

_SQL = queries(str(Path(__file__).with_name("rehearse.py")))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one unit's work, and what of each piece of it."""

    unit: str
    checks: tuple[Check, ...]

    @property
    def result(self) -> str:
        """Return `fail` when a piece failed, `pass` when one passed and none failed, else `not_possible`."""
        found = {check.result for check in self.checks}
        return FAIL if FAIL in found else PASS if PASS in found else NOT_POSSIBLE

    @property
    def said(self) -> str:
        """Return the first thing that is to be known: of what failed, else of what was not possible."""
        telling = [c for c in self.checks if c.result == self.result and c.said] or [c for c in self.checks if c.said]
        return f"{telling[0].name}: {telling[0].said}" if telling else ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for people and machines."""
        checks = [check.as_dict() for check in self.checks]
        return {"unit": self.unit, "result": self.result, "said": self.said, "checks": checks}


def keep(
    act: Act, notice: Notice, revision: Revision, outcomes: list[Outcome], sample: Mapping[str, Any], began: datetime,
    seconds: float,
) -> int:  # fmt: skip
    """Write a rehearsal into the ledger and its results into the chain; return its number among the revision's."""
    key = {"notice": notice.notice, "revision": revision.revision}
    run = int(_rows(act.hub, "next_run", key)[0]["run"])
    for outcome in outcomes:
        values = {
            **key, "run": run, "unit": outcome.unit, "result": outcome.result, "said": outcome.said, "plan": store.plan_of(revision),
            "checks": Json([c.as_dict() for c in outcome.checks]), "sample": Json(dict(sample)), "began_at": began,
            "seconds": round(seconds, 3),
        }  # fmt: skip
        pg.run(act.hub, _SQL["put"], values)
    act.chained(notice, {"what": "rehearse", "run": run, "results": {o.unit: o.result for o in outcomes}})
    return run


def due(hub: Connection) -> list[int]:
    """Return the announced notices whose revision in force was not rehearsed."""
    return [int(row["notice"]) for row in _rows(hub, "due", {})]


def _rows(hub: Connection, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return pg.dicts(hub, _SQL[name], values)
