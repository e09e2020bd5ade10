"""Runs a route once, or a quarantined row again, whichever way it leads."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from gateway.deployment import Deployment
from gateway.errors import RuleRefused
from gateway.exchange import delivery, quarantine, transfer
from gateway.exchange.attempt import Progress
from gateway.exchange.outcome import Outcome
from gateway.exchange.timing import Override


def run(
    deployment: Deployment, route_name: str, *, run_id: str = "", progress: Progress | None = None, dry_run: bool = False,
    whole: bool = False, now: Override | None = None,
) -> Outcome:  # fmt: skip
    """Run a route once; `whole` compares, or delivers, everything even where the changes would do.

    Raises RouteBusy, PlatformUnavailable, HubUnavailable (retryable); NotNow unless somebody lets it start `now`;
    RouteHeld, SchemaMismatch, AccessDenied and the other permanent errors. After any of them the hub is as it was.
    """
    way = delivery.run if deployment.route(route_name).outbound else transfer.run
    return way(deployment, route_name, run_id=run_id, progress=progress, dry_run=dry_run, whole=whole, now=now)


def replay(
    deployment: Deployment, row_id: int, *, who: str, why: str, edits: Mapping[str, Any] | None = None
) -> Outcome:
    """Carry a quarantined row again: into the hub, judged afresh with edited values if given; or out of it, as it is.

    Raises NotFound for a closed row and RuleRefused when it may not pass; it then stays in quarantine as it was.
    """
    with closing(deployment.hub(name="gateway quarantine", autocommit=True)) as hub:
        route = deployment.route(quarantine.opened(deployment, hub, row_id).route)
    if not route.outbound:
        return transfer.replay(deployment, row_id, who=who, why=why, edits=edits)
    if edits:
        hint = "Mend it at its source: the next version is judged afresh and delivered, and closes this one."
        raise RuleRefused(
            f"row {row_id} is in the hub as its source has it; values are not edited on the way out", hint
        )
    return delivery.resend(deployment, row_id, who=who, why=why)
