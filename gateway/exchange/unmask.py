"""The original of one quarantined row for a person who says why: read and chained in one transaction."""

from __future__ import annotations

from typing import Any

from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import NotFound, ReasonMissing
from gateway.exchange import quarantine
from gateway.ledger.acts import acting
from gateway.sql import queries

_SQL = queries(__file__)
_LEAST = 4  # characters of a reason
_MOST = 500


def unmask(deployment: Deployment, row_id: int, *, who: str, why: str, unit: str | None = None) -> dict[str, Any]:
    """Return a quarantined row as it came, in whatever state; only `unit`'s own where that is given.

    It is shown only when its entry in the chain is committed. ReasonMissing without a reason, NotFound when there is no
    such row for the unit.
    """
    refuse_unreasoned(why)
    with acting(deployment, "unmask a quarantined row") as act:
        found = pg.dicts(act.hub, _SQL["sealed"], {"id": row_id, "unit": unit})
        if not found:
            raise NotFound(f"there is no quarantined row {row_id}", "See the list of quarantined rows.")
        row = found[0]
        record = quarantine.unsealed(deployment.keys, row["dataset"], row["source"], row["sealed"])
        body = {"what": "unmask", "row": row_id, "dataset": row["dataset"], "who": who, "why": why}
        act.chained("decision", body, row["route"])
    return record


def refuse_unreasoned(why: str) -> None:
    """Raise ReasonMissing when a reason says nothing, or is no reason but a text."""
    if not _LEAST <= len(why.strip()) <= _MOST:
        raise ReasonMissing(
            f"the reason has fewer than {_LEAST} or more than {_MOST} characters",
            "Say why in a sentence; it stands in the chain.",
        )
