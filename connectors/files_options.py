"""What the catalog says of a platform that exchanges files: the schema of its `options`, and what a resource is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from connectors import options
from connectors.options import POSITIVE, WORD, kinds, shape
from gateway.errors import CatalogInvalid
from gateway.model import Dataset, Platform

_CHARSET = {"enum": ["utf-8", "gb18030"]}
_FOLDER = {"type": "string", "pattern": r"^(?!\.{1,2}(/|\Z))[^/\\\x00]+(/(?!\.{1,2}(/|\Z))[^/\\\x00]+)*\Z"}
_PATH = {"type": "string", "pattern": r"^[^/]+(/[^/]+)*\Z"}
_FORMAT = kinds(
    csv=shape(
        {"charset": _CHARSET, "delimiter": {"type": "string", "pattern": r'^[^"\r\n\\]\Z'}, "null": {"type": "string"}},
        "charset",
    ),
    jsonl=shape({"charset": _CHARSET}, "charset"),
    xml=shape({"charset": _CHARSET, "record": WORD}, "charset", "record"),
    xlsx=shape({"sheet": WORD}),
)
_RESOURCE = shape(
    {
        "folder": _FOLDER,
        "series": WORD,
        "format": _FORMAT,
        "operation": WORD,
        "fields": {"type": "object", "additionalProperties": _PATH},
        "ignored": {"type": "array", "items": WORD},
    },
    "format",
)
OPTIONS: dict[str, Any] = shape(
    {
        "host_keys": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "pattern": r"^SHA256:[A-Za-z0-9+/]{43}\Z"},
        },
        "limits": shape({"seconds": POSITIVE, "file_mb": POSITIVE}),
        "receipts": {"type": "boolean"},
        "resources": {"type": "object", "minProperties": 1, "additionalProperties": _RESOURCE},
    },
    "resources",
)
_VALIDATOR = Draft202012Validator(OPTIONS)


@dataclass(frozen=True, slots=True)
class Limits:
    """The total time of one read, and the size of one file."""

    seconds: float = 3600
    file_mb: float = 4096


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a data set's files are, and how they are written; `fields` holds the path of each field in a record."""

    folder: str
    series: str
    format: Mapping[str, Any]
    operation: str
    fields: Mapping[str, options.Path]
    ignored: frozenset[str]

    @property
    def charset(self) -> str:
        """Return the declared charset; XLSX has its own."""
        return str(self.format.get("charset", "utf-8"))

    @property
    def columns(self) -> list[str]:
        """Return the name of each field's column in the order of the projection."""
        return ["/".join(path) for path in self.fields.values()]


def checked(platform: Platform) -> Mapping[str, Any]:
    """Return the platform's options, or raise CatalogInvalid naming the first wrong field."""
    return options.checked(platform, _VALIDATOR)


def resource(platform: Platform, dataset: Dataset) -> Resource:
    """Return how a data set is exchanged here; CatalogInvalid when that is not declared or maps an unknown field."""
    declared = options.declared(platform, dataset)
    mapped = declared.get("fields", {})
    operation = declared.get("operation", "operation")
    if operation in {mapped.get(c, c) for c in dataset.columns}:
        where = f"platform {platform.platform}: options.resources.{dataset.name}.operation"
        raise CatalogInvalid(f"{where}: {operation} is a field's column", "Name the column that holds I, U or D.")
    nested = declared["format"]["kind"] == "xml"
    return Resource(
        folder=declared.get("folder", ""), series=declared.get("series", dataset.name), format=declared["format"],
        operation=operation,
        fields={c: tuple(mapped.get(c, c).split("/")) if nested else (mapped.get(c, c),) for c in dataset.columns},
        ignored=frozenset(declared.get("ignored", ())),
    )  # fmt: skip
