"""Values that stand for personal ones in a rehearsal: of the same form, so that rules and joins hold, and nobody's.

Each character becomes another of its kind; numbers that identify get their check digits anew, days move by one span. Equal
values become equal ones, different ones different ones, by a key that is thrown away with the rehearsal.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from gateway.exchange import identity, rules
from gateway.model import Dataset

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_HAN = range(0x4E00, 0x9FA6)
_CODE = 2  # characters of a code: too short to name anybody, and one of a few
_TRIES = 64
_MOBILE = 11


class Masks:
    """The masks of one rehearsal."""

    def __init__(self, today: date) -> None:
        """Draw a key and a span of days; both are forgotten with this object."""
        self._key, self._today = secrets.token_bytes(32), today
        self._span = timedelta(days=1 + secrets.randbelow(28) + 365 * (1 + secrets.randbelow(3)))
        self._made: dict[str, str] = {}
        self._taken: set[str] = set()

    def row(self, dataset: Dataset | None, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what may be written of a row; None when no mask of it keeps the rules that the row keeps.

        A column that no contract knows is taken for a personal one.
        """
        open_fields = {f.name for f in dataset.fields if not f.personal} if dataset else set()
        masked = {name: value if name in open_fields else self.value(value) for name, value in row.items()}
        if dataset is None:
            return masked
        _suit(dataset, masked)
        judged = rules.judge(dataset, self._today)
        return masked if judged(masked) is None or judged(row) is not None else None

    def value(self, value: Any) -> Any:
        """Return another value of the same form."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            return int(self._text(str(value))) if abs(value) > 9 else value  # noqa: PLR2004 - one digit is a code
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return {name: self.value(item) for name, item in value.items()} if isinstance(value, dict) else value

    def _text(self, text: str) -> str:
        if len(text) <= _CODE and text.isascii():
            return text
        if text not in self._made:
            made = next((m for m in self._tried(text) if m not in self._taken and m != text), None)
            self._made[text] = made if made is not None else "*" * len(text)
            self._taken.add(self._made[text])
        return self._made[text]

    def _tried(self, text: str) -> Any:
        if _DAY.match(text):
            moved = self._day(text[:10])
            return iter([moved + text[10:]] if moved else [])
        made = _maker(text, self._today)
        return (made(self, text, turn) for turn in range(_TRIES))

    def _day(self, text: str) -> str | None:
        try:
            return (date.fromisoformat(text) - self._span).isoformat()
        except (ValueError, OverflowError):
            return None

    def signs(self, text: str, turn: int) -> str:
        """Return a text in which each letter, digit and Chinese character is another of its kind; its first digit is kept."""
        stream = hmac.new(self._key, f"{turn} {text}".encode(), hashlib.sha512).digest()
        noise = (stream * (len(text) * 2 // len(stream) + 1))[: len(text) * 2]
        return "".join(
            sign if place == 0 and sign.isdigit() else _other(sign, noise[2 * place] * 256 + noise[2 * place + 1])
            for place, sign in enumerate(text)
        )

    def id18(self, text: str, turn: int) -> str:
        """Return a citizen number of the same place and sex, born as much earlier as all days are."""
        born = date(int(text[6:10]), int(text[10:12]), int(text[12:14])) - self._span
        number = int(self.signs(text, turn)[14:17]) // 2 * 2 + int(text[16]) % 2
        body = f"{text[:6]}{max(born, date(identity.FIRST_BIRTH_YEAR, 1, 1)):%Y%m%d}{number:03}"
        total = sum(int(c) * w for c, w in zip(body, identity.CITIZEN_WEIGHTS, strict=True))
        return body + identity.CITIZEN_DIGITS[total % 11]

    def org9(self, text: str, turn: int) -> str:
        """Return an organisation code with its check character."""
        body = self.signs(f" {text[:8]}", turn)[1:]
        found = 11 - sum(int(c, 36) * w for c, w in zip(body, identity.ORG_WEIGHTS, strict=True)) % 11
        return body + {10: "X", 11: "0"}.get(found, str(found))

    def uscc(self, text: str, turn: int) -> str:
        """Return a credit code of the same kind and place, with both check characters."""
        alphabet = identity.USCC_ALPHABET
        inner = self.org9(text[8:17], turn)
        body = text[:8] + "".join(c if c in alphabet else alphabet[ord(c) % 10] for c in inner[:8])
        found = 11 - sum(int(c, 36) * w for c, w in zip(body[8:], identity.ORG_WEIGHTS, strict=True)) % 11
        body += {10: "X", 11: "0"}.get(found, str(found))
        total = sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(body))
        return body + alphabet[-total % 31]

    def mobile(self, text: str, turn: int) -> str:
        """Return a mobile number of the same kind."""
        return text[:2] + self.signs(text, turn)[2:]


Maker = Callable[[Masks, str, int], str]
_KINDS: tuple[tuple[Callable[[str, date], bool], Maker], ...] = (
    (identity.id18, Masks.id18),
    (identity.uscc, Masks.uscc),
    (identity.org9, Masks.org9),
    (lambda text, _: len(text) == _MOBILE and text.isdecimal() and text[0] == "1", Masks.mobile),
)


def _maker(text: str, today: date) -> Maker:
    return next((made for fits, made in _KINDS if text.isascii() and fits(text, today)), Masks.signs)


def _other(sign: str, noise: int) -> str:
    if "0" <= sign <= "9":
        return str(noise % 10)
    if sign.isascii() and sign.isalpha():
        return chr(ord("A" if sign.isupper() else "a") + noise % 26)
    return chr(_HAN[noise % len(_HAN)]) if ord(sign) in _HAN else sign


def _suit(dataset: Dataset, row: dict[str, Any]) -> None:
    """Let the birth date of a row be that of its number; the sex is that of the number still."""
    for rule in dataset.rules:
        if rule.check == "birth_matches" and row.get(rule.args["id"]) and row.get(rule.args["date"]):
            number, day = str(row[rule.args["id"]]), str(row[rule.args["date"]])
            if _DAY.match(day) and number[6:14].isdecimal() and len(number) == 18:  # noqa: PLR2004 - a citizen number
                row[rule.args["date"]] = f"{number[6:10]}-{number[10:12]}-{number[12:14]}{day[10:]}"
