"""The pages of one resource: what is asked for, what a page holds, and where the next one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin, urlsplit

from connectors import rest_json
from connectors.http_address import Address
from connectors.rest_http import Answer
from connectors.rest_options import Dotted, Resource
from gateway.errors import AccessDenied, SchemaMismatch, SourceChanged
from gateway.ports import Window

_PAGES = 1_000_000
_MISSING = object()
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a page."""

    url: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """The records of one page with the document around them."""

    records: list[Any]
    document: rest_json.Document
    links: Mapping[str, Any]

    def fault(self, record: Any) -> str | None:
        """Return what is wrong with a record, if anything."""
        if not isinstance(record, dict):
            return rest_json.TYPE
        return rest_json.fault(record) if self.document.marked else None


def first(resource: Resource, address: Address, window: Window) -> Ask:
    """Return the request for the first page of a window."""
    parameters = {**resource.parameters, **_bounds(resource, window)}
    paging = resource.paging
    if paging["kind"] in ("page", "offset"):
        parameters[paging["parameter"]] = str(paging.get("first", 1) if paging["kind"] == "page" else 0)
        if "size_parameter" in paging:
            parameters[paging["size_parameter"]] = str(paging["size"])
    return Ask(f"{address.origin}{address.base}{resource.path}", parameters)


def smallest(resource: Resource, address: Address) -> Ask:
    """Return the request for the first page with one record, where a size can be asked for."""
    ask = first(resource, address, Window())
    size = resource.paging.get("size_parameter")
    return Ask(ask.url, {**ask.parameters, size: "1"}) if size else ask


def _bounds(resource: Resource, window: Window) -> dict[str, str]:
    """Return the window as parameters: wider rather than narrower, since the hub drops what lies outside."""
    bounds, since = dict[str, str](), resource.since
    unit = timedelta(milliseconds=1) if since and since["format"] == "epoch_ms" else timedelta(seconds=1)
    if since and window.after is not None:
        bounds[since["parameter"]] = _stamp(window.after, since["format"])
    if "until" in since and window.upto is not None:
        # nobody knows whether the platform means "up to" or "before"
        bounds[since["until"]] = _stamp(window.upto + unit, since["format"])
    return bounds


