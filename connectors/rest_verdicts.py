"""Rows that a REST platform refused after it had taken them: asked for like any resource, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors import options, rest_pages
from connectors.http_address import Address
from connectors.http_peer import Clock
from connectors.options import steps
from connectors.rest_http import RestPeer
from connectors.rest_options import Resource, asked
from connectors.rest_pages import at
from connectors.verdict_values import verdict
from gateway.errors import SchemaMismatch
from gateway.model import Dataset, Platform
from gateway.ports import Verdict, Window
from gateway.records import as_text


class Returned:
    """What a target of this kind refuses later."""

    def __init__(self, platform: Platform, where: Address, peer: RestPeer) -> None:
        """Keep where to ask."""
        self._platform, self._address, self._peer = platform, where, peer

    def verdicts(self, dataset: Dataset, since: datetime | None) -> Iterator[Verdict]:
        """Yield what was refused; SchemaMismatch for a verdict without a name or a time."""
        telling = telling_of(self._platform, dataset)
        if telling is not None:
            for page in self._pages(telling.resource, telling.what, since):
                yield from telling.verdicts(page)

    def _pages(self, resource: Resource, what: str, since: datetime | None) -> Iterator[rest_pages.Page]:
        clock = Clock(self._peer.limits.seconds)
        ask = rest_pages.first(resource, self._address, Window(after=since))
        return rest_pages.read(
            ask, resource, what, lambda one: self._peer.get(resource.path, one.url, one.parameters, clock)
        )


@dataclass(frozen=True, slots=True)
class Telling:
    """How a platform tells the verdicts on a data set: when it is asked, and when it calls by itself."""

    declared: Mapping[str, Any]
    mapped: Mapping[str, options.Path]
    resource: Resource
    zone: ZoneInfo
    what: str

    def verdicts(self, page: rest_pages.Page) -> Iterator[Verdict]:
        """Yield the verdicts of a page; SchemaMismatch for one without a name or a time."""
        for record in page.records:
            if page.fault(record):
                raise SchemaMismatch(
                    f"{self.what} tells a verdict that is no plain object", "Ask the platform's owner."
                )
            yield _verdict(record, self.declared, self.mapped, self.zone, self.what)


def telling_of(platform: Platform, dataset: Dataset) -> Telling | None:
    """Return how verdicts on a data set are told; None when none are, CatalogInvalid for fields that are no key."""
    declared = options.declared(platform, dataset).get("verdicts")
    if declared is None:
        return None
    where = f"platform {platform.platform}: options.resources.{dataset.name}.verdicts"
    mapped = options.paths(declared.get("fields", {}), dataset, dataset.key, where, ".")
    resource, zone = asked(declared, dataset.key), options.zone(declared, where)
    return Telling(declared, mapped, resource, zone, f"{resource.path} of platform {platform.platform}")


def _verdict(
    record: Any, declared: Mapping[str, Any], mapped: Mapping[str, options.Path], zone: ZoneInfo, what: str
) -> Verdict:
    def found(name: str) -> Any:
        return at(record, steps(declared[name], ".")) if name in declared else None

    key = {k: as_text(at(record, path)) for k, path in mapped.items()}
    return verdict(found, key, declared.get("format", "iso"), zone, what)
