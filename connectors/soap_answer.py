"""What a SOAP platform's answer to a page of records says: elements at the places that the catalog declares."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from connectors import page_answer
from connectors.http_peer import Peer
from connectors.options import Path
from connectors.page_answer import Answers, Refusal, Told
from gateway.errors import SchemaMismatch

_TRUE = frozenset({"true", "1"})
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def reader(
    peer: Peer, answers: Answers, what: str, counted: Collection[str]
) -> Callable[[Any, Mapping[str, str]], Told]:
    """Return what makes of an answer what became of the page, or raises what its code means.

    `counted` are the figures that this operation tells, of those that are declared.
    """

    def receive(said: Any, headers: Mapping[str, str]) -> Told:
        code = _short(said, answers.code, what)
        if whole := page_answer.judged(peer, answers, code, headers, what):
            return whole
        counts = {
            name: page_answer.count(_short(said, path, what), "/".join(path), what)
            for name, path in answers.counts.items()
            if name in counted
        }
        return Told(counts, tuple(_refused(said, answers, what)), _short(said, answers.repeated, what) in _TRUE)

    return receive


def turned(answers: Answers, codes: tuple[str, ...]) -> Told | None:
    """Return a page refused as a whole when a fault's code is declared to mean that."""
    code = next((code for code in reversed(codes) if code in answers.refused_page), None)
    return None if code is None else Told(whole=Refusal({}, code, ""))


def _refused(said: Any, answers: Answers, what: str) -> Iterator[Refusal]:
    places = answers.refused
    for one in _elements(said, places["records"]) if places else ():
        code, words = (_text(one, places.get(name, ()), what) for name in ("code", "words"))
        yield Refusal({name: _text(one, path, what) for name, path in answers.key.items()}, code or "-", words or "")


def _short(root: Any, path: Path, what: str) -> str | None:
    text = _text(root, path, what)
    return None if text is None else text.strip()


def _text(root: Any, path: Path, what: str) -> str | None:
    """Return the text at a path, null where there is none; SchemaMismatch when there are two."""
    if not path:
        return None
    attribute = path[-1][1:] if path[-1].startswith("@") else ""
    found = list(_elements(root, path[:-1] if attribute else path))
    if len(found) > 1:
        hint = "It is not for the gateway to choose; ask the platform's owner, or correct the path."
        raise SchemaMismatch(f"{what} is answered with more than one {'/'.join(path)}", hint)
    if not found:
        return None
    if attribute:
        return next((v for name, v in found[0].attrib.items() if name.rpartition("}")[2] == attribute), None)
    return None if len(found[0]) or found[0].get(_NIL) in _TRUE else found[0].text or ""


def _elements(root: Any, path: Path) -> Iterator[Any]:
    """Yield the elements at a path of local names."""
    if not path:
        yield root
        return
    for child in root:
        if child.tag.rpartition("}")[2] == path[0]:
            yield from _elements(child, path[1:])
