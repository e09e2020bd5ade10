"""Identity numbers with valid check characters, made and never checked: GB 11643, GB 11714, GB 32100.

Written apart from the gateway's own checks on purpose: two readings of a standard that agree prove each other.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import date

REGION_LENGTH = 6
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def weigh(digits: str, start: int = 0) -> int:
    """Return the weighted sum of digits that stand at position `start` (0-based) of a citizen number."""
    return sum(int(c) * w for c, w in zip(digits, _WEIGHTS[start:], strict=False))


def check_digit(total: int) -> str:
    """Return the check digit for a weighted sum of the first 17 digits (ISO 7064 MOD 11-2)."""
    return _CHECK[total % 11]


def citizen_number(region: str, born: date, sequence: int) -> str:
    """Return an 18-character citizen number; an odd sequence (1-999) is male."""
    first = f"{region}{born:%Y%m%d}{sequence:03d}"
    return first + check_digit(weigh(first))


def keyed_hash(number: str, key: bytes) -> str:
    """Return HMAC-SHA256 of a citizen number as 64 lower-case hex digits."""
    return hmac.digest(key, number.encode(), hashlib.sha256).hex()


def organisation_code(serial: int, letters: str = "MA") -> str:
    """Return a 9-character organisation code: two letters, six characters of the serial, the check character."""
    body = letters
    for _ in range(6):
        serial, digit = divmod(serial, len(_USCC))
        body += _USCC[digit]
    return body + _organisation_check(body)


def uscc(prefix: str, region: str, code: str) -> str:
    """Return an 18-character unified social credit code around a 9-character organisation code."""
    first = prefix + region + code
    return first + _USCC[-sum(_USCC.index(c) * pow(3, i, 31) for i, c in enumerate(first)) % 31]


def wrong_organisation_code(code: str) -> str:
    """Return the organisation code with a check character that is certainly wrong."""
    return code[:8] + ("1" if code[8] != "1" else "2")


def _organisation_check(body: str) -> str:
    left = 11 - sum(int(c, 36) * w for c, w in zip(body, _ORG_WEIGHTS, strict=True)) % 11
    return {10: "X", 11: "0"}.get(left, str(left))
