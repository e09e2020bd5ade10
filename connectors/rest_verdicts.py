"""Rows that a REST platform refused after it had taken them: asked for like any resource, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors import options, rest_pages
from connectors.http_address import Address
from connectors.http_peer import Clock
from connectors.options import steps
from connectors.rest_http import RestPeer
from connectors.rest_options import Resource, asked
from connectors.rest_pages import at
from gateway.errors import SchemaMismatch
from gateway.model import Dataset, Platform
from gateway.ports import Verdict, Window
from gateway.records import as_text

_UNITS = {"epoch": timedelta(seconds=1), "epoch_ms": timedelta(milliseconds=1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST = 2**63 - 1
_NO_MOMENT = 10**18
_NOBODYS = -1  # a batch that we never sent: the engine counts such a verdict as unknown


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

    name, judged = as_text(found("id")), _moment(found("at"), declared.get("format", "iso"), zone)
    if not name or judged is None:
        raise SchemaMismatch(
            f"{what} tells a verdict without {'a time' if name else 'a name'} where it is declared",
            "Compare id, at and format of verdicts with what the platform sends.",
        )
    left = _moment(found("left"), declared.get("format", "iso"), zone)
    return Verdict(
        name, {k: as_text(at(record, path)) for k, path in mapped.items()}, _number(found("number")),
        as_text(found("code")) or "-", as_text(found("words")) or "", judged, left,
    )  # fmt: skip


def _number(told: Any) -> int | None:
    text = as_text(told)
    if text is None:
        return None
    known = text.isascii() and text.isdecimal() and len(text) <= len(str(_LARGEST)) and int(text) <= _LARGEST
    return int(text) if known else _NOBODYS


def _moment(told: Any, form: str, zone: ZoneInfo) -> datetime | None:
    """Return a moment that is told in a form; None when it is none."""
    try:
        if form in _UNITS:
            since = Decimal(as_text(told) or "")
            return (
                _EPOCH + int(since) * _UNITS[form] if since.copy_abs() < _NO_MOMENT else None
            )  # else digits without end
        moment = datetime.fromisoformat(told)
    except (ValueError, TypeError, ArithmeticError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