def _stamp(at: datetime, form: str) -> str:
    if form == "iso":
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    since_epoch = at - datetime(1970, 1, 1, tzinfo=UTC)
    return str(since_epoch // timedelta(seconds=1) if form == "epoch" else since_epoch // timedelta(milliseconds=1))


def read(ask: Ask, resource: Resource, what: str, get: Callable[[Ask], Answer]) -> Iterator[Page]:
    """Yield page after page; SourceChanged when one comes again or their number is not the declared one."""
    asked, came, totals, last = set[bytes](), 0, set[int](), b""
    following: Ask | None = ask
    while following is not None:
        question = sha256(repr(following).encode()).digest()
        if question in asked:
            raise _again(what)
        if len(asked) >= _PAGES:
            raise SourceChanged(f"{what} has more than {_PAGES} pages", "Ask for larger pages.")
        answer = get(following)
        page, body = parsed(answer, resource, what), sha256(answer.body).digest()
        if page.records and body == last:
            raise _again(what)
        asked.add(question)
        came, last, totals = came + len(page.records), body, totals | _total(page, resource, what)
        yield page
        following = _following(following, page, resource, what)
    if resource.total and totals != {came}:
        _refuse_total(what, totals)


def _again(what: str) -> SourceChanged:
    return SourceChanged(f"{what} gives a page again", "The run is repeated; else its paging is declared wrongly.")


def parsed(answer: Answer, resource: Resource, what: str) -> Page:
    """Return the page of an answer."""
    document = rest_json.parse(answer.body, what)
    records = at(document.value, resource.records)
    where = ".".join(resource.records) or "its top"
    if not isinstance(records, list):
        raise SchemaMismatch(f"a page of {what} has no array at {where}", "Compare `records` with what it sends.")
    if document.marked and (fault := rest_json.fault(document.value, but=records)):
        raise SchemaMismatch(f"a page of {what} has {fault} outside of its records", "Ask the platform's owner.")
    return Page(records, document, answer.links)


def at(value: Any, path: Dotted) -> Any:
    """Return what a dotted path leads to, or None."""
    found = _found(value, path)
    return None if found is _MISSING else found


def exists(value: Any, path: Dotted) -> bool:
    """Tell whether a dotted path leads anywhere, null included."""
    return _found(value, path) is not _MISSING


def _found(value: Any, path: Dotted) -> Any:
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return _MISSING
        value = value[step]
    return value


def _total(page: Page, resource: Resource, what: str) -> set[int]:
    declared = at(page.document.value, resource.total) if resource.total else None
    if declared is None:
        return set()
    text = str(declared)
    if isinstance(declared, bool) or not (text.isascii() and text.isdecimal()):
        hint = "Compare `total` with what it sends."
        raise SchemaMismatch(f"{what} has no number at {'.'.join(resource.total)}", hint)
    return {int(text)}


def _refuse_total(what: str, totals: set[int]) -> None:
    if not totals:
        raise SchemaMismatch(f"{what} declares no number of records", "Compare `total` with what it sends.")
    raise SourceChanged(f"{what} did not give as many records as it declared", "The run is repeated.")


def _following(ask: Ask, page: Page, resource: Resource, what: str) -> Ask | None:
    paging = resource.paging
    kind = paging["kind"]
    if kind in ("page", "offset"):
        return _counted(ask, page, paging, what)
    if kind == "cursor":
        return _cursor(ask, page, paging, what)
    if kind == "next":
        return _linked(ask, at(page.document.value, tuple(paging["at"].split("."))), what)
    if kind == "link":
        return _linked(ask, page.links.get("next", {}).get("url"), what)
    if kind == "links":
        return _linked(ask, _relative(at(page.document.value, tuple(paging["at"].split("."))), what), what)
    return None


def _relative(links: Any, what: str) -> Any:
    """Return the address of the link that is called next, if there is one."""
    if not isinstance(links, list | None) or not all(isinstance(link, dict) for link in links or ()):
        raise SchemaMismatch(f"{what} has no array of links", "Compare its paging with what it sends.")
    return next((link.get("href") for link in links or () if link.get("rel") == "next"), None)


def _counted(ask: Ask, page: Page, paging: Mapping[str, Any], what: str) -> Ask | None:
    size, parameter = paging["size"], paging["parameter"]
    if len(page.records) > size:
        hint = "Compare the paging of the resource with the platform's manual."
        raise SchemaMismatch(f"{what} gives more than the {size} records a page that its paging says", hint)
    if len(page.records) < size:
        return None
    place = int(ask.parameters[parameter]) + (1 if paging["kind"] == "page" else size)
    return Ask(ask.url, {**ask.parameters, parameter: str(place)})


def _cursor(ask: Ask, page: Page, paging: Mapping[str, Any], what: str) -> Ask | None:
    cursor = at(page.document.value, tuple(paging["at"].split(".")))
    if cursor is None or cursor == "":
        return None
    if isinstance(cursor, bool) or not isinstance(cursor, str | int):
        raise SchemaMismatch(f"{what} has no cursor at {paging['at']}", "Compare its paging with what it sends.")
    return Ask(ask.url, {**ask.parameters, paging["parameter"]: str(cursor)})


def _linked(ask: Ask, link: Any, what: str) -> Ask | None:
    """Return the request of a link; it is put together anew, so that no reading of it leads elsewhere."""
    if link is None or link == "":
        return None
    here = urlsplit(ask.url)
    try:
        there = urlsplit(urljoin(ask.url, link))
        same = (there.scheme, there.hostname, there.port or _PORTS.get(there.scheme)) == _place(ask)
    except (ValueError, TypeError, AttributeError):
        raise SchemaMismatch(f"{what} has no address as its next page", "Ask the platform's owner.") from None
    if not same or there.username is not None:
        hint = "Ask the platform's owner; credentials go nowhere but to the connection's own address."
        raise AccessDenied(f"{what} leads to another address for its next page", hint)
    query = f"?{there.query}" if there.query else ""
    return Ask(f"{here.scheme}://{here.netloc}{there.path or '/'}{query}", {})


def _place(ask: Ask) -> tuple[str, str | None, int | None]:
    here = urlsplit(ask.url)
    return here.scheme, here.hostname, here.port
