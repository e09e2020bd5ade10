"""What the catalog says of writing to a REST platform: a data set's endpoint, how records look there, what answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from connectors import options
from connectors.options import DOTTED, SIZE, URL_PATH, WORD, Path, kinds, shape, steps
from gateway.errors import CatalogInvalid
from gateway.model import Dataset, Platform

_ZONE = "Asia/Shanghai"
_METHOD = {"enum": ["POST", "PUT", "PATCH"]}
_MOMENTS = {"anyOf": [{"enum": ["iso", "epoch", "epoch_ms"]}, {"type": "string", "pattern": "%"}]}
_SCALAR = {"type": ["string", "number", "boolean"]}
_SCALARS = {"type": "array", "minItems": 1, "items": _SCALAR}
_CONSTANTS = {"type": "object", "propertyNames": DOTTED, "additionalProperties": _SCALAR}
_PATHS = {"type": "object", "additionalProperties": DOTTED}
_DELETIONS = kinds(
    operation=shape({"at": DOTTED, "write": _SCALAR, "delete": _SCALAR}, "at", "write", "delete"),
    endpoint=shape({"method": {"enum": ["POST", "PUT", "PATCH", "DELETE"]}, "path": URL_PATH}, "path"),
)
_ANSWER = shape(
    {
        "code": DOTTED, "success": _SCALARS, "busy": _SCALARS, "denied": _SCALARS, "refused_page": _SCALARS,
        "repeated": DOTTED,
        "counts": shape(dict.fromkeys(("inserted", "updated", "unchanged", "deleted"), DOTTED)),
        "refused": shape({"records": DOTTED, "fields": _PATHS, "code": DOTTED, "words": DOTTED}, "records"),
    },
)  # fmt: skip
_ANSWER["dependentRequired"] = {
    "code": ["success"], "success": ["code"], "busy": ["code"], "denied": ["code"], "refused_page": ["code"],
}  # fmt: skip
WRITE = shape(
    {
        "method": _METHOD, "path": URL_PATH, "records": DOTTED, "size": SIZE, "single": {"type": "boolean"},
        "constants": _CONSTANTS, "around": _CONSTANTS, "number": DOTTED, "left": DOTTED, "fields": _PATHS,
        "moments": _MOMENTS, "zone": WORD, "deletions": _DELETIONS,
        "idempotency": shape({"header": {"type": "string", "pattern": r"^[A-Za-z0-9-]+\Z"}, "at": DOTTED}),
        "answer": _ANSWER,
    },
    "path", "deletions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answers:
    """Where an answer tells what became of a page, and which of its codes mean what."""

    code: Path
    success: frozenset[str]
    busy: frozenset[str]
    denied: frozenset[str]
    refused_page: frozenset[str]
    repeated: Path
    counts: Mapping[str, Path]
    refused: Mapping[str, Any]
    key: Mapping[str, Path]


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
    fields = paths(found.get("fields", {}), dataset, dataset.columns, f"{where}.write")
    single = found.get("single", False)
    return Writing(
        rows=rows, gone=Endpoint(deletions.get("method", "POST"), deletions["path"]) if by_endpoint else rows,
        records=steps(found.get("records"), "."), size=1 if single else found.get("size", 500), single=single,
        constants=found.get("constants", {}), around=found.get("around", {}), number=steps(found.get("number"), "."),
        left=steps(found.get("left"), "."), fields=fields, moments=found.get("moments", "iso"),
        zone=zone(found, f"{where}.write"), operation={} if by_endpoint else deletions,
        header=key_at.get("header", "" if "at" in key_at else "Idempotency-Key"), key_at=steps(key_at.get("at"), "."),
        answers=_answers(found.get("answer", {}), dataset, fields, f"{where}.write"),
    )  # fmt: skip


def zone(found: Mapping[str, Any], where: str) -> ZoneInfo:
    """Return the zone in which moments are written; CatalogInvalid when there is no such zone."""
    try:
        return ZoneInfo(found.get("zone", _ZONE))
    except (ValueError, OSError):  # a name that is none; ZoneInfoNotFoundError is a KeyError
        pass
    except KeyError:
        pass
    raise CatalogInvalid(f"{where}.zone names no time zone", f"Write one such as {_ZONE}.")


def paths(mapped: Mapping[str, str], dataset: Dataset, names: tuple[str, ...], where: str) -> dict[str, Path]:
    """Return the path of each name, its own unless it is mapped; CatalogInvalid for what the contract does not know."""
    if unknown := sorted(set(mapped) - set(names)):
        hint = f"Write fields of the contract of {dataset.name}: {', '.join(names)}."
        raise CatalogInvalid(f"{where}.fields names {', '.join(unknown)}", hint)
    return {name: steps(mapped[name], ".") if name in mapped else (name,) for name in names}


def words(values: Any) -> frozenset[str]:
    """Return declared codes as they are compared: a number and its digits in quotes are one code."""
    return frozenset(str(v).lower() if isinstance(v, bool) else str(v) for v in values)


def _answers(found: Mapping[str, Any], dataset: Dataset, fields: Mapping[str, Path], where: str) -> Answers:
    refused = found.get("refused", {})
    key = paths(refused.get("fields", {}), dataset, dataset.key, f"{where}.answer.refused")
    as_written = {name: fields[name] for name in dataset.key if name not in refused.get("fields", {})}
    return Answers(
        code=steps(found.get("code"), "."), repeated=steps(found.get("repeated"), "."),
        **{name: words(found.get(name, ())) for name in ("success", "busy", "denied", "refused_page")},
        counts={name: steps(path, ".") for name, path in found.get("counts", {}).items()},
        refused=refused, key={**key, **as_written},
    )  # fmt: skip
