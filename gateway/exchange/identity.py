r"""Check digits of Chinese identities, in Python: GB 11643 (citizen), GB 11714 (organisation), GB 32100 (credit code).

Full-width digits are refused although Python's int() and `\d` would take them. The region part of a citizen number is
not judged here: a number keeps the code of the place that first issued it for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

CITIZEN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CITIZEN_DIGITS = "10X98765432"
ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I O S V Z
FIRST_BIRTH_YEAR = 1860


def id18(text: str, today: date) -> bool:
    """Tell whether an 18-character citizen number is well formed, with a real birth date and its check digit."""
    if not re.fullmatch(r"[1-9]\d{16}[\dX]", text, re.ASCII):
        return False
    try:
        born = date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    if not date(FIRST_BIRTH_YEAR, 1, 1) <= born <= today:
        return False
    total = sum(int(c) * w for c, w in zip(text, CITIZEN_WEIGHTS, strict=False))
    return CITIZEN_DIGITS[total % 11] == text[17]


def org9(text: str, _: date) -> bool:
    """Tell whether a nine-character organisation code carries its check character."""
    if not re.fullmatch(r"[0-9A-Z]{8}[0-9X]", text):
        return False
    total = sum(int(c, 36) * w for c, w in zip(text, ORG_WEIGHTS, strict=False))
    found = 11 - total % 11
    return {10: "X", 11: "0"}.get(found, str(found)) == text[8]


def uscc(text: str, _: date) -> bool:
    """Tell whether a unified social credit code carries its check character (weights 3^i mod 31)."""
    if not re.fullmatch(r"[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}", text, re.ASCII):
        return False
    total = sum(USCC_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(text[:17]))
    return USCC_ALPHABET[-total % 31] == text[17]


def division12(text: str, _: date) -> bool:
    """Tell whether a text is twelve ASCII digits."""
    return re.fullmatch(r"[0-9]{12}", text) is not None


def division6(text: str, _: date) -> bool:
    """Tell whether a text is six ASCII digits."""
    return re.fullmatch(r"[0-9]{6}", text) is not None


def date8(text: str, _: date) -> bool:
    """Tell whether a text is a calendar date written YYYYMMDD."""
    if not re.fullmatch(r"[0-9]{8}", text):
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


KINDS: Mapping[str, Callable[[str, date], bool]] = {
    "id18": id18,
    "org9": org9,
    "uscc": uscc,
    "division12": division12,
    "division6": division6,
    "date8": date8,
}
