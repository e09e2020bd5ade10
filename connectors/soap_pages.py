"""The pages of one operation: the arguments each is asked for with, and where the last one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.soap_options import Resource
from gateway.errors import SchemaMismatch, SourceChanged
from gateway.ports import Window

_PAGES = 1_000_000
_CHINA = "Asia/Shanghai"
Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """What one reply held."""

    came: int
    totals: set[int]
    digest: bytes


def first(resource: Resource, window: Window) -> Arguments:
    """Return the arguments of the first page of a window."""
    arguments, paging = deepcopy(dict(resource.arguments)), resource.paging
    for argument, value in _bounds(resource.since, window):
        _put(arguments, argument, value)
    if paging["kind"] == "page":
        _put(arguments, paging["argument"], paging.get("first", 1))
        if "size_argument" in paging:
            _put(arguments, paging["size_argument"], paging["size"])
    return arguments


def smallest(resource: Resource) -> Arguments:
    """Return the arguments of the first page with one record, where a size can be asked for."""
    arguments = first(resource, Window())
    if "size_argument" in resource.paging:
        _put(arguments, resource.paging["size_argument"], 1)
    return arguments


def read(resource: Resource, window: Window, what: str, ask: Callable[[Arguments], Page]) -> Iterator[Page]:
    """Yield page after page; SourceChanged when one comes again or their number is not the declared one."""
    arguments, paging = first(resource, window), resource.paging
    came, totals, last, size = 0, set[int](), b"", paging.get("size")
    for number in range(_PAGES):
        if number:
            _put(arguments, paging["argument"], paging.get("first", 1) + number)
        page = ask(arguments)
        if page.came and page.digest == last:
            raise SourceChanged(
                f"{what} gives a page again", "The run is repeated; else its paging is declared wrongly."
            )
        came, totals, last = came + page.came, totals | page.totals, page.digest
        yield page
        if size is None or page.came < size:
            break
    else:
        raise SourceChanged(f"{what} has more than {_PAGES} pages", "Ask for larger pages.")
    if resource.total and totals != {came}:
        _refuse_total(what, totals)


def limited(records: Iterator[Any], resource: Resource, what: str) -> Iterator[Any]:
    """Pass the records of a page on; SchemaMismatch when there are more than its size."""
    size = resource.paging.get("size")
    for number, record in enumerate(records):
        if size is not None and number >= size:
            hint = "Compare the paging of the resource with the platform's manual."
            raise SchemaMismatch(f"{what} gives more than the {size} records a page that its paging says", hint)
        yield record


def _refuse_total(what: str, totals: set[int]) -> None:
    if not totals:
        raise SchemaMismatch(f"{what} declares no number of records", "Compare `total` with what it sends.")
    raise SourceChanged(f"{what} did not give as many records as it declared", "The run is repeated.")


def _put(arguments: Arguments, path: str, value: Any) -> None:
    *above, name = path.split("/")
    for step in above:
        arguments = arguments.setdefault(step, {})
    arguments[name] = value


def _bounds(since: Mapping[str, Any], window: Window) -> Iterator[tuple[str, str]]:
    """Yield the window as arguments: wider rather than narrower, since the hub drops what lies outside."""
    if since and window.after is not None:
        yield since["argument"], _stamp(window.after, since)
    if "until" in since and window.upto is not None:
        # nobody knows whether the platform means "up to" or "before"
        yield since["until"], _stamp(window.upto + _unit(since["format"]), since)


def _stamp(at: datetime, since: Mapping[str, Any]) -> str:
    local = at.astimezone(ZoneInfo(since.get("zone", _CHINA)))
    return local.isoformat(timespec="seconds") if since["format"] == "iso" else local.strftime(since["format"])


def _unit(form: str) -> timedelta:
    """Return what the last place of a format counts."""
    if form == "iso" or "%S" in form:
        return timedelta(seconds=1)
    return timedelta(minutes=1) if "%M" in form else timedelta(hours=1) if "%H" in form else timedelta(days=1)
