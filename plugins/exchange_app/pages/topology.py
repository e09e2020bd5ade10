"""Where platforms stand around the hub in the picture of the city, and how each is: the picture itself is drawn in the browser.

Platforms that exchange the same data sets the same way stand together, as the sites of twelve counties do. Who mostly gives
stands left, who mostly takes stands right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from exchange_app import words
from gateway.model import Catalog, Platform, Route

_ORDER = ("bad", "warn", "na", "run", "ok")  # the worst first
_TOGETHER = 3  # platforms alike that become one
_WIDE, _ROW, _ARC = 1000, 46, 110


@dataclass(slots=True)
class Node:
    """Platforms that are drawn as one, with their routes and how these are."""

    platforms: list[Platform]
    owner: str
    routes: list[Route] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """Return the name of its line in the table."""
        return f"p-{self.platforms[0].platform}"

    @property
    def name(self) -> str:
        """Return what the platforms are called together."""
        many = len(self.platforms)
        return self._shared("等") + (f"（{many} 个）" if many > 1 else "")

    @property
    def english(self) -> str:
        """Return what an English page calls them: their names, and in how many."""
        many = len(self.platforms)
        return self._shared(" …") + (f" ({many})" if many > 1 else "")

    def _shared(self, others: str) -> str:
        names = [p.name for p in self.platforms]
        if len(names) == 1:
            return names[0]
        ends = zip(*(name[::-1] for name in names), strict=False)
        return "".join(c[0] for c in takewhile(lambda c: len(set(c)) == 1, ends))[::-1] or names[0] + others

    def level(self, *, outbound: bool | None = None) -> str:
        """Return the colour of its worst route, of one direction where asked for; `na` of none."""
        found = {words.ROUTE_STATES[self.states[r.route]][0] for r in self.routes if outbound in {None, r.outbound}}
        return next((level for level in _ORDER if level in found), "na")

    def count(self, *, outbound: bool) -> int:
        """Return how many of its routes lead that way."""
        return sum(r.outbound == outbound for r in self.routes)

    def wrong(self) -> list[tuple[Route, str]]:
        """Return the routes that are not in order."""
        return [(r, self.states[r.route]) for r in self.routes if words.ROUTE_STATES[self.states[r.route]][0] != "ok"]


def nodes(city: Catalog, states: Mapping[str, str]) -> list[Node]:
    """Return what is drawn, by unit; `states` holds how each route is."""
    alone: dict[str, Node] = {}
    for route in city.routes.values():
        node = alone.setdefault(route.peer.platform, Node([route.peer], _owner(city, route.peer)))
        node.routes.append(route)
        node.states[route.route] = states.get(route.route, "empty")
    alike: dict[Any, list[Node]] = {}
    for node in alone.values():
        alike.setdefault(frozenset((r.dataset.name, r.outbound) for r in node.routes), []).append(node)
    found = [one for same in alike.values() for one in ([_together(same)] if len(same) >= _TOGETHER else same)]
    return sorted(found, key=lambda one: (one.owner, one.platforms[0].platform))


def picture(found: Sequence[Node], read: Mapping[str, int]) -> dict[str, Any]:
    """Return places, colours and lines for the browser; `read` holds how many rows each route carried today."""
    left, right = _sides(found)
    high = max(len(left), len(right), 4) * _ROW
    hub = {
        "id": "hub",
        "name": "交换库（枢纽）",
        "english": "hub",
        "x": _WIDE / 2,
        "y": high / 2,
        "level": "hub",
        "side": "bottom",
    }
    return {
        "nodes": [hub, *_placed(left, high, "left"), *_placed(right, high, "right")],
        "links": [link for node in found for link in _links(node, read)],
        "signs": words.SIGNS,
    }


def _owner(city: Catalog, platform: Platform) -> str:
    return city.units[platform.unit].name if platform.unit in city.units else platform.unit


def _together(same: Sequence[Node]) -> Node:
    routes = [route for one in same for route in one.routes]
    platforms = [p for one in same for p in one.platforms]
    owners = {one.owner for one in same}
    owner = owners.pop() if len(owners) == 1 else ""
    return Node(platforms, owner, routes, {route: state for one in same for route, state in one.states.items()})


def _sides(found: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    left = [n for n in found if n.count(outbound=False) > n.count(outbound=True)]
    right = [n for n in found if n.count(outbound=False) < n.count(outbound=True)]
    for node in found:
        if node.count(outbound=False) == node.count(outbound=True):
            min(left, right, key=len).append(node)
    return left, right


def _placed(side: Sequence[Node], high: float, where: str) -> Iterable[dict[str, Any]]:
    for number, node in enumerate(side):
        place = (2 * number + 1) / len(side) - 1  # -1 to 1, from top to bottom
        out = 260 + _ARC * math.cos(place * math.pi / 2)
        x = _WIDE / 2 + (out if where == "right" else -out)
        level = node.level()
        yield {
            "id": node.anchor, "name": node.name, "english": node.english,
            "x": round(x), "y": round(high * (place + 1) / 2), "level": level, "side": where,
            "size": min(10 + 2 * len(node.routes), 26), "many": len(node.platforms) > 1,
            "wrong": len(node.wrong()), "routes": len(node.routes),
        }  # fmt: skip


def _links(node: Node, read: Mapping[str, int]) -> Iterable[dict[str, Any]]:
    for outbound in (False, True):
        if not node.count(outbound=outbound):
            continue
        rows = sum(read.get(r.route, 0) for r in node.routes if r.outbound == outbound)
        ends = ("hub", node.anchor) if outbound else (node.anchor, "hub")
        yield {
            "source": ends[0], "target": ends[1], "level": node.level(outbound=outbound), "rows": rows,
            "width": round(1 + min(math.log10(1 + rows), 6) * 0.7, 1), "routes": node.count(outbound=outbound),
        }  # fmt: skip
