"""What the catalog says of writing to a SOAP platform: a data set's operation, its arguments, what answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors import options, page_form
from connectors.options import WORD, Path, shape, steps
from connectors.page_form import PageForm
from gateway.errors import CatalogInvalid
from gateway.model import Dataset, Platform

_STEP = r"[^\s/@:{}*]+"
NAME = {"type": "string", "pattern": rf"^{_STEP}\Z"}  # a local name
ARGUMENT = {"type": "string", "pattern": rf"^{_STEP}(/{_STEP})*\Z"}
FIELD = {"type": "string", "pattern": rf"^({_STEP}/)*@?{_STEP}\Z"}
_APART = shape({"operation": NAME, "records": ARGUMENT}, "operation", "records")
_IDEMPOTENCY: dict[str, Any] = shape({"argument": ARGUMENT, "header": NAME, "namespace": WORD})
_IDEMPOTENCY |= {
    "dependentRequired": {"header": ["namespace"], "namespace": ["header"]},
    "oneOf": [{"required": ["argument"]}, {"required": ["header"]}],
}
# A path of the request leads to an argument, one of a record or of an answer may end in an attribute.
WRITE = shape(
    {
        **page_form.declared(FIELD, {"type": "string", "pattern": "^iso\\Z|%"}), "number": ARGUMENT, "left": ARGUMENT,
        "operation": NAME, "arguments": {"type": "object"}, "records": ARGUMENT,
        "deletions": page_form.deletions(FIELD, "element", operation=_APART), "idempotency": _IDEMPOTENCY,
    },
    "operation", "records", "deletions", "idempotency", "answer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that takes pages, and where its records stand among its arguments."""

    operation: str
    records: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing(PageForm):
    """How a data set is written: by which operations, with `arguments` beside the records.

    `header` is the qualified name of the header element that bears the page's key, where no argument does.
    """

    rows: Call
    gone: Call
    arguments: Mapping[str, Any]
    header: str


def writing(platform: Platform, dataset: Dataset) -> Writing:
    """Return how a data set is written; CatalogInvalid when that is not declared, or not in a way that can be followed."""
    where = f"platform {platform.platform}: options.resources.{dataset.name}"
    found = options.declared(platform, dataset).get("write")
    if found is None:
        raise CatalogInvalid(
            f"{where} has no write", "Add the operation that takes rows, or correct the route's target."
        )
    key, gone = found["idempotency"], found["deletions"]
    rows = Call(found["operation"], steps(found["records"], "/"))
    return Writing(
        rows=rows,
        gone=Call(gone["operation"], steps(gone["records"], "/")) if gone["kind"] == "operation" else rows,
        arguments=found.get("arguments", {}),
        header=f"{{{key['namespace']}}}{key['header']}" if "header" in key else "",
        **page_form.common(
            found, dataset, f"{where}.write", "/", size=200, key_at=key.get("argument"), in_record="element"
        ),
    )  # fmt: skip
