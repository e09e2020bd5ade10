"""Documents as PDF by typst: the same bytes for the same words and fonts, and never an empty box for a character."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway import fonts
from gateway.errors import DocumentRefused


def pdf(
    template: Path, who: str, said: Mapping[str, Any], inputs: Mapping[str, str], stamp: datetime, *,
    around: bool = False,
) -> bytes:  # fmt: skip
    """Print what a document says; `stamp` is its own moment, for it does not tell when it was printed.

    DocumentRefused names the document and the characters of `said` that no font draws; with the words `around` each where those are no
    person's.
    """
    import typst  # noqa: PLC0415 - a large library that only who prints loads

    found = fonts.find()
    if not found.files:
        raise DocumentRefused(f"{who} cannot be printed: there is no Chinese font", fonts.HINT)
    if lacking := fonts.missing(_texts(said), found.files):
        shown = ", ".join(f"{c} (U+{ord(c):04X}){_around(said, c) if around else ''}" for c in lacking)
        raise DocumentRefused(f"{who} cannot be printed: no font draws {shown}", f"Reword it. {fonts.HINT}")
    made = typst.compile(
        template.read_bytes(), format="pdf", font_paths=found.found, pdf_standards=["a-2a"],
        sys_inputs={**inputs, "fonts": json.dumps(found.chains)}, timestamp=stamp.astimezone(UTC),
    )  # fmt: skip
    assert isinstance(made, bytes)
    return made


def _around(said: Mapping[str, Any], character: str) -> str:
    found = next(text for text in _texts(said) if character in text)
    place = found.index(character)
    return f" in {found[max(0, place - 10) : place + 10]}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
