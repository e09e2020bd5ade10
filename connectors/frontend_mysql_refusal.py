"""Values of an up table on MySQL: how they are written there, and what the table would refuse of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

from connectors.mysql_session import OFFSET, literal
from connectors.mysql_shape import Column
from gateway.model import Dataset, Field

_CHINA = timezone(timedelta(hours=8))  # the offset of the session, by which the server reads a TIMESTAMP
_BEYOND_THREE_BYTES = "\uffff"
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_NUMERIC = {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal"}
_CODECS = {"gbk": "gbk", "gb2312": "gb2312", "gb18030": "gb18030", "big5": "big5", "latin1": "cp1252", "ascii": "ascii"}


@dataclass(frozen=True, slots=True)
class Place:
    """A field and the column that it is written to."""

    field: Field
    column: Column

    def stored(self, text: str | None) -> str | None:
        """Return a value of the hub's stream as the column takes it."""
        if text is None:
            return None
        if self.field.hub_type == "boolean":
            return {"t": "1", "f": "0"}[text]
        if self.field.hub_type.startswith("timestamptz"):
            return self._wall(text)
        return text

    def fault(self, text: str | None) -> str | None:
        """Return what the column would refuse of a stored value: required, charset, length; None when it takes it."""
        if text is None:
            return "required" if self.column.needed else None
        if self.column.charset is None:
            return None
        try:
            size = self._bytes(text)
        except UnicodeEncodeError:
            return "charset"
        if self.column.kind in {"varchar", "char"}:
            return "length" if self.column.most is not None and len(text) > self.column.most else None
        return "length" if self.column.most_bytes is not None and size > self.column.most_bytes else None

    def again(self, text: str | None) -> str | None:
        """Return a value that the server showed as the column takes it."""
        return text.removesuffix(OFFSET) if text is not None and self.column.kind == "timestamp" else text

    def sql(self, stored: str | None) -> str:
        """Return a stored value as SQL: a number stays one, since text beside a number is compared as a float."""
        if stored is not None and _NUMBER.fullmatch(stored):
            if self.column.kind == "bit":
                return f"b'{int(stored):b}'"
            if self.column.charset is None and self.column.kind in _NUMERIC:
                return stored
        return literal(stored)

    def same(self, text: str | None) -> str | None:
        """Return a stored value of a key, or one that the server showed, in the one form that both share."""
        if text is None:
            return None
        if self.column.kind == "char":
            return text.rstrip(" ")
        if self.column.kind == "decimal" and _NUMBER.fullmatch(text):
            return format(Decimal(text).normalize(), "f")
        if self.column.kind in {"datetime", "timestamp"} and "." in text:
            return text.rstrip("0").rstrip(".")
        return text

    def _wall(self, text: str) -> str:
        """Return a moment as the wall clock of the field's zone; a TIMESTAMP is a moment itself."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text  # infinity, or beyond the year 9999: the server says that it cannot hold it
        zone = _CHINA if self.column.kind == "timestamp" else ZoneInfo(self.field.zone or "Asia/Shanghai")
        return moment.astimezone(zone).replace(tzinfo=None).isoformat(sep=" ")

    def _bytes(self, text: str) -> int:
        charset = self.column.charset
        if charset in {"utf8", "utf8mb3"} and text and max(text) > _BEYOND_THREE_BYTES:
            raise UnicodeEncodeError("utf-8", text, 0, len(text), "more than three bytes")
        return len(text.encode(_CODECS.get(charset or "", "utf-8")))


def places(dataset: Dataset, columns: Sequence[Column]) -> Mapping[str, Place]:
    """Return where each field of the contract is written."""
    known = {column.name: column for column in columns}
    return {f.name: Place(f, known[f.name]) for f in dataset.fields if f.name in known}
