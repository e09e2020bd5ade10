"""The built-in simple types: which forms they have in writing, which of them lie within which, and what a value is."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from schemas.diff.xsd_regex import tree

XSD = "http://www.w3.org/2001/XMLSchema"
PRESERVE, REPLACE, COLLAPSE = 0, 1, 2
SPACES = {"preserve": PRESERVE, "replace": REPLACE, "collapse": COLLAPSE}
_NUMBER = r"[+\-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"
_FLOAT = rf"{_NUMBER}([Ee][+\-]?[0-9]+)?|-?INF|NaN"
_ZONE = r"(Z|[+\-](0[0-9]|1[0-4]):[0-5][0-9])?"
_YEAR, _MONTH, _DAY = r"-?([1-9][0-9]{3,}|0[0-9]{3})", r"(0[1-9]|1[0-2])", r"(0[1-9]|[12][0-9]|3[01])"
_TIME = r"(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?|24:00:00(\.0+)?)"
_NCNAME = r"[\i-[:]][\c-[:]]*"
# How each base is written, after its white space was treated.
FORMS = {
    "string": r"[\s\S]*", "normalizedString": r"[^\t\n\r]*", "token": r"([^\s]+( [^\s]+)*)?",
    "anyURI": r"([^\s]+( [^\s]+)*)?", "language": r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*", "NMTOKEN": r"\c+",
    "Name": r"\i\c*", "NCName": _NCNAME, "ID": _NCNAME, "IDREF": _NCNAME, "ENTITY": _NCNAME,
    "QName": rf"({_NCNAME}:)?{_NCNAME}", "NOTATION": rf"({_NCNAME}:)?{_NCNAME}", "hexBinary": "([0-9a-fA-F]{2})*",
    "base64Binary": "[A-Za-z0-9+/= ]*", "boolean": "true|false|0|1", "decimal": _NUMBER, "integer": r"[+\-]?[0-9]+",
    "double": _FLOAT, "float": _FLOAT, "date": f"{_YEAR}-{_MONTH}-{_DAY}{_ZONE}", "time": f"{_TIME}{_ZONE}",
    "dateTime": f"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}{_ZONE}", "gYear": f"{_YEAR}{_ZONE}",
    "gYearMonth": f"{_YEAR}-{_MONTH}{_ZONE}", "gMonth": f"--{_MONTH}{_ZONE}", "gDay": f"---{_DAY}{_ZONE}",
    "gMonthDay": f"--{_MONTH}-{_DAY}{_ZONE}",
    "duration": r"-?P([0-9]+Y)?([0-9]+M)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]+)?S)?)?",
}  # fmt: skip
# The form alone makes a value: what is written so is one.
FORMAL = frozenset({
    "string", "normalizedString", "token", "language", "NMTOKEN", "Name", "NCName", "hexBinary", "boolean", "decimal", "integer",
})  # fmt: skip
TEXTS = frozenset({
    "string", "normalizedString", "token", "anyURI", "language", "NMTOKEN", "Name", "NCName", "ID", "IDREF", "ENTITY",
})  # fmt: skip
NUMBERS = frozenset({"decimal", "integer", "double", "float"})
ORDERED = frozenset({"date", "dateTime", "time", "gYear", "gYearMonth"})
SPACING = {"string": PRESERVE, "normalizedString": REPLACE}
# An integer type is the base with bounds.
_INTEGERS: dict[str, tuple[int | None, int | None]] = {
    "integer": (None, None), "nonNegativeInteger": (0, None), "positiveInteger": (1, None),
    "nonPositiveInteger": (None, 0), "negativeInteger": (None, -1), "long": (-(2**63), 2**63 - 1),
    "int": (-(2**31), 2**31 - 1), "short": (-(2**15), 2**15 - 1), "byte": (-128, 127), "unsignedLong": (0, 2**64 - 1),
    "unsignedInt": (0, 2**32 - 1), "unsignedShort": (0, 2**16 - 1), "unsignedByte": (0, 255),
}  # fmt: skip
LISTS = {"NMTOKENS": "NMTOKEN", "IDREFS": "IDREF", "ENTITIES": "ENTITY"}
_ABOVE = {
    "integer": ("decimal",), "decimal": ("double", "float"), "float": ("double",), "normalizedString": ("string",),
    "token": ("normalizedString",), "language": ("NCName",), "NMTOKEN": ("token",), "Name": ("NMTOKEN",),
    "NCName": ("Name",), "ID": ("NCName",), "IDREF": ("NCName",), "ENTITY": ("NCName",), "anyURI": ("token",),
    "QName": ("token",), "NOTATION": ("token",), "hexBinary": ("token",), "base64Binary": ("token",),
    "boolean": ("NMTOKEN",), "double": ("token",), "date": ("token",), "time": ("token",), "dateTime": ("token",),
    "gYear": ("token",), "gYearMonth": ("token",), "gMonth": ("NMTOKEN",), "gDay": ("NMTOKEN",),
    "gMonthDay": ("token",), "duration": ("token",),
}  # fmt: skip
_COMPILED: dict[str, re.Pattern[str]] = {}


def integers(name: str) -> tuple[int | None, int | None] | None:
    """Return the bounds of an integer type, None when a name is no such type's."""
    return _INTEGERS.get(name)


def below(sub: str, sup: str) -> bool:
    """Tell whether whatever is written for one base is written for another."""
    return sub == sup or any(below(above, sup) for above in _ABOVE.get(sub, ()))


def written(base: str, text: str) -> bool:
    """Tell whether a text whose white space was treated has a base's form."""
    if base in _COMPILED:
        return bool(_COMPILED[base].fullmatch(text))
    if base in {"string", "anyURI"}:
        return True
    pattern = FORMS[base].replace(r"[\i-[:]]", r"[^\W\d]").replace(r"[\c-[:]]", r"[\w.\-]")
    pattern = pattern.replace(r"\i", r"[^\W\d]").replace(r"\c", r"[\w.\-:]")
    _COMPILED[base] = re.compile(pattern)
    return written(base, text)


def form(base: str) -> object:
    """Return the tree of a base's form."""
    return tree(FORMS[base])


def number(text: str) -> Decimal | None:
    """Return the value of a number in writing; None for what is none."""
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None


def moment(base: str, text: str) -> tuple[str, ...] | None:
    """Return what orders the plain values of a temporal base, those of a four-digit year and without a zone."""
    text = text.strip()
    plain = re.fullmatch(r"[0-9]{4}[0-9:T\-]*(\.[0-9]+)?|[0-9]{2}:[0-9:]*(\.[0-9]+)?", text, re.ASCII)
    if not plain or not written(base, text) or re.search(r"[+\-][0-9]{2}:[0-9]{2}$", text):
        return None
    whole, _, part = text.partition(".")
    return (whole, part.rstrip("0"))
