"""The interface of a unit's programs: by its own token, what it was told since it last asked, and its answer."""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import jsonschema
import psycopg2
import pytest
from starlette.testclient import TestClient

from gateway.security import tokens
from schemas.diff.compare import compare
from schemas.diff.model import Policy
from schemas.notice import lifecycle
from tests.conftest import ROOT
from tests.integration.notice.conftest import DAY, Noticing

DESCRIBED = ROOT / "docs" / "reference" / "api" / "openapi.json"
ANSWER = {"revision": 1, "answer": "adapted", "by": "王五", "title": "科长"}


@dataclass
class Program:
    """A unit's program and the city it asks."""

    noticing: Noticing
    client: TestClient
    module: Any

    def get(self, path: str, unit: str = "zjj", **headers: str) -> Any:
        """Ask with a token of a unit."""
        return self.client.get(path, headers={**self.proof(unit), **headers})

    def post(self, path: str, body: Any, unit: str = "zjj") -> Any:
        """Answer with a token of a unit."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path, content=content, headers=self.proof(unit))

    def proof(self, unit: str) -> dict[str, str]:
        """Return the header with a new token of a unit."""
        made = tokens.make(self.noticing.deployment, unit, "api", who="tester")
        return {"Authorization": f"Bearer {made.raw}"}


@pytest.fixture
def program(noticing: Noticing, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """Yield a program before the app that Airflow mounts."""
    monkeypatch.syspath_prepend(str(ROOT / "plugins"))
    frame: Any = importlib.import_module("exchange_app.frame")
    module: Any = importlib.import_module("exchange_app.api.app")
    monkeypatch.setattr(frame, "_deployment", lambda _: noticing.deployment)
    with TestClient(module.app, raise_server_exceptions=False) as client:
        yield Program(noticing, client, module)


def test_a_unit_is_told_what_came_after_its_cursor(program: Program) -> None:
    """New notices, new revisions and withdrawals, each once as it is now; then nothing, with the same cursor."""
    noticing = program.noticing
    empty = program.get("/notices").json()
    assert (empty["items"], empty["more"]) == ([], False)
    notice = noticing.announce()
    first = program.get(f"/notices?since={empty['cursor']}").json()
    (item,) = first["items"]
    assert {name: item[name] for name in ("notice", "number", "revision", "state", "class", "impact", "effective_on", "answers_due", "answer")} == {
        "notice": notice.notice, "number": "〔2026〕第1号", "revision": 1, "state": "announced", "class": "major", "impact": "breaking",
        "effective_on": "2026-12-15", "answers_due": "2026-12-08", "answer": None,
    }  # fmt: skip
    assert program.get(f"/notices?since={first['cursor']}").json() == {**empty, "cursor": first["cursor"]}
    lifecycle.postpone(noticing.deployment, item["number"], who="tester", why="延期", effective_on=DAY("2026-12-25"))
    second = program.get(f"/notices?since={first['cursor']}").json()
    assert [(i["revision"], i["effective_on"]) for i in second["items"]] == [(2, "2026-12-25")]
    lifecycle.withdraw(noticing.deployment, item["number"], who="tester", why="取消")
    third = program.get(f"/notices?since={second['cursor']}").json()
    assert [i["state"] for i in third["items"]] == ["withdrawn"]
    assert [i["state"] for i in program.get("/notices").json()["items"]] == ["withdrawn"]


def test_pages_of_the_list_leave_out_nothing_and_repeat_nothing(program: Program) -> None:
    """However small they are."""
    wanted = [
        lifecycle.announce(
            program.noticing.deployment, str(program.noticing.draft(origin=f"planned {n}")), who="tester"
        )
        for n in range(3)
    ]
    seen, cursor, more = list[int](), "", True
    while more:
        page = program.get(f"/notices?limit=1&since={cursor}").json()
        seen, cursor, more = [*seen, *(i["notice"] for i in page["items"])], page["cursor"], page["more"]
    assert seen == [notice.notice for notice in wanted]


def test_a_number_appears_only_when_every_smaller_one_has(program: Program) -> None:
    """Who announces waits for whoever is announcing: a cursor never runs past one that is still to come."""
    notice = program.noticing.announce()
    dsn = program.noticing.deployment.hub_dsn
    add = "insert into gateway.notice_recipient (notice, revision, unit, impact, uses) values (%s, 1, %s, 'info', '[]')"
    with closing(psycopg2.connect(dsn)) as slow, closing(psycopg2.connect(dsn)) as quick:
        with slow.cursor() as cursor:
            cursor.execute(add, (notice.notice, "gxj"))
        with quick.cursor() as cursor:
            cursor.execute("set lock_timeout = '100ms'")
            with pytest.raises(psycopg2.errors.LockNotAvailable):
                cursor.execute(add, (notice.notice, "gaj"))


def test_a_cursor_of_a_restored_hub_is_refused(program: Program) -> None:
    """The hub that gave it knew more than the one that is there now; the program asks for all of it again."""
    program.noticing.announce()
    epoch, _, last = program.get("/notices").json()["cursor"].partition(".")
    answer = program.get(f"/notices?since={int(epoch) + 1}.{last}")
    assert (answer.status_code, "without `since`" in answer.json()["detail"]) == (410, True)


@pytest.mark.parametrize(
    "query", ["since=abc", "since=1.2.3", "since=1.-2", "since=" + "1" * 60, "limit=0", "limit=101", "limit=x"]
)
def test_a_question_that_is_not_as_described_is_refused(program: Program, query: str) -> None:
    """As a problem, with what is wrong."""
    answer = program.get(f"/notices?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["status"] == 400


def test_a_notice_is_told_whole_by_id_and_by_number(program: Program) -> None:
    """With what changes and what that does to this unit."""
    notice = program.noticing.announce()
    found = program.get(f"/notices/{notice.notice}").json()
    assert program.get("/notices/〔2026〕第1号").json() == found
    (change,) = [c for c in found["changes"] if c["rule"] == "pg.column.rename"]
    assert (change["path"], change["effect"], change["used"]) == ("public.person.name", "breaking", True)
    assert (found["reason"], found["publisher"]) == ("姓名字段改名", "gaj")
    assert program.get(f"/notices/{notice.notice}", unit="mzj").json()["impact"] == "info"


def test_what_the_caller_has_already_is_not_sent_again(program: Program) -> None:
    """By its tag, until something is different."""
    notice = program.noticing.announce()
    for path in (f"/notices/{notice.notice}", "/notices"):
        tag = program.get(path).headers["etag"]
        again = program.get(path, **{"If-None-Match": f'W/{tag}, "other"'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert program.post(f"/notices/{notice.notice}/ack", ANSWER).status_code == 200
    assert program.get("/notices", **{"If-None-Match": tag}).status_code == 200


def test_an_answer_is_kept_once_and_may_be_sent_again(program: Program) -> None:
    """Whoever lost the reply repeats it; another answer is refused with when the first one came."""
    notice = program.noticing.announce()
    path = f"/notices/{notice.notice}/ack"
    answers = [program.post(path, ANSWER) for _ in range(2)]
    assert [(a.status_code, a.json()["answer"], a.json()["answered_by"]) for a in answers] == [
        (200, "adapted", "王五")
    ] * 2
    other = program.post(path, ANSWER | {"answer": "no_impact"})
    assert (other.status_code, other.json()["code"], "2026-11-24" in other.json()["detail"]) == (409, "GW-705", True)
    ((entries,),) = program.noticing.city.ask("select count(*) from gateway.receipt where body::jsonb ->> 'what' = 'answer'")  # fmt: skip
    assert (entries, program.noticing.told(notice)["zjj"].answer) == (1, "adapted")


WRONG: list[tuple[Any, int, str]] = [
    (b"{", 400, "JSON"),
    (b"\xff", 400, "JSON"),
    ([], 400, "object"),
    (ANSWER | {"answer": "maybe"}, 400, "answer"),
    ({**ANSWER, "until": "31.12."}, 400, "until"),
    ({**ANSWER, "colour": "red"}, 400, "colour"),  # a misspelt field is no field
    ({**ANSWER, "by": ""}, 400, "by"),
    ({**ANSWER, "by": " "}, 409, "names who gives it"),
    (ANSWER | {"answer": "needs_time"}, 409, "until when"),
    (ANSWER | {"answer": "objects"}, 409, "its reason"),
    (ANSWER | {"revision": 2}, 409, "revision 1 by now"),
    (b" " * 20_000, 413, "16384 bytes"),
]


def test_an_answer_that_is_not_as_described_is_refused(program: Program) -> None:
    """Each as a problem that says where; nothing is kept, and what was given is not repeated."""
    notice = program.noticing.announce()
    for body, status, words in WRONG:
        answer = program.post(f"/notices/{notice.notice}/ack", body)
        assert (answer.status_code, words in answer.json()["detail"]) == (status, True), (body, answer.text)
        assert "王五" not in answer.text
    assert program.noticing.told(notice)["zjj"].answer is None


def test_a_unit_is_told_nothing_of_what_others_were_told(program: Program) -> None:
    """A notice of others, a draft and one that never was are the same to it."""
    notice, draft = program.noticing.announce(), program.noticing.draft(origin="planned other")
    assert program.get("/notices", unit="gxj").json()["items"] == []
    refusals = [program.get(f"/notices/{no}", unit="gxj") for no in (notice.notice, "〔2026〕第1号", draft, 999, "x")]
    refusals += [program.post(f"/notices/{no}/ack", ANSWER, unit="gxj") for no in (notice.notice, draft, 999)]
    assert {(answer.status_code, answer.text) for answer in refusals} == {(404, refusals[0].text)}
    assert program.noticing.told(notice).keys() == {"zjj", "mzj"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/notices"), ("GET", "/notices/1"), ("POST", "/notices/1/ack"), ("GET", "/openapi.json")],
)
def test_nothing_is_told_without_a_token_for_this(program: Program, method: str, path: str) -> None:
    """None, a made-up one, one for feeds, one that was revoked and one that expired look alike."""
    deployment = program.noticing.deployment
    feed, revoked, old = (tokens.make(deployment, "zjj", kind, who="t", days=n) for kind, n in (("feed", 9), ("api", 9), ("api", 1)))  # fmt: skip
    tokens.revoke(deployment, revoked.token, who="t", why="x")
    program.noticing.at("2026-11-26 09:00")
    proofs = [{}, *({"Authorization": f"Bearer {raw}"} for raw in ("x", feed.raw, revoked.raw, old.raw)), {"Authorization": f"Basic {feed.raw}"}]  # fmt: skip
    answers = [program.client.request(method, path, headers=proof) for proof in proofs]
    assert {(a.status_code, a.headers["www-authenticate"], a.text) for a in answers} == {(401, "Bearer", answers[0].text)}  # fmt: skip


def test_what_is_wrong_with_us_is_not_told(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub is away: come again, and nothing of where it is."""
    proof = program.proof("zjj")
    monkeypatch.setattr(program.noticing.deployment, "hub_dsn", "postgresql://gateway:secret@127.0.0.1:1/gateway")
    answer = program.client.get("/notices", headers=proof)
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["detail"]) == (503, "30", "try again later")  # fmt: skip
    assert "127.0.0.1" not in answer.text


