"""Feature types of WFS 2.0: pages of GML 3.2 by count and startIndex, read as they arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, BinaryIO

import requests

from connectors import ogc_crs, ogc_gml, ogc_schema, soap_records, untyped
from connectors.http_address import Address
from connectors.http_peer import Again, Clock
from connectors.ogc_collection import Features, Refusal
from connectors.ogc_options import CRS, GEOMETRY, Resource
from connectors.rest_http import RestPeer
from connectors.soap_records import REPEATED, Plan
from gateway.errors import GatewayError, SchemaMismatch, SourceChanged
from gateway.model import Dataset
from gateway.ports import Description, Mark, Shape
from gateway.records import as_json

_PAGES = 1_000_000
_GML = "application/gml+xml; version=3.2"
_ACCESS = ("auth", "forbidden", "denied")
_OWN = frozenset({"noapplicablecode", "operationprocessingfailed", ""})  # the server's trouble, not the request's


class FeatureType:
    """One feature type, for one data set."""

    def __init__(self, peer: RestPeer, address: Address, resource: Resource) -> None:
        """Keep what is asked for."""
        self._peer, self._resource = peer, resource
        self._url = f"{address.origin}{address.path or '/'}"
        self.what = f"feature type {resource.name}"
        self.identity = f"{self._url}#{resource.name}"

    def head(self, clock: Clock) -> Mapping[str, str]:
        """Return the head of the service's description of itself."""
        asked = self._parameters("GetCapabilities")
        return self._peer.get(self.what, self._url, asked, clock, body=False).headers

    def shape(self, dataset: Dataset, clock: Clock) -> Shape:
        """Return what the service's schema says of the type."""
        asked = self._parameters("DescribeFeatureType", typeNames=self._resource.name)
        body = self._peer.get(self.what, self._url, asked, clock).body
        plain, geometries = ogc_schema.properties(body, self._local, self._named)
        declared = self._resource.fields
        present = {"@id", CRS, *plain, *([GEOMETRY] if geometries else ())}
        found = {column for column, place in declared.items() if place in present}
        return untyped.shape(
            dataset, {column: (place,) for column, place in declared.items()}, self._resource.ignored, found, plain
        )

    def told(self, clock: Clock) -> Description:
        """Return the schema of the type, and what the service says it can do."""
        asked = {
            "described": self._parameters("DescribeFeatureType", typeNames=self._resource.name),
            "capabilities": self._parameters("GetCapabilities"),
        }  # fmt: skip
        bodies = {name: self._peer.get(self.what, self._url, one, clock).body for name, one in asked.items()}
        return Description(
            "wfs", {name: body.decode("utf-8", "replace") for name, body in bodies.items()}, key=self._resource.name
        )

    def mark(self, memo: str) -> Mark:
        """Return the sign of the schema of the type; what the service says it can do is told by the clock."""
        asked = self._parameters("DescribeFeatureType", typeNames=self._resource.name)
        return replace(self._peer.mark(self.what, [self._url], asked, memo), names=self._resource.taken)

    def write(self, dataset: Dataset, clock: Clock, out: BinaryIO) -> int:
        """Write a line for each feature as it arrives, and return their number."""
        plan = _Plan(self._resource, dataset)

        def copy(page: Features) -> None:
            soap_records.write(plan, page, self._limited(page.members()), out)

        return sum(page.came for page in self._pages(clock, copy))

    @property
    def _named(self) -> str:
        return f"{self.what} of platform {self._peer.platform}"

    @property
    def _local(self) -> str:
        return self._resource.name.rpartition(":")[2]

    def _parameters(self, request: str, **more: str) -> dict[str, str]:
        return {**self._resource.parameters, "service": "WFS", "version": "2.0.0", "request": request, **more}

    def _pages(self, clock: Clock, look: Callable[[Features], None]) -> Iterator[Features]:
        """Yield page after page; SourceChanged when one comes again or their number is not the declared one."""
        came, last, matched = 0, b"", set[int | None]()
        for _ in range(_PAGES):
            page = self._page(came, clock, look)
            if page.came and page.digest == last:
                hint = "The run is repeated; else the service does not page."
                raise SourceChanged(f"{self._named} gives a page again", hint)
            came, last, matched = came + page.came, page.digest, matched | {page.matched}
            yield page
            if page.came == 0 or (self._resource.matched and came >= (page.matched or 0)):
                break
        else:
            raise SourceChanged(f"{self._named} has more than {_PAGES} pages", "Ask for larger pages.")
        if self._resource.matched and matched != {came}:
            raise self._uncounted(matched)

    def _uncounted(self, matched: set[int | None]) -> GatewayError:
        if None in matched:
            hint = "Ask its owner to declare numberMatched, or write `matched: false`."
            return SchemaMismatch(f"{self._named} does not tell how many features there are", hint)
        return SourceChanged(f"{self._named} did not give as many features as it declared", "The run is repeated.")

    def _page(self, start: int, clock: Clock, look: Callable[[Features], None]) -> Features:
        asked = self._parameters(
            "GetFeature", typeNames=self._resource.name, srsName=ogc_crs.urn(self._resource.crs), outputFormat=_GML,
            count=str(self._resource.size), startIndex=str(start),
        )  # fmt: skip

        def receive(response: requests.Response, chunks: Iterator[bytes]) -> Features:
            if response.status_code != requests.codes.ok:
                raise self._peer.refusal(response, self.what)
            page = Features(chunks, self._named)
            try:
                look(page)
            except (Refusal, Again) as broken:
                error = self._meaning(broken, response) if isinstance(broken, Refusal) else broken
                again = page.kept and isinstance(error, Again)  # its features are on their way already
                raise SourceChanged(error.message, error.hint) if again else error from None
            return page

        return self._peer.ask(self.what, self._url, asked, clock, receive)

    def _meaning(self, refusal: Refusal, response: requests.Response) -> GatewayError:
        """Return the error of an exception report, in none of its own words."""
        code = refusal.code.lower()
        if any(word in code for word in _ACCESS):
            return self._peer.denied(self.what, "an exception report that refuses who asks")
        said = f"platform {self._peer.platform} answers {self.what} with an exception report"
        if code in _OWN:
            return self._peer.busy(said, response.headers)
        return SchemaMismatch(f"{said} that blames the request", "Compare type, crs and parameters of the resource.")

    def _limited(self, features: Iterator[Any]) -> Iterator[Any]:
        for number, feature in enumerate(features):
            if number >= self._resource.size:
                hint = "Ask the platform's owner whether its service pages."
                raise SchemaMismatch(
                    f"{self._named} gives more than the {self._resource.size} features asked for", hint
                )
            yield feature


