"""Hides personal values wherever people see them: L3 personal, L4 sensitive; L1 and L2 are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.model import Dataset

_SHORT = 5
_DATE_LENGTH = 10


def mask(value: Any, classification: str) -> Any:
    """Return what may be shown of a value: `王小明` -> `王**`, `13080219800101123X` -> `130*************3X`."""
    if value is None or classification in {"L1", "L2"}:
        return value
    text = str(value)
    if len(text) <= _SHORT:
        return text[:1] + "*" * (len(text) - 1)
    if text[:1].isascii() and text.isalnum():
        return text[:3] + "*" * (len(text) - 5) + text[-2:]
    if _is_date(text):
        return text[:4] + "-**-**"
    return text[:1] + "***"


def mask_row(dataset: Dataset, row: Mapping[str, Any]) -> dict[str, Any]:
    """Mask a row of a data set; a field the contract does not know is masked as personal."""
    classes = {f.name: f.classification for f in dataset.fields}
    return {name: mask(value, classes.get(name, "L3")) for name, value in row.items()}


def _is_date(text: str) -> bool:
    return len(text) >= _DATE_LENGTH and text[4] == text[7] == "-" and text[:4].isdigit()
