"""The same identity checks as SQL expressions that are true when the value is wrong: immutable, without regexes.

All-digits tests go through bytea: trimming bytes costs a fifth of trimming text (measured, 2 M rows). A text with a
backslash would not convert, so it is refused first; CASE branches are evaluated in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from gateway.exchange import identity

_DIGITS = "0123456789"


def only(text: str, alphabet: str) -> str:
    """Return SQL: a non-null text consists of these ASCII characters only."""
    return f"case when strpos({text}, '\\') > 0 then false else btrim(({text})::bytea, '{alphabet}'::bytea) = ''::bytea end"


def id18(text: str, today: date) -> str:
    """Return SQL: not a citizen number."""
    year, month, day = (
        f"substr({text}, 7, 4)::int",
        f"substr({text}, 11, 2)::int",
        f"substr({text}, 13, 2)::int",
    )
    number = f"left({text}, 17)::bigint"
    total = " + ".join(
        f"{number} / {10 ** (16 - i)} % 10 * {weight}" for i, weight in enumerate(identity.CITIZEN_WEIGHTS)
    )
    return (
        f"case when {text} is null then false when octet_length({text}) <> 18 then true "
        f"when not {only(f'left({text}, 17)', _DIGITS)} then true "
        f"when strpos('0123456789X', right({text}, 1)) = 0 or left({text}, 1) = '0' then true "
        f"when {year} < {identity.FIRST_BIRTH_YEAR} or {_bad_day(year, month, day)} then true "
        f"when substr({text}, 7, 8) > '{today:%Y%m%d}' collate \"C\" then true "
        f"else right({text}, 1) <> substr('{identity.CITIZEN_DIGITS}', (({total}) % 11)::int + 1, 1) end"
    )


def org9(text: str, _: date) -> str:
    """Return SQL: not an organisation code."""
    alphabet = _DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    total = " + ".join(
        f"(strpos('{alphabet}', substr({text}, {i}, 1)) - 1) * {w}" for i, w in enumerate(identity.ORG_WEIGHTS, 1)
    )
    return (
        f"case when {text} is null then false when octet_length({text}) <> 9 then true "
        f"when not {only(text, alphabet)} then true "
        f"else right({text}, 1) <> substr('0X987654321', ({total}) % 11 + 1, 1) end"
    )


def uscc(text: str, _: date) -> str:
    """Return SQL: not a unified social credit code."""
    alphabet = identity.USCC_ALPHABET
    total = " + ".join(f"(strpos('{alphabet}', substr({text}, {i + 1}, 1)) - 1) * {pow(3, i, 31)}" for i in range(17))
    return (
        f"case when {text} is null then false when octet_length({text}) <> 18 then true "
        f"when not {only(text, alphabet)} then true when not {only(f'substr({text}, 3, 6)', _DIGITS)} then true "
        f"else right({text}, 1) <> substr('{alphabet}', (31 - ({total}) % 31) % 31 + 1, 1) end"
    )


def division12(text: str, _: date) -> str:
    """Return SQL: not twelve ASCII digits."""
    return f"case when {text} is null then false when octet_length({text}) <> 12 then true else not {only(text, _DIGITS)} end"


def division6(text: str, _: date) -> str:
    """Return SQL: not six ASCII digits."""
    return f"case when {text} is null then false when octet_length({text}) <> 6 then true else not {only(text, _DIGITS)} end"


def date8(text: str, _: date) -> str:
    """Return SQL: not a calendar date written YYYYMMDD."""
    year, month, day = f"left({text}, 4)::int", f"substr({text}, 5, 2)::int", f"right({text}, 2)::int"
    return (
        f"case when {text} is null then false when octet_length({text}) <> 8 then true "
        f"when not {only(text, _DIGITS)} then true else {year} < 1 or {_bad_day(year, month, day)} end"
    )


KINDS: Mapping[str, Callable[[str, date], str]] = {
    "id18": id18,
    "org9": org9,
    "uscc": uscc,
    "division12": division12,
    "division6": division6,
    "date8": date8,
}


def _bad_day(year: str, month: str, day: str) -> str:
    """Return SQL: three integers are not a day of the calendar."""
    leap = f"({year} % 4 = 0 and ({year} % 100 <> 0 or {year} % 400 = 0))"
    last = f"case when {month} = 2 then case when {leap} then 29 else 28 end when {month} in (4, 6, 9, 11) then 30 else 31 end"
    return f"({month} < 1 or {month} > 12 or {day} < 1 or {day} > {last})"
