"""The page of backups promises what tests prove, and names every field of a plan."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "reference" / "backup.md").read_text(encoding="utf-8")
FOLDER = "integration/backup/"  # of files that are named without one


def test_each_promise_names_tests_that_are_run() -> None:
    """A promise without its test is none, nor is one whose test is not collected."""
    section = PAGE.split("## Promises", 1)[1].split("\n## ", 1)[0]
    promises = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    named = {promise: re.findall(r"`([\w/]+\.py::test_\w+)`", tests) for promise, tests in promises}
    assert [promise for promise, tests in named.items() if not tests] == []
    assert (len(promises) > 60, len(named)) == (True, len(promises))
    wanted = {f"tests/{test if '/' in test else FOLDER + test}" for tests in named.values() for test in tests}
    assert wanted - _collected({test.split("::")[0] for test in wanted}) == set()


def _collected(files: set[str]) -> set[str]:
    """Return the tests of files that a run of all tests would run, one name for all its cases."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *sorted(files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    return {line.split("[", 1)[0] for line in done.stdout.splitlines() if "::" in line}


def test_every_field_of_a_plan_is_described() -> None:
    """What the schema knows stands on the page."""
    schema = json.loads((ROOT / "backup" / "schemas" / "plan.json").read_text(encoding="utf-8"))
    plan = schema["$defs"]["plan"]["properties"]
    names = {*plan, *(inner for field in plan.values() for inner in field.get("properties", {}))}
    assert {name for name in names if f"`{name}`" not in PAGE} == set()
