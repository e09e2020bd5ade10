"""What the catalog says of a REST platform: the schema of its `options`, and what a data set's resource is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from gateway.errors import CatalogInvalid
from gateway.model import Dataset, Platform

Dotted = tuple[str, ...]
_WORD = {"type": "string", "minLength": 1}
_DOTTED = {"type": "string", "pattern": r"^[^.]+(\.[^.]+)*\Z"}
_PATH = {"type": "string", "pattern": r"^/[^?#\s]*\Z"}
_POSITIVE = {"type": "number", "exclusiveMinimum": 0}
_SIZE = {"type": "integer", "minimum": 1}


def _object(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": dict(properties),
    }


def _kinds(**kinds: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object whose `kind` decides what else it may hold."""
    cases = []
    for kind, shape in kinds.items():
        named = {**shape, "properties": {"kind": {}, **shape["properties"]}}
        cases.append({"if": {"required": ["kind"], "properties": {"kind": {"const": kind}}}, "then": named})
    known = {"enum": list(kinds)}
    return {"type": "object", "required": ["kind"], "properties": {"kind": known}, "allOf": cases}


_SIZED = {"parameter": _WORD, "size_parameter": _WORD, "size": _SIZE}
_AUTH = _kinds(
    none=_object({}),
    basic=_object({}),
    api_key=_object({"header": {"type": "string", "pattern": r"^[A-Za-z0-9-]+\Z"}}),
    oauth2=_object({"token_path": _PATH, "scope": _WORD}, "token_path"),
    hmac=_object({"digest": {"enum": ["sha256", "sm3"]}}),
)
_PAGING = _kinds(
    none=_object({}),
    page=_object({**_SIZED, "first": {"type": "integer", "minimum": 0}}, "parameter", "size"),
    offset=_object(_SIZED, "parameter", "size"),
    cursor=_object({"parameter": _WORD, "at": _DOTTED}, "parameter", "at"),
    next=_object({"at": _DOTTED}, "at"),
    link=_object({}),
)
_SINCE = _object(
    {"parameter": _WORD, "format": {"enum": ["iso", "epoch", "epoch_ms"]}, "until": _WORD}, "parameter", "format"
)
_RESOURCE = _object(
    {
        "path": _PATH,
        "records": _DOTTED,
        "total": _DOTTED,
        "paging": _PAGING,
        "since": _SINCE,
        "parameters": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
        "fields": {"type": "object", "additionalProperties": _DOTTED},
        "ignored": {"type": "array", "items": _WORD},
    },
    "path",
)
OPTIONS: dict[str, Any] = _object(
    {
        "auth": _AUTH,
        "limits": _object({"seconds": _POSITIVE, "page_mb": _POSITIVE, "page_seconds": _POSITIVE}),
        "resources": {"type": "object", "minProperties": 1, "additionalProperties": _RESOURCE},
    },
    "resources",
)
_VALIDATOR = Draft202012Validator(OPTIONS)


@dataclass(frozen=True, slots=True)
class Limits:
    """The total time of one read, the decompressed bytes of one page and the time of one request."""

    seconds: float = 600
    page_mb: float = 64
    page_seconds: float = 60


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a data set's records are and how they are asked for."""

    path: str
    records: Dotted
    total: Dotted
    paging: Mapping[str, Any]
    since: Mapping[str, Any]
    parameters: Mapping[str, str]
    fields: Mapping[str, Dotted]
    ignored: frozenset[str]


def checked(platform: Platform) -> Mapping[str, Any]:
    """Return the platform's options, or raise CatalogInvalid naming the first wrong field."""
    error = min(_VALIDATOR.iter_errors(platform.options), key=lambda e: (len(e.path), str(e.path)), default=None)
    if error is None:
        return platform.options
    where = ".".join(["options", *map(str, error.absolute_path)])
    raise CatalogInvalid(f"platform {platform.platform}: {where}: {error.message}", _hint(error))


def _hint(error: Any) -> str:
    if error.validator == "additionalProperties":
        return f"Known here: {', '.join(sorted(error.schema.get('properties', {})))}."
    if error.validator == "enum":
        return f"Write one of: {', '.join(map(str, error.validator_value))}."
    return "Add the missing line." if error.validator == "required" else "See the options of the rest connector."


def resource(platform: Platform, dataset: Dataset) -> Resource:
    """Return how a data set is read here; CatalogInvalid when that is not declared or maps an unknown field."""
    declared = platform.options["resources"].get(dataset.name)
    where = f"platform {platform.platform}: options.resources"
    if declared is None:
        raise CatalogInvalid(f"{where} has no {dataset.name}", "Add the resource, or correct the route's source.")
    mapped = declared.get("fields", {})
    if unknown := sorted(set(mapped) - set(dataset.columns)):
        hint = f"Write fields of the contract of {dataset.name}."
        raise CatalogInvalid(f"{where}.{dataset.name}.fields names {', '.join(unknown)}", hint)
    return Resource(
        path=declared["path"], records=dotted(declared.get("records")), total=dotted(declared.get("total")),
        paging=declared.get("paging", {"kind": "none"}), since=declared.get("since", {}),
        parameters={name: _plain(value) for name, value in declared.get("parameters", {}).items()},
        fields={column: dotted(mapped[column]) if column in mapped else (column,) for column in dataset.columns},
        ignored=frozenset(declared.get("ignored", ())),
    )  # fmt: skip


def dotted(path: str | None) -> Dotted:
    """Return the steps of a dotted path; none for the document itself."""
    return tuple(path.split(".")) if path else ()


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
