"""The closed vocabulary of row-local checks: each as SQL that is true when a row is wrong, and as Python that agrees.

SQL is immutable, raises nothing and is null-safe; Python takes a record of native values (str, int, Decimal, date,
datetime with zone). Null values pass every check but those that ask for presence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import combinations, takewhile
from typing import Any

from gateway.exchange import geometry, identity, identity_sql, members, patterns
from gateway.model import Dataset
from gateway.settings import CHINA

Args = Mapping[str, Any]
Record = Mapping[str, Any]
_LITERALS = ("\\N", "\\n", "NULL", "null", "无")
_LEVEL_DIGITS = {"1": 2, "2": 4, "3": 6, "4": 9, "5": 12}
_ID_LENGTH, _CODE_LENGTH = 18, 12
_NUMERIC = ("smallint", "integer", "bigint", "numeric")
_CONTROLS = r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"  # all but tab, newline and carriage return
_CONTROL = re.compile(_CONTROLS)


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the vocabulary; `needs` are the arguments it cannot do without."""

    sql: Callable[[Dataset, Args, date], str]
    broken: Callable[[Record, Args, date], bool]
    needs: tuple[str, ...]


def column(name: str) -> str:
    """Quote a column's name."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """Quote a value; numbers stay numbers."""
    if isinstance(value, bool | int | float | Decimal):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def literals(values: list[Any]) -> str:
    """Quote a list of values."""
    return ", ".join(literal(v) for v in values)


def _identity(kind: str) -> Check:
    """Return the check of an identity that is a whole field, or `length` characters of it from `start` (from 1)."""

    def sql(_: Dataset, args: Args, today: date) -> str:
        name = column(args["field"])
        part = f"substr({name}, {int(args['start'])}, {int(args['length'])})" if "start" in args else name
        return identity_sql.KINDS[kind](part, today)

    def broken(record: Record, args: Args, today: date) -> bool:
        value = record.get(args["field"])
        if value is not None and "start" in args:
            value = value[args["start"] - 1 :][: args["length"]]
        return value is not None and not identity.KINDS[kind](value, today)

    return Check(sql, broken, ("field",))


def _values_sql(dataset: Dataset, args: Args, _: date) -> str:
    return f"{column(args['field'])} not in ({_listed(dataset, args['field'], args['values'])})"


def _listed(dataset: Dataset, field: str, values: list[Any]) -> str:
    """Return values as a field's type writes them in SQL."""
    return ", ".join(map(str, values)) if dataset.field(field).hub_type.startswith(_NUMERIC) else literals(values)


