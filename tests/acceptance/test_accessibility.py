"""Every page can be read and operated by everybody: axe-core finds nothing on any of them, on a desk and on a telephone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import pytest
from exchange_app import frame, rights
from exchange_app.pages import app as pages
from fastapi.routing import APIRoute
from playwright.sync_api import Page, sync_playwright
from starlette.testclient import TestClient

from gateway.exchange import transfer
from gateway.ledger import decisions
from gateway.model import Catalog
from gateway.settings import CHINA
from gateway.sla import agreements, dockets, issues
from gateway.sla.periods import Period
from sandbox.browser import ARGUMENTS, CHROMIUM
from schemas import watch
from schemas.notice import answers
from tests.integration.conftest import city, prepared
from tests.integration.notice.conftest import Noticing, noticing

__all__ = ["city", "noticing", "prepared"]  # fixtures
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]
ROLES = ("Admin", "Exchange Bureau", "Exchange Unit")
NO_PAGES = {"/static/{name}", "/runs/{dag}/{run_id}", "/circulars/{period}/{form}"}  # they lead on, or are files
PATHS = [r.path for r in pages.app.routes if isinstance(r, APIRoute) and "GET" in r.methods and r.path not in NO_PAGES]
WIDTHS = (1280, 390)
CHINESE = re.compile("[\u4e00-\u9fff]+")
# What a page says: its texts, and what a reader of the screen is told instead of them.
SAYS = """() => {
  const said = [document.title];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) if (!texts.currentNode.parentNode.closest("style, script, .facts")) said.push(texts.currentNode.data);
  for (const one of document.querySelectorAll("*"))
    for (const name of ["aria-label", "title", "alt", "placeholder", "data-h", "value"]) said.push(one.getAttribute(name) || "");
  return said;
}"""
PERIOD = "2026-11A"


@pytest.fixture
def lived_in(noticing: Noticing, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let everything happen once that a page shows; return what the pages are named by."""
    deployment, found = noticing.deployment, noticing.city
    monkeypatch.setattr(frame, "_deployment", lambda _: deployment)
    found.fill(6, bad=3)
    transfer.run(deployment, "person_in")
    decisions.pause(deployment, "person_in", who="chenjing", why="机房检修")
    for script in ("alter table person add column remark text", "alter table person drop column remark"):
        watch.look(deployment, deployment.catalog.platforms["pop"])
        found.ask_source(script)
    watch.look(deployment, deployment.catalog.platforms["pop"])
    notice = noticing.announce()
    found.ask("insert into gateway.user_unit (login, unit, added_by) values ('lisi', 'zjj', 'tester')")
    found.ask("update gateway.quarantine set owner = 'zjj' where id = (select min(id) from gateway.quarantine)")
    hourly = found.with_route(schedule="0 * * * *").deployment
    with hourly.hub() as hub:
        agreements.sync(hub, hourly.catalog, Period.of(PERIOD).begins)
    found.ask(
        "insert into gateway.backup (backup, plan, unit, state, started_at, finished_at, snapshot_at, bytes, rows, manifest) "
        "values ('b1', 'permits', 'gaj', 'stored', now(), now(), now(), 3400000, 2604, repeat('a', 64))"
    )
    begins = datetime(2026, 11, 25, 2, tzinfo=CHINA)
    dockets.file(
        hourly,
        "exempt",
        "person_in",
        begins,
        begins + timedelta(hours=3),
        reason="maintenance",
        words="割接",
        who="lisi",
    )
    issues.draft(hourly, Period.of(PERIOD))
    ((row,),) = found.ask("select min(id) from gateway.quarantine")
    ((version,),) = found.ask("select max(version) from gateway.schema_snapshot")
    return {
        "platform": "pop",
        "version": version,
        "notice": notice.notice,
        "name": "person_in",
        "route": "person_in",
        "period": PERIOD,
        "no": 1,
        "row": row,
        "backup": "b1",
    }


