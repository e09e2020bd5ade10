"""The notice as a document: PDF in the layout of official documents, the same bytes for the same facts and fonts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway import printing, settings
from schemas.notice import signed

_TEMPLATE = Path(__file__).parent / "templates" / "notice.typ"


def printed(facts: Mapping[str, Any]) -> bytes:
    """Return the facts of a notice as PDF; DocumentRefused names the unit and the characters that no font can draw."""
    inputs = {"facts": json.dumps(facts), "code": signed.code(facts)}
    return printing.pdf(_TEMPLATE, f"notice {facts['number']} for {facts['unit_code']}", facts, inputs, _stamp(facts))


def _stamp(facts: Mapping[str, Any]) -> datetime:
    """Return when the revision was sent: a document does not tell when it was printed."""
    return datetime.fromisoformat(facts["announced_at"]).replace(tzinfo=settings.CHINA)