def _values(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and not _among(value, args["values"])


def _among(value: Any, listed: list[Any]) -> bool:
    """Tell whether a value is one of a list, as the database compares: numbers by value, all else by its text."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return any(value == Decimal(v) for v in listed)
    return str(value) in map(str, listed)


def _surely_digits(dataset: Dataset, name: str, start: int, count: int, args: Args) -> bool:
    """Tell whether an earlier error rule refuses every text whose bytes there are not digits; casts need no guard then."""
    if patterns.digits_from(dataset.field(name).limits.get("pattern", ""), start, count, _ID_LENGTH):
        return True
    earlier = takewhile(lambda rule: rule.args is not args, dataset.rules)
    return any(
        r.check == "id18" and r.severity == "error" and r.args["field"] == name and "start" not in r.args
        for r in earlier
    )


def _birth_sql(dataset: Dataset, args: Args, _: date) -> str:
    text, born = column(args["id"]), column(args["date"])
    parts = f"date_part('year', {born}) * 10000 + date_part('month', {born}) * 100 + date_part('day', {born})"
    differs = f"substr({text}, 7, 8)::int <> {parts}"
    if _surely_digits(dataset, args["id"], 7, 8, args):
        return f"case when {born} is null then false else {differs} end"
    digits = f"btrim(substr({text}, 7, 8), '0123456789') = ''"
    return (
        f"case when {text} is null or {born} is null or octet_length({text}) <> 18 or length({text}) <> 18 then false "
        f"when not {digits} then false else {differs} end"
    )


def _eighteen(text: str) -> bool:
    """Tell whether a text is 18 characters of one byte each; what is not is another rule's business."""
    return len(text) == len(text.encode()) == _ID_LENGTH


def _birth(record: Record, args: Args, _: date) -> bool:
    text, born = record.get(args["id"]), record.get(args["date"])
    if text is None or born is None or not _eighteen(text) or not re.fullmatch("[0-9]{8}", text[6:14]):
        return False
    return bool(text[6:14] != f"{born:%Y%m%d}".rjust(8, "0"))


def _sex_sql(dataset: Dataset, args: Args, _: date) -> str:
    text, sex = column(args["id"]), column(args["sex"])
    if _surely_digits(dataset, args["id"], 17, 1, args):
        even = f"get_byte({text}::bytea, 16) % 2 = 0"
        judged = f"case {sex}::text when '1' then {even} when '2' then not {even} else false end"
        return f"case when {text} is null then false else {judged} end"
    digit = f"substr({text}, 17, 1)"
    return (
        f"case when octet_length({text}) <> 18 or length({text}) <> 18 or strpos('0123456789', {digit}) = 0 then false "
        f"when {sex}::text = '1' then strpos('13579', {digit}) = 0 "
        f"when {sex}::text = '2' then strpos('02468', {digit}) = 0 else false end"
    )


def _sex(record: Record, args: Args, _: date) -> bool:
    text, sex = record.get(args["id"]), record.get(args["sex"])
    if text is None or sex is None or not _eighteen(text) or text[16] not in "0123456789":
        return False
    return (str(sex) == "1" and text[16] in "02468") or (str(sex) == "2" and text[16] in "13579")


def _order_sql(dataset: Dataset, args: Args, _: date) -> str:
    pairs = (_comparable(dataset, *pair) for pair in combinations(args["fields"], 2))
    return "(" + " or ".join(f"coalesce({a} > {b}, false)" for a, b in pairs) + ")"


def _comparable(dataset: Dataset, first: str, last: str) -> tuple[str, str]:
    """Return two fields as SQL that compares: a time and a day by their days in China, texts byte by byte."""
    types = {dataset.field(n).hub_type for n in (first, last)}
    if "date" in types and len(types) > 1:
        return _as_date(dataset, first), _as_date(dataset, last)
    collate = ' collate "C"' if types == {"text"} else ""
    return column(first) + collate, column(last)


def _order(record: Record, args: Args, _: date) -> bool:
    found = [v for v in (record.get(n) for n in args["fields"]) if v is not None]
    return any(_after(a, b) for a, b in combinations(found, 2))


def _after(first: Any, last: Any) -> bool:
    if isinstance(first, datetime) != isinstance(last, datetime):
        first, last = (v.astimezone(CHINA).date() if isinstance(v, datetime) else v for v in (first, last))
    return bool(first > last)


def _future_sql(dataset: Dataset, args: Args, today: date) -> str:
    name = column(args["field"])
    if dataset.field(args["field"]).hub_type.startswith("timestamp"):
        return f"{name} >= timestamptz '{today + timedelta(days=1):%Y-%m-%d} 00:00:00+08'"
    if dataset.field(args["field"]).hub_type == "text":
        return f"{name} collate \"C\" > '{today:%Y%m%d}'"
    return f"{name} > date '{today:%Y-%m-%d}'"


def _future(record: Record, args: Args, today: date) -> bool:
    value = record.get(args["field"])
    if value is None:
        return False
    if isinstance(value, datetime):
        return value >= datetime.combine(today + timedelta(days=1), time(), CHINA)
    return bool(value > (f"{today:%Y%m%d}" if isinstance(value, str) else today))


def condition(dataset: Dataset, when: Args, alias: str = "") -> str:
    """Return SQL: a field (of `alias`) is one of some values, or without `in` just there; null is neither.

    What stands under `and` is to hold as well.
    """
    if more := when.get("and"):
        one = {name: value for name, value in when.items() if name != "and"}
        return f"({condition(dataset, one, alias)} and {condition(dataset, more, alias)})"
    name = (f"{alias}." if alias else "") + column(when["field"])
    if "in" not in when:
        return f"({name} is not null)"
    return f"coalesce({name} in ({_listed(dataset, when['field'], when['in'])}), false)"


def _condition(record: Record, when: Args) -> bool:
    value = record.get(when["field"])
    holds = value is not None and ("in" not in when or _among(value, when["in"]))
    return holds and ("and" not in when or _condition(record, when["and"]))


def _when_sql(dataset: Dataset, args: Args, today: date) -> str:
    wrong = [f"{column(n)} is null" for n in args.get("present", ())]
    wrong += [f"{column(n)} is not null" for n in args.get("absent", ())]
    if then := args.get("in"):
        wrong.append(f"coalesce({_values_sql(dataset, then, today)}, true)")
    return f"({condition(dataset, args['when'])} and ({' or '.join(wrong)}))"


def _when(record: Record, args: Args, today: date) -> bool:
    if not _condition(record, args["when"]):
        return False
    wrong = any(record.get(n) is None for n in args.get("present", ()))
    wrong |= any(record.get(n) is not None for n in args.get("absent", ()))
    if then := args.get("in"):
        wrong |= record.get(then["field"]) is None or _values(record, then, today)
    return wrong


def _iff_sql(dataset: Dataset, args: Args, _: date) -> str:
    return f"({condition(dataset, args['when'])} <> ({column(args['present'])} is not null))"


def _iff(record: Record, args: Args, _: date) -> bool:
    return _condition(record, args["when"]) != (record.get(args["present"]) is not None)


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


def _identified_sql(_: Dataset, args: Args, today: date) -> str:
    value = column(args["value"])
    branches = " ".join(
        f"when {literal(str(kind))} then {identity_sql.KINDS[check](value, today)}"
        for kind, check in args["checks"].items()
    )
    return f"case {column(args['type'])}::text {branches} else false end"


def _identified(record: Record, args: Args, today: date) -> bool:
    value, kind = record.get(args["value"]), str(record.get(args["type"]))
    check = next((check for name, check in args["checks"].items() if str(name) == kind), None)
    return value is not None and check is not None and not identity.KINDS[check](value, today)


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


def _range_sql(dataset: Dataset, args: Args, _: date) -> str:
    name, tests = column(args["field"]), []
    if dataset.field(args["field"]).hub_type.startswith("numeric"):
        tests.append(f"{name} = 'NaN'")  # a numeric column may hold it; it is greater than every number
    if args.get("min") is not None:
        tests.append(f"{name} < {args['min']}")
    if args.get("max") is not None:
        tests.append(f"{name} > {args['max']}")
    return "(" + " or ".join(tests) + ")"


def _range(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    if value is None:
        return False
    number = Decimal(str(value))
    if number.is_nan():
        return True
    low, high = args.get("min"), args.get("max")
    return (low is not None and number < Decimal(str(low))) or (high is not None and number > Decimal(str(high)))


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


def _geometry(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and not geometry.is_of(value, args["types"])


def _rings(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and not geometry.rings_closed(value)


def _positions(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and not geometry.within(value, args["lon"], args["lat"])


def _required(record: Record, args: Args, _: date) -> bool:
    return record.get(args["field"]) is None


def _length_sql(_: Dataset, args: Args, __: date) -> str:
    name, tests = column(args["field"]), []
    if args.get("max") is not None:
        tests.append(f"length({name}) > {int(args['max'])}")
    if args.get("min"):
        tests.append(f"length({name}) < {int(args['min'])}")
    return "(" + " or ".join(tests) + ")"


def _length(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and not (args.get("min") or 0) <= len(value) <= (args.get("max") or len(value))


def _pattern_sql(_: Dataset, args: Args, __: date) -> str:
    return patterns.broken_sql(column(args["field"]), args["pattern"])


def _pattern(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and re.fullmatch(args["pattern"][1:-1], value, re.DOTALL) is None


def _as_date(dataset: Dataset, name: str) -> str:
    if dataset.field(name).hub_type.startswith("timestamp"):
        return f"({column(name)} at time zone 'Asia/Shanghai')::date"
    return column(name)


CHECKS: Mapping[str, Check] = {
    "required": Check(lambda _, a, __: f"{column(a['field'])} is null", _required, ("field",)),
    "length": Check(_length_sql, _length, ("field",)),
    "pattern": Check(_pattern_sql, _pattern, ("field", "pattern")),
    "values": Check(_values_sql, _values, ("field", "values")),
    **{kind: _identity(kind) for kind in identity.KINDS},
    "birth_matches": Check(_birth_sql, _birth, ("id", "date")),
    "sex_matches": Check(_sex_sql, _sex, ("id", "sex")),
    "order": Check(_order_sql, _order, ("fields",)),
    "not_future": Check(_future_sql, _future, ("field",)),
    "when": Check(_when_sql, _when, ("when",)),
    "iff": Check(_iff_sql, _iff, ("when", "present")),
    "text": Check(_text_sql, _text, ("field", "min")),
    "identified": Check(_identified_sql, _identified, ("type", "value", "checks")),
    "prefix": Check(_prefix_sql, _prefix, ("field", "in")),
    "ending": Check(_ending_sql, _ending, ("field", "type", "endings")),
    "level_zeros": Check(_zeros_sql, _zeros, ("code", "level")),
    "parent_prefix": Check(_parent_sql, _parent, ("code", "parent")),
    "range": Check(_range_sql, _range, ("field",)),
    "not_literal": Check(
        lambda _, a, __: f"{column(a['field'])} in ({literals(list(_LITERALS))})",
        lambda r, a, _: r.get(a["field"]) in _LITERALS,
        ("field",),
    ),
    "joined": Check(_joined_sql, _joined, ("field", "parts")),
    "parts_unique": Check(_parts_sql, _parts, ("field", "separator", "other")),
    "clean": Check(_clean_sql, _clean, ("fields",)),
    "members": Check(
        lambda _, a, __: members.are_sql(column(a["field"]), a["members"]),
        lambda r, a, _: r.get(a["field"]) is not None and not members.are(r[a["field"]], a["members"]),
        ("field", "members"),
    ),
    "impersonal": Check(
        lambda _, a, __: members.personal_sql(column(a["field"]), a["members"]),
        lambda r, a, _: members.personal(r.get(a["field"]), a["members"]),
        ("field", "members"),
    ),
    "geometry": Check(
        lambda _, a, __: geometry.is_of_sql(column(a["field"]), literals(a["types"])), _geometry, ("field", "types")
    ),
    "rings_closed": Check(lambda _, a, __: geometry.rings_closed_sql(column(a["field"])), _rings, ("field",)),
    "positions": Check(
        lambda _, a, __: geometry.within_sql(column(a["field"]), a["lon"], a["lat"]),
        _positions,
        ("field", "lon", "lat"),
    ),
}
