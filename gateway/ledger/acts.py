"""What somebody decides, or the gateway by rule: one transaction holds the effect and its entry in the chain.

Once it is committed, the entry is remembered outside the hub.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.deployment import Deployment
from gateway.ledger import chain, receipts


@dataclass
class Act:
    """An act in progress: the deployment, the hub's transaction, and the newest entry it has chained."""

    deployment: Deployment
    hub: Connection
    entry: receipts.Entry | None = None

    def chained(self, kind: str, body: Mapping[str, Any], route: str | None = None) -> None:
        """Add what was done to the chain."""
        self.entry = chain.append(self.hub, self.deployment.keys, kind, body, route=route)


@contextmanager
def acting(deployment: Deployment, doing: str) -> Iterator[Act]:
    """Open an act, which commits as a whole; `doing` completes "unable to …"."""
    with closing(deployment.hub(name="gateway decision")) as hub, pg.hub_errors(doing):
        act = Act(deployment, hub)
        with hub:
            yield act
        if act.entry is not None:
            chain.remember(hub, act.entry)
