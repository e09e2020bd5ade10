"""The structure of a platform as it is now, whatever it is: what was asked of it becomes a document for each thing it tells of.

A database is asked for its catalogue. Others are asked through their own connector for what they publish: OpenAPI, WSDL,
the schema of a map service, the beginning of a file; an interface that publishes nothing is inferred from its own records.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import yaml

from gateway.deployment import Deployment
from gateway.errors import StructureUnknown
from gateway.exchange.spared import Spared
from gateway.model import Platform, Route
from gateway.ports import Description, Telling
from schemas.diff import documents
from schemas.diff.model import BadDocument
from schemas.snapshot import frame, inferred, layout, marks, ogc, platforms

Document = dict[str, Any]
Earlier = Callable[[str], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing a platform tells of; `name` is the platform's, with the data set's where it tells of several."""

    name: str
    document: Document = field(repr=False)

    @property
    def kind(self) -> str:
        """Return what kind of document it is."""
        return str(self.document["kind"])


def of_platform(deployment: Deployment, platform: Platform, earlier: Earlier = lambda _name: None) -> list[Endpoint]:
    """Return what a platform tells of its structure; nothing when it cannot be asked.

    `earlier` gives the newest document of a name, for what a sample cannot show. Raises what the connector raises, and
    StructureUnknown for what cannot be read.
    """
    if platforms.is_database(platform):
        return [Endpoint(platform.platform, platforms.of_platform(deployment, platform))]
    told = list(_told(deployment, platform))
    collections = {d.key: _collection(platform, d) for d in told if d.kind in {"features", "wfs"}}
    found = [Endpoint(platform.platform, _finished(ogc.snapshot(collections)))] if collections else []
    for one in told:
        name = f"{platform.platform}/{one.key}" if one.key else platform.platform
        if one.kind in _MADE and name not in {endpoint.name for endpoint in found}:
            found.append(Endpoint(name, _finished(_MADE[one.kind](platform, one, earlier(name)))))
    return found


def of_route(platform: Platform, told: Description, before: Mapping[str, Any] | None) -> Endpoint:
    """Return what a platform tells of one data set; `before` is the document that its route last ran with."""
    if told.kind in {"features", "wfs"}:
        document = _finished(ogc.snapshot({told.key: _collection(platform, told)}))
        return Endpoint(f"{platform.platform}/{told.key}", document)
    made = {k: v for k, v in _MADE[told.kind](platform, told, before).items() if k != "varies"}  # another file's matter
    return Endpoint(f"{platform.platform}/{told.key}" if told.key else platform.platform, _finished(made))


def comparable(document: Mapping[str, Any]) -> Any:
    """Return what a differ takes of a document that was kept."""
    if document["kind"] in {"openapi", "jsonschema", "wsdl"}:
        return document["document"]
    return {key: value for key, value in document.items() if key not in {"fingerprint", "mark"}}


def _told(deployment: Deployment, platform: Platform) -> Iterator[Description]:
    """Ask for each data set that a route carries, by the connector that carries it."""
    asked = {
        (r.dataset.name, r.outbound): r
        for r in deployment.catalog.routes.values()
        if r.peer.platform == platform.platform
    }
    for _, route in sorted(asked.items()):
        found = _ask(deployment, route)
        if found is not None and not (found.kind == "records" and not found.documents["records"]):
            yield found


def _ask(deployment: Deployment, route: Route) -> Description | None:
    reached: Any = (deployment.target if route.outbound else deployment.source)(route.peer)
    with closing(reached):
        place = reached.spared if isinstance(reached, Spared) else reached
        return place.told(route.dataset) if isinstance(place, Telling) else None


def _collection(platform: Platform, told: Description) -> Mapping[str, Any]:
    said = told.documents
    try:
        if told.kind == "wfs":
            return ogc.of_wfs(said["described"], said["capabilities"], told.key)
        return ogc.of_api(said["collection"], said["schema"], said["queryables"])
    except (BadDocument, AttributeError, TypeError, KeyError) as error:
        raise _unknown(platform, error) from None


def _interface(platform: Platform, told: Description, _before: Mapping[str, Any] | None) -> Document:
    try:
        text = told.documents["document"].decode("utf-8-sig")
        document = json.loads(
            json.dumps(documents.bounded(yaml.safe_load(text)), default=str)
        )  # JSON is YAML, dates are texts
    except (ValueError, TypeError, yaml.YAMLError, RecursionError, BadDocument) as error:
        raise _unknown(platform, error) from None
    if not isinstance(document, dict) or not isinstance(document.get("paths", {}), dict):
        raise _unknown(platform, BadDocument("it is no OpenAPI document"))
    return {**frame.header("openapi"), "document": document}


def _sample(_platform: Platform, told: Description, before: Mapping[str, Any] | None) -> Document:
    known = before["document"] if before is not None and before.get("inferred") else None
    document = inferred.schema(told.documents["records"], known)
    return {**frame.header("jsonschema"), "inferred": True, "document": document}


def _service(platform: Platform, told: Description, _before: Mapping[str, Any] | None) -> Document:
    try:
        marks.xml(told.documents["document"])
    except BadDocument as error:
        raise _unknown(platform, error) from None
    return {**frame.header("wsdl"), **told.facts, "document": told.documents["document"]}


def _file(platform: Platform, told: Description, _before: Mapping[str, Any] | None) -> Document:
    """Return the layout of the newest file; `varies` where another one is written otherwise."""
    try:
        newest = _layout(told, told.documents["newest"])
        other = _layout(told, told.documents["other"]) if "other" in told.documents else newest
    except BadDocument as error:
        raise _unknown(platform, error) from None
    return newest if newest == other else {**newest, "varies": True}


def _layout(told: Description, part: Mapping[str, Any]) -> Document:
    facts = told.facts
    names = [name for name in part["columns"] if name != facts["operation"]]  # a delta file has it, a full one has not
    if facts["kind"] == "csv":
        seen = layout.observed(part["head"], delimiter=facts.get("delimiter", ","), encoding=facts["charset"])
        kept = {key: value for key, value in seen.items() if key in layout.FACTS}
    else:
        kept = {"encoding": facts.get("charset")}
    columns = [{"name": name} for name in names]
    ours = {"form": facts["kind"], "check_file": "manifest", "read_by": "name", "header_checked": "names"}
    return layout.snapshot(columns, {**kept, **ours})


_MADE: Mapping[str, Callable[[Platform, Description, Mapping[str, Any] | None], Document]] = {
    "openapi": _interface, "records": _sample, "wsdl": _service, "file": _file,
}  # fmt: skip


def _finished(document: Document) -> Document:
    return {**document, "fingerprint": marks.fingerprint(document)}


def _unknown(platform: Platform, error: Exception) -> StructureUnknown:
    said = str(error) if isinstance(error, BadDocument) else type(error).__name__
    return StructureUnknown(
        f"platform {platform.platform} tells nothing of its structure that can be read: {said}",
        "Ask its owner what it publishes; compare `describe` and the resources with it.",
    )
