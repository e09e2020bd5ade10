"""Checks of values and of how fields depend on each other: lists and ranges, orders, days, conditions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

from gateway.exchange.check import Args, Check, Record, column, listed
from gateway.model import Dataset
from gateway.settings import CHINA


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
    return f"coalesce({name} in ({listed(dataset, when['field'], when['in'])}), false)"


def _condition(record: Record, when: Args) -> bool:
    value = record.get(when["field"])
    holds = value is not None and ("in" not in when or _among(value, when["in"]))
    return holds and ("and" not in when or _condition(record, when["and"]))


def _required(record: Record, args: Args, _: date) -> bool:
    return record.get(args["field"]) is None


def _values_sql(dataset: Dataset, args: Args, _: date) -> str:
    return f"{column(args['field'])} not in ({listed(dataset, args['field'], args['values'])})"


def _values(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and not _among(value, args["values"])


def _among(value: Any, listed: list[Any]) -> bool:
    """Tell whether a value is one of a list, as the database compares: numbers by value, all else by its text."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return any(value == Decimal(v) for v in listed)
    return str(value) in map(str, listed)


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


def _as_date(dataset: Dataset, name: str) -> str:
    if dataset.field(name).hub_type.startswith("timestamp"):
        return f"({column(name)} at time zone 'Asia/Shanghai')::date"
    return column(name)


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


CHECKS: Mapping[str, Check] = {
    "required": Check(lambda _, a, __: f"{column(a['field'])} is null", _required, ("field",)),
    "values": Check(_values_sql, _values, ("field", "values")),
    "range": Check(_range_sql, _range, ("field",)),
    "order": Check(_order_sql, _order, ("fields",)),
    "not_future": Check(_future_sql, _future, ("field",)),
    "when": Check(_when_sql, _when, ("when",)),
    "iff": Check(_iff_sql, _iff, ("when", "present")),
}
