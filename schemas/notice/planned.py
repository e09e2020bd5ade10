"""A change that somebody plans, from a YAML file: what is to change, why, and from when.

change: legal_address_split        # its own name: the same file drafts one notice
platform: legal                    # whose structure changes
dataset: legal.market_entity
reason: 住所拆分为行政区划与详细地址
ddl: legal_address_split.sql       # beside the file; or kind, old and new: two documents to compare
effective: 2026-12-20              # the earliest day that the class allows when left out
measures: 按新字段取数              # what units are asked to do
fallback: 恢复旧结构
rehearsal: 12月1日至3日，演练库 rehearsal，样例数据 1000 条
contact: 张三 0314-0000000
old_columns:                       # how an old-shape view makes what is gone, from the new columns; NULL when left out
  address: concat(address_county, address_detail)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from gateway import yamlfile
from gateway.deployment import Deployment
from gateway.yamlfile import Located
from schemas import scratch
from schemas.diff import documents
from schemas.diff.compare import compare
from schemas.diff.model import BadDocument, Change, Policy
from schemas.notice import announced

_NAMES = frozenset({
    "change", "platform", "dataset", "reason", "ddl", "kind", "old", "new", "effective", "measures", "fallback", "contact", "basis",
    "rehearsal", "old_columns",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """What the notice says, and the changes found by making them on a copy or by comparing documents."""

    body: dict[str, Any]
    changes: tuple[Change, ...]


def read(deployment: Deployment, path: Path) -> Planned:
    """Read a planned change; CatalogInvalid names line and field of what is wrong, SchemaMismatch a script that fails."""
    found = yamlfile.read(path)
    for name in found.data:
        if name not in _NAMES:
            raise found.fault(str(name), "there is no such field", f"There are {', '.join(sorted(_NAMES))}.")
    body: dict[str, Any] = {name: str(found.require(name)) for name in ("platform", "dataset", "reason")}
    body |= {
        name: str(found.data[name])
        for name in ("measures", "fallback", "contact", "basis", "rehearsal")
        if found.get(name)
    }
    effective = found.get("effective")
    if effective is not None and type(effective) is not date:
        raise found.fault("effective", "this is no day", "Write for example `effective: 2026-12-20`.")
    for name, known in (("platform", deployment.catalog.platforms), ("dataset", deployment.catalog.datasets)):
        if body[name] not in known:
            raise found.fault(name, f"there is none of the name {body[name]}", f"There are {', '.join(sorted(known))}.")
    if found.get("old_columns") is not None:
        body["old_columns"] = _expressions(found)
    origin = f"planned {found.require('change')}"
    made = _made(deployment, found, body["platform"])
    return Planned({**body, **made.body, "effective": effective, "origin": origin}, made.changes)


def _expressions(found: Located) -> dict[str, str]:
    """Return what old columns are made of; each is one expression, not the end of one statement and another."""
    given = found.data["old_columns"]
    if not isinstance(given, dict):
        raise found.fault("old_columns", "this is no list of columns", "Write `column: expression`, one a line.")
    for name, text in given.items():
        if not isinstance(text, str) or not text.strip() or any(sign in text for sign in (";", "--", "/*")):
            raise found.fault(
                f"old_columns.{name}", "this is no expression", "Write for example `concat(county, detail)`."
            )
    return {str(name): text for name, text in given.items()}


def by_script(deployment: Deployment, platform: str, script: str) -> Planned:
    """Return what a script would change and leave, by running it on a copy of the platform's structure."""
    tried = scratch.tried(deployment, deployment.catalog.platforms[platform], script)
    return Planned({"script": script, "announced": dict(tried.announced)}, tried.changes)


def by_documents(kind: str, old: Any, new: Any) -> Planned:
    """Return what is different between two documents of a kind; BadDocument when one is none of that kind."""
    changes = compare(kind, old, new, "both", Policy()).changes
    # Kept, for a rehearsal judges records by both.
    return Planned(
        {"kind": kind, "old": old, "new": new, "announced": dict(announced.of_documents(kind, old, new))}, changes
    )


def by_texts(kind: str, old: str, new: str) -> Planned:
    """Return what is different between two documents that were typed in; BadDocument as `by_documents`."""
    return by_documents(kind, *(documents.parse(text, kind, name) for name, text in (("old", old), ("new", new))))


def _made(deployment: Deployment, found: Located, platform: str) -> Planned:
    """Return what the plan's script or documents change, and what a notice keeps of them."""
    folder = found.path.parent
    if script := found.get("ddl"):
        return by_script(deployment, platform, (folder / str(script)).read_text(encoding="utf-8"))
    if found.get("kind") is None:
        raise found.fault(
            "ddl", "this is missing", "Name the script in `ddl`, or two documents in `kind`, `old` and `new`."
        )
    kind = str(found.require("kind"))
    old, new = (_document(found, side, kind) for side in ("old", "new"))
    try:
        return by_documents(kind, old, new)
    except BadDocument as error:
        raise found.fault("kind", str(error).removeprefix("kind: "), "Name two documents of that kind.") from None


def _document(found: Located, side: str, kind: str) -> Any:
    path = found.path.parent / str(found.require(side))
    try:
        return documents.read(path, kind)
    except BadDocument as error:
        raise found.fault(side, str(error), "The document stands beside the plan.") from None
