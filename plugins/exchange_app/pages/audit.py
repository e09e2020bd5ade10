"""What people decided (审计): who, when, what and why, as the chain of receipts has it, each entry proven where it stands.

This file must not postpone its annotations.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from exchange_app import frame, proofs
from exchange_app.rights import Auditor
from gateway.ledger import receipts
from gateway.sql import queries

_SQL = queries(__file__)
_PAGE = 50
_DIGITS = 18
_LONGEST = 200  # characters of one fact
_TOLD = {
    "what",
    "who",
    "why",
    "kind",
    "no",
    "words",
    "decision",
}  # of a body: shown in columns of their own, or not at all

router = APIRouter()


@router.get("/audit")
def acts(request: Request, _: Auditor) -> Response:
    """List what was decided, newest first; name each entry that does not prove, and an end that was cut off."""
    asked = request.query_params
    kept = {name: text for name in ("who", "what") if (text := asked.get(name, "").strip())}
    below = asked.get("below", "")
    values = {
        "who": kept.get("who"), "what": kept.get("what"), "limit": _PAGE + 1,
        "below": int(below) if below.isascii() and below.isdigit() and len(below) <= _DIGITS else None,
    }  # fmt: skip
    with frame.hub() as hub:
        found = frame.rows(hub, _SQL["acts"], values)
        newest = frame.rows(hub, _SQL["newest"], {})
        fault = proofs.fault_at_end(hub, newest[0] if newest else None)
    rows = [_shown(row) for row in found[:_PAGE]]
    older = urlencode({**kept, "below": rows[-1]["no"]}) if len(found) > _PAGE else ""
    context = {
        "rows": rows, "older": older, "asked": kept, "below": values["below"], "fault": fault,
        "wrong": [row["no"] for row in rows if not row["holds"]], "newest": newest[0]["no"] if newest else 0,
    }  # fmt: skip
    return frame.page(request, "audit.html", context)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry in columns, with what it is about as words, and whether it proves."""
    try:
        body = json.loads(row["body"])
        proof = proofs.of_entry({**row, "body": body}, row["before"] or receipts.FIRST)
    except ValueError:  # somebody wrote over it
        body, proof = {}, {"hash": False, "joins": False, "signed": False}
    decision = body.get("decision") or {}
    about = {**{k: v for k, v in body.items() if k not in _TOLD}, **decision} if row["kind"] != "batch" else decision
    return {
        "no": row["no"], "route": row["route"], "made_at": row["made_at"], "holds": False not in proof.values(), "proof": proof,
        "what": body.get("what") or ("replay" if decision else row["kind"]),
        "who": body.get("who") or decision.get("who") or body.get("unit") or "—",
        "why": body.get("why") or decision.get("why") or body.get("words") or "",
        "about": [(k, _text(v)) for k, v in about.items() if v not in (None, "", []) and k not in _TOLD],
    }  # fmt: skip


def _text(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
