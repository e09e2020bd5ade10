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
        """Return the line of the last part of a dotted name, or 1 when it does not stand in the file."""
        last = where.rsplit(".", 1)[-1]
        for number, text in enumerate(self._text.splitlines(), 1):
            stripped = text.strip().lstrip("- {")
            if stripped.startswith((f"{last}:", f"name: {last}", f"id: {last}", f"property: {last}")):
                return number
        return 1


def read(path: Path) -> Located:
    """Read a YAML file that holds a mapping; CatalogInvalid names the line of a syntax error."""
    text = path.read_text(encoding="utf-8")
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, the C one where it is built
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CatalogInvalid(
            f"{path.name}:{line}: {error.problem}", "Mend the YAML; check indents and quotes."
        ) from error
    if not isinstance(data, dict):
        raise CatalogInvalid(
            f"{path.name}:1: the file must hold names and values", "Write lines such as `name: value`."
        )
    return Located(path, data, text)
