"""Collections of OGC API Features: pages of GeoJSON by their links, in the reference system that was agreed upon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO
from urllib.parse import quote

from connectors import ogc_crs, ogc_geometry, rest_json, rest_lines, rest_options, rest_pages, untyped
from connectors.http_address import Address
from connectors.http_peer import Clock
from connectors.ogc_options import CRS, GEOMETRY, ID, Resource
from connectors.rest_http import Answer, RestPeer
from connectors.rest_pages import Ask, Page
from gateway.errors import SchemaMismatch
from gateway.model import Dataset
from gateway.ports import Description, Mark, Shape, Window

_PLAIN = "OGC:CRS84"  # what a server speaks that is told nothing
_GLOBAL = "#/crs"  # the collection points to a list that all collections share
_PLACES = {ID: ("id",), GEOMETRY: ("geometry",), CRS: (CRS,)}


@dataclass(frozen=True, slots=True)
class _Features(Page):
    """A page whose features have geometries with faults of their own."""

    faults: Mapping[int, str]

    def fault(self, record: Any) -> str | None:
        """Return what is wrong with a feature, if anything."""
        return Page.fault(self, record) or self.faults.get(id(record))


class Collection:
    """One collection, for one data set."""

    def __init__(self, peer: RestPeer, address: Address, resource: Resource) -> None:
        """Keep what is asked for."""
        self._peer, self._address, self._resource = peer, address, resource
        self._path = f"/collections/{quote(resource.name, safe='')}"
        self.what = f"collection {resource.name}"
        self.identity = f"{address.origin}{address.base}{self._path}"

    def head(self, clock: Clock) -> Mapping[str, str]:
        """Return the head of a small answer."""
        return self._peer.get(self.what, self.identity, {}, clock, body=False).headers

    def shape(self, dataset: Dataset, clock: Clock) -> Shape:
        """Return what the first page shows."""
        paged = self._paged(dataset, clock)
        answer = self._get(rest_pages.first(paged, self._address, Window()), clock)
        features = [one for one in rest_pages.parsed(answer, paged, self._named).records if isinstance(one, dict)]
        columns = self._resource.paths()
        found = {
            column for column, place in paged.fields.items()
            if columns[column] == (CRS,) or any(rest_pages.exists(one, place) for one in features)
        }  # fmt: skip
        names = (name for one in features if isinstance(one.get("properties"), dict) for name in one["properties"])
        return untyped.shape(dataset, columns, self._resource.ignored, found if features else None, names)

    def told(self, clock: Clock) -> Description:
        """Return the collection's description, its schema, and what may be asked by; a part that it does not have is empty."""
        parts = {
            "collection": self.identity,
            "schema": f"{self.identity}/schema",
            "queryables": f"{self.identity}/queryables",
        }
        documents = {name: self._part(url, clock, optional=name != "collection") for name, url in parts.items()}
        return Description("features", documents, key=self._resource.name)

    def mark(self, memo: str) -> Mark:
        """Return the sign of the collection's description and its schema; nothing is asked by what may be asked by."""
        found = self._peer.mark(self.what, [self.identity, f"{self.identity}/schema"], {"f": "json"}, memo)
        return replace(found, names=self._resource.taken)

    def _part(self, url: str, clock: Clock, *, optional: bool) -> Any:
        try:
            found = rest_json.parse(self._peer.get(self.what, url, {"f": "json"}, clock).body, self._named).value
        except SchemaMismatch:
            if optional:
                return {}
            raise
        return found if isinstance(found, dict) else {}

    def write(self, dataset: Dataset, clock: Clock, out: BinaryIO) -> int:
        """Write a line for each feature, page by page, and return their number."""
        paged, written = self._paged(dataset, clock), 0
        ask = rest_pages.first(paged, self._address, Window())
        for page in rest_pages.read(ask, paged, self._named, lambda one: self._get(one, clock)):
            out.write(rest_lines.encoded(dataset, paged, self._oriented(page)))
            written += len(page.records)
        return written

    @property
    def _named(self) -> str:
        return f"{self.what} of platform {self._peer.platform}"

    def _paged(self, dataset: Dataset, clock: Clock) -> rest_options.Resource:
        """Return the collection as what pages are read of."""
        declared, paths = self._resource, self._resource.paths()
        fields = {
            column: _PLACES.get(declared.fields[column], ("properties", *paths[column])) for column in dataset.columns
        }
        return rest_options.Resource(
            path=f"{self._path}/items", records=("features",), total=("numberMatched",) if declared.matched else (),
            paging={"kind": "links", "at": "links"}, since={}, fields=fields, ignored=declared.ignored,
            parameters={**declared.parameters, "limit": str(declared.size), **self._agreed(clock)},
        )  # fmt: skip

    def _agreed(self, clock: Clock) -> Mapping[str, str]:
        """Return the parameter that asks for the reference system, by the name under which the collection offers it."""
        body = self._peer.get(self.what, self.identity, {}, clock).body
        document = rest_json.parse(body, self._named).value
        offered = document.get("crs") if isinstance(document, dict) else None
        listed = [one for one in offered if isinstance(one, str)] if isinstance(offered, list) else []
        wanted = self._resource.crs
        for name in listed:
            if ogc_crs.named(name) == wanted:
                return {"crs": name}
        if _GLOBAL in listed:
            return {"crs": ogc_crs.uri(wanted)}
        if wanted == _PLAIN:
            return {}
        known = sorted({ogc_crs.named(name) or "others" for name in listed}) or [_PLAIN]
        raise SchemaMismatch(f"{self._named} does not offer {wanted}", f"It offers {', '.join(known)}: compare `crs`.")

    def _get(self, ask: Ask, clock: Clock) -> Answer:
        answer = self._peer.get(self.what, ask.url, ask.parameters, clock)
        told = answer.headers.get("Content-Crs")
        if (_PLAIN if told is None else ogc_crs.named(told.strip().strip("<>"))) != self._resource.crs:
            hint = "Nothing was read: its coordinates would be misplaced. Compare `crs` with what the platform serves."
            raise SchemaMismatch(f"{self._named} answers in another system than {self._resource.crs}", hint)
        return answer

    def _oriented(self, page: Page) -> Page:
        """Put longitude first, name the reference system, and note what is wrong with a geometry."""
        faults: dict[int, str] = {}
        mapped = GEOMETRY in self._resource.fields.values()
        for feature in page.records:
            if not isinstance(feature, dict):
                continue
            feature[CRS] = self._resource.crs
            if mapped and Page.fault(page, feature) is None:
                first = ogc_crs.latitude_first(self._resource.crs)
                fault, feature["geometry"] = ogc_geometry.judged(feature.get("geometry"), latitude_first=first)
                if fault:
                    faults[id(feature)] = fault
        return _Features(page.records, page.document, page.links, faults)
