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


def stages(catalog: Catalog) -> Iterator[tuple[str, ...]]:
    """Yield the inbound routes in groups: each needs only groups that came before it."""
    sorter = TopologicalSorter({r.route: sorted(before(catalog, r)) for r in catalog.routes.values() if not r.outbound})
    sorter.prepare()
    while sorter.is_active():
        ready = tuple(sorted(sorter.get_ready()))
        yield ready
        sorter.done(*ready)


def in_order(catalog: Catalog) -> list[str]:
    """Return the inbound routes so that each comes after those it needs."""
    return [route for together in stages(catalog) for route in together]


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
