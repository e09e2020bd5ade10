"""One thing that was looked at, for `gateway doctor` and the page of health."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ok, warn or fail, with a hint when it is not ok."""

    what: str
    state: str
    detail: str
    hint: str = ""
