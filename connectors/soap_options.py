"""What the catalog says of a SOAP platform: the schema of its `options`, and what a data set's resource is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from connectors import options, verdict_values
from connectors.options import POSITIVE, SIZE, WORD, Path, kinds, shape
from connectors.soap_write_options import ARGUMENT, FIELD, NAME, WRITE
from gateway.errors import CatalogInvalid
from gateway.model import Dataset, Platform

_PAGING = kinds(
    none=shape({}),
    page=shape(
        {"argument": ARGUMENT, "size_argument": ARGUMENT, "size": SIZE, "first": {"type": "integer", "minimum": 0}},
        "argument", "size",
    ),
)  # fmt: skip
_SINCE = shape(
    {
        "argument": ARGUMENT,
        "until": ARGUMENT,
        "format": {"type": "string", "pattern": r"^(iso|([^%]|%[YmdHMS])*%Y[^%]*%m[^%]*%d([^%]|%[HMS])*)\Z"},
        "zone": {"type": "string", "pattern": r"^[A-Za-z]+(/[A-Za-z_+-]+[0-9]*)*\Z"},
    },
    "argument", "format",
)  # fmt: skip
_ASKED: dict[str, Any] = {
    "operation": NAME,
    "arguments": {"type": "object"},
    "record": NAME,
    "total": NAME,
    "paging": _PAGING,
    "since": _SINCE,
    "fields": {"type": "object", "additionalProperties": FIELD},
}
_VERDICTS = shape(
    {
        **_ASKED, **dict.fromkeys(verdict_values.PLACES, FIELD), "format": {"enum": [*verdict_values.FORMATS]}, "zone": WORD,
    },
    "operation", "record", *verdict_values.MUST,
)  # fmt: skip
_RESOURCE: dict[str, Any] = shape(
    {**_ASKED, "ignored": {"type": "array", "items": NAME}, "write": WRITE, "verdicts": _VERDICTS}
)
_RESOURCE |= {
    "if": {"not": {"required": ["write"]}},  # what is only written to has nothing to be read
    "then": {"required": ["operation", "record"]},
    "dependentRequired": {"operation": ["record"], "record": ["operation"], "verdicts": ["write"]},
}
OPTIONS: dict[str, Any] = shape(
    {
        "wsdl": WORD,
        "service": WORD,
        "port": WORD,
        "auth": kinds(
            none=shape({}), basic=shape({}), signature=shape({}),
            username_token=shape({"digest": {"type": "boolean"}, "signed": {"type": "boolean"}}),
        ),
        "limits": shape({"seconds": POSITIVE, "reply_mb": POSITIVE, "reply_seconds": POSITIVE}),
        "resources": {"type": "object", "minProperties": 1, "additionalProperties": _RESOURCE},
    },
    "wsdl", "resources",
)  # fmt: skip
_VALIDATOR = Draft202012Validator(OPTIONS)


@dataclass(frozen=True, slots=True)
class Limits:
    """The total time of one read, the decompressed bytes of one reply and the time of one reply."""

    seconds: float = 600
    reply_mb: float = 256
    reply_seconds: float = 120


@dataclass(frozen=True, slots=True)
class Resource:
    """Which operation gives a data set's records, and where they are in its replies."""

    operation: str
    record: str
    total: str | None
    arguments: Mapping[str, Any]
    paging: Mapping[str, Any]
    since: Mapping[str, Any]
    fields: Mapping[str, Path]
    ignored: frozenset[str]


def checked(platform: Platform) -> Mapping[str, Any]:
    """Return the platform's options, or raise CatalogInvalid naming the first wrong field."""
    return options.checked(platform, _VALIDATOR)


def operation(declared: Mapping[str, Any], fields: Mapping[str, Path]) -> Resource:
    """Return a resource as it is declared, with the paths of its fields."""
    return Resource(
        operation=declared["operation"], record=declared["record"], total=declared.get("total"),
        arguments=declared.get("arguments", {}), paging=declared.get("paging", {"kind": "none"}),
        since=declared.get("since", {}), fields=fields, ignored=frozenset(declared.get("ignored", ())),
    )  # fmt: skip


def resource(platform: Platform, dataset: Dataset) -> Resource:
    """Return how a data set is read here; CatalogInvalid when that is not declared or its fields contradict."""
    declared = options.declared(platform, dataset)
    where = f"platform {platform.platform}: options.resources.{dataset.name}"
    if "operation" not in declared:
        raise CatalogInvalid(f"{where} has no operation to read by", "Add it, or correct the route's source.")
    mapped = declared.get("fields", {})
    fields = {column: options.steps(mapped.get(column, column), "/") for column in dataset.columns}
    refuse_shared_paths(where, list(fields.values()))
    if declared["record"] == declared.get("total"):
        raise CatalogInvalid(f"{where}: record and total are one name", "Compare both with what the platform sends.")
    return operation(declared, fields)


def refuse_shared_paths(where: str, paths: list[Path]) -> None:
    """Refuse two fields of one element, and a field whose element holds another's: only one of both can be text."""
    hint = "Every field has an element or attribute of its own; a field without a path has its own name."
    taken = Counter(paths)
    if twice := [path for path, times in taken.items() if times > 1]:
        raise CatalogInvalid(f"{where}.fields: {'/'.join(twice[0])} is read twice", hint)
    for path in paths:
        above = [path[:n] for n in range(1, len(path)) if not (n == len(path) - 1 and path[n].startswith("@"))]
        if held := [one for one in above if one in taken]:
            raise CatalogInvalid(f"{where}.fields: {'/'.join(path)} lies within {'/'.join(held[0])}", hint)


def passed(platform: Platform, dataset: Dataset) -> tuple[frozenset[str], str, frozenset[str]]:
    """Return the operations that a data set passes, the element of its records in a reply, and the names taken there."""
    declared = options.declared(platform, dataset)
    write, verdicts = declared.get("write", {}), declared.get("verdicts", {})
    asked = [one.get("operation") for one in (declared, write, write.get("deletions", {}), verdicts)]
    at = frozenset(one for one in asked if one)
    if write or verdicts:  # they have names of their own
        return at, "", frozenset()
    mapped = (options.steps(declared.get("fields", {}).get(name, name), "/") for name in dataset.columns)
    return at, declared.get("record", ""), frozenset(step.removeprefix("@") for path in mapped for step in path)
