"""What somebody types who means no good: into names and reasons that pages show, and into filters that pages read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
from exchange_app import frame, rights
from starlette.testclient import TestClient

from gateway import settings
from gateway.ledger import decisions
from gateway.sla import dockets
from tests.acceptance.desk import AUDITOR, BUREAU, ENGINEER, Enter, desk, enter
from tests.integration.conftest import City, prepared

__all__ = ["desk", "enter", "prepared"]  # fixtures
BAD = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}{~a // b~}"
PAGES = (
    "/",
    "/sla",
    "/routes/person_in",
    "/dockets",
    "/audit",
    "/changes",
    "/quarantine",
    "/backups",
    "/circulars",
    "/notice",
)
FILTERS = {
    "/quarantine": ("route", "rule", "owner", "age", "state", "below"), "/audit": ("who", "what", "below"), "/sla": ("period",),
    "/sla/2026-11A/person_in": ("day", "verdict", "before"), "/changes": ("platform", "level", "state"), "/": ("lang",),
    "/health": ("peers",), "/dockets": ("x",), "/circulars": ("x",), "/routes/person_in": ("x",),
}  # fmt: skip
TYPED = {"long": "长" * 2000, "a zero byte": "a\x00b", "half a character": "\ud800", "a statement": "' or 1=1; drop table x --",
         "a far number": "9" * 40, "a negative one": "-1", "a far day": "99999-12-31", "a moment": "2026-11-01T00:00:00+99:99"}  # fmt: skip


@pytest.fixture
def everybody(desk: City, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Yield the browser of somebody who may open every page of a city whose names are hostile."""
    catalog = desk.deployment.catalog
    units = {name: replace(unit, name=unit.name + BAD) for name, unit in catalog.units.items()}
    platforms = {name: replace(one, name=BAD) for name, one in catalog.platforms.items()}
    route = catalog.routes["person_in"]
    dataset = replace(route.dataset, chinese=BAD)
    routes = {"person_in": replace(route, dataset=dataset, peer=replace(route.peer, name=BAD))}
    hostile = replace(
        catalog,
        city=BAD,
        english=BAD,
        units=units,
        platforms=platforms,
        routes=routes,
        datasets={dataset.name: dataset},
    )
    deployment = replace(desk.deployment, catalog=hostile)
    monkeypatch.setattr(frame, "_deployment", lambda _: deployment)
    monkeypatch.setattr(rights, "may_read_dag", lambda *_: True)
    client = enter(ENGINEER, BUREAU, AUDITOR)
    yield client
    client.cookies.clear()


@pytest.fixture(scope="module")
def said(desk: City) -> None:
    """Let people give hostile reasons."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in desk.environment.items():
            patch.setenv(name, value)
        decisions.pause(desk.deployment, "person_in", who="chenjing", why=BAD)
        begins = settings.now() + timedelta(days=1)
        dockets.file(
            desk.deployment, "exempt", "person_in", begins, begins + timedelta(days=1), reason="maintenance", words=BAD, who="lisi"
        )  # fmt: skip


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_names_and_reasons_are_shown_and_never_run(everybody: TestClient, language: str) -> None:
    """In either language: no mark of theirs is one of the page's, and nothing of theirs is worked out."""
    everybody.cookies.set("exchange_lang", language)
    shown = 0
    for page in PAGES:
        answer = everybody.get(page)
        assert answer.status_code == 200, page
        assert "<img src=x" not in answer.text, page
        assert "<script>alert" not in answer.text, page
        shown += "&lt;img src=x onerror=alert(1)&gt;{{ 7 * 7 }}{~a // b~}" in answer.text
    assert shown >= 5  # they are there, as text


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize("page", FILTERS)
def test_a_filter_takes_whatever_is_typed(everybody: TestClient, page: str, typed: str) -> None:
    """It finds nothing, or is no page; it is never an error of the server."""
    for name in FILTERS[page]:
        answer = everybody.get(f"{page}?{name}={quote(TYPED[typed], errors='surrogatepass')}")
        assert answer.status_code in {200, 404}, (name, answer.text)


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize(
    "page", ["/routes/{}", "/backups/{}", "/changes/{}/1", "/sla/2026-11A/{}", "/circulars/{}/pdf", "/quarantine/{}"]
)
def test_what_nobody_has_is_no_page(everybody: TestClient, page: str, typed: str) -> None:
    """Whatever a name in an address is made of."""
    assert everybody.get(page.format(quote(TYPED[typed], safe="", errors="surrogatepass"))).status_code == 404


def test_a_form_of_the_day_before_yesterday_or_of_somebody_else_is_stale(
    everybody: TestClient,
) -> None:
    """A token that was stolen, or kept, does nothing; one of yesterday still does."""
    own = rights.Visitor("lisi", "", frozenset())
    today = settings.now().astimezone(settings.CHINA).date()
    tokens = {
        "old": rights.token(own, today - timedelta(days=2)), "to come": rights.token(own, today + timedelta(days=1)),
        "of another": rights.token(rights.Visitor("zhaoliu", "", frozenset())), "none": "",
    }  # fmt: skip
    for what, token in tokens.items():
        answer = everybody.post("/quarantine/replay", data={"token": token, "row.1": "1", "why": "代码表已更新"})
        assert (answer.status_code, "GW-753" in answer.text) == (403, True), what
    yesterday = rights.token(own, today - timedelta(days=1))
    answer = everybody.post("/quarantine/replay", data={"token": yesterday, "row.1": "1", "why": "代码表已更新"})
    assert answer.status_code == 404  # the form is good, the row is not there
