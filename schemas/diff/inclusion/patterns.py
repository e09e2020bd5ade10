"""Regular expressions as JSON Schema writes them (ECMA 262, found anywhere in the text), turned into sets of strings."""

from __future__ import annotations

import re
from typing import Any

from schemas.diff.inclusion.languages import LAST, Language, Languages, Ranges, invert, merge

Tree = tuple[
    Any, ...
]  # ("chars", ranges) | ("repeat", tree, low, high) | ("then", [trees]) | ("any", [trees]) | ("^",) | ("$",)

_DIGIT: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = (
    (9, 13), (32, 32), (160, 160), (5760, 5760), (8192, 8202), (8232, 8233), (8239, 8239), (8287, 8287), (12288, 12288),
    (65279, 65279),
)  # fmt: skip
_NEWLINE: Ranges = ((10, 10), (13, 13), (8232, 8233))
_CLASSES = {
    "d": _DIGIT, "D": invert(_DIGIT), "w": _WORD, "W": invert(_WORD), "s": _SPACE, "S": invert(_SPACE),
}  # fmt: skip
_CONTROL = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_TIMES = re.compile(r"\{(\d+)(,(\d*))?\}")
_CODE = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}")
_GROUP = re.compile(r"\?(?::|<[A-Za-z_]\w*>)")
_REPEATS = 1000


class Unsupported(Exception):
    """Raised by `language` for a pattern with a construct that it does not know, such as a look-ahead."""


def language(pattern: str, languages: Languages) -> Language:
    """Return the strings in which a pattern is found."""
    return _searched(_Parser(pattern).whole(), languages)


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def whole(self) -> Tree:
        tree = self._any()
        if self._at < len(self._text):
            raise Unsupported(self._text)
        return tree

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        char = self._peek()
        if not char:
            raise Unsupported(self._text)
        self._at += 1
        return char

    def _any(self) -> Tree:
        branches = [self._then()]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._then())
        return branches[0] if len(branches) == 1 else ("any", branches)

    def _then(self) -> Tree:
        parts: list[Tree] = []
        while self._peek() and self._peek() not in "|)":
            parts.append(self._repeated(self._atom()))
        return ("then", parts)

    def _repeated(self, tree: Tree) -> Tree:
        low, high = self._times()
        if (low, high) == (1, 1):
            return tree
        if self._peek() == "?":  # lazy: which match is found first makes no difference here
            self._at += 1
        if (self._peek() and self._peek() in "*+?") or max(low, high or 0) > _REPEATS:
            raise Unsupported(self._text)
        return ("repeat", tree, low, high)

    def _times(self) -> tuple[int, int | None]:
        char = self._peek()
        if char and char in "*+?":
            self._at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        if found := _TIMES.match(self._text, self._at):
            self._at = found.end()
            low = int(found[1])
            high = low if found[2] is None else (int(found[3]) if found[3] else None)
            if high is not None and high < low:
                raise Unsupported(self._text)
            return low, high
        return 1, 1

    def _atom(self) -> Tree:
        char = self._take()
        if char in "^$":
            return (char,)
        if char == "(":
            return self._group()
        if char == "[":
            return ("chars", self._class())
        if char == ".":
            return ("chars", invert(_NEWLINE))
        if char == "\\":
            return ("chars", self._escape())
        if char in "*+?":
            raise Unsupported(self._text)
        return ("chars", ((ord(char), ord(char)),))

    def _group(self) -> Tree:
        if self._peek() == "?":
            found = _GROUP.match(self._text, self._at)
            if not found:
                raise Unsupported(self._text)
            self._at = found.end()
        tree = self._any()
        if self._take() != ")":
            raise Unsupported(self._text)
        return tree

    def _escape(self) -> Ranges:
        if found := _CODE.match(self._text, self._at):
            self._at = found.end()
            code = int(found[1] or found[2] or found[3], 16)
            if code > LAST:
                raise Unsupported(self._text)
            return ((code, code),)
        char = self._take()
        if char in _CLASSES:
            return _CLASSES[char]
        code = _CONTROL.get(char, ord(char))
        if char.isalnum() and char not in _CONTROL:  # \b, \p{...}, \1 and the like
            raise Unsupported(self._text)
        return ((code, code),)

    def _class(self) -> Ranges:
        negated = self._peek() == "^"
        self._at += negated
        found: list[tuple[int, int]] = []
        while self._peek() != "]":
            found.extend(self._members())
        self._at += 1
        return invert(found) if negated else merge(found)

    def _members(self) -> Ranges:
        first = self._member()
        follows = self._text[self._at : self._at + 2]
        if not follows.startswith("-") or follows == "-]" or len(follows) < 2:  # noqa: PLR2004 - a dash and one more
            return first
        self._at += 1
        last = self._member()
        if any(len(side) != 1 or side[0][0] != side[0][1] for side in (first, last)) or first[0][0] > last[0][0]:
            raise Unsupported(self._text)
        return ((first[0][0], last[0][0]),)

    def _member(self) -> Ranges:
        char = self._take()
        return self._escape() if char == "\\" else ((ord(char), ord(char)),)


def _searched(tree: Tree, languages: Languages) -> Language:
    """Return the whole strings: whatever stands before and after where no anchor forbids it."""
    if tree[0] == "any":
        return languages.either([_searched(branch, languages) for branch in tree[1]])
    parts = list(tree[1]) if tree[0] == "then" else [tree]
    begins = bool(parts) and parts[0] == ("^",)
    parts = parts[1:] if begins else parts
    ends = bool(parts) and parts[-1] == ("$",)
    parts = parts[:-1] if ends else parts
    if not begins and not ends and len(parts) == 1 and parts[0][0] in {"any", "then"}:
        return _searched(parts[0], languages)
    found = _plain(("then", parts), languages)
    found = found if begins else languages.then(languages.all, found)
    return found if ends else languages.then(found, languages.all)


def _plain(tree: Tree, languages: Languages) -> Language:
    match tree[0]:
        case "chars":
            return languages.chars(tree[1])
        case "repeat":
            return languages.repeat(_plain(tree[1], languages), tree[2], tree[3])
        case "any":
            return languages.either([_plain(branch, languages) for branch in tree[1]])
        case "then":
            found = languages.empty
            for part in reversed(tree[1]):
                found = languages.then(_plain(part, languages), found)
            return found
    raise Unsupported(tree[0])  # an anchor in the middle
