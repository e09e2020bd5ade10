"""The pages of changes and notices, asked directly: who may what, what they say, and what a form does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from exchange_app import frame
from exchange_app.pages import app as pages
from starlette.testclient import TestClient

from gateway import settings
from gateway.exchange import proof
from gateway.ledger import ledger
from schemas import watch
from schemas.notice import lifecycle, reminders, store
from schemas.notice.act import acting
from schemas.notice.lifecycle import Reply
from schemas.rehearsal import results
from schemas.rehearsal.replay import Check
from schemas.rehearsal.results import Outcome
from tests.integration.conftest import city, prepared
from tests.integration.notice.conftest import DAY, SPLIT, Noticing, noticing

__all__ = ["city", "noticing", "prepared"]  # fixtures
ENGINEER, BUREAU, AUDITOR, UNIT = ("Exchange Engineer", "Exchange Bureau", "Exchange Auditor", "Exchange Unit")
BAD = "<script>alert(1)</script><b>\"'=1+1"
Enter = Callable[..., TestClient]


@pytest.fixture
def enter(noticing: Noticing, monkeypatch: pytest.MonkeyPatch) -> Iterator[Enter]:
    """Yield a function that returns a browser of somebody who is logged in with roles."""
    monkeypatch.setattr(frame, "_deployment", lambda _: noticing.deployment)
    who: dict[str, Any] = {}
    monkeypatch.setitem(pages.app.dependency_overrides, pages.get_user, lambda: who["user"])
    with TestClient(pages.app, headers={"accept": "text/html"}, follow_redirects=False) as client:

        def inner(*roles: str, login: str = "lisi", name: str = "李四") -> TestClient:
            named = [SimpleNamespace(name=role) for role in roles]
            who["user"] = SimpleNamespace(get_name=lambda: login, first_name=name, roles=named)
            return client

        yield inner


def member(noticing: Noticing, unit: str, login: str = "lisi") -> None:
    """Let a login belong to a unit."""
    noticing.city.ask("insert into gateway.user_unit (login, unit, added_by) values (%s, %s, 'tester')", (login, unit))


def token(client: TestClient, path: str) -> str:
    """Return the token of the form on a page."""
    found = re.search(r'name="token" value="(\w+)"', client.get(path).text)
    assert found
    return found[1]


def send(client: TestClient, page: str, path: str, **fields: str) -> Any:
    """Fill in a form of a page and send it."""
    return client.post(path, data={"token": token(client, page), **fields})


def look(noticing: Noticing) -> None:
    """Let the clock look at the population library."""
    watch.look(noticing.deployment, noticing.deployment.catalog.platforms["pop"])


LANDINGS: list[tuple[tuple[str, ...], tuple[int, str | None]]] = [
    ((UNIT,), (303, "/inbox")),
    ((ENGINEER,), (200, None)),
    ((BUREAU,), (200, None)),
    (("Admin",), (200, None)),
    (("Viewer",), (403, None)),  # an Airflow role without one of ours has nothing to see here
]


def test_the_first_page_is_what_one_is_here_for(enter: Enter) -> None:
    """A unit's user lands in the inbox, everybody else at the overview."""
    for roles, expected in LANDINGS:
        answer = enter(*roles).get("/")
        landed = answer.headers.get("location", "").removeprefix("/exchange") or None
        assert (answer.status_code, landed) == expected, roles


def test_the_board_says_when_nothing_was_seen_yet(enter: Enter) -> None:
    """And which command looks."""
    text = enter(BUREAU).get("/changes").text
    for words in ("没有符合条件的通知单", "gateway schema watch", "✓ 0 条链路"):
        assert words in text


def test_the_board_shows_versions_holds_and_notices(noticing: Noticing, enter: Enter) -> None:
    """With levels, dates, the lead in working days, and how many answered or are late."""
    look(noticing)
    noticing.city.ask_source("alter table person add column remark text")
    look(noticing)
    noticing.announce()
    with closing(noticing.deployment.hub()) as hub, hub:
        ledger.raise_hold(hub, "person_in", ledger.STRUCTURE, {"found": "column colour is new"})
    noticing.at("2026-12-09 09:00")
    text = enter(BUREAU).get("/changes").text
    for words in ("〔2026〕第1号", "15 个工作日", "还有 4 个工作日", "⚠ 1 条链路", "column colour is new", "⚠ 1 个单位", "0 / 2", "第 2 版", "首次记录"):  # fmt: skip
        assert words in text


