"""The manifest of a backup: what the source said of itself at that moment, and every part; signed, readable, without a row."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785

from backup.plans import FILES, MYSQL, POSTGRESQL
from backup.ports import Sealed
from backup.survey import AGAIN, SEED, Content, Survey, Table
from gateway.errors import Tampered
from gateway.security.crypto import Keys, verify_signature

FORMAT = 3
_READ = (2, FORMAT)  # 2 tells of no table the file and its hash
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]*")
_HASHES: Mapping[str, Mapping[str, Any]] = {
    FILES: {"alg": "sha256", "of": "index"},
    MYSQL: {"alg": "sha256 of a row's text, summed", "bits": 128, "charset": "utf8mb4", "time_zone": "+00:00"},
}
_HINT = "Take another copy of this backup, or an older one: `gateway backup list`."


@dataclass(frozen=True, slots=True)
class Part:
    """One sealed part: the files of the dump that follow one another in it, and what both forms weigh."""

    name: str
    files: tuple[tuple[str, int], ...]
    plain_sha256: str
    bytes: int
    sha256: str

    @property
    def plain_bytes(self) -> int:
        """Return the size of the files together."""
        return sum(size for _, size in self.files)

    @classmethod
    def of(cls, name: str, files: Sequence[tuple[str, int]], sealed: Sealed) -> Part:
        """Return the part that sealing files gave."""
        return cls(name, tuple(files), sealed.plain_sha256, sealed.sealed_bytes, sealed.sealed_sha256)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that a drill or a restore needs to know of a backup."""

    backup: str
    plan: str
    unit: str
    source: Mapping[str, Any]
    snapshot_at: datetime
    lsn: str
    exclude: tuple[str, ...]
    survey: Survey
    parts: tuple[Part, ...]
    profile: str
    recipients: tuple[str, ...]
    head: Mapping[str, Any] | None
    physical: Mapping[str, Any] | None = None

    @property
    def kind(self) -> str:
        """Return what it is: a dump (logical) or a copy of the server's files (physical)."""
        return "physical" if self.physical else "logical"

    @property
    def bytes(self) -> int:
        """Return the size of the sealed parts."""
        return sum(part.bytes for part in self.parts)

    @property
    def plain_bytes(self) -> int:
        """Return the size of the dump."""
        return sum(part.plain_bytes for part in self.parts)

    @property
    def engine(self) -> str:
        """Return the kind of the source."""
        return str(self.source.get("engine", POSTGRESQL))

    @property
    def major(self) -> int:
        """Return the version of the source's server."""
        return int(self.source["major"])


def sign(manifest: Manifest, keys: Keys) -> bytes:
    """Return the manifest as it is stored: canonical JSON and its signature."""
    return signed(_body(manifest), keys)


def signed(body: Mapping[str, Any], keys: Keys) -> bytes:
    """Return what a manifest says as it is stored."""
    signature, key_id = keys.sign(rfc8785.dumps(dict(body)))
    return rfc8785.dumps({"manifest": dict(body), "signature": signature, "key_id": key_id})


def digest(raw: bytes) -> str:
    """Return the SHA-256 of a stored manifest, as the catalogue keeps it."""
    return hashlib.sha256(raw).hexdigest()


def read(raw: bytes, backup: str, public_keys: Mapping[str, str]) -> Manifest:
    """Return a stored manifest; Tampered when it is changed, not signed by us, or another backup's."""
    return _manifest(opened(raw, backup, public_keys))


def opened(raw: bytes, backup: str, public_keys: Mapping[str, str]) -> Mapping[str, Any]:
    """Return what a stored manifest says once its signature holds; Tampered when it does not, or is another's."""
    try:
        found = json.loads(raw)
        body, pem = found["manifest"], public_keys.get(found["key_id"])
        well = pem is not None and verify_signature(pem, rfc8785.dumps(body), found["signature"])
    except (ValueError, KeyError, TypeError, rfc8785.CanonicalizationError):
        well, body = False, {}
    if not well:
        raise Tampered(f"the manifest of {backup} is changed, or signed with a key that is not ours", _HINT)
    if body["backup"] != backup:
        raise Tampered(f"the manifest of {backup} is that of {body['backup']}", _HINT)
    return dict(body)


