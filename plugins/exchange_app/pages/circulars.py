"""The archive of circulars (通报): issues with their state and proof, their files, and the review of a draft.

A unit's user sees what was published. This file must not postpone its annotations.
"""

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from psycopg2.extensions import connection as Connection
from starlette.background import BackgroundTask

from exchange_app import frame, proofs, rights
from exchange_app.rights import CircularReader, EvidenceTaker, Posted, Reviewer, Visitor
from gateway.errors import EvidenceRefused, GatewayError, IssueRefused, NotFound
from gateway.ledger import receipts
from gateway.sla import issues
from gateway.sla.periods import Period
from gateway.sql import queries

SQL = queries(__file__)
_OFFICE = "application/vnd.openxmlformats-officedocument"
FORMS = {  # the name of its file, and what that is
    "pdf": ("circular-{}.pdf", "application/pdf"),
    "docx": ("circular-{}.docx", f"{_OFFICE}.wordprocessingml.document"),
    "xlsx": ("annex-{}.xlsx", f"{_OFFICE}.spreadsheetml.sheet"),
    "csv": ("units-{}.csv", "text/csv; charset=utf-8"),
    "json": ("circular-{}.json", "application/json"),
}
PeriodName = Annotated[str, InPath(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])[AB]$")]
Form = Literal["pdf", "docx", "xlsx", "csv", "json"]

router = APIRouter()


@router.get("/circulars")
def archive(request: Request, visitor: CircularReader) -> Response:
    """List issues, newest period first, each with what its document's proof says."""
    return _archive(request, visitor)


@router.post("/circulars/{period}/review")
def review(request: Request, period: PeriodName, visitor: Reviewer, _: Posted) -> Response:
    """Note that the visitor has read a draft."""
    try:
        issues.review(frame.deployment(), Period.of(period), who=visitor.login)
    except IssueRefused as refused:
        return _archive(request, visitor, refused)
    return frame.seen(request, "circulars")


@router.post("/circulars/{period}/evidence")
def evidence(request: Request, period: PeriodName, visitor: EvidenceTaker, _: Posted) -> Response:
    """Hand out what a period's figures were made of, as a file with its own verifier; who took it stands in the chain."""
    folder = TemporaryDirectory(prefix="gateway-evidence-")
    file = Path(folder.name) / f"evidence-{period}.zip"
    try:
        issues.hand_out(frame.deployment(), Period.of(period), file, who=visitor.login)
    except BaseException as error:
        folder.cleanup()
        if isinstance(error, EvidenceRefused):
            return _archive(request, visitor, error)
        raise
    return FileResponse(
        file, media_type="application/zip", filename=file.name, background=BackgroundTask(folder.cleanup)
    )


@router.get("/circulars/{period}/{form}")
def download(period: PeriodName, form: Form, visitor: CircularReader) -> Response:
    """Return a file of an issue: as it was published, or made now, with its mark, while it is not."""
    name, kind = FORMS[form][0].format(period), FORMS[form][1]
    try:
        issue = issues.get(frame.deployment(), Period.of(period))
    except IssueRefused:
        issue = {"state": "none"}
    if issue["state"] == "none" or not _may_see(visitor, issue):
        raise NotFound(f"there is no issue of {period} for you", "See the list of circulars.")
    data = _kept(issue, name) if issue["state"] == "published" else issues.documents(frame.deployment(), issue)[name]
    return Response(data, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _archive(request: Request, visitor: Visitor, refused: GatewayError | None = None) -> Response:
    with frame.hub() as hub:
        rows = [row for row in issues.listing(hub) if _may_see(visitor, row)]
        told = _told(hub)
    for row in rows:
        row["chinese"], row["proof"] = Period.of(row["period"]).chinese, _proof(row, told.get(row["period"]))
    can = visitor.may(rights.REVIEW) or visitor.may(rights.EVIDENCE)
    context = {
        "rows": rows, "forms": FORMS, "refused": refused, "token": rights.token(visitor) if can else "",
        "running": Period.around(frame.today()),
    }  # fmt: skip
    return frame.page(request, "circulars.html", context, 409 if refused else 200)


def _may_see(visitor: Visitor, issue: dict[str, Any]) -> bool:
    return issue["state"] == "published" or visitor.may(rights.READ)


def _told(hub: Connection) -> dict[str, str]:
    """Return the document's hash that the chain has for each period, of those entries alone that prove."""
    found = {}
    for row in frame.rows(hub, SQL["published"], {}):
        body = json.loads(row["body"])
        proof = proofs.of_entry({**row, "body": body}, row["before"] or receipts.FIRST)
        if False not in proof.values():
            found[str(body["period"])] = str(body["sha256"])
    return found


def _proof(issue: dict[str, Any], told: str | None) -> tuple[str, str, str]:
    """Return colour, Chinese and English of whether a published document is the one that the chain names."""
    if issue["state"] != "published":
        return "na", "尚未印发", "not published"
    if told != issue["document_hash"]:
        return "bad", "✗ 与回执链不符", "not what the chain says"
    try:
        _kept(issue, FORMS["pdf"][0].format(issue["period"]))
    except NotFound:
        return "bad", "✗ 文件缺失或被改动", "the file is missing or was changed"
    return "ok", "✓ 签名与文件相符", "signature and file hold"


def _kept(issue: dict[str, Any], name: str) -> bytes:
    """Return a published file; the document is what was published, or is not there."""
    path = issues.folder_of(Period.of(issue["period"])) / name
    data = path.read_bytes() if path.exists() else b""
    if not data or (name.endswith(".pdf") and hashlib.sha256(data).hexdigest() != issue["document_hash"]):
        raise NotFound(
            f"{name} is not on this machine as it was published",
            f"Look at the copies of {issue['period']} that were mailed.",
        )
    return data
