"""What the catalog says of writing to a REST platform: a data set's endpoint, how records look there, what answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors import options, page_form
from connectors.options import DOTTED, URL_PATH, Path, shape, steps
from connectors.page_form import SCALAR, PageForm
from gateway.errors import CatalogInvalid
from gateway.model import Dataset, Platform

_METHOD = {"enum": ["POST", "PUT", "PATCH"]}
_MOMENTS = {"anyOf": [{"enum": ["iso", "epoch", "epoch_ms"]}, {"type": "string", "pattern": "%"}]}
_ENDPOINT = shape({"method": {"enum": ["POST", "PUT", "PATCH", "DELETE"]}, "path": URL_PATH}, "path")
WRITE = shape(
    {
        **page_form.declared(DOTTED, _MOMENTS), "method": _METHOD, "path": URL_PATH, "records": DOTTED,
        "around": {"type": "object", "propertyNames": DOTTED, "additionalProperties": SCALAR},
        "deletions": page_form.deletions(DOTTED, "operation", endpoint=_ENDPOINT),
        "idempotency": shape({"header": {"type": "string", "pattern": r"^[A-Za-z0-9-]+\Z"}, "at": DOTTED}),
    },
    "path", "deletions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where pages are sent to."""

    method: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing(PageForm):
    """How a data set is written: to which endpoints, with `around` beside the records, and the page's key in `header`."""

    rows: Endpoint
    gone: Endpoint
    records: Path
    around: Mapping[str, Any]
    header: str


def writing(platform: Platform, dataset: Dataset) -> Writing:
    """Return how a data set is written; CatalogInvalid when that is not declared, or not in a way that can be followed."""
    where = f"platform {platform.platform}: options.resources.{dataset.name}"
    found = options.declared(platform, dataset).get("write")
    if found is None:
        raise CatalogInvalid(f"{where} has no write", "Add where rows are sent to, or correct the route's target.")
    key, gone = found.get("idempotency", {}), found["deletions"]
    rows = Endpoint(found.get("method", "POST"), found["path"])
    apart = gone["kind"] == "endpoint"
    return Writing(
        rows=rows, gone=Endpoint(gone.get("method", "POST"), gone["path"]) if apart else rows,
        records=steps(found.get("records"), "."), around=found.get("around", {}),
        header=key.get("header", "" if "at" in key else "Idempotency-Key"),
        **page_form.common(
            found, dataset, f"{where}.write", ".", size=500, key_at=key.get("at"), in_record="operation"
        ),
    )  # fmt: skip
