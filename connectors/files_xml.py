"""Records of an XML file as they come, in flat memory. A DOCTYPE is refused, and with it every entity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lxml import etree

from gateway.errors import SchemaMismatch

_STRETCH = 4 * 1_048_576  # characters between two records: what holds none would grow in memory


def elements(texts: Iterable[str], record: str, what: str) -> Iterator[Any]:
    """Yield each record's element, which lives until the next; SchemaMismatch for what is no XML."""
    try:
        yield from _walked(texts, record, what)
    except etree.XMLSyntaxError:  # its words would tell what was sent
        raise _wrong(what, "is no XML, or goes beyond 256 levels or 10 MB in one text") from None


def _walked(texts: Iterable[str], record: str, what: str) -> Iterator[Any]:
    parser = etree.XMLPullParser(
        events=("start", "end"), tag=f"{{*}}{record}", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True, encoding="utf-8",
    )  # fmt: skip
    depth, stretch = 0, 0
    for text in texts:
        stretch += len(text)
        if stretch > _STRETCH:
            raise _wrong(what, f"has no record within {_STRETCH:,} characters")
        if text:
            parser.feed(text.encode())
        for event, element in parser.read_events():
            if depth == 0:
                _refuse_doctype(element, what)
            depth += 1 if event == "start" else -1
            if event == "end" and depth == 0:  # one within another is a part of it
                stretch = 0
                yield element
                _forget(element)
    _refuse_doctype(parser.close(), what)


def _refuse_doctype(element: Any, what: str) -> None:
    if element.getroottree().docinfo.doctype:
        raise _wrong(what, "has a DOCTYPE")


def _forget(element: Any) -> None:
    """Drop a record and what came before it beside it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _wrong(what: str, words: str) -> SchemaMismatch:
    return SchemaMismatch(f"{what} {words}", "Ask the platform's owner what it writes.")
