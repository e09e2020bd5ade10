"""The options of a front-end platform: whose rows these are, and in which tables each data set is exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from connectors import options
from connectors.options import SIZE, WORD, declared
from gateway.model import Dataset, Platform

_NAME = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,62}$"}
_LETTERS = {"type": "string", "pattern": "^[A-Za-z0-9]{1,2}$"}
_FLAG = {"type": "string", "pattern": "^[0-9A-Za-z]{1,10}$"}
_CODE = {"type": "string", "pattern": "^[0-9A-Za-z]{4}$"}
OPTIONS: dict[str, Any] = options.shape(
    {
        "region": {"type": "string", "pattern": "^[0-9]{6}$"},
        "source": {"type": "string", "pattern": "^[0-9A-Za-z]{1,3}$"},
        "operations": options.shape({"insert": _LETTERS, "update": _LETTERS, "delete": _LETTERS}, "insert", "update", "delete"),
        "returns": _NAME,
        "unread": options.shape({"rows": SIZE, "flag": _NAME, "waiting": _FLAG}, "rows"),
        "resources": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": options.shape(
                {
                    "up": _NAME, "archive": _NAME, "down": _NAME, "code": _CODE, "row_key": WORD, "returns": _NAME,
                    "row_returns": _NAME,
                },
            ),
        },
    },
    "resources",
)  # fmt: skip
_VALIDATOR = Draft202012Validator(OPTIONS)
_OPERATIONS = {"insert": "I", "update": "U", "delete": "D"}


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a data set is exchanged: the table that is written, the one that is read, and how returns name a row.

    `code` stands for the data set in a batch number; `row_key` is the field that error returns repeat. `row_returns` is a
    table of another form, which repeats refused rows whole. The other side moves rows that it has fetched to the `archive`.
    """

    up: str
    archive: str
    down: str
    code: str
    row_key: str
    returns: str
    row_returns: str

    @property
    def sent(self) -> tuple[str, ...]:
        """Return the tables in which a batch that was sent may be."""
        return (self.up, self.archive) if self.archive else (self.up,)


@dataclass(frozen=True, slots=True)
class Lying:
    """How much may lie unread in a table. Without a flag every row is unread: the other side takes away what it fetched."""

    rows: int
    flag: str
    waiting: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """The platform's side of the format: whose rows these are, how operations are written, and how much may lie unread."""

    region: str
    source: str
    operations: Mapping[str, str]
    unread: Lying | None


def checked(platform: Platform) -> Exchange:
    """Return the format's settings; CatalogInvalid names the first wrong option."""
    found = options.checked(platform, _VALIDATOR)
    lying = found.get("unread")
    unread = Lying(lying["rows"], lying.get("flag", ""), lying.get("waiting", "0")) if lying else None
    return Exchange(found.get("region", ""), found.get("source", ""), found.get("operations", _OPERATIONS), unread)


def resource(platform: Platform, dataset: Dataset) -> Resource:
    """Return where a data set is exchanged; CatalogInvalid when that is not declared."""
    found = declared(platform, dataset)
    key = found.get("row_key", dataset.key[0])
    whole = found.get("row_returns", "")
    returns = "" if whole else found.get("returns", platform.options.get("returns", ""))
    return Resource(
        found.get("up", ""), found.get("archive", ""), found.get("down", ""), found.get("code", ""), key, returns, whole
    )
