"""What figures were made of, as a file that proves itself: `gateway evidence export` and `gateway sla verify`."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import EvidenceRefused
from gateway.ledger import receipts, verify_receipts
from gateway.ledger.acts import acting
from gateway.security.crypto import verify_signature
from gateway.sla import agreements, deadlines, figures, verify_evidence
from gateway.sla.calendar import Calendar
from gateway.sla.periods import Period
from gateway.sql import queries

_SQL = queries(__file__)
_AHEAD = 15  # days beyond the period whose calendar is frozen with it: answers and publication fall there
_PAGE = 2000


@dataclass(frozen=True, slots=True)
class Exported:
    """What a file of evidence holds: head and number of its occurrences, and the figures."""

    root: str
    count: int
    figures: dict[str, Any]


def export(deployment: Deployment, period: Period, path: Path, as_of: datetime) -> Exported:
    """Write the evidence of a period, put its head into the chain, and return what it holds.

    EvidenceRefused when nothing was expected in it yet.
    """
    as_of = as_of.replace(microsecond=0)
    figures.refresh(deployment, period, as_of)
    with closing(deployment.hub(name="gateway evidence")) as hub, pg.hub_errors("read the evidence"), hub:
        pg.run(hub, "set transaction isolation level repeatable read")
        made = figures.read(hub, deployment.catalog, period, as_of)
        taken = list(deadlines.take(hub, deployment.catalog, period, as_of))
        made["deadlines"] = [found.line for found in taken]
        root, count = _write(hub, deployment, period, path, made, [one for found in taken for one in found.matters])
    if count == 0:
        path.unlink()
        raise EvidenceRefused(
            f"nothing was expected in {period.name}", "Give a period in which routes ran or were due."
        )
    with acting(deployment, "record the evidence") as act:
        act.chained(
            "sla", {"what": "evidence", "period": period.name, "as_of": made["as_of"], "count": count, "root": root}
        )
    return Exported(root, count, made)


def verify(deployment: Deployment, path: Path | None, period: Period) -> tuple[str | None, list[str]]:
    """Return the first difference, or None, and what to say; without a file the period is exported and looked at.

    The keys of the file must be this deployment's, and every receipt signed by one of them.
    """
    if path is None:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "evidence.zip"
            export(deployment, period, made, settings.now())
            return verify(deployment, made, period)
    try:
        said = verify_evidence.check(path)
        fault = _foreign(deployment, path) or _unlike_printed(deployment, path)
    except verify_evidence.Differs as error:
        fault, said = str(error), []
    except (zipfile.BadZipFile, OSError, KeyError, TypeError, ValueError) as error:
        raise EvidenceRefused(
            f"{path.name} cannot be read as evidence: {type(error).__name__}",
            "Give a file of `gateway evidence export`.",
        ) from error
    return fault, [f"DIFFERS: {fault}"] if fault else said


def head(path: Path) -> str | None:
    """Return the head that a file's occurrences have, recomputed; None when there is no such file, or it is not whole."""
    prev = receipts.FIRST
    try:
        with zipfile.ZipFile(path) as archive, archive.open("occurrences.jsonl") as lines:
            for line in lines:
                row = json.loads(line)
                row.pop("seal")
                prev = receipts.seal(prev, row)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError):
        return None
    return prev


def _foreign(deployment: Deployment, path: Path) -> str | None:
    """Return which key or receipt is not ours, or None."""
    files, ours = verify_evidence.Files(path), deployment.keys.public_keys()
    sealed = files.json("signature.json")
    if ours.get(sealed["key_id"]) != files.json("keys.json").get(sealed["key_id"]):
        return f"the manifest is signed by key {sealed['key_id']}, which is not this deployment's"
    for _, entry in files.lines("receipts.jsonl"):
        pem = ours.get(entry["key_id"])
        if pem is None or not verify_signature(pem, bytes.fromhex(entry["hash"]), entry["signature"]):
            return f"receipt {entry['no']} is not signed by us"
    return None


def _unlike_printed(deployment: Deployment, path: Path) -> str | None:
    """Return how the file's head differs from the one that the circular of that moment printed, or None."""
    manifest = verify_evidence.Files(path).json("manifest.json")
    values = {"period": manifest["period"], "as_of": manifest["as_of"]}
    with closing(deployment.hub(name="gateway evidence", autocommit=True)) as hub, pg.hub_errors("read the issue"):
        found = pg.one(hub, _SQL["printed"], values)
    if found is None or found[0] == manifest["root"]:
        return None
    return f"the circular prints head {found[0]}, the file has {manifest['root']}"