FILTERS: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("platform=pop", ("〔2026〕第1号", "第 1 版"), ()),
    ("platform=legal", (), ("〔2026〕第1号", "第 1 版")),
    ("state=draft", ("第 1 版",), ("〔2026〕第1号",)),
    ("level=breaking", ("〔2026〕第1号",), ("第 1 版",)),
    ("platform=%27%3Bdrop", (), ("〔2026〕第1号", "第 1 版")),  # a value, never part of a statement
]


def test_the_board_is_filtered(noticing: Noticing, enter: Enter) -> None:
    """By platform, by the state of notices, by the level of versions."""
    look(noticing)
    noticing.announce()
    for query, there, absent in FILTERS:
        text = enter(AUDITOR).get(f"/changes?{query}").text
        assert [word for word in there if word not in text] + [word for word in absent if word in text] == [], query


def test_a_version_is_shown_beside_the_one_before(noticing: Noticing, enter: Enter) -> None:
    """Each change with its rule and what it does to readers and writers, and all columns on both sides."""
    look(noticing)
    noticing.city.ask_source(SPLIT)
    look(noticing)
    text = enter(BUREAU).get("/changes/pop/2").text
    for words in ("public.person", "改名", "full_name", "须改造", "pg.column.rename", "全部字段，前后对照", "character varying(20)"):  # fmt: skip
        assert words in text
    assert "没有可比较的上一版" in enter(BUREAU).get("/changes/pop/1").text
    assert [enter(BUREAU).get(f"/changes/{path}").status_code for path in ("pop/3", "nope/1", "pop/0", "pop/x")] == [404] * 4  # fmt: skip


def draft(client: TestClient, **fields: str) -> Any:
    """Send the form that drafts."""
    form = {"platform": "pop", "dataset": "test.person", "reason": "姓名字段改名", "ddl": SPLIT, **fields}
    return send(client, "/notice/new", "/notice/new", **form)


def test_a_change_is_drafted_announced_postponed_and_withdrawn_by_forms(noticing: Noticing, enter: Enter) -> None:
    """Each act bears the login's name in the chain, and the notice's page tells all of it."""
    client = enter(ENGINEER, login="zhangsan")
    page = draft(client).headers["location"].removeprefix("/exchange")
    assert "pg.column.rename" in client.get(page).text
    assert send(client, page, f"{page}/announce", effective="").status_code == 303
    assert send(client, page, f"{page}/postpone", effective="2026-12-25", why="承建单位延期").status_code == 303
    text = client.get(page).text
    for words in ("〔2026〕第1号", "第 2 版", "2026-12-25", "承建单位延期", "市住房和城乡建设局", "待回执", "邮件 mail", "待发", "zhangsan"):  # fmt: skip
        assert words in text
    assert send(client, page, f"{page}/withdraw", why="取消改造").status_code == 303
    assert "已撤回" in client.get(page).text
    done = noticing.city.ask("select body::jsonb ->> 'what', body::jsonb ->> 'who' from gateway.receipt where kind = 'notice' order by no")  # fmt: skip
    assert done == [(what, "zhangsan") for what in ("announce", "postpone", "withdraw")]
    assert proof.verify(noticing.deployment).ok


def test_a_form_sent_twice_drafts_one_notice(noticing: Noticing, enter: Enter) -> None:
    """A second press of the button is not a second change."""
    client = enter(ENGINEER)
    assert draft(client, form="0123abcd").headers["location"] == draft(client, form="0123abcd").headers["location"]
    assert noticing.city.ask("select count(*) from gateway.notice") == [(1,)]