def test_the_description_is_the_one_that_was_published(program: Program) -> None:
    """By the gateway's own differ: whoever changes the interface sees it here before the units do."""
    served = program.get("/openapi.json").json()
    published = json.loads(DESCRIBED.read_text(encoding="utf-8"))
    assert compare("openapi", published, served, "both", Policy()).changes == ()
    assert set(served["paths"]) == {"/notices", "/notices/{no}", "/notices/{no}/ack", "/sla", "/quarantine", "/health"}
    without = copy.deepcopy(served)
    del without["components"]["schemas"]["Page"]["properties"]["cursor"]  # the comparison above can fail
    assert not compare("openapi", published, without, "both", Policy()).compatible


def test_answers_are_as_described(program: Program) -> None:
    """Every answer that the interface gives is one that its description allows."""
    notice = program.noticing.announce()
    served = program.get("/openapi.json").json()
    answers = {
        "Page": program.get("/notices"), "Whole": program.get(f"/notices/{notice.notice}"), "Problem": program.get("/notices/0"),
    }  # fmt: skip
    for name, answer in answers.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": served["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer.json())


def test_nothing_told_is_kept_by_caches(program: Program) -> None:
    """It is one unit's."""
    headers = program.get("/notices").headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("private, no-cache", "nosniff")
