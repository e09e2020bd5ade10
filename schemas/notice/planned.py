"""A change that somebody plans, from a YAML file: what is to change, why, and from when.

change: legal_address_split        # its own name: the same file drafts one notice
platform: legal                    # whose structure changes
dataset: legal.market_entity
reason: 住所拆分为行政区划与详细地址
ddl: legal_address_split.sql       # beside the file; or kind, old and new: two documents to compare
effective: 2026-12-20              # the earliest day that the class allows when left out
measures: 按新字段取数              # what units are asked to do
fallback: 恢复旧结构
contact: 张三 0314-0000000
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

_NAMES = frozenset({
    "change", "platform", "dataset", "reason", "ddl", "kind", "old", "new", "effective", "measures", "fallback", "contact", "basis",
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
    body = {name: str(found.require(name)) for name in ("platform", "dataset", "reason")}
    body |= {name: str(found.data[name]) for name in ("measures", "fallback", "contact", "basis") if found.get(name)}
    effective = found.get("effective")
    if effective is not None and type(effective) is not date:
        raise found.fault("effective", "this is no day", "Write for example `effective: 2026-12-20`.")
    for name, known in (("platform", deployment.catalog.platforms), ("dataset", deployment.catalog.datasets)):
        if body[name] not in known:
            raise found.fault(name, f"there is none of the name {body[name]}", f"There are {', '.join(sorted(known))}.")
    origin = f"planned {found.require('change')}"
    return Planned({**body, "effective": effective, "origin": origin}, tuple(_changes(deployment, found, body)))


def _changes(deployment: Deployment, found: Located, body: dict[str, Any]) -> tuple[Change, ...]:
    if script := found.get("ddl"):
        return of_ddl(deployment, body["platform"], (found.path.parent / str(script)).read_text(encoding="utf-8"))
    kind, folder = str(found.require("kind")), found.path.parent
    try:
        old, new = (documents.read(folder / str(found.require(side)), kind) for side in ("old", "new"))
        return compare(kind, old, new, "both", Policy()).changes
    except BadDocument as error:
        raise found.fault("kind", str(error), "Name two documents of that kind.") from None


def of_ddl(deployment: Deployment, platform: str, script: str) -> tuple[Change, ...]:
    """Return what a script would change, by running it on a copy of the platform's structure."""
    return scratch.changes(deployment, deployment.catalog.platforms[platform], script)
