"""Snapshots of code lists.

    {"format": "gateway.snapshot/1", "kind": "codelist", "source": "...", "edition": "2026-01",
     "codes": [{"code": "130823", "name": "...", "parent": null, "valid_from": null, "valid_to": "2017-04-30",
                "replaced_by": "130881"}]}

Only `code` must be there. The order means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.diff.model import BadDocument
from schemas.snapshot import frame

FACTS = ("code", "name", "parent", "valid_from", "valid_to", "replaced_by")


def snapshot(codes: Iterable[Mapping[str, Any]], *, source: str, edition: str) -> dict[str, Any]:
    """Return the snapshot of an edition."""
    kept = [{fact: code[fact] for fact in FACTS if code.get(fact) is not None} for code in codes]
    ordered = sorted(kept, key=lambda code: str(code["code"]))
    return {**frame.header("codelist"), "source": source, "edition": edition, "codes": ordered}


def codes(document: Any, what: str) -> dict[str, dict[str, str | None]]:
    """Return a snapshot's codes; BadDocument when it is no code list or has a code twice."""
    found: dict[str, dict[str, str | None]] = {}
    for at, code in enumerate(frame.objects(frame.checked(document, "codelist", what).get("codes"), f"{what}: codes")):
        facts = {fact: frame.text(code.get(fact), f"{what}: codes[{at}].{fact}") for fact in FACTS}
        if facts["code"] is None:
            raise BadDocument(f"{what}: codes[{at}] has no code")
        if facts["code"] in found:
            raise BadDocument(f"{what}: the code {facts['code']} is there twice")
        found[facts["code"]] = facts
    return found
