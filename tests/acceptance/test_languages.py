"""The pages in English: chosen by a link, kept by a cookie, and complete; in Chinese as long as nobody chooses."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from exchange_app import english as english_words
from exchange_app import languages, words
from exchange_app.frame import TEMPLATES
from starlette.testclient import TestClient

from tests.acceptance.desk import ENGINEER, Enter, desk, enter
from tests.integration.conftest import City, prepared

__all__ = ["desk", "enter", "prepared"]  # fixtures


@pytest.fixture
def person(enter: Enter) -> Iterator[TestClient]:
    """Yield an engineer's browser, which forgets afterwards what was chosen."""
    client = enter(ENGINEER)
    yield client
    client.cookies.clear()


@pytest.mark.parametrize("template", sorted(path.name for path in TEMPLATES.glob("*.html")))
def test_no_template_holds_a_chinese_word_without_its_english(template: str) -> None:
    """Nor a pair that was not closed."""
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    english, chinese = (languages.spoken(text, language) for language in (languages.ENGLISH, languages.CHINESE))
    assert [line for line in english.splitlines() if re.search("[\u4e00-\u9fff]", line)] == []
    assert [said for said in (english, chinese) if "{~" in said or "~}" in said] == []


def test_a_pair_is_both_on_a_chinese_page_or_chinese_alone() -> None:
    """`//` keeps the English beside; `||` leaves it to the English page."""
    text = "<th>{~链路 // route~}</th><td>3{~ 条 || rows~}</td>"
    assert languages.spoken(text, languages.CHINESE) == "<th>链路 route</th><td>3 条</td>"
    assert languages.spoken(text, languages.ENGLISH) == "<th>route</th><td>3rows</td>"


def test_pages_are_chinese_until_somebody_chooses_english_and_then_stay_english(desk: City, person: TestClient) -> None:
    """The link leads to the same page with what was asked for; a language that nobody speaks changes nothing."""
    assert desk.deployment.catalog.routes
    first = person.get("/quarantine?state=open")
    assert '<html lang="zh-CN">' in first.text
    assert '<a href="?state=open&amp;lang=en" lang="en"' in first.text
    assert '<html lang="zh-CN">' in person.get("/quarantine?lang=fr").text
    assert not person.cookies
    chosen = person.get("/quarantine?state=open&lang=en")
    assert ('<html lang="en">' in chosen.text, "<h1> <small>quarantine" in chosen.text) == (True, True)
    cookie = chosen.headers["set-cookie"].lower()
    assert ("httponly" in cookie, "samesite=lax" in cookie, "path=/exchange" in cookie) == (True, True, True)


def test_two_at_the_overview_at_once_each_read_their_own_language(desk: City, person: TestClient) -> None:
    """What is kept for all who look is kept by language; so is the page of what does not exist."""
    assert desk.deployment.catalog.routes
    for language, title, missing in (
        ("zh", "数据交换总览", "没有这个页面"),
        ("en", "Data exchange of Test", "no such page"),
    ):
        person.cookies.set(languages.COOKIE, language)
        assert title in person.get("/").text
        assert f"<h1>{missing}" in person.get("/nothing").text


def test_a_refusal_is_told_in_english(person: TestClient) -> None:
    """By the kind of error and what to do, without the Chinese words."""
    person.cookies.set(languages.COOKIE, "en")
    main = person.get("/receipts/999").text.split("<main", 1)[1]
    assert ("<h1>Not found</h1>" in main, "HINT" in main, re.search("[\u4e00-\u9fff]", main)) == (True, True, None)


def test_who_has_several_rights_finds_each_page_once(enter: Enter) -> None:
    """The board of time limits is open to those who read all and to those who read their own."""
    shown = enter("Admin", "Exchange Unit").get("/sla").text
    assert len(re.findall(r'<a href="[^"]*/sla"[^>]*>时效考核', shown)) == 1


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (0.45, "0.45 秒", "0.45 s"),  # a second is parted below ten
        (12.0, "12 秒", "12 s"),
        (185.0, "3 分 05 秒", "3 min 05 s"),
        (4 * 3600 + 60, "4 小时 01 分", "4 h 01 min"),
        (52 * 3600, "2 天 4 小时", "2 d 4 h"),
        (None, "—", "—"),  # not known
    ],
)
def test_a_length_of_time_is_alike_in_both_languages(seconds: float | None, chinese: str, english: str) -> None:
    """The largest two units that fit."""
    assert (words.span(seconds), english_words.span(seconds)) == (chinese, english)
