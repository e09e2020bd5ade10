"""Patterns of XML Schema (part 2, appendix F) as trees over sets of characters.

A tree is ("set", ranges), ("seq", [..]), ("alt", [..]) or ("rep", tree, least, most). What is not understood is no
tree: None, and whoever asked knows nothing of the pattern.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from schemas.diff.xsd_chars import Ranges, category, escape, minus, union, without

_LONGEST, _DEEPEST, _MOST = 4000, 60, 100_000
_PLAIN = {"n": 0xA, "r": 0xD, "t": 0x9}
_SELF = frozenset("\\|.-^?*+{}()[]$")
_ENDS = frozenset("|)")
_MARKS = frozenset("?*+{}()[]|\\.")
_TIMES: dict[str, tuple[int, int | None]] = {"?": (0, 1), "*": (0, None), "+": (1, None)}


class _Odd(Exception):
    """Raised at a sign that the grammar does not have there."""


@lru_cache(maxsize=4096)
def tree(pattern: str) -> Any:
    """Return a pattern's tree, or None when it is none, or larger than anything real."""
    if len(pattern) > _LONGEST:
        return None
    reader = _Reader(pattern)
    try:
        found = reader.branches(0)
        return found if reader.at == len(pattern) else None
    except (_Odd, IndexError, ValueError):
        return None


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self.at = text, 0

    def _next(self) -> str:
        sign = self._text[self.at]
        self.at += 1
        return sign

    def _is(self, sign: str) -> bool:
        return self._text.startswith(sign, self.at)

    def _take(self, sign: str) -> bool:
        taken = self._is(sign)
        self.at += len(sign) if taken else 0
        return taken

    def branches(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise _Odd
        found = [self._branch(depth)]
        while self._take("|"):
            found.append(self._branch(depth))
        return found[0] if len(found) == 1 else ("alt", found)

    def _branch(self, depth: int) -> Any:
        pieces = list[Any]()
        while self.at < len(self._text) and self._text[self.at] not in _ENDS:
            atom = self._atom(depth)
            pieces.append(self._counted(atom))
        return ("seq", pieces)

    def _counted(self, atom: Any) -> Any:
        if self.at < len(self._text):
            if times := _TIMES.get(self._text[self.at]):
                self.at += 1
                return ("rep", atom, *times)
            if self._take("{"):
                inside = self._text[self.at : self._text.index("}", self.at)]
                self.at += len(inside) + 1
                least, comma, most = inside.partition(",")
                low = int(least)
                high = (int(most) if most else None) if comma else low
                if low > _MOST or (high is not None and not low <= high <= _MOST):
                    raise _Odd
                return ("rep", atom, low, high)
        return atom

    def _atom(self, depth: int) -> Any:
        sign = self._next()
        if sign == "(":
            inner = self.branches(depth + 1)
            if not self._take(")"):
                raise _Odd
            return inner
        if sign == "[":
            return ("set", self._group(depth))
        if sign == "\\":
            return ("set", self._escaped())
        if sign == ".":
            return ("set", without(((0xA, 0xA), (0xD, 0xD))))
        if sign in _MARKS:
            raise _Odd
        return ("set", ((ord(sign), ord(sign)),))

    def _group(self, depth: int) -> Ranges:
        if depth > _DEEPEST:
            raise _Odd
        negative = self._take("^")
        parts, removed = list[Ranges](), ()
        while True:
            if self._take("-["):
                removed = self._group(depth + 1)  # type: ignore[assignment]
                if not self._take("]"):
                    raise _Odd
                break
            if self._take("]"):
                break
            parts.append(self._range())
        if not parts:
            raise _Odd
        found = union(parts)
        return minus(without(found) if negative else found, removed)

    def _range(self) -> Ranges:
        sign = self._next()
        if sign == "[":
            raise _Odd
        low = self._escaped() if sign == "\\" else ((ord(sign), ord(sign)),)
        wide = len(low) != 1 or low[0][0] != low[0][1]
        if wide or not self._is("-") or self._is("-]") or self._is("-["):
            return low
        self.at += 1
        sign = self._next()
        high = self._escaped() if sign == "\\" else ((ord(sign), ord(sign)),)
        if len(high) != 1 or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
            raise _Odd
        return ((low[0][0], high[0][0]),)

    def _escaped(self) -> Ranges:
        sign = self._next()
        if sign in _PLAIN:
            return ((_PLAIN[sign], _PLAIN[sign]),)
        if sign in _SELF:
            return ((ord(sign), ord(sign)),)
        if sign in "pP":
            if not self._take("{"):
                raise _Odd
            name = self._text[self.at : self._text.index("}", self.at)]
            self.at += len(name) + 1
            found = category(name)
            if found is None:
                raise _Odd
            return found if sign == "p" else without(found)
        named = escape(sign)
        if named is None:
            raise _Odd
        return named