class _Plan:
    """How the values of a feature are taken from its element."""

    def __init__(self, resource: Resource, dataset: Dataset) -> None:
        """Leave the geometry and the name of its system to code, the rest to a plan of paths."""
        self._crs, self._places = resource.crs, list(resource.fields.values())
        simple = {c: place for c, place in resource.fields.items() if place not in (GEOMETRY, CRS)}
        self._texts = [dataset.field(column).hub_type == "text" for column in resource.fields]
        self._plan = Plan({column: (place,) for column, place in simple.items()})

    def values(self, feature: Any) -> tuple[str | None, list[str | None]]:
        """Return a feature's fault and the texts of its fields in order; an empty element is an empty text, else null."""
        fault, simple = self._plan.values(feature)
        rest, geometry = iter(simple), None
        if GEOMETRY in self._places:
            wrong, geometry = self._geometry(feature)
            fault = fault or wrong
        values = [geometry if p == GEOMETRY else self._crs if p == CRS else next(rest) for p in self._places]
        return fault, [None if v == "" and not text else v for v, text in zip(values, self._texts, strict=True)]

    def _geometry(self, feature: Any) -> tuple[str | None, str | None]:
        """Return the fault and the text of the only geometry among a feature's properties."""
        found = [
            inner for held in feature if not held.tag.startswith(f"{{{ogc_gml.NAMESPACE}}}")
            for inner in held if ogc_gml.is_geometry(inner)
        ]  # fmt: skip
        if len(found) != 1:
            return (REPEATED if found else None), None
        fault, geometry = ogc_gml.read(found[0], self._crs)
        return fault, None if geometry is None else as_json(geometry)
