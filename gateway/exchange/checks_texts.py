"""Checks of texts: how long they are, of what they consist, how they begin and end, and what they are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from gateway.exchange import patterns
from gateway.exchange.check import Args, Check, Record, column, literal, literals
from gateway.model import Dataset

_LITERALS = ("\\N", "\\n", "NULL", "null", "无")
_LEVEL_DIGITS = {"1": 2, "2": 4, "3": 6, "4": 9, "5": 12}
_CODE_LENGTH = 12
_MOST_BYTES = 4  # of a character in UTF-8
_CONTROLS = r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"  # all but tab, newline and carriage return
_CONTROL = re.compile(_CONTROLS)


def _length_sql(_: Dataset, args: Args, __: date) -> str:
    """Return SQL: too long or too short; characters are counted only where the bytes, whose number is stored, leave it open."""
    name, tests = column(args["field"]), []
    if args.get("max") is not None:
        tests.append(f"octet_length({name}) > {int(args['max'])} and length({name}) > {int(args['max'])}")
    if args.get("min"):
        least = int(args["min"])
        tests.append(f"octet_length({name}) < {least * _MOST_BYTES} and length({name}) < {least}")
    return "(" + " or ".join(tests) + ")"


def _length(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and not (args.get("min") or 0) <= len(value) <= (args.get("max") or len(value))


def _pattern_sql(_: Dataset, args: Args, __: date) -> str:
    return patterns.broken_sql(column(args["field"]), args["pattern"])


def _pattern(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and re.fullmatch(args["pattern"][1:-1], value, re.DOTALL) is None


def _text_sql(_: Dataset, args: Args, __: date) -> str:
    name = column(args["field"])
    short = f"length(btrim({name})) < {int(args['min'])}"
    other = args.get("differs_from")
    return f"({short} or coalesce({name} = {column(other)}, false))" if other else short


def _text(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    if value is None:
        return False
    other = args.get("differs_from")
    return bool(len(value.strip(" ")) < args["min"] or (other is not None and value == record.get(other)))


def _prefix_sql(_: Dataset, args: Args, __: date) -> str:
    name = column(args["field"])
    return "not (" + " or ".join(f"starts_with({name}, {literal(p)})" for p in args["in"]) + ")"


def _prefix(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and not value.startswith(tuple(args["in"]))


def _ending_sql(_: Dataset, args: Args, __: date) -> str:
    name, kind = column(args["field"]), f"{column(args['type'])}::text"
    branches = " ".join(
        f"when right({name}, {len(ending)}) = {literal(ending)} then {kind} <> {literal(str(wanted))}"
        for ending, wanted in args["endings"].items()
    )
    return f"(case {branches} else false end)"


def _ending(record: Record, args: Args, _: date) -> bool:
    value, kind = record.get(args["field"]), record.get(args["type"])
    if value is None or kind is None:
        return False
    wanted = next((str(w) for ending, w in args["endings"].items() if value.endswith(ending)), None)
    return wanted is not None and str(kind) != wanted


def _zeros_sql(_: Dataset, args: Args, __: date) -> str:
    code, level = column(args["code"]), column(args["level"])
    branches = []
    for name, digits in _LEVEL_DIGITS.items():
        zeros = f"substr({code}, {digits + 1}) <> repeat('0', {12 - digits})"
        own = {6: 2, 4: 2, 2: 2, 9: 3, 12: 3}[digits]
        branches.append(f"when '{name}' then {zeros} or substr({code}, {digits - own + 1}, {own}) = repeat('0', {own})")
    return f"case when length({code}) <> 12 then false else case {level}::text {' '.join(branches)} else false end end"


def _zeros(record: Record, args: Args, _: date) -> bool:
    code, digits = record.get(args["code"]), _LEVEL_DIGITS.get(str(record.get(args["level"])))
    if code is None or digits is None or len(code) != _CODE_LENGTH:
        return False
    own = 2 if digits <= _LEVEL_DIGITS["3"] else 3
    return bool(code[digits:] != "0" * (12 - digits) or code[digits - own : digits] == "0" * own)


def _parent_sql(_: Dataset, args: Args, __: date) -> str:
    code, parent = column(args["code"]), column(args["parent"])
    trimmed = f"rtrim({parent}, '0')"
    return f"({parent} is not null and (left({code}, length({trimmed})) <> {trimmed} or {code} = {parent}))"


def _parent(record: Record, args: Args, _: date) -> bool:
    code, parent = record.get(args["code"]), record.get(args["parent"])
    return code is not None and parent is not None and (not code.startswith(parent.rstrip("0")) or code == parent)


def _joined_sql(_: Dataset, args: Args, __: date) -> str:
    whole = " || ".join(f"coalesce({column(p)}, '')" for p in args["parts"])
    return f"{column(args['field'])} <> {whole}"


def _joined(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and value != "".join(record.get(p) or "" for p in args["parts"])


def _parts_sql(_: Dataset, args: Args, __: date) -> str:
    name, mark = column(args["field"]), re.escape(args["separator"]).replace("'", "''")
    # A subquery over the parts would keep the function from being inlined.
    doubled = f"{name} ~ '(^|{mark})([^{mark}]*)({mark}.*)?{mark}\\2({mark}|$)' collate \"C\""
    parts = f"string_to_array({name}, {literal(args['separator'])})"
    return f"({doubled} or coalesce({column(args['other'])} = any({parts}), false))"


def _parts(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    if not value:
        return False
    parts = value.split(args["separator"])
    return len(set(parts)) != len(parts) or record.get(args["other"]) in parts


def _clean_sql(_: Dataset, args: Args, __: date) -> str:
    whole = " || ".join(f"coalesce({column(f)}, '')" for f in args["fields"])
    return f"({whole}) ~ '{_CONTROLS}' collate \"C\""


def _clean(record: Record, args: Args, _: date) -> bool:
    return any(_CONTROL.search(record[f]) for f in args["fields"] if record.get(f) is not None)


CHECKS: Mapping[str, Check] = {
    "length": Check(_length_sql, _length, ("field",)),
    "pattern": Check(_pattern_sql, _pattern, ("field", "pattern")),
    "text": Check(_text_sql, _text, ("field", "min")),
    "prefix": Check(_prefix_sql, _prefix, ("field", "in")),
    "ending": Check(_ending_sql, _ending, ("field", "type", "endings")),
    "level_zeros": Check(_zeros_sql, _zeros, ("code", "level")),
    "parent_prefix": Check(_parent_sql, _parent, ("code", "parent")),
    "not_literal": Check(
        lambda _, a, __: f"{column(a['field'])} in ({literals(list(_LITERALS))})",
        lambda r, a, _: r.get(a["field"]) in _LITERALS,
        ("field",),
    ),
    "joined": Check(_joined_sql, _joined, ("field", "parts")),
    "parts_unique": Check(_parts_sql, _parts, ("field", "separator", "other")),
    "clean": Check(_clean_sql, _clean, ("fields",)),
}
