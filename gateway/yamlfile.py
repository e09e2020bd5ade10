"""YAML files that know their lines, so that an error can name the place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gateway.errors import CatalogInvalid

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Located:
    """A document that is a mapping, with its file."""

    path: Path
    data: dict[str, Any]
    _text: str = field(repr=False, default="")

    def get(self, name: str, default: Any = None) -> Any:
        """Return a top-level value."""
        return self.data.get(name, default)

    def require(self, name: str) -> Any:
        """Return a top-level value; CatalogInvalid when it is missing."""
        if self.data.get(name) in (None, ""):
            raise self.fault(name, "this is missing", f"Add a line `{name}: …`.")
        return self.data[name]

    def fault(self, where: str, what: str, hint: str) -> CatalogInvalid:
        """Return the error for a place: `file:line: field: what`."""
        return CatalogInvalid(f"{self.path.name}:{self.line(where)}: {where}: {what}", hint)

    def line(self, where: str) -> int:
        """Return the line of the last part of a dotted name that begins one; 1 when none does."""
        *outer, last = where.split(".")
        for number, text in enumerate(self._text.splitlines(), 1):
            stripped = text.strip().lstrip("- {")
            if stripped.startswith((f"{last}:", f"name: {last}", f"id: {last}", f"property: {last}")):
                return number
        return self.line(".".join(outer)) if outer else 1


def parse(path: Path) -> Any:
    """Return what a YAML file holds; CatalogInvalid names the line of what is wrong."""
    return _parsed(path, path.read_bytes())


def read(path: Path) -> Located:
    """Read a YAML file that holds a mapping; CatalogInvalid names the line of a syntax error."""
    return document(path, path.read_bytes())


def document(path: Path, raw: bytes) -> Located:
    """Return what was read from a file as a mapping; CatalogInvalid names the line of a syntax error."""
    data = _parsed(path, raw)
    if not isinstance(data, dict):
        raise CatalogInvalid(
            f"{path.name}:1: the file must hold names and values", "Write lines such as `name: value`."
        )
    return Located(path, data, raw.decode())


def _parsed(path: Path, raw: bytes) -> Any:
    try:
        return yaml.load(raw.decode(), Loader=_Unique)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        hint = "Mend the YAML; check indents and quotes."
        raise CatalogInvalid(f"{path.name}:{line}: {error.problem}", hint) from error
    except (yaml.YAMLError, ValueError) as error:
        raise CatalogInvalid(f"{path.name}:1: this is no YAML in UTF-8", "Save the file anew as UTF-8 text.") from error


class _Unique(_Loader):  # type: ignore[misc, valid-type]
    """The safe loader, with two faults told that it lets pass or dies of: a name given twice, a day that is none."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - as its base
        """Build a mapping; a second value under one name would silently win."""
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} stands twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return dict(super().construct_mapping(node, deep=deep))

    def construct_yaml_timestamp(self, node: Any) -> Any:
        """Build a day or a time."""
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError as error:
            raise yaml.MarkedYAMLError(problem=f"{node.value} is no day", problem_mark=node.start_mark) from error


_Unique.add_constructor("tag:yaml.org,2002:timestamp", _Unique.construct_yaml_timestamp)