def _body(m: Manifest) -> dict[str, Any]:
    survey = m.survey
    return {
        "format": FORMAT, "kind": m.kind, "backup": m.backup, "plan": m.plan, "unit": m.unit, "source": dict(m.source),
        "snapshot": {"at": m.snapshot_at.astimezone(UTC).isoformat(), "lsn": m.lsn}, "exclude": list(m.exclude),
        "hash": _hash(m),
        "tables": [_table(t, c) for t, c in survey.tables.values()],
        "sequences": {name: [None if v is None else str(v), up] for name, (v, up) in survey.sequences.items()},
        "roles": dict(survey.roles), "objects": dict(survey.objects),
        "large_objects": [survey.large_objects[0], survey.large_objects[1]],
        "not_compared": [list(pair) for pair in survey.not_compared],
        "parts": [part_body(p) for p in m.parts],
        "seal": {"profile": m.profile, "recipients": list(m.recipients)},
        "catalogue": dict(m.head) if m.head else None, **({"physical": dict(m.physical)} if m.physical else {}),
    }  # fmt: skip


def part_body(p: Part) -> dict[str, Any]:
    """Return a part as a manifest tells it."""
    return {"name": p.name, "files": [list(f) for f in p.files], "plain_sha256": p.plain_sha256,
            "bytes": p.bytes, "sha256": p.sha256}  # fmt: skip


def _hash(m: Manifest) -> dict[str, Any]:
    """Return how the content of the source's tables was hashed."""
    if m.engine == POSTGRESQL:
        return {"alg": "hash_record_extended", "seed": SEED, "again": AGAIN, "major": m.major}
    return dict(_HASHES[m.engine])


def _table(table: Table, content: Content) -> dict[str, Any]:
    return {
        "schema": table.schema, "name": table.name, "columns": [list(c) for c in table.columns], "as_text": list(table.as_text),
        "rows": content.rows,
        **({"file": content.file, "sha256": content.sums[0]} if content.file else {"sums": list(content.sums)}),
    }  # fmt: skip


def _manifest(body: Mapping[str, Any]) -> Manifest:
    if body["format"] not in _READ:
        raise Tampered(f"the manifest of {body['backup']} has format {body['format']}", "Use the gateway that made it.")
    tables = (_read_table(t) for t in body["tables"])
    survey = Survey(
        tables={t.full: (t, c) for t, c in tables},
        sequences={name: (None if v is None else int(v), up) for name, (v, up) in body["sequences"].items()},
        roles=body["roles"], objects=body["objects"], large_objects=(body["large_objects"][0], body["large_objects"][1]),
        not_compared=tuple((name, why) for name, why in body["not_compared"]),
    )  # fmt: skip
    return Manifest(
        backup=body["backup"], plan=body["plan"], unit=body["unit"], source=body["source"],
        snapshot_at=datetime.fromisoformat(body["snapshot"]["at"]), lsn=body["snapshot"]["lsn"], exclude=tuple(body["exclude"]),
        survey=survey, parts=tuple(read_part(p) for p in body["parts"]), profile=body["seal"]["profile"],
        recipients=tuple(body["seal"]["recipients"]), head=body["catalogue"],
        physical=body.get("physical"),
    )  # fmt: skip


def _read_table(t: Mapping[str, Any]) -> tuple[Table, Content]:
    columns = tuple((name, type_) for name, type_ in t["columns"])
    table = Table(t["schema"], t["name"], columns, tuple(t["as_text"]), 0, 0)
    if "file" in t:
        return table, Content(t["rows"], (t["sha256"],), _named(t["file"]))
    return table, Content(t["rows"], (t["sums"][0], t["sums"][1]))


def read_part(p: Mapping[str, Any]) -> Part:
    """Return a part; its names become names of files, so they are no paths."""
    for name in (p["name"], *(name for name, _ in p["files"])):
        _named(name)
    return Part(p["name"], tuple((n, s) for n, s in p["files"]), p["plain_sha256"], p["bytes"], p["sha256"])


def _named(file: str) -> str:
    if not _FILE.fullmatch(file):
        raise Tampered(f"a manifest names a file {file!r}", _HINT)
    return file
