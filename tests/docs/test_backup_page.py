"""The page of backups promises what tests prove, and names every field of a plan."""

from __future__ import annotations

import json
import re

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "reference" / "backup.md").read_text(encoding="utf-8")


def test_each_promise_names_tests_that_exist() -> None:
    """A promise without its test is none."""
    rows = re.findall(r"^\| ([^|`]+) \| ((?:`test_\w+`(?:, )?)+) \|$", PAGE, re.MULTILINE)
    assert len(rows) > 20
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {name for _, cell in rows for name in re.findall(r"test_\w+", cell)} - there == set()


def test_every_field_of_a_plan_is_described() -> None:
    """What the schema knows stands on the page."""
    schema = json.loads((ROOT / "backup" / "schemas" / "plan.json").read_text(encoding="utf-8"))
    plan = schema["$defs"]["plan"]["properties"]
    names = {*plan, *(inner for field in plan.values() for inner in field.get("properties", {}))}
    assert {name for name in names if f"`{name}`" not in PAGE} == set()