NO_DRAFTS: list[tuple[dict[str, str], str]] = [
    ({"ddl": "alter table public.person drop column colour"}, "column &#34;colour&#34; of relation"),  # the server's
    ({"ddl": "select 1"}, "changes nothing"),
    ({"ddl": ""}, "no script and no pair"),
    ({"ddl": "", "old": "{}", "new": "{", "kind": "jsonschema"}, "new: neither JSON nor YAML"),
    ({"ddl": "", "old": "{}", "new": "{}", "kind": "spreadsheet"}, "is none of"),
    ({"reason": ""}, "reason is missing"),
    ({"reason": "长" * 501}, "more than 500 characters"),
    ({"dataset": "legal.nothing"}, "no route carries legal.nothing"),
    ({"platform": "nope"}, "at platform nope"),
    ({"effective": "31.12."}, "2026-12-31"),
]


def test_what_cannot_be_drafted_is_told_at_the_form(noticing: Noticing, enter: Enter) -> None:
    """What was filled in is kept, and nothing is drafted."""
    for fields, words in NO_DRAFTS:
        answer = draft(enter(ENGINEER), measures="请改造取数程序", **fields)
        found = (answer.status_code, words in answer.text, "请改造取数程序" in answer.text)
        assert found == (409, True, True), (fields, words)
    assert noticing.city.ask("select count(*) from gateway.notice") == [(0,)]


def test_two_documents_are_compared_instead_of_a_script(enter: Enter) -> None:
    """One as JSON, one as YAML."""
    old = '{"type": "object", "properties": {"name": {"type": "string"}}}'
    client = enter(ENGINEER)
    answer = draft(client, ddl="", kind="jsonschema", old=old, new="type: object\nrequired: [name]\n")
    assert answer.status_code == 303
    assert "json.property.loosen" in client.get(answer.headers["location"].removeprefix("/exchange")).text


NO_ACTS: list[tuple[str, dict[str, str], str]] = [
    ("announce", {"effective": "2026-11-25"}, "on 2026-12-15 or later"),
    ("announce", {"effective": "soon"}, "2026-12-31"),
    ("postpone", {"effective": "2027-01-25", "why": "延期"}, "is draft"),
    ("postpone", {"effective": "", "why": "延期"}, "the later day is missing"),
    ("withdraw", {"why": " "}, "the reason is missing"),
]


def test_what_may_not_be_done_is_told_at_the_notice(noticing: Noticing, enter: Enter) -> None:
    """Nobody is told anything."""
    page = f"/notice/{noticing.draft()}"
    for act, fields, words in NO_ACTS:
        answer = send(enter(ENGINEER), page, f"{page}/{act}", **fields)
        assert (answer.status_code, words in answer.text) == (409, True), (act, fields)
    assert noticing.messages() == []


def test_a_notice_is_found_by_its_number(noticing: Noticing, enter: Enter) -> None:
    """As it stands in mails and on paper."""
    notice = noticing.announce()
    client = enter(BUREAU)
    found = client.get("/notice", params={"number": "〔2026〕第1号"})
    assert found.headers["location"] == f"/exchange/notice/{notice.notice}"
    assert client.get("/notice", params={"number": "〔2026〕第9号"}).status_code == 404


def test_a_unit_answers_in_its_inbox(noticing: Noticing, enter: Enter) -> None:
    """The notice as the unit was told it, the form, then the answer in its place; a second one is refused."""
    notice = noticing.announce()
    member(noticing, "zjj")
    client, page = enter(UNIT), f"/inbox/{notice.notice}"
    assert "查看并回执" in client.get("/inbox").text
    text = client.get(page).text
    for words in ("须改造", "改名", 'value="李四"', "需采取的措施"):
        assert words in text
    form = {"answer": "adapted", "by": "李四", "title": "科长", "revision": "1"}
    assert send(client, page, page, **form).status_code == 303
    told = noticing.told(notice)["zjj"]
    assert (told.answer, told.answered_by) == ("adapted", "李四")
    assert "已改造" in client.get(page).text
    member(noticing, "mzj", "sunqi")
    given = token(enter(UNIT, login="sunqi"), page)
    again = enter(UNIT).post(page, data={**form, "token": given})
    assert again.status_code == 403  # a token of somebody else


NO_ANSWERS: list[tuple[dict[str, str], str]] = [
    ({"answer": "maybe"}, "is no answer"),
    ({"answer": "needs_time", "until": ""}, "until when"),
    ({"answer": "needs_time", "until": "31.12."}, "2026-12-31"),
    ({"answer": "objects", "remark": ""}, "its reason"),
    ({"revision": "7"}, "has revision 1 by now"),
    ({"title": ""}, "names who gives it"),
]