@pytest.fixture
def browse(lived_in: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Yield a function that opens a page as somebody with a role."""
    assert lived_in
    everything = SimpleNamespace(is_authorized_dag=lambda **_: True)
    monkeypatch.setattr(rights, "get_auth_manager", lambda: everything)
    who: dict[str, Any] = {}
    monkeypatch.setitem(pages.app.dependency_overrides, pages.get_user, lambda: who["user"])
    with TestClient(pages.app, headers={"accept": "text/html"}, follow_redirects=False) as client:

        def inner(role: str, path: str, language: str = "zh") -> Any:
            who["user"] = SimpleNamespace(
                get_name=lambda: "lisi", first_name="李四", roles=[SimpleNamespace(name=role)]
            )
            client.cookies.set("exchange_lang", language)
            return client.get(path)

        yield inner


@pytest.fixture
def screen() -> Iterator[Page]:
    """Yield an empty page of a browser, with axe-core in each document."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser.new_page()
        browser.close()


def faults(screen: Page, html: str) -> list[str]:
    """Return what axe-core finds in a document at each width."""
    screen.set_content(html)
    screen.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = []
    for width in WIDTHS:
        screen.set_viewport_size({"width": width, "height": 900})
        violations = screen.evaluate("axe.run()")["violations"]
        found += [f"{width}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in violations]
    return found


def test_axe_finds_nothing_on_any_page(
    noticing: Noticing, lived_in: dict[str, Any], browse: Callable[..., Any], screen: Page
) -> None:
    """As each role sees it; an error's page and the page behind a mail's link as well. No page is left out."""
    found: dict[tuple[str, str], list[str]] = {}
    seen = set()
    for path in PATHS:
        for role in ROLES:
            answer = browse(role, path.format(**lived_in))
            seen |= {path} if answer.status_code == 200 else set()
            if answer.status_code in {200, 404}:
                found[role, path] = faults(screen, answer.text)
    link = next(str(message.link) for *_, message in noticing.messages() if message.link)
    with noticing.deployment.hub() as hub:
        letter = answers.by_token(hub, link.rsplit("/", 1)[1])
    found["nobody", "link"] = faults(screen, answers.page(noticing.deployment.catalog, letter))
    found["nobody", "gone"] = faults(screen, answers.gone())
    assert {key: said for key, said in found.items() if said} == {}
    assert set(PATHS) - seen == set()


def _names(of: Catalog) -> re.Pattern[str]:
    """Return a pattern of what is called as it is called in either language: what the city declares, and what people wrote."""
    datasets = of.datasets.values()
    declared = [
        *(unit.name for unit in of.units.values()), *(platform.name for platform in of.platforms.values()),
        *(dataset.chinese for dataset in datasets), *(field.chinese for dataset in datasets for field in dataset.fields),
    ]  # fmt: skip
    patterns = ["〔[0-9]{4}〕第[0-9]+号", "[\u4e00-\u9fff][*]"]  # of a notice's number, of a masked name
    return re.compile(
        "|".join(
            [
                *patterns,
                *sorted(
                    {*declared, "李四", "机房检修", "割接", "姓名字段改名", "中文", "承德市"}, key=len, reverse=True
                ),
            ]
        )
    )


def test_an_english_page_says_nothing_in_chinese(
    noticing: Noticing, lived_in: dict[str, Any], browse: Callable[..., Any], screen: Page
) -> None:
    """But names, what people wrote, and a notice as it was sent; no page is left out, and each is told to be English, and leads back to Chinese."""
    names = _names(noticing.deployment.catalog)
    found: dict[tuple[str, str], list[str]] = {}
    for path in PATHS:
        for role in ROLES:
            answer = browse(role, path.format(**lived_in), "en")
            if answer.status_code not in {200, 404}:
                continue
            screen.set_content(answer.text)
            said = [text.strip() for text in screen.evaluate(SAYS) if CHINESE.search(names.sub("", text))]
            assert screen.evaluate("document.documentElement.lang") == "en"
            assert screen.locator("a[hreflang=zh-CN]").count() == 1
            found[role, path] = said
    assert {key: said for key, said in found.items() if said} == {}
    assert {path for _, path in found} == set(PATHS)
