"""The reference leaves nothing out: it is compared with the code it describes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from gateway import contracts, errors, settings
from gateway.cli import frame
from gateway.cli.app import whole
from gateway.exchange.checks import CHECKS
from gateway.exchange.rules import SET_CHECKS
from gateway.ledger import receipts
from gateway.security.crypto import Keys
from sandbox import meter
from tests.docs.pages import ROOT, blocks

REFERENCE = ROOT / "docs" / "reference"


def _page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def _section(page: str, heading: str) -> str:
    """Return what stands below a heading up to the next of any level."""
    return re.split(r"^#+ ", page.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def _first_cells(text: str) -> set[str]:
    """Return the names in the first column of a section's tables."""
    cells = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def _properties(schema: dict[str, Any]) -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        yield name
        yield from _properties(inner)


@pytest.mark.parametrize(
    ("kind", "heading"),
    [
        ("city", "City"),
        ("unit", "Unit"),
        ("platform", "Platform"),
        ("term", "Term (SLA)"),
        ("route", "Route"),
        ("use", "Use"),
        ("deadline", "Deadline"),
    ],
)
def test_every_field_of_the_catalog_is_described(kind: str, heading: str) -> None:
    """No property of the schema is missing on the page."""
    schema = json.loads((ROOT / "gateway" / "schemas" / "catalog.json").read_text(encoding="utf-8"))
    described = _first_cells(_section(_page("catalog"), f"## {heading}"))
    assert set(_properties(schema["$defs"][kind])) - described == set()


def test_every_check_is_described_with_its_arguments() -> None:
    """The closed vocabulary stands in two tables: checks of a row, checks that look elsewhere."""
    page = _page("contract")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", _section(page, "### Checks of one row"), re.MULTILINE))
    assert set(rows) == set(CHECKS)
    lacking = {
        name: need
        for name, check in CHECKS.items()
        for need in check.needs
        if not re.search(rf"\b{need}\b", rows[name])
    }
    assert lacking == {}
    assert _first_cells(_section(page, "### Checks that look elsewhere")) == set(SET_CHECKS)


def test_every_custom_property_is_described() -> None:
    """What a contract may say beyond the standard is on the page, and nothing else."""
    read = set(re.findall(r"\"(gateway[A-Z]\w+)\"", Path(contracts.__file__).read_text(encoding="utf-8")))
    assert set(re.findall(r"gateway[A-Z]\w+", _page("contract"))) == read


def test_every_command_and_option_is_described() -> None:
    """The page lists exactly the commands there are."""
    page = _page("cli")
    listed = set(re.findall(r"^\| `gateway ((?:[a-z]+(?:-[a-z]+)* ?)+)", page, re.MULTILINE))
    assert {words.strip() for words in listed} == {name for name, _ in _commands()}
    options = {option for _, command in _commands() for p in command.params for option in p.opts if option[:2] == "--"}
    assert {o for o in options if f"`{o}" not in page} - {"--help"} == set()


def _commands() -> Iterator[tuple[str, Any]]:
    top: Any = typer.main.get_command(whole())
    for name, command in top.commands.items():
        below = getattr(command, "commands", None)
        yield from [(f"{name} {n}", c) for n, c in below.items()] if below else [(name, command)]


def test_every_exit_code_is_described() -> None:
    """The frame's codes and the table's are the same."""
    codes = {frame.DONE, frame.FAILED, frame.USAGE, frame.REJECTS, frame.HELD, frame.BUSY}
    assert {int(n) for n in re.findall(r"^\| (\d) \|", _section(_page("cli"), "## Exit codes"), re.MULTILINE)} == codes


def test_every_setting_is_described() -> None:
    """The settings module's own list is on the page."""
    assert settings.__doc__
    assert (
        set(re.findall(r"GATEWAY_[A-Z_]+", settings.__doc__)) - set(re.findall(r"GATEWAY_[A-Z_]+", _page("settings")))
        == set()
    )


def _error_classes(base: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
    yield base
    for below in base.__subclasses__():
        yield from _error_classes(below)


@pytest.mark.parametrize("error", sorted(set(_error_classes(errors.GatewayError)), key=lambda e: (e.code, e.__name__)))
def test_every_error_is_described(error: type[errors.GatewayError]) -> None:
    """Code, Chinese words and whether a retry helps agree with the class; each has a remedy."""
    row = re.search(rf"^\| {error.code} \| (\S+) \|.*\| ([^|]+) \|$", _page("errors"), re.MULTILINE)
    assert row
    assert row[1] == error.chinese
    if error.code != "GW-000":
        assert row[2] == ("yes" if issubclass(error, errors.RetryableError) else "no")
        remedies = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
        assert re.search(rf"^## {error.code} ", remedies, re.MULTILINE)


def test_the_ledger_is_described() -> None:
    """Every table and view of the ledger is on the page, and no column of a table is named that is not there."""
    sql = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "gateway/ledger/migrations/versions").glob("*.sql"))
    page = _page("ledger")
    tables, views = (set(re.findall(rf"create {kind} (gateway\.\w+)", sql)) for kind in ("table", "view"))
    rows = re.findall(r"^\| `(gateway\.\w+)` \|[^|]+\| (.*) \|$", page, re.MULTILINE)
    assert {name for name, _ in rows} == tables | views
    for name, cells in rows:
        if name in views:
            continue
        definition = sql.split(f"create table {name} (", 1)[1].split(");", 1)[0]
        definition += "".join(re.findall(rf"^alter table {name} (?:add column [^;]+);", sql, re.MULTILINE))
        unknown = [
            c
            for c in re.findall(r"`(\w+)`", cells)
            if not re.search(rf"^  {c} |, {c} |add column {c} ", definition, re.MULTILINE)
        ]
        assert unknown == [], name


def test_the_chain_can_be_checked_by_hand(tmp_path: Path) -> None:
    """The lines on the page accept an exported chain and refuse a changed one."""
    program = next(b.text for b in blocks(REFERENCE / "receipts.md") if b.language == "python")
    keys = Keys.create(tmp_path / "keys")
    first = receipts.make(None, {"kind": "epoch", "reason": "首次使用"}, keys)
    second = receipts.make(first, {"kind": "batch", "read": 4}, keys)
    head = receipts.make_head(second, keys)
    receipts.export([first, second], head, keys.public_keys(), tmp_path / "receipts.zip")
    assert _python(program, tmp_path).stdout == "2 records fit\n"
    receipts.export([first], head, keys.public_keys(), tmp_path / "receipts.zip")
    assert "the end is missing" in _python(program, tmp_path).stderr


def _python(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_every_figure_of_the_benchmark_is_described() -> None:
    """The fields of a line of build/bench.json are on the page."""
    one = meter.Cost(1.0, 1.0, 1.0)
    assert set(meter.line("copy.2m", [one], [one])) - set(re.findall(r"`(\w+)`", _page("build-files"))) == set()