def _write(
    hub: Connection, deployment: Deployment, period: Period, path: Path, made: Mapping[str, Any],
    matters: Sequence[Mapping[str, Any]],
) -> tuple[str, int]:  # fmt: skip
    span = {"begins": period.begins, "ends": period.ends, "as_of": datetime.fromisoformat(made["as_of"])}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        file = _Writer(archive)
        file.lines("receipts.jsonl", _receipts(hub, span))
        root, count = file.sealed("occurrences.jsonl", _occurrences(hub, span))
        file.lines("dockets.jsonl", map(_docket, pg.dicts(hub, _SQL["dockets"], span)))
        file.text("agreements.json", _json([_plain(a) for a in agreements.between(hub, period.begins, period.ends)]))
        file.text("workdays.csv", _workdays(deployment, period))
        file.lines("deadlines.jsonl", (receipts.canonical(one) + b"\n" for one in matters))
        file.text("deadline_workdays.json", _json(deadlines.workdays(hub, matters, span["as_of"])))
        file.text("issue.json", _json(made))
        file.text("keys.json", _json(deployment.keys.public_keys()))
        file.text("verify_receipts.py", Path(verify_receipts.__file__).read_text(encoding="utf-8"))
        file.text("verify.py", _verifier())
        manifest = {
            "period": period.name, "begins": _utc(period.begins), "ends": _utc(period.ends), "as_of": made["as_of"],
            "count": count, "root": root, "files": file.hashes,
        }  # fmt: skip
        signature, key_id = deployment.keys.sign(receipts.canonical(manifest))
        archive.writestr("manifest.json", _json(manifest))
        archive.writestr("signature.json", _json({"signature": signature, "key_id": key_id}))
    return root, count


class _Writer:
    """Writes files of the archive line by line and remembers their hashes."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.hashes: dict[str, str] = {}

    def text(self, name: str, text: str) -> None:
        self.lines(name, iter([text.encode()]))

    def lines(self, name: str, lines: Iterator[bytes]) -> None:
        digest = hashlib.sha256()
        with self._archive.open(name, "w", force_zip64=True) as file:
            for line in lines:
                file.write(line)
                digest.update(line)
        self.hashes[name] = digest.hexdigest()

    def sealed(self, name: str, rows: Iterator[dict[str, Any]]) -> tuple[str, int]:
        """Write rows each of which is bound to the one before; return the last seal and their number."""
        prev, count = receipts.FIRST, 0

        def lines() -> Iterator[bytes]:
            nonlocal prev, count
            for row in rows:
                prev, count = receipts.seal(prev, row), count + 1
                yield receipts.canonical({**row, "seal": prev}) + b"\n"

        self.lines(name, lines())
        return prev, count


def _occurrences(hub: Connection, span: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return map(_plain, _streamed(hub, "occurrences", span))


def _receipts(hub: Connection, span: Mapping[str, Any]) -> Iterator[bytes]:
    for row in _streamed(hub, "receipts", span):
        yield json.dumps({**row, "body": json.loads(row["body"])}, ensure_ascii=False).encode() + b"\n"


def _streamed(hub: Connection, name: str, span: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    with hub.cursor(name=f"evidence_{name}", cursor_factory=RealDictCursor) as cursor:
        cursor.itersize = _PAGE
        cursor.execute(_SQL[name], span)
        for row in cursor:
            yield dict(row)


def _docket(row: Mapping[str, Any]) -> bytes:
    named = [[route, _utc(datetime.fromisoformat(slot))] for route, slot in row["occurrences"]]
    return receipts.canonical({**_plain(row), "occurrences": named}) + b"\n"


def _workdays(deployment: Deployment, period: Period) -> str:
    calendar = Calendar.from_files(deployment.catalog.calendar_files)
    last = min(calendar.last, period.last.fromordinal(period.last.toordinal() + _AHEAD))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["day", "is_work", "basis", "note"])
    writer.writerows([d.day, int(d.is_work), d.basis, d.note] for d in calendar.days(period.first, last))
    return text.getvalue()


def _verifier() -> str:
    text = Path(verify_evidence.__file__).read_text(encoding="utf-8")
    return text.replace("from gateway.ledger.verify_receipts import", "from verify_receipts import")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _utc(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
