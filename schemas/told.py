"""What is different of what a platform says of itself, from what a route last ran with; asked before each run.

A small sign answers most of the time. When it is another one, what the platform says is asked for whole, compared, and
judged for this route alone: by the places of the description that it passes and the names that it takes there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway.deployment import Deployment
from gateway.errors import StructureUnknown
from gateway.exchange.shape import declared
from gateway.model import Route
from gateway.ports import Drift, Mark, Marking, Telling
from schemas import harm
from schemas.diff.compare import compare
from schemas.diff.model import Change, Effect, Policy
from schemas.notice import announced
from schemas.snapshot import document as catalogue
from schemas.snapshot import endpoints, platforms
from schemas.snapshot.document import canonical
from schemas.snapshot.endpoints import Endpoint

_STEP = re.compile(r"(?:\{[^}]*\}|[^/])+")  # a namespace may have slashes
_NAMED = re.compile(r"/(?:properties|patternProperties)/([^/]+)")
_ASIDE = (
    "ogc.queryable.",
    "ogc.format.",
    "file.bom",
    "file.line_end",
)  # nothing is filtered; files are read with either
_SERVICES = ("openapi.", "wsdl.", "xsd.")  # who reads them sends what they ask for as well
Concerns = Callable[[Change], bool]


def look(
    deployment: Deployment, hub: Connection, route: Route, place: Marking, known: Mapping[str, Any] | None
) -> Drift | None:
    """Return what is different, a `first` drift when there is nothing to compare with, or None when all is as it was.

    None too where the platform describes nothing. StructureUnknown when it did and now does not; and what the connector raises.
    """
    kept = known["document"].get("mark", {}) if known else {}
    mark = place.mark(route.dataset, str(kept.get("memo", "")))
    mapped = _mapped(route, mark)
    same = known is not None and known["contract"] == mapped
    if mark is None:
        if known is not None and same:
            raise _silent(route)
        return None
    if same and kept.get("text") == mark.text:
        return None
    found = _endpoint(deployment, route, place, mark, known)
    print_of = found.document["fingerprint"]
    document = {**found.document, "mark": {"text": mark.text, "memo": mark.memo}}
    if known is None or known["document"]["kind"] != found.kind:
        return Drift("", print_of["identity"], print_of["shape"], (), (), None, document, mapped, found.name)
    before, now = (endpoints.comparable(_bare(one)) for one in (known["document"], document))
    concerns = _concerning(mark, now)
    changes = compare(found.kind, before, now, "both", Policy()).changes
    harmful = [c for c in changes if concerns(c) and _harms(route, mark, found.kind, c)] if same else []
    notice = announced.by_notice_of(hub, route, found.kind, now, concerns) if harmful else None
    said = [[c.as_dict() for c in some] for some in (changes, [] if notice else harmful)]
    identity, shape = print_of["identity"], print_of["shape"]
    return Drift(found.name, identity, shape, said[0], said[1], notice, document, mapped, found.name)


def _mapped(route: Route, mark: Mark | None) -> str:
    """Return what is another one once contract or catalog say something else of how it is read or written."""
    options = route.peer.options.get("resources", {}).get(route.dataset.name)
    said = [declared(route.dataset), options, mark.mapped if mark else ""]
    return sha256(canonical(said)).hexdigest()


def _silent(route: Route) -> StructureUnknown:
    return StructureUnknown(
        f"platform {route.peer.platform} described the structure of {route.dataset.name} before, and does not now",
        "Ask its owner to publish it again; a hold for its structure stays until it can be seen.",
    )


def _endpoint(
    deployment: Deployment, route: Route, place: Marking, mark: Mark, known: Mapping[str, Any] | None
) -> Endpoint:
    if platforms.is_database(route.peer):
        whole = platforms.of_platform(deployment, route.peer)
        mine = [r for r in whole["relations"] if f"{r['schema']}.{r['name']}" == mark.of]
        marks = catalogue.fingerprint(mine[0]) if mine else {"identity": "", "shape": ""}
        return Endpoint(mark.of, {**whole, "relations": mine, "fingerprint": marks})
    told = place.told(route.dataset) if isinstance(place, Telling) else None
    if told is None:
        raise _silent(route)
    return endpoints.of_route(route.peer, told, _bare(known["document"]) if known else None)


def _bare(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "mark"}


def _concerning(mark: Mark, now: Any) -> Concerns:
    """Return what tells whether a change is one of what the route passes and takes; what is not known to be none counts."""
    paths = _operations(mark, now)

    def concerns(change: Change) -> bool:
        if mark.of:
            return f"{change.path}.".startswith(f"{mark.of}.")
        if change.rule.startswith(_ASIDE):
            return False
        if change.rule.startswith("openapi."):
            place = change.path.partition(" > ")[0].partition(" ")[2]
            return not place or not paths or (place in paths and _takes(mark, change, _NAMED.findall(change.path)))
        steps = _STEP.findall(change.path)
        if change.rule.startswith("ogc."):
            # A notice may tell of a whole service.
            own = change.path.partition("/")[0] in now["collections"]
            return own and (change.kind == "geometry_changed" or _takes(mark, change, steps[1:]))
        mine = [one.split("/") for one in mark.at]
        if mine and not any(steps[: len(one)] == one[: len(steps)] for one in mine):
            return False
        inner = steps[len(mine[0]) :] if mine else steps
        return _takes(mark, change, [step.rpartition("}")[2].lstrip("@") for step in inner])

    return concerns


def _operations(mark: Mark, now: Any) -> set[str]:
    """Return the paths of an interface's description that the route's own end with; none when it cannot be told."""
    found = set[str]()
    for mine in mark.at if isinstance(now, dict) else ():
        ends = [path for path in now.get("paths", {}) if mine.endswith(path) or path.endswith(mine)]
        if not ends:
            return set()
        found.add(max(ends, key=len))
    return found


def _takes(mark: Mark, change: Change, names: list[str]) -> bool:
    """Tell whether what changed is taken; what is no name within a record, and what goes around one, is."""
    asked = change.rule.startswith(_SERVICES) and change.effect("writer") > Effect.info
    if not mark.names or not names or names[-1] in mark.names or asked:
        return True
    return change.before is not None and bool(mark.within) and mark.within not in names[:-1]


def _harms(route: Route, mark: Mark, kind: str, change: Change) -> bool:
    """Tell whether a change harms: who asks a service for rows sends a request as well, and who sends rows reads an answer."""
    if mark.of:
        return harm.harms(route, change, "")
    if change.rule.endswith(".null.allow"):  # a missing value is judged row by row
        return False
    side = "both" if kind in {"openapi", "wsdl"} else "writer" if route.outbound else "reader"
    return change.effect(side) == Effect.breaking or change.undecided(side)  # type: ignore[arg-type]  # one of three
