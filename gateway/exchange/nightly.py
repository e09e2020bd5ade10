"""Once a night: every route's two sides compared, one route after the other."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field

from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import GatewayError, NotFound, NotNow, PermanentError, RouteBusy
from gateway.exchange import reconcile
from gateway.ledger import ledger

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Night:
    """Names of routes by what came of comparing them; `waiting` are those of platforms whose window is closed."""

    agreeing: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)


def compare_all(deployment: Deployment) -> Night:
    """Compare every route that was loaded and not retired; one that cannot be compared does not keep the others from it.

    A route that is running is compared after the others. Raises PermanentError naming the routes that differ or could
    not be compared, RouteBusy (retryable) when all is well but some were still running.
    """
    night = Night()
    with closing(deployment.hub(name="gateway night", autocommit=True)) as hub, pg.hub_errors("read retired routes"):
        retired = ledger.retired(hub)  # their platforms may be gone
    _compare(deployment, [name for name in deployment.catalog.routes if name not in retired], night)
    running, night.busy = night.busy, []
    _compare(deployment, running, night)
    if night.differing or night.unreachable:
        raise PermanentError(
            f"differing: {_names(night.differing)}; not compared: {_names(night.unreachable + night.busy)}",
            "Run `gateway reconcile ROUTE --repair` for each that differs.",
        )
    if night.busy:
        raise RouteBusy(f"still running: {_names(night.busy)}", "They are compared when this is tried again.")
    return night


def _compare(deployment: Deployment, routes: Iterable[str], night: Night) -> None:
    for name in routes:
        try:
            found = reconcile.run(deployment, name)
        except NotFound:
            continue  # not loaded yet
        except NotNow as early:  # the platform's owner wants it so; inside its window `gateway reconcile` compares
            log.info("%s: %s", name, early.message)
            night.waiting.append(name)
        except RouteBusy:
            night.busy.append(name)
        except GatewayError as error:
            log.warning("%s: %s", name, error)
            night.unreachable.append(name)
        else:
            log.info("%s: %s (%s)", name, found.passed, found.method)
            (night.differing if found.passed is False else night.agreeing).append(name)


def _names(routes: list[str]) -> str:
    return ", ".join(routes) or "none"
