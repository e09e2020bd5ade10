"""What the catalog says of writing to a SOAP platform: a data set's operation, its arguments, what answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from connectors import options, page_answer
from connectors.options import SIZE, WORD, Path, kinds, paths, shape, steps, zone
from connectors.page_answer import Answers
from gateway.errors import CatalogInvalid
from gateway.model import Dataset, Platform

_STEP = r"[^\s/@:{}*]+"
NAME = {"type": "string", "pattern": rf"^{_STEP}\Z"}  # a local name
ARGUMENT = {"type": "string", "pattern": rf"^{_STEP}(/{_STEP})*\Z"}
FIELD = {"type": "string", "pattern": rf"^({_STEP}/)*@?{_STEP}\Z"}
_SCALAR = {"type": ["string", "number", "boolean"]}
_DELETIONS = kinds(
    element=shape({"at": FIELD, "write": _SCALAR, "delete": _SCALAR}, "at", "write", "delete"),
    operation=shape({"operation": NAME, "records": ARGUMENT}, "operation", "records"),
)
_IDEMPOTENCY: dict[str, Any] = shape({"argument": ARGUMENT, "header": NAME, "namespace": WORD})
_IDEMPOTENCY |= {
    "dependentRequired": {"header": ["namespace"], "namespace": ["header"]},
    "oneOf": [{"required": ["argument"]}, {"required": ["header"]}],
}
WRITE = shape(
    {
        "operation": NAME, "arguments": {"type": "object"}, "records": ARGUMENT, "size": SIZE, "single": {"type": "boolean"},
        "constants": {"type": "object", "propertyNames": FIELD, "additionalProperties": _SCALAR},
        "number": ARGUMENT, "left": ARGUMENT, "fields": {"type": "object", "additionalProperties": FIELD},
        "moments": {"type": "string", "pattern": "^iso\\Z|%"}, "zone": WORD, "deletions": _DELETIONS,
        "idempotency": _IDEMPOTENCY, "answer": page_answer.declared(FIELD),
    },
    "operation", "records", "deletions", "idempotency", "answer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that takes pages, and where its records stand among its arguments."""

    operation: str
    records: Path


@dataclass(frozen=True, slots=True)
class Writing:
    """How a data set is written: by which operations, in which form, and how answers are read.

    `constants` stand in each record, `arguments` beside the records; `number`, `left` and `key_at` are where the request names
    the batch and the page; `header` is the qualified name of the header element that bears the page's key instead.
    """

    rows: Call
    gone: Call
    arguments: Mapping[str, Any]
    size: int
    single: bool
    constants: Mapping[str, Any]
    number: Path
    left: Path
    fields: Mapping[str, Path]
    moments: str
    zone: ZoneInfo
    element: Mapping[str, Any]
    header: str
    key_at: Path
    answers: Answers


def writing(platform: Platform, dataset: Dataset) -> Writing:
    """Return how a data set is written; CatalogInvalid when that is not declared, or not in a way that can be followed."""
    where = f"platform {platform.platform}: options.resources.{dataset.name}"
    found = options.declared(platform, dataset).get("write")
    if found is None:
        raise CatalogInvalid(
            f"{where} has no write", "Add the operation that takes rows, or correct the route's target."
        )
    where, deletions, key = f"{where}.write", found["deletions"], found["idempotency"]
    rows = Call(found["operation"], steps(found["records"], "/"))
    apart = deletions["kind"] == "operation"
    fields, single = paths(found.get("fields", {}), dataset, dataset.columns, where, "/"), found.get("single", False)
    return Writing(
        rows=rows, gone=Call(deletions["operation"], steps(deletions["records"], "/")) if apart else rows,
        arguments=found.get("arguments", {}), size=1 if single else found.get("size", 200), single=single,
        constants=found.get("constants", {}), number=steps(found.get("number"), "/"),
        left=steps(found.get("left"), "/"), fields=fields, moments=found.get("moments", "iso"),
        zone=zone(found, where), element={} if apart else deletions,
        header=f"{{{key['namespace']}}}{key['header']}" if "header" in key else "",
        key_at=steps(key.get("argument"), "/"),
        answers=page_answer.answers(found["answer"], dataset, fields, where, "/"),
    )  # fmt: skip
