"""Named SQL: every statement lives in the `.sql` file beside its module and is called by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_HEAD = re.compile(r"^-- name: (\w+)\b.*$", re.MULTILINE)


@cache
def queries(module_file: str) -> Mapping[str, str]:
    """Return the statements of the `.sql` file beside a module, by the names in its `-- name: x: purpose` lines."""
    text = Path(module_file).with_suffix(".sql").read_text(encoding="utf-8")
    parts = _HEAD.split(text)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
