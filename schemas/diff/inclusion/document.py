"""One schema document: its draft, its references within itself, and equal sub-schemas recognised by their text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from schemas.diff.inclusion.vocabulary import DEEPER, DRAFTS, MANY, NAMED, ONE, PLAIN, REFERENCES, SINCE, Raw, children
from schemas.diff.model import BadDocument

_LIMITS, _REFERENCES = frozenset(PLAIN), frozenset(REFERENCES)


@dataclass(frozen=True, slots=True)
class Place:
    """A schema within its document: as written, the address its references start from, its own address."""

    raw: Raw
    base: str
    address: str


@dataclass(eq=False)
class Document:
    """A document that schemas stand in; `tag` tells it from the other one of a comparison."""

    root: Raw
    tag: str
    formats: bool = False
    closed: bool = False
    draft: int | None = None
    dialect: str = "jsonschema"
    foreign: str = ""  # the keyword of properties that never travel this way: readOnly, writeOnly
    typed: bool = False  # whether the formats that OpenAPI lists say which values come
    starts: tuple[str, ...] = ()  # addresses that are looked at although the root, being no schema, refers to none
    _by_address: dict[str, Place] = field(default_factory=dict)
    _dynamic: dict[str, list[Place]] = field(default_factory=dict)
    _bases: dict[int, str] = field(default_factory=dict)
    _texts: dict[tuple[int, str], str] = field(default_factory=dict)
    _leaves: dict[str, str] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Read the draft and note every address that a reference may name."""
        if isinstance(self.root, Mapping) and self.draft is None:
            if "draft-03" in str(self.root.get("$schema", "")):
                raise BadDocument("$schema: draft 3 is another language; drafts 4 to 2020-12 are read")
            self.draft = DRAFTS.get(str(self.root.get("$schema", "")).rstrip("#"))
        self._by_address[""] = Place(self.root, "", "")
        if isinstance(self.root, Mapping):
            self._note(self.root)

    def _note(self, root: Mapping[str, Any]) -> None:
        rest: list[tuple[Raw, str]] = [(root, "")]
        while rest:
            raw, base = rest.pop()
            if not isinstance(raw, Mapping):
                continue
            if DEEPER.isdisjoint(raw):
                continue
            base = self._named(raw, base, is_root=raw is root)
            self._bases[id(raw)] = base
            self.refers = self.refers or not _REFERENCES.isdisjoint(raw)
            rest.extend((item, base) for _, item in children(raw))

    def _named(self, raw: Mapping[str, Any], base: str, *, is_root: bool) -> str:
        """Note a schema's own names; return the address its references start from."""
        own = raw.get("$id", raw.get("id") if self.draft in {None, 3, 4} else None)
        if isinstance(own, str) and not ("$ref" in raw and self.draft in {3, 4, 6, 7}):
            whole, fragment = urldefrag(urljoin(base, own))
            if fragment:
                address = f"{'' if base == self._home else base}#{fragment}"
                self._by_address.setdefault(address, Place(raw, base, address))
            elif is_root:
                base = self._home = whole
            else:
                base = whole
                self._by_address.setdefault(base, Place(raw, base, base))
        for word in ("$anchor", "$dynamicAnchor"):
            if isinstance(raw.get(word), str):
                place = Place(raw, base, f"{'' if base == self._home else base}#{raw[word]}")
                self._by_address.setdefault(place.address, place)
                if word == "$dynamicAnchor":
                    self._dynamic.setdefault(raw[word], []).append(place)
        if raw.get("$recursiveAnchor") is True:
            self._dynamic.setdefault("", []).append(Place(raw, base, base))
        return base

    _home = ""
    refers = False  # whether any schema refers to another

    def place(self, raw: Raw, base: str) -> Place:
        """Return the place of a sub-schema found below one with this base."""
        return Place(raw, self._bases.get(id(raw), base), "")

    def active(self, raw: Mapping[str, Any], word: str) -> bool:
        """Tell whether a keyword means anything where it stands: its draft knows it and no `$ref` hides it."""
        if word not in raw:
            return False
        if self.draft is None:
            return True
        if word != "$ref" and "$ref" in raw and self.draft <= 7:  # noqa: PLR2004 - up to draft 7 `$ref` stood alone
            return False
        return SINCE.get(word, 0) <= self.draft

    def follow(self, word: str, reference: Any, base: str) -> Place | None:
        """Return the schema a reference names, or None when it is not in this document or not the same everywhere."""
        if not isinstance(reference, str):
            return None
        if word == "$dynamicRef":
            others = self._dynamic.get(reference.partition("#")[2], [])
            if len(others) > 1:
                return None
        if word == "$recursiveRef" and len(self._dynamic.get("", [])) > 1:
            return None
        return self._at(urljoin(base or self._home, reference) if base or self._home else reference)

    def _at(self, address: str) -> Place | None:
        address = address.removesuffix("#")
        whole, fragment = urldefrag(address)
        whole = "" if whole == self._home else whole
        address = f"{whole}#{fragment}" if fragment else whole
        if address in self._by_address or (fragment and not fragment.startswith("/")):
            return self._by_address.get(address)
        start = self._by_address.get(whole)
        found = start and self._pointed(start, unquote(fragment), address)
        if found:
            self._by_address[address] = found
        return found

    def _pointed(self, start: Place, pointer: str, address: str) -> Place | None:
        value, base = start.raw, start.base
        for part in pointer.split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901 - the same part, unescaped
            if isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            elif isinstance(value, Mapping) and part in value:
                value = value[part]
            else:
                return None
            base = self._bases.get(id(value), base)
        if isinstance(value, Mapping) and id(value) not in self._bases:
            self._note(value)
        return Place(value, base, address) if isinstance(value, Mapping | bool) else None

    def text(self, raw: Raw, base: str) -> str:
        """Return what a schema says without its annotations; schemas of equal text accept the same documents."""
        if isinstance(raw, bool):
            return "true" if raw else "false"
        if not isinstance(raw, Mapping):
            raise BadDocument(f"a schema is an object or a boolean, not {json.dumps(raw)[:60]}")
        key = (id(raw), base)
        if key not in self._texts:
            self._texts[key] = self._leaf(raw) or self._text(raw, self._bases.get(id(raw), base))
        return self._texts[key]

    def _leaf(self, raw: Mapping[str, Any]) -> str:
        """Return the text of a schema that holds no other; most of a large document are such, and many of them alike."""
        if not DEEPER.isdisjoint(raw):
            return ""
        written = repr(raw)
        if written not in self._leaves:
            self._leaves[written] = self._text(raw, "")
        return self._leaves[written]

    def _text(self, raw: Mapping[str, Any], base: str) -> str:
        said = [f"{word}:{_said(raw[word])}" for word in raw if word in _LIMITS]
        if self.dialect == "openapi" and raw.get("nullable") is True:
            said.append("nullable")
        if self.foreign and raw.get(self.foreign) is True:
            said.append("foreign")
        below = [(place, item) for place, item in children(raw) if place[0] not in {"$defs", "definitions"}]
        said.extend(f"{place}:{self.text(item, base)}" for place, item in below)
        broken = [
            word for word in (*MANY, *NAMED) if word in raw and not (raw[word] and isinstance(raw[word], dict | list))
        ]
        broken += [word for word in (*ONE, "items") if word in raw and not isinstance(raw[word], dict | bool | list)]
        said.extend(f"{word}!{json.dumps(raw[word])}" for word in broken)
        deps = raw.get("dependencies")
        if isinstance(deps, Mapping):
            said.extend(f"dep {json.dumps([n, d])}" for n, d in deps.items() if isinstance(d, list))
        said.extend(f"{word}={self._token(word, raw[word], base)}" for word in REFERENCES if word in raw)
        return f"{self.draft}{{{';'.join(sorted(said))}}}"

    def _token(self, word: str, reference: Any, base: str) -> str:
        target = self.follow(word, reference, base)
        if target is None:
            return f"remote {reference}"
        return target.address if target.address in self.shared else f"{self.tag} {target.address}"

    def referred(self, raw: Raw, base: str) -> set[str]:
        """Return the addresses that a schema and what stands below it refer to."""
        found: set[str] = set()
        rest = [(raw, base)]
        while rest:
            item, base = rest.pop()
            if not isinstance(item, Mapping) or DEEPER.isdisjoint(item):
                continue
            base = self._bases.get(id(item), base)
            for word in REFERENCES:
                target = self.follow(word, item[word], base) if word in item else None
                if target is not None:
                    found.add(target.address)
            rest.extend((c, base) for place, c in children(item) if place[0] not in {"$defs", "definitions"})
        return found

    def at(self, address: str) -> Place | None:
        """Return the schema at an address that `referred` gave."""
        return self._at(address)

    def forget_texts(self) -> None:
        """Read texts anew: what they share with another document is known by now."""
        self._texts.clear()


