"""What the catalog says of a REST platform: the schema of its `options`, and what a data set's resource is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from connectors import options, verdict_values
from connectors.http_address import Address
from connectors.options import DOTTED, POSITIVE, SIZE, URL_PATH, WORD, kinds, shape
from connectors.rest_write_options import WRITE
from gateway.errors import CatalogInvalid
from gateway.model import Dataset, Platform

Dotted = options.Path
_SIZED = {"parameter": WORD, "size_parameter": WORD, "size": SIZE}
AUTH = kinds(
    none=shape({}),
    basic=shape({}),
    api_key=shape({"header": {"type": "string", "pattern": r"^[A-Za-z0-9-]+\Z"}}),
    oauth2=shape({"token_path": URL_PATH, "scope": WORD}, "token_path"),
    hmac=shape({"digest": {"enum": ["sha256", "sm3"]}}),
)
LIMITS = shape({"seconds": POSITIVE, "page_mb": POSITIVE, "page_seconds": POSITIVE})
_PAGING = kinds(
    none=shape({}),
    page=shape({**_SIZED, "first": {"type": "integer", "minimum": 0}}, "parameter", "size"),
    offset=shape(_SIZED, "parameter", "size"),
    cursor=shape({"parameter": WORD, "at": DOTTED}, "parameter", "at"),
    next=shape({"at": DOTTED}, "at"),
    link=shape({}),
    links=shape({"at": DOTTED}, "at"),
)
_SINCE = shape(
    {"parameter": WORD, "format": {"enum": ["iso", "epoch", "epoch_ms"]}, "until": WORD}, "parameter", "format"
)
_ASKED = {
    "path": URL_PATH,
    "records": DOTTED,
    "total": DOTTED,
    "paging": _PAGING,
    "since": _SINCE,
    "parameters": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
    "fields": {"type": "object", "additionalProperties": DOTTED},
}
_VERDICTS = shape(
    {
        **_ASKED, **dict.fromkeys(verdict_values.PLACES, DOTTED), "format": {"enum": [*verdict_values.FORMATS]}, "zone": WORD,
    },
    "path", *verdict_values.MUST,
)  # fmt: skip
_RESOURCE: dict[str, Any] = {
    **shape({**_ASKED, "ignored": {"type": "array", "items": WORD}, "write": WRITE, "verdicts": _VERDICTS}),
    "if": {"not": {"required": ["write"]}},  # what is only written to has nothing to be read
    "then": {"required": ["path"]},
    "dependentRequired": {"verdicts": ["write"]},
}
_CALLBACKS = shape(
    {
        "connections": {"type": "array", "minItems": 1, "maxItems": 2, "uniqueItems": True, "items": WORD},
        "digest": {"enum": ["sha256", "sm3"]},
    }
)
OPTIONS: dict[str, Any] = shape(
    {
        "auth": AUTH,
        "callbacks": _CALLBACKS,
        "describe": URL_PATH,
        "limits": LIMITS,
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
    return options.checked(platform, _VALIDATOR)


def resource(platform: Platform, dataset: Dataset) -> Resource:
    """Return how a data set is read here; CatalogInvalid when that is not declared or maps an unknown field."""
    declared = options.declared(platform, dataset)
    if "path" not in declared:
        where = f"platform {platform.platform}: options.resources.{dataset.name}"
        raise CatalogInvalid(f"{where} has no path to read from", "Add it, or correct the route's source.")
    return asked(declared, dataset.columns)


def asked(declared: Mapping[str, Any], names: tuple[str, ...]) -> Resource:
    """Return how records with these names are asked for."""
    mapped = declared.get("fields", {})
    return Resource(
        path=declared["path"], records=dotted(declared.get("records")), total=dotted(declared.get("total")),
        paging=declared.get("paging", {"kind": "none"}), since=declared.get("since", {}),
        parameters={name: plain(value) for name, value in declared.get("parameters", {}).items()},
        fields={name: dotted(mapped[name]) if name in mapped else (name,) for name in names},
        ignored=frozenset(declared.get("ignored", ())),
    )  # fmt: skip


def dotted(path: str | None) -> Dotted:
    """Return the steps of a dotted path; none for the document itself."""
    return options.steps(path, ".")


def plain(value: Any) -> str:
    """Return a fixed parameter as a query writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def passed(platform: Platform, address: Address, dataset: Dataset) -> tuple[frozenset[str], str, frozenset[str]]:
    """Return the paths that a data set passes, what holds its records in an answer, and the names that are taken there."""
    declared = options.declared(platform, dataset)
    write, verdicts = declared.get("write", {}), declared.get("verdicts", {})
    paths = [one.get("path") for one in (declared, write, write.get("deletions", {}), verdicts)]
    at = frozenset(f"{address.base}{path}" for path in paths if path)
    if verdicts:  # they have fields of their own
        return at, "", frozenset()
    mapped = (options.steps(declared.get("fields", {}).get(name, name), ".") for name in dataset.columns)
    records = options.steps(declared.get("records"), ".")
    return at, records[-1] if records else "", frozenset(step for path in mapped for step in path)
