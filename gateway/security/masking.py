"""Hides personal values wherever people see them: L3 personal, L4 sensitive; L1 and L2 are shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gateway.model import Dataset

_SHORT = 5
_DATE_LENGTH = 10
_NUMBER = re.compile(r"(?<![0-9A-Za-z])(?=[0-9A-Za-z]*[0-9]{6})[0-9A-Za-z]{7,}(?![0-9A-Za-z])")


def mask(value: Any, classification: str) -> Any:
    """Return what may be shown of a value: `王小明` -> `王**`, `13080219800101123X` -> `130*************3X`."""
    if value is None or classification in {"L1", "L2"}:
        return value
    text = str(value)
    if len(text) <= _SHORT:
        return text[:1] + "*" * (len(text) - 1)
    if text.isascii() and text.isalnum():
        return text[:3] + "*" * (len(text) - 5) + text[-2:]
    if _is_date(text):
        return text[:4] + "-**-**"
    return text[:1] + "***"


def mask_row(dataset: Dataset, row: Mapping[str, Any]) -> dict[str, Any]:
    """Mask a row of a data set; a field the contract does not know is masked as personal."""
    classes = {f.name: f.classification for f in dataset.fields}
    return {name: mask(value, classes.get(name, "L3")) for name, value in row.items()}


def mask_words(dataset: Dataset, row: Mapping[str, Any], words: str) -> str:
    """Return what a peer wrote about a row without the row's personal values, and with every long number masked."""
    personal = {
        str(row[f.name]): f.classification for f in dataset.fields if f.personal and row.get(f.name) is not None
    }
    for value in sorted(personal, key=len, reverse=True):
        if len(value) > 1:
            words = words.replace(value, str(mask(value, personal[value])))
    return _NUMBER.sub(lambda found: str(mask(found[0], "L4")), words)


def _is_date(text: str) -> bool:
    return len(text) >= _DATE_LENGTH and text[4] == text[7] == "-" and text[:4].isdigit()
