"""Checks of numbers that identify: of persons, organisations, divisions and days, and of what such a number tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import takewhile

from gateway.exchange import identity, identity_sql, patterns
from gateway.exchange.check import Args, Check, Record, column, literal
from gateway.model import Dataset

_ID_LENGTH = 18
# From this day until the end of February 2100 every fourth year has a leap day, so that one table of four years tells
# year, month and day of each: taking them apart by `date_part` was a fourth of what judging a person cost.
_MARCH, _END = date(1900, 3, 1), date(2100, 3, 1)
_CYCLE = 1461


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
    digits = f"substr({text}, 7, 8)"
    differs = (
        f"when {born} >= date '{_MARCH}' and {born} < date '{_END}' then {digits}::int <> {_by_table(born)} "
        f"else {digits}::int <> {_by_parts(born)} end"
    )
    if _surely_digits(dataset, args["id"], 7, 8, args):
        return f"case when {born} is null then false {differs}"
    return (
        f"case when {text} is null or {born} is null or octet_length({text}) <> 18 or length({text}) <> 18 then false "
        f"when btrim({digits}, '0123456789') <> '' then false {differs}"
    )


def _by_table(day: str) -> str:
    """Return SQL: the number YYYYMMDD of a day between `_MARCH` and `_END`."""
    days = (_MARCH + timedelta(days=n) for n in range(_CYCLE))
    table = ",".join(str((d.year - _MARCH.year) * 10000 + d.month * 100 + d.day) for d in days)
    since = f"({day} - date '{_MARCH}')"
    return f"('{{{table}}}'::int[])[{since} % {_CYCLE} + 1] + {since} / {_CYCLE} * 40000 + {_MARCH.year}0000"


def _by_parts(day: str) -> str:
    """Return SQL: the number YYYYMMDD of any day, an infinite one too."""
    return f"date_part('year', {day}) * 10000 + date_part('month', {day}) * 100 + date_part('day', {day})"


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


CHECKS: Mapping[str, Check] = {
    **{kind: _identity(kind) for kind in identity.KINDS},
    "birth_matches": Check(_birth_sql, _birth, ("id", "date")),
    "sex_matches": Check(_sex_sql, _sex, ("id", "sex")),
    "identified": Check(_identified_sql, _identified, ("type", "value", "checks")),
}
