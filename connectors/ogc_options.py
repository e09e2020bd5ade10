"""What the catalog says of a platform with map services: the schema of its `options`, and what a data set's resource is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from connectors import options, rest_options
from connectors.ogc_crs import KNOWN
from connectors.options import SIZE, kinds, shape
from gateway.errors import CatalogInvalid
from gateway.model import Dataset, Platform

ID, GEOMETRY, CRS = "@id", "@geometry", "@crs"
_COLLECTION = {"type": "string", "pattern": r"^[^/?#\s]+\Z"}
_TYPE = {"type": "string", "pattern": r"^([^\s/@:{}*,()]+:)?[^\s/@:{}*,()]+\Z"}
_PROPERTY = {"type": "string", "pattern": r"^(@(id|geometry|crs)|[^@.][^.]*(\.[^.]+)*)\Z"}
_ELEMENT = {"type": "string", "pattern": r"^(@(id|geometry|crs)|[^\s/@:{}*.]+)\Z"}
_COMMON: dict[str, Any] = {
    "crs": {"enum": list(KNOWN)},
    "size": SIZE,
    "matched": {"type": "boolean"},
    "parameters": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
    "ignored": {"type": "array", "items": options.WORD},
}


def _fields(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": dict(one)}


_RESOURCE = kinds(
    features=shape({**_COMMON, "collection": _COLLECTION, "fields": _fields(_PROPERTY)}, "collection"),
    wfs=shape({**_COMMON, "type": _TYPE, "fields": _fields(_ELEMENT)}, "type"),
)
OPTIONS: dict[str, Any] = shape(
    {
        "auth": rest_options.AUTH,
        "limits": rest_options.LIMITS,
        "resources": {"type": "object", "minProperties": 1, "additionalProperties": _RESOURCE},
    },
    "resources",
)
_VALIDATOR = Draft202012Validator(OPTIONS)


@dataclass(frozen=True, slots=True)
class Resource:
    """A collection of OGC API Features, or a feature type of WFS; `name` is what the platform calls it.

    A field is read from a property, or is the feature's id, its geometry, or the name of the reference system.
    """

    kind: str
    name: str
    crs: str
    size: int
    matched: bool
    parameters: Mapping[str, str]
    fields: Mapping[str, str]
    ignored: frozenset[str]

    def paths(self) -> dict[str, options.Path]:
        """Return the path of each field below a feature's properties; what is no property keeps its name."""
        return {column: options.steps(place, ".") for column, place in self.fields.items()}

    @property
    def taken(self) -> frozenset[str]:
        """Return the properties that are taken of a feature."""
        return frozenset(path[0] for path in self.paths().values())


def checked(platform: Platform) -> Mapping[str, Any]:
    """Return the platform's options, or raise CatalogInvalid naming the first wrong field."""
    return options.checked(platform, _VALIDATOR)


def resource(platform: Platform, dataset: Dataset) -> Resource:
    """Return how a data set is read here; CatalogInvalid when that is not declared or a field cannot hold what it maps."""
    declared = options.declared(platform, dataset)
    mapped = declared.get("fields", {})
    for column, place in mapped.items():
        if (place == GEOMETRY) != (dataset.field(column).hub_type == "jsonb"):
            raise CatalogInvalid(
                f"platform {platform.platform}: options.resources.{dataset.name}.fields: {column} is read from {place}",
                "A geometry goes into a field of type jsonb, and nothing else does.",
            )
    return Resource(
        kind=declared["kind"], name=declared["collection" if declared["kind"] == "features" else "type"],
        crs=declared.get("crs", KNOWN[0]), size=declared.get("size", 500), matched=declared.get("matched", True),
        parameters={name: rest_options.plain(value) for name, value in declared.get("parameters", {}).items()},
        fields={column: mapped.get(column, column) for column in dataset.columns},
        ignored=frozenset(declared.get("ignored", ())),
    )  # fmt: skip
