"""The page that a unit opens from its mail: opening shows, only the form answers."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from schemas.notice import lifecycle
from tests.conftest import ROOT
from tests.integration.notice.conftest import DAY, Noticing

FORM = {"answer": "adapted", "by": "王五", "title": "科长"}


@pytest.fixture
def browser(noticing: Noticing, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Yield a browser without a login before the app that Airflow mounts."""
    monkeypatch.syspath_prepend(str(ROOT / "plugins"))
    module: Any = importlib.import_module("exchange_app.notices")
    monkeypatch.setattr(module, "_deployment", lambda _: noticing.deployment)
    with TestClient(module.app, raise_server_exceptions=False) as client:
        yield client


def links(noticing: Noticing) -> dict[str, str]:
    """Return the newest link of each address, as a path of the app."""
    found = {address: message.link for _, address, message in noticing.messages()}
    return {address: urlsplit(str(link)).path.removeprefix("/exchange/notices") for address, link in found.items()}


def test_opening_a_link_shows_the_notice_and_answers_nothing(noticing: Noticing, browser: TestClient) -> None:
    """However often a scanner opens it."""
    notice = noticing.announce()
    link = links(noticing)["zjj@example.gov.cn"]
    pages = [browser.get(link) for _ in range(3)]
    assert {page.status_code for page in pages} == {200}
    for words in ("〔2026〕第1号", "市住房和城乡建设局", "须改造", "提交回执"):
        assert words in pages[0].text
    assert noticing.told(notice)["zjj"].answered_at is None


def test_the_form_answers_once_and_for_this_unit_alone(noticing: Noticing, browser: TestClient) -> None:
    """The page then says who answered what; a second answer changes nothing and says so."""
    notice = noticing.announce()
    link = links(noticing)["zjj@example.gov.cn"]
    first = browser.post(link, data=FORM)
    assert (first.status_code, "科长 王五" in first.text) == (200, True)
    second = browser.post(link, data=FORM | {"answer": "objects", "remark": "不同意"})
    assert (second.status_code, "has answered on" in second.text) == (409, True)
    told = noticing.told(notice)
    assert (told["zjj"].answer, told["mzj"].answer) == ("adapted", None)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "is no answer"),  # nothing was chosen
        (FORM | {"answer": "needs_time"}, "until when"),
        (FORM | {"answer": "needs_time", "until": "31.12."}, "2026-12-31"),  # no day
        (FORM | {"answer": "objects"}, "its reason"),
        (FORM | {"by": " "}, "names who gives it"),
    ],
)
def test_a_form_that_lacks_something_is_shown_again_with_what_it_lacks(
    noticing: Noticing, browser: TestClient, form: dict[str, str], words: str
) -> None:
    """Nothing is kept of it."""
    notice = noticing.announce()
    page = browser.post(links(noticing)["zjj@example.gov.cn"], data=form)
    assert (page.status_code, words in page.text, "提交回执" in page.text) == (409, True, True)
    assert noticing.told(notice)["zjj"].answered_at is None


def test_a_link_that_never_was_and_one_that_has_expired_look_alike(noticing: Noticing, browser: TestClient) -> None:
    """Thirty days after the change took effect nobody can answer any more."""
    noticing.announce()
    link = links(noticing)["zjj@example.gov.cn"]
    unknown = browser.get("/" + "0" * 64)
    noticing.at("2027-01-15 09:00")
    late, answered = browser.get(link), browser.post(link, data=FORM)
    assert [(page.status_code, page.text) for page in (late, answered)] == [(404, unknown.text)] * 2


def test_the_link_of_an_older_revision_leads_to_the_newer_one(noticing: Noticing, browser: TestClient) -> None:
    """It shows what it announced, and takes no answer."""
    noticing.announce()
    link = links(noticing)["zjj@example.gov.cn"]
    lifecycle.revise(
        noticing.deployment, "〔2026〕第1号", None, who="tester", why="更正", effective_on=DAY("2026-12-28")
    )
    assert "已有新版" in browser.get(link).text
    assert browser.post(link, data=FORM).status_code == 409
    assert browser.post(links(noticing)["zjj@example.gov.cn"], data=FORM).status_code == 200


def test_what_a_unit_writes_is_no_markup(noticing: Noticing, browser: TestClient) -> None:
    """Neither in its answer nor in a form that is shown again."""
    noticing.announce()
    bad = FORM | {"by": "<b>王五</b>", "remark": '"><script>alert(1)</script>'}
    again = browser.post(links(noticing)["zjj@example.gov.cn"], data=bad | {"answer": "none"})
    kept = browser.post(links(noticing)["zjj@example.gov.cn"], data=bad)
    for page in (again, kept):
        assert "<script>" not in page.text
        assert "<b>王五" not in page.text


def test_the_page_runs_no_script_and_tells_no_one_its_address(noticing: Noticing, browser: TestClient) -> None:
    """Its address is the secret."""
    noticing.announce()
    headers = browser.get(links(noticing)["zjj@example.gov.cn"]).headers
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]


def test_a_flood_is_refused(noticing: Noticing, browser: TestClient) -> None:
    """A form is small."""
    noticing.announce()
    assert browser.post(links(noticing)["zjj@example.gov.cn"], data={"remark": "x" * 20_000}).status_code == 413
