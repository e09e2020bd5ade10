"""The manual holds together: commands exist, links lead somewhere, both READMEs are one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import catalog
from tests.command_line import invoke, top
from tests.docs.pages import PAGES, ROOT, blocks

SHELLS = {"sh", "console"}
_COMMAND = re.compile(r"(?:^|[;&|*]\s+|@reboot )gateway((?:[ \t]+[^\s;&|#>]+)+)", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def _commands(page: Path) -> Iterator[str]:
    """Yield every command line of the gateway that a page mentions, in blocks for a shell and in the text."""
    text = page.read_text(encoding="utf-8")
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = [b.text for b in blocks(page) if b.language in SHELLS] + re.findall(r"`([^`\n]+)`", plain)
    for span in spans:
        yield from (found[1].strip() for found in _COMMAND.finditer(span))


MENTIONED = sorted({command for page in PAGES for command in _commands(page)} - {"COMMAND --help"})


def test_the_manual_mentions_commands() -> None:
    """The search for commands finds them: each command of the command line is mentioned."""
    assert set(top().commands) <= {command.split()[0] for command in MENTIONED}


@pytest.mark.parametrize("command", MENTIONED)
def test_a_mentioned_command_exists(command: str) -> None:
    """Its words lead to a command that has help and knows its options."""
    found = top()
    words, path = [w for w in re.sub(r"^--dir \S+ ", "", command).split() if w != "…"], []
    while getattr(found, "commands", None) and words and words[0] in found.commands:
        path.append(words.pop(0))
        found = found.commands[path[-1]]
    assert path or words[0].startswith("--")
    assert not getattr(found, "commands", None) or not words or words[0].startswith("--"), f"no command {words[0]}"
    known = {option for p in found.params for option in p.opts} | {"--help"}
    assert {w for w in words if w.startswith("--")} <= known
    assert invoke(*path, "--help").exit_code == 0


WRITTEN_ELSEWHERE = {"docs/how-to/airflow-ui.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A link names a file of the repository and a heading in it."""
    for name, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / name).resolve() if name else page
        relative = str(target.relative_to(ROOT))
        if relative in WRITTEN_ELSEWHERE and not target.exists():
            continue
        assert target.exists(), f"{page.name}: {name}"
        assert not anchor or anchor in _anchors(target), f"{page.name}: {name}#{anchor}"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_every_page_is_on_the_map() -> None:
    """A page that the index does not name is not found by anybody."""
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {str(p.relative_to(ROOT / "docs")) for p in PAGES if p.is_relative_to(ROOT / "docs")}
    assert {p for p in pages - {"index.md"} if f"({p})" not in index} == set()


def test_both_readmes_have_the_same_parts() -> None:
    """Headings, blocks and commands in them, links and tables agree in number and order."""
    english, chinese = ROOT / "README.md", ROOT / "README.zh-CN.md"
    assert _parts(english) == _parts(chinese)


def _parts(page: Path) -> tuple[Any, ...]:
    text = page.read_text(encoding="utf-8")
    levels = re.findall(r"^(#+) ", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    code = [(b.language, [line.split()[:2] for line in b.text.splitlines()]) for b in blocks(page) if b.language]
    links = {name for name, _ in _LINK.findall(text) if not name.startswith("README")}
    return (
        levels,
        [b.language for b in blocks(page)],
        code,
        links,
        text.count("\n- "),
        [_figures(line) for line in re.findall(r"^\|.*\d.*\|$", text, re.MULTILINE)],
    )


def _figures(line: str) -> list[str]:
    """Return the name and the figures of a table's line; words between them differ by language."""
    first, *others = (cell.strip() for cell in line.strip("|").split("|"))
    return [first, *(cell for cell in others if re.fullmatch(r"[\d.,]+", cell))]


def test_the_readme_shows_routes_that_there_are() -> None:
    """The excerpt of what the demo prints names routes of the catalog, and the text how many there are."""
    page, found = (ROOT / "README.md").read_text(encoding="utf-8"), catalog.load(ROOT / "catalog")
    shown = re.findall(r"^\| (\w+_(?:in|share|prov|\w+)) \| \w+\.\w+ \|", page, re.MULTILINE)
    assert shown
    assert set(shown) <= set(found.routes)
    assert f"{len(found.routes)} routes between the hub and {len(found.platforms)} platforms" in page


def test_every_platform_is_on_its_page() -> None:
    """The table has each platform of the catalog with its connector and the data sets it brings and gets."""
    found = catalog.load(ROOT / "catalog")
    page = (ROOT / "docs" / "reference" / "platforms.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\|[^|]+\| `(\w+)` \|([^|]*)\|([^|]*)\|$", page, re.MULTILINE)
    shown = {name: (kind, _names(brings), _names(gets)) for name, kind, brings, gets in rows}
    declared = {
        name: (
            p.connector,
            {r.dataset.name for r in found.routes.values() if r.peer.platform == name and not r.outbound},
            {r.dataset.name for r in found.routes.values() if r.peer.platform == name and r.outbound},
        )
        for name, p in found.platforms.items()
    }
    assert shown == declared


def _names(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def test_settings_of_no_page_are_unknown() -> None:
    """A setting that the manual names is one that some file of the project reads."""
    sources = [p for folder in ("gateway", "dags", "plugins", "docker") for p in (ROOT / folder).rglob("*.*")]
    read = "".join(
        p.read_text(encoding="utf-8", errors="ignore") for p in sources if p.is_file() and p.suffix != ".pyc"
    )
    known = set(re.findall(r"GATEWAY_[A-Z_]*[A-Z]", read))
    named = {n for p in PAGES for n in re.findall(r"GATEWAY_[A-Z_]*[A-Z]", p.read_text(encoding="utf-8"))}
    assert {n for n in named - known if not n.startswith("GATEWAY_CONN")} == set()


def test_the_catalog_example_of_the_reference_is_valid() -> None:
    """The route shown on the page has only fields that the schema or this release knows."""
    schema = json.loads((ROOT / "gateway" / "schemas" / "catalog.json").read_text(encoding="utf-8"))
    shown = next(b.text for b in blocks(ROOT / "docs" / "reference" / "catalog.md") if b.language == "yaml")
    assert set(re.findall(r"^(\w+):", shown, re.MULTILINE)) <= set(schema["$defs"]["route"]["properties"])
