"""Documents that nobody vouches for: what would fill the memory or never end is refused before any differ sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.diff import documents
from schemas.diff.compare import compare
from schemas.diff.model import BadDocument, Policy

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{here}: &{here} [{','.join([f'*{before}'] * 9)}]\n" for before, here in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("ring.yaml", "a: &a [*a]", "more than 500 levels"),
        ("laughs.yaml", LAUGHS, "2000000 values"),
        ("deep.json", "[" * 600 + "]" * 600, "more than 500 levels"),
        ("number.json", "[NaN]", "NaN is no JSON number"),
        ("object.yaml", "!!python/object/apply:os.system [x]", "neither JSON nor YAML"),
    ],
)
def test_what_never_ends_or_does_more_than_it_says_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    """Aliases that hold themselves or multiply, depth, numbers that are none, objects of a program."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(BadDocument, match=words):
        documents.read(tmp_path / name, "openapi")


def test_a_schema_of_ten_megabytes_is_read_and_its_one_change_found(tmp_path: Path) -> None:
    """It is large, and it is what it is."""

    def schema(last: str) -> str:
        fields = {f"field_{n}": {"type": "string", "description": "说明" * 50} for n in range(100)}
        tables = {f"table_{n}": {"type": "object", "properties": fields} for n in range(300)}
        tables["last"] = {"type": "object", "properties": {"field": {"type": last}}}
        return json.dumps({"type": "object", "properties": tables}, ensure_ascii=False)

    for name, last in (("old", "string"), ("new", "integer")):
        (tmp_path / f"{name}.json").write_text(schema(last), encoding="utf-8")
    assert (tmp_path / "old.json").stat().st_size > 10_000_000
    old, new = (documents.read(tmp_path / f"{name}.json", "jsonschema") for name in ("old", "new"))
    answer = compare("jsonschema", old, new, "reader", Policy())
    assert ([c.path for c in answer.changes], answer.compatible) == (["/properties/last/properties/field/type"], False)
