"""How pages of records are written, in whichever form they travel: what REST and SOAP have in common of what is declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from connectors import page_answer
from connectors.options import SIZE, WORD, Path, kinds, paths, shape, steps, zone
from connectors.page_answer import Answers
from gateway.model import Dataset

SCALAR = {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageForm:
    """What a page holds and what its answers mean.

    `constants` stand in each record; `number`, `left` and `key_at` are where the page names the batch and itself. `operation`
    says where a record tells whether it is written or deleted; empty: deletions are sent apart.
    """

    size: int
    single: bool
    constants: Mapping[str, Any]
    number: Path
    left: Path
    fields: Mapping[str, Path]
    moments: str
    zone: ZoneInfo
    operation: Mapping[str, Any]
    key_at: Path
    answers: Answers

    def fixed(self, doing: Literal["write", "delete"]) -> Mapping[str, Any]:
        """Return what stands in each record that is to be written, or deleted."""
        told = {self.operation["at"]: self.operation[doing]} if self.operation else {}
        return {**self.constants, **told}


def declared(place: Mapping[str, Any], moments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas of what every form declares, with places written as `place` says."""
    return {
        "size": SIZE, "single": {"type": "boolean"}, "number": place, "left": place, "moments": moments, "zone": WORD,
        "constants": {"type": "object", "propertyNames": place, "additionalProperties": SCALAR},
        "fields": {"type": "object", "additionalProperties": place}, "answer": page_answer.declared(place),
    }  # fmt: skip


def deletions(place: Mapping[str, Any], in_record: str, **apart: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of deletions: told in the record, in the way called `in_record`, or sent apart."""
    told = shape({"at": place, "write": SCALAR, "delete": SCALAR}, "at", "write", "delete")
    return kinds(**{in_record: told}, **apart)


def common(
    found: Mapping[str, Any], dataset: Dataset, where: str, sign: str, *, size: int, key_at: str | None, in_record: str
) -> dict[str, Any]:
    """Return the values of a PageForm; CatalogInvalid for what cannot be followed."""
    fields = paths(found.get("fields", {}), dataset, dataset.columns, where, sign)
    single, gone = found.get("single", False), found["deletions"]
    return {
        "size": 1 if single else found.get("size", size), "single": single, "constants": found.get("constants", {}),
        "number": steps(found.get("number"), sign), "left": steps(found.get("left"), sign), "fields": fields,
        "moments": found.get("moments", "iso"), "zone": zone(found, where),
        "operation": gone if gone["kind"] == in_record else {}, "key_at": steps(key_at, sign),
        "answers": page_answer.answers(found.get("answer", {}), dataset, fields, where, sign),
    }  # fmt: skip
