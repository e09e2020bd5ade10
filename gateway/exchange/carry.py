"""Runs a route once, whichever way it leads."""

from __future__ import annotations

from gateway.deployment import Deployment
from gateway.exchange import delivery, transfer
from gateway.exchange.attempt import Progress
from gateway.exchange.outcome import Outcome


def run(
    deployment: Deployment, route_name: str, *, run_id: str = "", progress: Progress | None = None, dry_run: bool = False,
    whole: bool = False,
) -> Outcome:  # fmt: skip
    """Run a route once; `whole` compares, or delivers, everything even where the changes would do.

    Raises RouteBusy, PlatformUnavailable, HubUnavailable (retryable); RouteHeld, SchemaMismatch, AccessDenied and the
    other permanent errors. After any of them the hub is as it was.
    """
    way = delivery.run if deployment.route(route_name).outbound else transfer.run
    return way(deployment, route_name, run_id=run_id, progress=progress, dry_run=dry_run, whole=whole)