def test_an_answer_that_lacks_its_part_is_told_at_the_form(noticing: Noticing, enter: Enter) -> None:
    """What was filled in is kept, and nothing is answered."""
    notice = noticing.announce()
    member(noticing, "zjj")
    page, form = f"/inbox/{notice.notice}", {"answer": "adapted", "by": "李四光", "title": "科长", "revision": "1"}
    for fields, words in NO_ANSWERS:
        answer = send(enter(UNIT), page, page, **{**form, **fields})
        assert (answer.status_code, words in answer.text, "李四光" in answer.text) == (409, True, True), fields
    assert noticing.told(notice)["zjj"].answer is None


def test_a_unit_sees_its_own_notices_alone(noticing: Noticing, enter: Enter) -> None:
    """One it was not told is like one there is not; its own line is all it sees; without a unit it sees nothing."""
    notice = noticing.announce()
    for unit, login in (("gxj", "wang"), ("mzj", "sunqi")):
        member(noticing, unit, login)
    page = f"/inbox/{notice.notice}"
    given = token(enter(UNIT, login="sunqi"), page)
    assert "市住房和城乡建设局" not in enter(UNIT, login="sunqi").get(page).text
    for login in ("wang", "nobody"):
        client = enter(UNIT, login=login)
        assert (client.get(page).status_code, client.get("/inbox/99").status_code) == (404, 404)
        assert "〔2026〕第1号" not in client.get("/inbox").text
    assert enter(UNIT, login="wang").post(page, data={"token": given}).status_code == 403
    assert "账号未关联单位" in enter(UNIT, login="nobody").get("/inbox").text
    noticing.city.ask("update gateway.user_unit set until = now() where login = 'sunqi'")
    assert enter(UNIT, login="sunqi").get(page).status_code == 404


def test_what_is_open_comes_first_in_the_inbox(noticing: Noticing, enter: Enter) -> None:
    """An answered and a withdrawn one stand below, under their own heading."""
    first = noticing.announce()
    lifecycle.answer(noticing.deployment, first.notice, "zjj", Reply("adapted", "王五", "科长"))
    second = lifecycle.announce(noticing.deployment, str(noticing.draft(origin="planned other")), who="tester")
    member(noticing, "zjj")
    text = enter(UNIT).get("/inbox").text
    places = [text.index(words) for words in ("待办理", f"/inbox/{second.notice}", "已办理", f"/inbox/{first.notice}")]
    assert places == sorted(places)


def test_only_engineers_and_administrators_act_on_notices(noticing: Noticing, enter: Enter) -> None:
    """Even with a token that is good, as nobody else is given one."""
    notice = noticing.draft()
    form = {"token": token(enter(ENGINEER), f"/notice/{notice}"), "why": "x", "effective": "2027-03-01"}
    for role in (BUREAU, AUDITOR, UNIT, "Viewer", "Op"):
        for act in ("announce", "postpone", "withdraw"):
            answer = enter(role).post(f"/notice/{notice}/{act}", data=form)
            assert (role, act, answer.status_code) == (role, act, 403)
    assert noticing.city.ask("select state from gateway.notice") == [("draft",)]


FOREIGN: list[tuple[dict[str, str], dict[str, str]]] = [
    ({}, {"token": ""}),  # no token
    ({}, {"token": "0" * 64}),  # a made-up one
    ({}, {"token": "令牌"}),  # not even of our letters
    ({"sec-fetch-site": "cross-site"}, {}),  # a good one, sent by another site
    ({"sec-fetch-site": "same-site"}, {}),  # by another host of the same domain
]


def test_a_form_of_another_site_does_nothing(noticing: Noticing, enter: Enter) -> None:
    """403 with what to do."""
    notice, client = noticing.draft(), enter(ENGINEER)
    good = {"why": "x", "token": token(client, f"/notice/{notice}")}
    for headers, data in FOREIGN:
        answer = client.post(f"/notice/{notice}/withdraw", data={**good, **data}, headers=headers)
        assert (answer.status_code, "表单已失效" in answer.text) == (403, True), (headers, data)
    assert noticing.city.ask("select state from gateway.notice") == [("draft",)]


