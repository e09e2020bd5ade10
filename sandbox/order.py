"""In which order routes run when a hub is empty: what a route's rules look into comes before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

from gateway.exchange.rules import SET_CHECKS
from gateway.model import Catalog, Dataset, Route


def before(catalog: Catalog, route: Route) -> set[str]:
    """Return the inbound routes whose data sets an inbound route follows or looks into."""
    wanted = {*_looked_into(route.dataset), route.after} - {route.dataset.name, None}
    return {r.route for r in catalog.routes.values() if not r.outbound and r.dataset.name in wanted}


def in_order(catalog: Catalog) -> list[str]:
    """Return the inbound routes so that each comes after those it needs."""
    inbound = [r for r in catalog.routes.values() if not r.outbound]
    return list(TopologicalSorter({r.route: sorted(before(catalog, r)) for r in inbound}).static_order())


def _looked_into(dataset: Dataset) -> Iterator[str]:
    for rule in dataset.rules:
        if rule.check in SET_CHECKS:
            yield from _named(rule.args)


def _named(args: Mapping[str, Any]) -> Iterator[str]:
    for name, value in args.items():
        if name == "in" and isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _named(value)
