"""`gateway schema diff` as a person and a machine call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import invoke

OLD: dict[str, Any] = {"type": "object", "properties": {"uscc": {"type": "string"}}}
NEW: dict[str, Any] = {**OLD, "required": ["uscc"]}


def called(folder: Path, *options: str, old: Any = OLD, new: Any = NEW) -> Any:
    """Compare two documents and return exit code and output."""
    for name, document in (("old.json", old), ("new.json", new)):
        (folder / name).write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    files = ["--old", str(folder / "old.json"), "--new", str(folder / "new.json")]
    return invoke("schema", "diff", "--kind", "jsonschema", *files, *options)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--role", "reader", "--fail-on", "breaking"), 0),  # a required field harms nobody who reads
        (("--role", "writer"), 0),  # found, and nothing was asked to fail
        (("--role", "writer", "--fail-on", "breaking"), 1),
        (("--role", "reader", "--fail-on", "sometimes"), 2),  # no level
        (("--role", "owner"), 2),  # no role
        (("--enum", "ajar"), 2),  # no policy
    ],
)
def test_the_exit_code_says_how_it_ended(tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    """0 compared, 1 the level was reached, 2 something cannot be read."""
    assert called(tmp_path, *options).exit_code == code


@pytest.mark.parametrize("document", ["{", "[" * 2_000, '{"a": NaN}', "null x"])
def test_a_file_that_is_no_document_is_named(tmp_path: Path, document: str) -> None:
    """Exit code 2, the file, and no trace of the program."""
    found = called(tmp_path, new=document)
    assert (found.exit_code, "new.json" in found.stderr, "Traceback" in found.stderr) == (2, True, False)


def test_machines_get_one_line_that_is_the_same_each_time(tmp_path: Path) -> None:
    """Keys in their order."""
    one, other = (called(tmp_path, "--json", "--role", "writer") for _ in range(2))
    assert one.stdout == other.stdout
    assert list(json.loads(one.stdout)) == ["level", "compatible", "changes"]


def test_people_get_a_line_a_change_and_the_verdict(tmp_path: Path) -> None:
    """With the place and both effects."""
    found = called(tmp_path, "--role", "writer")
    assert "writer breaking" in found.stdout
    assert "breaking, not compatible" in found.stdout


def test_a_batch_is_answered_line_by_line(tmp_path: Path) -> None:
    """Exit code 0 whatever the answers are."""
    cases = [
        {"id": n, "kind": "jsonschema", "role": role, "old": OLD, "new": NEW}
        for n, role in enumerate(("reader", "writer"))
    ]
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, cases)), encoding="utf-8")
    found = invoke("schema", "diff", "--batch", str(tmp_path / "cases.jsonl"))
    answers = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(a["id"], a["compatible"]) for a in answers] == [(0, True), (1, False)]
    assert found.exit_code == 0