def test_a_form_is_good_until_the_end_of_the_next_day(noticing: Noticing, enter: Enter) -> None:
    """Whoever opened it before lunch can send it after; two days later it is opened anew."""
    notice, client = noticing.draft(), enter(ENGINEER)
    given = {"token": token(client, f"/notice/{notice}"), "why": "取消"}
    noticing.at("2026-11-26 00:10")
    assert client.post(f"/notice/{notice}/withdraw", data=given).status_code == 403
    noticing.at("2026-11-25 23:50")
    assert client.post(f"/notice/{notice}/withdraw", data=given).status_code == 303


@pytest.mark.parametrize(("size", "status"), [(300_000, 413), (200_000, 409)])
def test_a_form_that_is_too_large_is_refused(enter: Enter, size: int, status: int) -> None:
    """Before it is read to its end."""
    assert draft(enter(ENGINEER), ddl="-" * size).status_code == status


def test_a_broken_form_is_refused(enter: Enter) -> None:
    """What is no UTF-8 or has a thousand fields."""
    client = enter(ENGINEER)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/notice/new", content=b"\xff\xfe", headers=kind).status_code == 400
    assert client.post("/notice/new", content="&".join(f"a{n}=1" for n in range(99)), headers=kind).status_code == 400


def test_what_people_write_is_no_markup_anywhere(noticing: Noticing, enter: Enter) -> None:
    """Not in reasons, remarks, names, nor in the words of a refusal."""
    notice = noticing.draft(reason=BAD, measures=BAD, fallback=BAD, contact=BAD)
    lifecycle.announce(noticing.deployment, str(notice), who=BAD)
    lifecycle.answer(noticing.deployment, notice, "zjj", Reply("objects", BAD, BAD, remark=BAD))
    lifecycle.postpone(noticing.deployment, "〔2026〕第1号", who=BAD, why=BAD, effective_on=DAY("2026-12-25"))
    member(noticing, "zjj")
    read = [enter(BUREAU, name=BAD).get(path).text for path in (f"/notice/{notice}", "/notice", "/changes")]
    read += [enter(UNIT, name=BAD).get(path).text for path in ("/inbox", f"/inbox/{notice}")]
    read += [draft(enter(ENGINEER, name=BAD), ddl=BAD, reason=BAD, platform=BAD).text]
    assert [text for text in read if "<script" in text or "<b>&" in text or BAD in text] == []
    assert read[0].count("&lt;script&gt;") >= 8


def test_no_page_is_slow_and_each_is_one_file(noticing: Noticing, enter: Enter) -> None:
    """Nothing of a page comes from elsewhere: no script, no picture, no font, one style in the page itself."""
    notice = noticing.announce()
    for path in ("/changes", "/notice", f"/notice/{notice.notice}", "/notice/new"):
        text = enter(ENGINEER).get(path).text
        assert re.findall(r"<(?:script|link|img|iframe)\b|\bstyle=|\bon\w+=|url\(", text) == []
        addresses = re.findall(r'(?:href|action|src)="([^"]+)"', text)
        assert {urlsplit(found).netloc for found in addresses} == {""}
        assert text.count("<h1>") == 1


def test_the_delivery_record_names_no_person(noticing: Noticing, enter: Enter) -> None:
    """Who was written to is known by unit and channel; addresses and names stay in the ledger."""
    notice = noticing.announce()
    noticing.mails()
    text = enter(BUREAU).get(f"/notice/{notice.notice}").text
    assert "已送达" in text
    assert [word for word in ("example.gov.cn", "王五", "赵六") if word in text] == []


def test_pages_cannot_read_secrets_of_notices(enter: Enter) -> None:
    """The role that pages read as sees neither the links' hashes nor messages nor addresses."""
    assert enter(BUREAU).get("/notice").status_code == 200
    columns = [("notice_recipient", "token_hash"), ("outbox", "sealed"), ("contact", "address"), ("contact", "name")]
    with frame.hub() as hub, hub.cursor() as cursor:
        for table, column in columns:
            cursor.execute("select has_column_privilege(%s, %s, 'select')", (f"gateway.{table}", column))
            assert cursor.fetchone() == (False,), column


