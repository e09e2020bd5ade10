"""The records of a reply as lines for the hub: a fault where a record has one, and its values as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, BinaryIO, Protocol

from connectors.options import Path
from connectors.soap_cut import Pick
from gateway.records import lines

REPEATED, TYPE = "xml.repeated", "xml.type"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_TRUE = frozenset({"true", "1"})
_ABSENT = object()
_BATCH = 500
_REMEMBERED = 1_000  # names of a record's elements: a peer must not fill the memory with new ones
Values = list[Any]


class Taking(Protocol):
    """Takes the values of a record from its element."""

    def values(self, record: Any) -> tuple[str | None, list[str | None]]:
        """Return a record's fault and the texts of its fields in order."""


class Handing(Protocol):
    """A reply that is told when records of it were handed on."""

    kept: bool


class Step:
    """What is wanted of an element: its own text, attributes and elements below, each with a place in the values."""

    def __init__(self, place: int = -1) -> None:
        """Want nothing yet."""
        self.place, self.text, self.inner = place, False, False
        self.attributes: dict[str, int] = {}
        self.below: dict[str, Step] = {}
        self.known: dict[str, Step | None] = {}

    def of(self, tag: str) -> Step | None:
        """Return what is wanted of an element below, by its full name, and remember it."""
        found = self.below.get(tag.rpartition("}")[2])
        if len(self.known) < _REMEMBERED:
            self.known[tag] = found
        return found


class Plan:
    """How the values of a record are taken from its element: in one walk."""

    def __init__(self, fields: Mapping[str, Path]) -> None:
        """Lay the paths of the fields into one tree; elements on the way have places after the fields'."""
        self._root, self._fields, self._size = Step(), list(fields), len(fields)
        for place, path in enumerate(fields.values()):
            self._lay(path, place)

    def values(self, record: Any) -> tuple[str | None, list[str | None]]:
        """Return a record's fault and the texts of its fields in order; null for what is nil or absent."""
        values: Values = [_ABSENT] * self._size
        fault = _taken(record, self._root, values)
        del values[len(self._fields) :]
        return fault, [None if v is _ABSENT else v for v in values] if _ABSENT in values else values

    def lay(self, attributes: Sequence[str], children: Sequence[str]) -> Pick | None:
        """Return what puts the values of a flat record with these names in order; None when one walk is needed for each."""
        step = self._root
        below = [step.below.get(tag.rpartition("}")[2]) for tag in children]
        places = [
            *(step.attributes.get(name.rpartition("}")[2]) for name in attributes),
            *(s and s.place for s in below),
        ]
        known = [place for place in places if place is not None]
        if any(s is not None and s.inner for s in below) or len(set(known)) < len(known):
            return None
        at = {place: index for index, place in enumerate(places) if place is not None}
        wanted = [at.get(place) for place in range(len(self._fields))]
        if None not in wanted and len(wanted) > 1:
            return itemgetter(*wanted)
        return lambda values: [None if index is None else values[index] for index in wanted]

    def found(self, record: Any) -> set[str]:
        """Return the fields whose element or attribute a record has."""
        values: Values = [_ABSENT] * self._size
        _taken(record, self._root, values)
        return {name for name, value in zip(self._fields, values, strict=False) if value is not _ABSENT}

    def _lay(self, path: Path, place: int) -> None:
        step = self._root
        for name in path[:-1]:
            step = self._under(step, name)
        step.inner = True
        if path[-1].startswith("@"):
            step.attributes[path[-1][1:]] = place
            return
        leaf = step.below.setdefault(path[-1], Step())
        leaf.place, leaf.text = place, True

    def _under(self, step: Step, name: str) -> Step:
        """Return the step of an element on the way; it may be a field's as well, whose attribute is another one's."""
        if name not in step.below:
            step.below[name] = Step(self._size)
            self._size += 1
            step.inner = True
        return step.below[name]


def _taken(element: Any, step: Step, values: Values) -> str | None:
    """Put what is wanted of an element into the values; return the first fault found."""
    fault, known = None, step.known
    if step.attributes:
        _attributes(element, step.attributes, values)
    for child in element:
        try:
            below = known[child.tag]
        except KeyError:
            below = step.of(child.tag)
        if below is None:
            continue
        if values[below.place] is not _ABSENT:
            fault = fault or REPEATED
            continue
        text = values[below.place] = child.text
        if not text or text.isspace():
            values[below.place] = None if child.get(_NIL) in _TRUE else text or ""
        if len(child) if below.text else _stray(child, text):
            fault = fault or TYPE
        if below.inner:
            fault = _taken(child, below, values) or fault
    return fault


def _stray(element: Any, text: str | None) -> bool:
    """Tell whether there is text where elements are declared: it must not read as null."""
    return bool(text) and not str(text).isspace() and not len(element)


def _attributes(element: Any, wanted: Mapping[str, int], values: Values) -> None:
    for name, value in element.attrib.items():
        place = wanted.get(name.rpartition("}")[2])
        if place is not None:
            values[place] = value


def write(plan: Taking, reply: Handing, records: Iterable[Any], out: BinaryIO) -> None:
    """Write a line for each record of a reply: of its element, or of the values that it was given as."""
    batch: list[tuple[str | None, Sequence[str | None]]] = []
    for record in records:
        batch.append(record if record.__class__ is tuple else plan.values(record))
        if len(batch) == _BATCH:
            reply.kept = True
            out.write(lines(batch))
            batch.clear()
    out.write(lines(batch))
