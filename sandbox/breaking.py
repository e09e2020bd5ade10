"""Makes a good row bad in one known way: one breaker per check of the contracts' vocabulary."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sandbox import documents, identity, supervision
from sandbox.sources import SourceRule, SourceTable

Row = dict[str, Any]
BESIDE_ANOTHER = frozenset({"unique", "no_overlap"})  # such a row is bad only beside a good one
_NOBODY = identity.uscc("11", "990000", identity.organisation_code(1, "WX"))
_EARLY = datetime(2001, 1, 1)  # noqa: DTZ001 - sources hold naive times
_SOON = 700  # days: far enough ahead to be in the future for whoever runs the demo


def broken(rule: SourceRule, table: SourceTable, row: Row, other: Row) -> Row | None:
    """Return the row with one rule broken, or None where nobody knows how; `other` is a good row."""
    if table.dataset in supervision.KEYS:
        return supervision.broken(table.dataset, rule.id, row, other)
    if table.dataset == documents.META:
        return None if rule.id == documents.BESIDE_LOWER else documents.broken(rule.id, row)
    breaker = _BREAKERS.get(rule.check)
    if breaker is None:
        return None
    return row | breaker(rule.args, row, other, table)


def _flip(text: str) -> str:
    return text[:-1] + ("1" if text[-1] != "1" else "2")


def _uscc(args: Mapping[str, Any], row: Row, *_: Any) -> Row:
    """Spoil the check character of a code, which may be the beginning of a longer one."""
    text = row[args["field"]]
    ends = args["start"] - 1 + args["length"] if "start" in args else len(text)
    return {args["field"]: _flip(text[:ends]) + text[ends:]}


def _field(value: Any) -> Callable[..., Row]:
    return lambda args, *_: {args["field"]: value}


def _identified(args: Mapping[str, Any], row: Row, *_: Any) -> Row:
    kind = next(iter(args["checks"]))
    return {
        args["type"]: kind,
        args["value"]: "130802199001011234" if kind == "111" else _flip(str(row[args["value"]])),
    }


def _order(args: Mapping[str, Any], row: Row, _: Row, table: SourceTable) -> Row:
    first, last = args["fields"][0], args["fields"][-1]
    begins = row.get(first) or date(2020, 1, 1)
    if isinstance(begins, int):
        return {first: begins + 2, last: begins + 1}
    if isinstance(begins, str):
        begins = datetime.fromisoformat(begins)
    return {first: _held(begins, first, table), last: _held(begins - timedelta(days=30), last, table)}


def _held(when: date, name: str, table: SourceTable) -> Any:
    """Return a day or a time as its column holds it."""
    column = table.column(name)
    if any(rule.check == "date8" and rule.args["field"] == name for rule in table.rules):
        return f"{when:%Y%m%d}"
    if column.text:
        return f"{when:%Y-%m-%d}"
    return when.date() if column.type == "date" and isinstance(when, datetime) else when


def _future(args: Mapping[str, Any], row: Row, _: Row, table: SourceTable) -> Row:
    late = datetime.now().replace(microsecond=0) + timedelta(days=_SOON)  # noqa: DTZ005 - sources hold naive times
    later: Row = {n: _held(late, n, table) if table.column(n).required else None for n in _later(args["field"], table)}
    found: Row = later | {args["field"]: _held(late, args["field"], table)}
    if "status" in row and args["field"] == "death_on":
        found["status"] = "4"
    return found


def _later(field: str, table: SourceTable) -> Iterator[str]:
    """Yield the fields that must not lie before this one: they would break another rule first."""
    for rule in table.rules:
        if rule.check == "order" and field in rule.args["fields"]:
            yield from rule.args["fields"][rule.args["fields"].index(field) + 1 :]


def _implication(args: Mapping[str, Any], _: Row, __: Row, table: SourceTable) -> Row:
    field, values, then, more = args["when"]["field"], args["when"].get("in"), args.get("in"), args["when"].get("and")
    found: Row = {field: values[0] if values else date(2025, 12, 31)}
    found |= {more["field"]: more["in"][0]} if more else {}
    if then:
        return found | _unlisted(then["field"], then["values"], table.listed(then["field"]) or ("2", "1", "0"), table)
    declared = args.get("present", [])
    present = declared if isinstance(declared, list) else [declared]
    return found | dict.fromkeys([*present, *_bound(field, table)])


def _unlisted(field: str, values: Iterable[Any], known: Iterable[str], table: SourceTable) -> Row:
    """Return the first known value that is not among these, as the column holds it."""
    value = next(value for value in known if value not in map(str, values))
    return {field: value if table.column(field).text else int(value)}


def _values(args: Mapping[str, Any], _: Row, __: Row, table: SourceTable) -> Row:
    return _unlisted(args["field"], table.listed(args["field"]), ("7", "6", "Z"), table)


def _text(args: Mapping[str, Any], row: Row, *_: Any) -> Row:
    return {args["field"]: row[args["differs_from"]] if "differs_from" in args else "材料不齐"}


def _ending(args: Mapping[str, Any], row: Row, *_: Any) -> Row:
    ending = next(ending for ending, kind in args["endings"].items() if str(row[args["type"]]) != str(kind))
    return {args["field"]: f"试办{ending}"}


def _bound(field: str, table: SourceTable) -> Iterator[str]:
    """Yield the fields that stand only beside some value of this one: left there they would break another rule first."""
    for rule in table.rules:
        if rule.check == "iff" and rule.args["when"]["field"] == field:
            yield rule.args["present"]


def _code(args: Mapping[str, Any], _: Row, __: Row, table: SourceTable) -> Row:
    """Return a township of a county that never was, below a parent that it fits."""
    if args.get("list") != "division":
        return {}
    parents = {r.args["parent"]: "990000000000" for r in table.rules if r.check == "parent_prefix"}
    return {args["field"]: "990802001000"[: table.column(args["field"]).size]} | parents


def _parent(args: Mapping[str, Any], row: Row, *_: Any) -> Row:
    return {args["parent"]: "990000000000" if row[args["code"]] else None}


def _overlap(args: Mapping[str, Any], row: Row, other: Row, table: SourceTable) -> Row:
    """Return the other row once more, under a key of its own and a little later."""
    begins, own = other[args["from"]], set(table.key) - {*args["keys"], args["from"]}
    later = begins + timedelta(minutes=1) if isinstance(begins, datetime) else date.fromisoformat(begins) + timedelta(1)
    return other | {name: row[name] for name in own} | {args["from"]: later}


def _exists(args: Mapping[str, Any], row: Row, _: Row, table: SourceTable) -> Row:
    """Refer to nobody; or where the rule is for some rows only, make this one of them: nothing was made for it."""
    field, when = args["fields"][0], args.get("when", {})
    if "in" in when and str(row[when["field"]]) not in when["in"]:
        return {when["field"]: when["in"][0]}
    coded = any(r.check == "uscc" and r.args["field"] == field for r in table.rules)
    return {field: _NOBODY if coded else "130800000000000000000"[: table.column(field).size]}


def _not_before(args: Mapping[str, Any], _: Row, __: Row, table: SourceTable) -> Row:
    """Put a time long before, and those that must not lie after it."""
    earlier = [r.args["fields"] for r in table.rules if r.check == "order" and args["field"] in r.args["fields"]]
    return dict.fromkeys(
        [*(f for fields in earlier for f in fields[: fields.index(args["field"])]), args["field"]], _EARLY
    )


def _parent_exists(args: Mapping[str, Any], row: Row, *_: Any) -> Row:
    if "from" not in args:
        return {args["parent"]: "130800000000000000000"}
    return {args["code"]: row[args["code"]][:9] + "001", args["parent"]: row[args["code"]], "level": "5"}


def _control(_: Mapping[str, Any], row: Row, __: Row, table: SourceTable) -> Row:
    """Put a control character into a text that no other rule looks at."""
    ruled = {name for rule in table.rules for name in _names(rule.args)} | set(table.key)
    plain = next(c.name for c in table.columns if c.text and c.minimum == 0 and c.name not in ruled)
    return {plain: f"{str(row.get(plain) or '')[:1]}\x02"}


def _object(held: Any, member: str, value: str) -> str:
    """Return a document, which a table holds as its text, with another member."""
    return json.dumps((json.loads(held) if isinstance(held, str) else held) | {member: value}, ensure_ascii=False)


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _names(inner)


_BREAKERS: Mapping[str, Callable[..., Row]] = {
    "id18": lambda args, row, *_: {args["field"]: _flip(row[args["field"]])},
    "uscc": _uscc,
    "division12": _field("13080X000000"),
    "division6": _field("13080X"),
    "date8": _field("20230230"),
    "values": _values,
    "pattern": _field("待定"),
    "range": _field(-1),
    "order": _order,
    "not_future": _future,
    "iff": _implication,
    "when": _implication,
    "identified": _identified,
    "birth_matches": lambda args, row, *_: {
        args["date"]: "1949-10-01" if str(row[args["date"]]) != "1949-10-01" else "1950-01-01"
    },
    "text": _text,
    "keyed_hash": _field("f" * 64),
    "code_on": _code,
    "parent_prefix": _parent,
    "level_zeros": lambda args, row, *_: {args["level"]: "3" if str(row[args["level"]]) != "3" else "4"},
    "not_before": _not_before,
    "within_limit": lambda args, *_: {args["to"]: datetime.now().replace(microsecond=0)},  # noqa: DTZ005 - sources hold naive times
    "exists": _exists,
    "unique": lambda args, _, other, *__: {name: other[name] for name in args["fields"]},
    "no_overlap": _overlap,
    "parent_exists": _parent_exists,
    "not_literal": _field("无"),
    "ending": _ending,
    "sum_within": _field("90.0"),
    "members": lambda args, row, *_: {args["field"]: _object(row[args["field"]], next(iter(args["members"])), "")},
    "impersonal": lambda args, row, *_: {
        args["field"]: _object(row[args["field"]], args["members"][0], "请致电13803140001")
    },
    "clean": _control,
    "in_sequence": lambda args, row, *_: {args["field"]: row[args["field"]] + 2},
}