def test_reminders_are_seen_on_the_notice(noticing: Noticing, enter: Enter) -> None:
    """What the clock sent stands among what was sent, and who was told of the silence."""
    notice = noticing.announce()
    noticing.at("2026-12-10 10:00")
    reminders.remind(noticing.deployment)
    text = enter(BUREAU).get(f"/notice/{notice.notice}").text
    for words in ("逾期上报", "逾期未回执 overdue", "负责人 leader"):
        assert words in text


def test_a_notice_is_revised_by_a_form_that_holds_what_stands(noticing: Noticing, enter: Enter) -> None:
    """Its revision rises, units are told and asked anew, and what is refused keeps what was filled in."""
    client = enter(ENGINEER, login="zhangsan")
    page = draft(client, measures="按新字段取数").headers["location"].removeprefix("/exchange")
    send(client, page, f"{page}/announce", effective="")
    text, told = client.get(page).text, len(noticing.messages())
    for words in ('value="按新字段取数"', 'value="2026-12-15"', "rename column name to full_name"):
        assert words in text
    whole = {"effective": "2026-12-15", "measures": "改用 full_name", "fallback": "", "contact": "", "ddl": SPLIT}
    refused: list[tuple[dict[str, str], str]] = [
        ({"why": ""}, "the reason is missing"),
        ({"why": "提前", "effective": "2026-12-01"}, "on 2026-12-15 or later"),
        ({"why": "改", "measures": "长" * 501}, "more than 500 characters"),
        ({"why": "改", "ddl": "alter table public.person drop column colour"}, "column &#34;colour&#34; of relation"),
        ({"why": "改", "ddl": "select 1"}, "changes nothing"),
    ]
    for fields, words in refused:
        answer = send(client, page, f"{page}/revise", **{**whole, **fields})
        assert (answer.status_code, words in answer.text) == (409, True), fields
    assert len(noticing.messages()) == told
    assert send(client, page, f"{page}/revise", **{**whole, "why": "措施改写"}).status_code == 303
    text = client.get(page).text
    for words in ("第 2 版", "措施改写", "改用 full_name", "pg.column.rename", "待回执"):
        assert words in text
    assert len(noticing.messages()) == 2 * told
    other = "alter table public.person drop column sex"
    assert send(client, page, f"{page}/revise", **{**whole, "why": "改为删除", "ddl": other}).status_code == 303
    text = client.get(page).text
    assert ("第 3 版" in text, "pg.column.drop" in text, "pg.column.rename" in text) == (True, True, False)
    assert proof.verify(noticing.deployment).ok


def test_a_notice_shows_its_rehearsal_and_what_stands_in_its_way(noticing: Noticing, enter: Enter) -> None:
    """Each unit's result with the work behind it, and whether the gate would open, and for whom it does not."""
    notice = noticing.announce()
    page = f"/notice/{notice.notice}"
    with acting(noticing.deployment) as act:
        told = store.recipients(act.hub, notice.notice, notice.revision)
        checks = [Check("route", "链路 route zjj_out", "fail", BAD), Check("route", "链路 route zjj_in", "pass")]
        found = [Outcome(own.unit, tuple(checks) if own.blocks else (checks[1],)) for own in told]
        revision = store.revision(act.hub, notice.notice, notice.revision)
        results.keep(act, notice, revision, found, {"rows": 10}, settings.now(), 1.5)
    text = enter(BUREAU).get(page).text
    for words in ("✗ 未通过", "✓ 通过", "链路 route zjj_out", "✗ 尚不能生效 not ready", "尚未回执 · silent", "2026-12-15 起生效", "演练"):  # fmt: skip
        assert words in text
    assert BAD not in text
    for own in told:
        if own.blocks:
            lifecycle.answer(noticing.deployment, notice.notice, own.unit, Reply("adapted", "张三", "科长"))
    noticing.at("2026-12-15 10:00")
    text = enter(BUREAU).get(page).text
    assert "✓ 可以生效 ready" in text
    assert "尚未回执 · silent" not in text
