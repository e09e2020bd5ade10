"""The same identity checks as SQL expressions that are true when the value is wrong: immutable, without regexes.

They work on the text's bytes: a text function walks over characters of many lengths and costs three to five times as
much (measured, 2 M rows). A text with a backslash would not convert, so it is refused first; CASE branches are
evaluated in order, and each later branch may rely on the earlier ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from gateway.exchange import identity

_DIGITS = "0123456789"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MONTHS = ",".join(f"{month:02}" for month in range(1, 13))
_SAFE_DAYS = ",".join(f"{day:02}" for day in range(1, 29))  # every month has these


def begin(text: str, length: int) -> str:
    """Return the first branches of a CASE: null is not wrong, another length is, and so is what has no plain bytes."""
    return (
        f"case when {text} is null then false when octet_length({text}) <> {length} then true "
        f"when strpos({text}, '\\') > 0 then true"
    )


def part(text: str, start: int, count: int) -> str:
    """Return SQL: some bytes of a text that `begin` let pass; places count from 1."""
    return f"substr({text}::bytea, {start}, {count})"


def only(bytes_: str, alphabet: str) -> str:
    """Return SQL: bytes consist of these ASCII characters only."""
    return f"btrim({bytes_}, '{alphabet}'::bytea) = ''::bytea"


def id18(text: str, today: date) -> str:
    """Return SQL: not a citizen number."""
    total = " + ".join(f"get_byte({text}::bytea, {i}) * {w}" for i, w in enumerate(identity.CITIZEN_WEIGHTS))
    zeros = ord("0") * sum(identity.CITIZEN_WEIGHTS)
    return (
        f"{begin(text, 18)} when not {only(part(text, 1, 17), _DIGITS)} then true "
        f"when get_byte({text}::bytea, 0) = {ord('0')} then true "
        f"when {part(text, 7, 8)} < '{identity.FIRST_BIRTH_YEAR}0101'::bytea then true "
        f"when {part(text, 7, 8)} > '{today:%Y%m%d}'::bytea then true when {_bad_day(text, 7)} then true "
        f"else {part(text, 18, 1)} <> substr('{identity.CITIZEN_DIGITS}'::bytea, ({total} - {zeros}) % 11 + 1, 1) end"
    )


def org9(text: str, _: date) -> str:
    """Return SQL: not an organisation code."""
    alphabet = _DIGITS + _LETTERS
    total = _weighted(text, alphabet, identity.ORG_WEIGHTS)
    return (
        f"{begin(text, 9)} when not {only(f'{text}::bytea', alphabet)} then true "
        f"else {part(text, 9, 1)} <> substr('0X987654321'::bytea, ({total}) % 11 + 1, 1) end"
    )


def uscc(text: str, _: date) -> str:
    """Return SQL: not a unified social credit code."""
    alphabet = identity.USCC_ALPHABET
    total = _weighted(text, alphabet, [pow(3, i, 31) for i in range(17)])
    return (
        f"{begin(text, 18)} when not {only(f'{text}::bytea', alphabet)} then true "
        f"when not {only(part(text, 3, 6), _DIGITS)} then true "
        f"else {part(text, 18, 1)} <> substr('{alphabet}'::bytea, (31 - ({total}) % 31) % 31 + 1, 1) end"
    )


def division12(text: str, _: date) -> str:
    """Return SQL: not twelve ASCII digits."""
    return f"{begin(text, 12)} else not {only(f'{text}::bytea', _DIGITS)} end"


def division6(text: str, _: date) -> str:
    """Return SQL: not six ASCII digits."""
    return f"{begin(text, 6)} else not {only(f'{text}::bytea', _DIGITS)} end"


def date8(text: str, _: date) -> str:
    """Return SQL: not a calendar date written YYYYMMDD."""
    return (
        f"{begin(text, 8)} when not {only(f'{text}::bytea', _DIGITS)} then true "
        f"when {part(text, 1, 4)} = '0000'::bytea then true else {_bad_day(text, 1)} end"
    )


KINDS: Mapping[str, Callable[[str, date], str]] = {
    "id18": id18,
    "org9": org9,
    "uscc": uscc,
    "division12": division12,
    "division6": division6,
    "date8": date8,
}


def _weighted(text: str, alphabet: str, weights: Sequence[int]) -> str:
    """Return SQL: the sum of each character's place in the alphabet times its weight, by a table of bytes."""
    places = "".join(f"{alphabet.find(chr(code)) if chr(code) in alphabet else 0:02x}" for code in range(128))
    return " + ".join(
        f"get_byte('\\x{places}'::bytea, get_byte({text}::bytea, {i})) * {weight}" for i, weight in enumerate(weights)
    )


def _bad_day(text: str, start: int) -> str:
    """Return SQL: eight digits from `start` are no day of the calendar; most days are decided by two look-ups."""
    year, month, day = part(text, start, 4), part(text, start + 4, 2), part(text, start + 6, 2)
    number = f"encode({year}, 'escape')::int"
    leap = f"({number} % 4 = 0 and ({number} % 100 <> 0 or {number} % 400 = 0))"
    return (
        f"case when position({month} in '{_MONTHS}'::bytea) = 0 then true "
        f"when position({day} in '{_SAFE_DAYS}'::bytea) > 0 then false "
        f"when {day} = '29'::bytea then {month} = '02'::bytea and not {leap} "
        f"when {day} = '30'::bytea then {month} = '02'::bytea "
        f"when {day} = '31'::bytea then position({month} in '02,04,06,09,11'::bytea) > 0 else true end"
    )
