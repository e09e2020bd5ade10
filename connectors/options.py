"""Building blocks of the schemas of `options`, and the words in which a wrong one is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from jsonschema import Draft202012Validator

from gateway.errors import CatalogInvalid
from gateway.model import Dataset, Platform

Path = tuple[str, ...]
_ZONE = "Asia/Shanghai"
WORD = {"type": "string", "minLength": 1}
POSITIVE = {"type": "number", "exclusiveMinimum": 0}
SIZE = {"type": "integer", "minimum": 1}
DOTTED = {"type": "string", "pattern": r"^[^.]+(\.[^.]+)*\Z"}
URL_PATH = {"type": "string", "pattern": r"^/[^?#\s]*\Z"}


def shape(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """Return the schema of an object that holds nothing else."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": dict(properties),
    }


def kinds(**shapes: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object whose `kind` decides what else it may hold."""
    cases = []
    for kind, one in shapes.items():
        named = {**one, "properties": {"kind": {}, **one["properties"]}}
        cases.append({"if": {"required": ["kind"], "properties": {"kind": {"const": kind}}}, "then": named})
    known = {"enum": list(shapes)}
    return {"type": "object", "required": ["kind"], "properties": {"kind": known}, "allOf": cases}


def checked(platform: Platform, validator: Draft202012Validator) -> Mapping[str, Any]:
    """Return the platform's options, or raise CatalogInvalid naming the first wrong field."""
    error = min(validator.iter_errors(platform.options), key=lambda e: (len(e.path), str(e.path)), default=None)
    if error is None:
        return platform.options
    where = ".".join(["options", *map(str, error.absolute_path)])
    raise CatalogInvalid(f"platform {platform.platform}: {where}: {error.message}", _hint(error, platform.connector))


def _hint(error: Any, connector: str) -> str:
    if error.validator == "additionalProperties":
        return f"Known here: {', '.join(sorted(error.schema.get('properties', {})))}."
    if error.validator == "enum":
        return f"Write one of: {', '.join(map(str, error.validator_value))}."
    return (
        "Add the missing line." if error.validator == "required" else f"See the options of the {connector} connector."
    )


def declared(platform: Platform, dataset: Dataset) -> Mapping[str, Any]:
    """Return a data set's resource; CatalogInvalid when that is not declared or maps an unknown field."""
    found: Mapping[str, Any] | None = platform.options["resources"].get(dataset.name)
    where = f"platform {platform.platform}: options.resources"
    if found is None:
        raise CatalogInvalid(f"{where} has no {dataset.name}", "Add the resource, or correct the route's source.")
    if unknown := sorted(set(found.get("fields", {})) - set(dataset.columns)):
        hint = f"Write fields of the contract of {dataset.name}."
        raise CatalogInvalid(f"{where}.{dataset.name}.fields names {', '.join(unknown)}", hint)
    return found


def steps(path: str | None, sign: str) -> Path:
    """Return the steps of a path; none for what has no path."""
    return tuple(path.split(sign)) if path else ()


def paths(
    mapped: Mapping[str, str], dataset: Dataset, names: tuple[str, ...], where: str, sign: str
) -> dict[str, Path]:
    """Return the path of each name, its own unless it is mapped; CatalogInvalid for what the contract does not know."""
    if unknown := sorted(set(mapped) - set(names)):
        hint = f"Write fields of the contract of {dataset.name}: {', '.join(names)}."
        raise CatalogInvalid(f"{where}.fields names {', '.join(unknown)}", hint)
    return {name: steps(mapped[name], sign) if name in mapped else (name,) for name in names}


def zone(found: Mapping[str, Any], where: str) -> ZoneInfo:
    """Return the zone in which moments are written; CatalogInvalid when there is no such zone."""
    try:
        return ZoneInfo(found.get("zone", _ZONE))
    except (KeyError, ValueError, OSError):  # one that is not known, or is no name at all
        raise CatalogInvalid(f"{where}.zone names no time zone", f"Write one such as {_ZONE}.") from None
