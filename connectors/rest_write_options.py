"""What the catalog says of writing to a REST platform: a data set's endpoint, how records look there, what answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from connectors import options, page_answer
from connectors.options import DOTTED, SIZE, URL_PATH, WORD, Path, kinds, paths, shape, steps, zone
from connectors.page_answer import Answers
from gateway.errors import CatalogInvalid
from gateway.model import Dataset, Platform

_METHOD = {"enum": ["POST", "PUT", "PATCH"]}
_MOMENTS = {"anyOf": [{"enum": ["iso", "epoch", "epoch_ms"]}, {"type": "string", "pattern": "%"}]}
_SCALAR = {"type": ["string", "number", "boolean"]}
_CONSTANTS = {"type": "object", "propertyNames": DOTTED, "additionalProperties": _SCALAR}
_PATHS = {"type": "object", "additionalProperties": DOTTED}
_DELETIONS = kinds(
    operation=shape({"at": DOTTED, "write": _SCALAR, "delete": _SCALAR}, "at", "write", "delete"),
    endpoint=shape({"method": {"enum": ["POST", "PUT", "PATCH", "DELETE"]}, "path": URL_PATH}, "path"),
)
WRITE = shape(
    {
        "method": _METHOD, "path": URL_PATH, "records": DOTTED, "size": SIZE, "single": {"type": "boolean"},
        "constants": _CONSTANTS, "around": _CONSTANTS, "number": DOTTED, "left": DOTTED, "fields": _PATHS,
        "moments": _MOMENTS, "zone": WORD, "deletions": _DELETIONS,
        "idempotency": shape({"header": {"type": "string", "pattern": r"^[A-Za-z0-9-]+\Z"}, "at": DOTTED}),
        "answer": page_answer.declared(DOTTED),
    },
    "path", "deletions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where pages are sent to."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Writing:
    """How a data set is written: to which endpoints, in which form, and how answers are read.

    `constants` stand in each record, `around` beside the records; `number` and `left` are where the body names the batch.
    """

    rows: Endpoint
    gone: Endpoint
    records: Path
    size: int
    single: bool
    constants: Mapping[str, Any]
    around: Mapping[str, Any]
    number: Path
    left: Path
    fields: Mapping[str, Path]
    moments: str
    zone: ZoneInfo
    operation: Mapping[str, Any]
    header: str
    key_at: Path
    answers: Answers


def writing(platform: Platform, dataset: Dataset) -> Writing:
    """Return how a data set is written; CatalogInvalid when that is not declared, or not in a way that can be followed."""
    where = f"platform {platform.platform}: options.resources.{dataset.name}"
    found = options.declared(platform, dataset).get("write")
    if found is None:
        raise CatalogInvalid(f"{where} has no write", "Add where rows are sent to, or correct the route's target.")
    deletions, key_at = found["deletions"], found.get("idempotency", {})
    rows = Endpoint(found.get("method", "POST"), found["path"])
    by_endpoint = deletions["kind"] == "endpoint"
    fields = paths(found.get("fields", {}), dataset, dataset.columns, f"{where}.write", ".")
    single = found.get("single", False)
    return Writing(
        rows=rows, gone=Endpoint(deletions.get("method", "POST"), deletions["path"]) if by_endpoint else rows,
        records=steps(found.get("records"), "."), size=1 if single else found.get("size", 500), single=single,
        constants=found.get("constants", {}), around=found.get("around", {}), number=steps(found.get("number"), "."),
        left=steps(found.get("left"), "."), fields=fields, moments=found.get("moments", "iso"),
        zone=zone(found, f"{where}.write"), operation={} if by_endpoint else deletions,
        header=key_at.get("header", "" if "at" in key_at else "Idempotency-Key"), key_at=steps(key_at.get("at"), "."),
        answers=page_answer.answers(found.get("answer", {}), dataset, fields, f"{where}.write", "."),
    )  # fmt: skip
