"""What an answer to a page of records means, in whichever form it comes: by the platform's own code, counts and refusals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.http_peer import Peer
from connectors.options import Path, paths, shape, steps
from gateway.errors import SchemaMismatch
from gateway.model import Dataset

_CODE = re.compile(r"[\w.:-]{1,40}")  # what is no code may be a value, which no error repeats
_LONGEST = 18  # digits of a count
_COUNTS = ("inserted", "updated", "unchanged", "deleted")
_SCALARS = {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}}


def declared(path: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of what is declared of answers, with places written as `path` says."""
    answer = shape(
        {
            "code": path, **dict.fromkeys(("success", "busy", "denied", "refused_page"), _SCALARS), "repeated": path,
            "counts": shape(dict.fromkeys(_COUNTS, path)),
            "refused": shape(
                {
                    "records": path, "fields": {"type": "object", "additionalProperties": path},
                    "code": path, "words": path,
                },
                "records",
            ),
        },
    )  # fmt: skip
    needed = {name: ["code"] for name in ("success", "busy", "denied", "refused_page")}
    return {**answer, "dependentRequired": {"code": ["success"], **needed}}


@dataclass(frozen=True, slots=True)
class Answers:
    """Where an answer tells what became of a page, and which of its codes mean what; `refused` are places of a refusal."""

    code: Path
    success: frozenset[str]
    busy: frozenset[str]
    denied: frozenset[str]
    refused_page: frozenset[str]
    repeated: Path
    counts: Mapping[str, Path]
    refused: Mapping[str, Path]
    key: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that was refused, in the platform's words; its key as the platform writes it."""

    key: Mapping[str, str | None]
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a page. `whole`: it was refused as a whole for what is wrong with one of its records."""

    counts: Mapping[str, int] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()
    repeated: bool = False
    whole: Refusal | None = None


def answers(found: Mapping[str, Any], dataset: Dataset, fields: Mapping[str, Path], where: str, sign: str) -> Answers:
    """Return what is declared of answers; a key that is not mapped is named as in the records, by `fields`."""
    refused = found.get("refused", {})
    key = paths(refused.get("fields", {}), dataset, dataset.key, f"{where}.answer.refused", sign)
    as_written = {name: fields[name] for name in dataset.key if name not in refused.get("fields", {})}
    return Answers(
        code=steps(found.get("code"), sign), repeated=steps(found.get("repeated"), sign),
        **{name: _codes(found.get(name, ())) for name in ("success", "busy", "denied", "refused_page")},
        counts={name: steps(path, sign) for name, path in found.get("counts", {}).items()},
        refused={name: steps(path, sign) for name, path in refused.items() if name != "fields"},
        key={**key, **as_written},
    )  # fmt: skip


def judged(peer: Peer, meant: Answers, code: str | None, headers: Mapping[str, str], what: str) -> Told | None:
    """Return a page that is refused as a whole, None for success; raises what any other code means."""
    said = f"platform {peer.platform} answers {what} with {_shown(code)}"
    if code in meant.busy:
        raise peer.busy(said, headers)
    if code in meant.denied:
        raise peer.denied(what, _shown(code))
    if code in meant.refused_page:
        return Told(whole=Refusal({}, str(code), ""))
    if meant.code and code not in meant.success:
        hint = (
            "Compare answer.success of the resource with the platform's manual, or ask its owner what the code means."
        )
        raise SchemaMismatch(f"{said}, which is not success", hint)
    return None


def count(text: str | None, path: str, what: str) -> int:
    """Return a figure of an answer; SchemaMismatch when it is none."""
    if not (text and text.isascii() and text.isdecimal() and len(text) <= _LONGEST):
        raise SchemaMismatch(f"{what} is answered without a number at {path}", "Compare answer.counts.")
    return int(text)


def _codes(values: Any) -> frozenset[str]:
    """Return declared codes as they are compared: a number and its digits in quotes are one code."""
    return frozenset(str(v).lower() if isinstance(v, bool) else str(v) for v in values)


def _shown(code: str | None) -> str:
    return f"code {code}" if code and _CODE.fullmatch(code) else "no code that is known"