def _said(value: Any) -> str:
    return repr(value) if isinstance(value, str | int) else json.dumps(value, sort_keys=True)


def share(old: Document, new: Document) -> None:
    """Find the references of two documents that lead to the same text, whatever is reached from it."""
    if not (old.refers or new.refers or old.starts or new.starts):
        return
    links = _links(old, new)
    users: dict[str, set[str]] = {}
    for address, targets in links.items():
        for target in targets:
            users.setdefault(target, set()).add(address)
    differing = {address for address in links if not _equal(old, new, address)}
    spread = list(differing)
    while spread:
        fresh = users.get(spread.pop(), set()) - differing
        differing |= fresh
        spread.extend(fresh)
    old.shared = new.shared = frozenset(links) - differing
    old.forget_texts()
    new.forget_texts()


def _links(old: Document, new: Document) -> dict[str, set[str]]:
    """Return every address that is referred to, with those its schemas refer to."""
    links: dict[str, set[str]] = {}
    rest = [*old.referred(old.root, ""), *new.referred(new.root, ""), *old.starts, *new.starts]
    while rest:
        address = rest.pop()
        if address not in links:
            places = [(document, document.at(address)) for document in (old, new)]
            links[address] = set[str]().union(*(d.referred(p.raw, p.base) for d, p in places if p is not None))
            rest.extend(links[address])
    return links


def _equal(old: Document, new: Document, address: str) -> bool:
    before, after = old.at(address), new.at(address)
    return before is not None and after is not None and _plain(old, before) == _plain(new, after)


def _plain(document: Document, place: Place) -> str:
    """Return a text whose references name addresses only, whichever document they are in."""
    return document.text(place.raw, place.base).replace(f"={document.tag} ", "=")
