"""The stand-in interaction system is a strict peer: SOAP of both versions, WS-Security, arguments, pages that stand still."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from lxml import etree
from zeep import Client, Settings
from zeep.exceptions import Fault
from zeep.wsse.username import UsernameToken

from sandbox import supervision
from sandbox.superv import BASE64, DIGEST, SOAP_11, SOAP_12, TNS, WSDL, WSSE, WSU, SupervisionSystem
from sandbox.supervision import FEEDBACK, NESTED, REPEATED, TASK

NS = {"t": TNS, "s": SOAP_11, "e": SOAP_12}
ARGUMENTS = {"region": "130800", "PageNo": 1, "PageSize": 500}
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
Digest = dict[str, str]


@pytest.fixture(scope="module")
def shared() -> Iterator[SupervisionSystem]:
    """Yield a filled system that no test changes."""
    with SupervisionSystem() as superv:
        yield superv


@pytest.fixture
def small() -> Iterator[SupervisionSystem]:
    """Yield a small system to write to."""
    with SupervisionSystem(tasks=60, feedbacks=30) as superv:
        yield superv


def token(superv: SupervisionSystem, *, secret: str = "", created: str = "", nonce: bytes = b"", name: str = "") -> str:
    """Return a UsernameToken with a digest, right unless told otherwise."""
    parts = urlsplit(superv.dsn)
    nonce, created = nonce or secrets.token_bytes(16), created or f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    word = hashlib.sha1(nonce + created.encode() + (secret or str(parts.password)).encode()).digest()
    return (
        f'<w:Security xmlns:w="{WSSE}"><w:UsernameToken><w:Username>{name or parts.username}</w:Username>'
        f'<w:Password Type="{DIGEST}">{base64.b64encode(word).decode()}</w:Password>'
        f'<w:Nonce EncodingType="{BASE64}">{base64.b64encode(nonce).decode()}</w:Nonce>'
        f'<u:Created xmlns:u="{WSU}">{created}</u:Created></w:UsernameToken></w:Security>'
    )


def arguments(asked: dict[str, Any]) -> str:
    """Return arguments as elements in the order of the WSDL; names it does not know come last."""
    order = ["region", "BeginTime", "EndTime", "PageNo", "PageSize", *asked]
    return "".join(f"<{n}>{asked[n]}</{n}>" for n in dict.fromkeys(order) if n in asked)


def envelope(header: str, call: str, soap: str = SOAP_11) -> str:
    """Return a message."""
    return f'<s:Envelope xmlns:s="{soap}"><s:Header>{header}</s:Header><s:Body>{call}</s:Body></s:Envelope>'


def post(superv: SupervisionSystem, text: str, **headers: str) -> requests.Response:
    """Send a message."""
    return requests.post(
        superv.url, text.encode(), headers={"Content-Type": "text/xml; charset=UTF-8"} | headers, timeout=5
    )


def call(superv: SupervisionSystem, operation: str, header: str | None = None, **asked: Any) -> requests.Response:
    """Call an operation with a token of its own unless one is given; None drops an argument."""
    given = {name: value for name, value in (ARGUMENTS | asked).items() if value is not None}
    text = f'<{operation} xmlns="{TNS}">{arguments(given)}</{operation}>'
    return post(superv, envelope(token(superv) if header is None else header, text))


def page(superv: SupervisionSystem, operation: str, **asked: Any) -> tuple[int, list[Any]]:
    """Return the declared total and the records of a page."""
    answer = call(superv, operation, **asked)
    assert answer.status_code == 200, answer.text
    (found,) = etree.fromstring(answer.content).findall(f"s:Body/t:{operation}Response", NS)
    return int(found.findtext("t:Total", namespaces=NS)), found.findall("t:Feedback", NS)


def everybody(superv: SupervisionSystem, operation: str, **asked: Any) -> list[Any]:
    """Return the records of all pages."""
    found: list[Any] = []
    for number in range(1, 100):
        total, records = page(superv, operation, PageNo=number, **asked)
        found += records
        if not records:
            assert len(found) == total
            return found
    raise AssertionError("there is no end of pages")


def push(superv: SupervisionSystem) -> str:
    """Push the task `t1` once more and return its number."""
    batch = f"<region>130800</region><BatchNo>1</BatchNo><SentAt>{ago(0)}</SentAt><RequestId>{secrets.token_hex(8)}</RequestId>"
    task = "<Action>save</Action><ProjectNo>P1</ProjectNo><ItemCode>I1</ItemCode><SupervisingUnit>U1</SupervisingUnit>"
    made = f'<Batch>{batch}</Batch><Task id="t1">{task}<UpdatedAt>{ago(0)}</UpdatedAt></Task>'
    answer = post(superv, envelope(token(superv), f'<PushTasks xmlns="{TNS}">{made}</PushTasks>'))
    assert answer.status_code == 200, answer.text
    return "t1"


def fault(answer: requests.Response) -> str:
    """Return the code of a fault of SOAP 1.1, its prefix resolved."""
    found = etree.fromstring(answer.content).find("s:Body/s:Fault", NS)
    prefix, _, name = found.findtext("faultcode").partition(":")
    assert found.nsmap[prefix] in {SOAP_11, WSSE}
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "text/xml; charset=UTF-8")
    return name if found.nsmap[prefix] == SOAP_11 else f"wsse:{name}"


def text(record: Any, path: str) -> str | None:
    """Return the text at a path of a record."""
    return record.findtext("/".join(f"t:{step}" for step in path.split("/")), namespaces=NS)


def test_pages_hold_every_feedback_once(shared: SupervisionSystem) -> None:
    """600 good ones and the bad, oldest first, as many as declared; the task's id in an attribute."""
    rows = {(row["superv_id"], str(row["feedback_no"])): row for row in shared.rows(FEEDBACK)}
    records = everybody(shared, "GetFeedback", PageSize=77)
    assert sorted((r.get("id"), str(text(r, "No"))) for r in records) == sorted(rows)
    assert len(records) == 600 + len(supervision.breakable(FEEDBACK))
    stamps = [text(r, "updated_at") for r in records]
    assert stamps == sorted(map(str, stamps))
    bad = {(key, str(number)) for (key, number), _ in shared.bad[FEEDBACK]}
    for record in (r for r in records if (r.get("id"), text(r, "No")) not in bad):
        row = rows[record.get("id"), str(text(record, "No"))]
        assert [text(record, n) for n in ("kind", "content", "unit")] == [row[n] for n in ("kind", "content", "unit")]


def test_good_records_are_what_the_wsdl_promises(shared: SupervisionSystem) -> None:
    """An answer is valid by the schema in the WSDL but for the records that are told to be bad in their form."""
    written = etree.tostring(etree.parse(str(WSDL)).find(".//{http://www.w3.org/2001/XMLSchema}schema"))
    schema = etree.XMLSchema(etree.fromstring(written))  # alone: inside a WSDL its prefixes are not seen
    bad = {(str(key), str(number)) for (key, number), _ in shared.bad[FEEDBACK]}
    answer = etree.fromstring(call(shared, "GetFeedback").content)[0][0]
    for record in [r for r in answer[1:] if (r.get("id"), text(r, "No")) in bad]:
        answer.remove(record)
    assert len(answer) > 400
    schema.assertValid(answer)


def test_what_is_bad_is_told(shared: SupervisionSystem) -> None:
    """Each bad record is there under its key, and its XML has what its rule says."""
    there = {(row["superv_id"], row["feedback_no"]) for row in shared.rows(FEEDBACK)}
    assert [rule for key, rule in shared.bad[FEEDBACK] if key not in there] == []
    assert tuple(rule for _, rule in shared.bad[FEEDBACK]) == supervision.breakable(FEEDBACK)
    said = {(r.get("id"), text(r, "No")): r for r in everybody(shared, "GetFeedback")}
    told = {rule: said[key, str(number)] for (key, number), rule in shared.bad[FEEDBACK]}
    assert [len(told[rule].findall("t:content", NS)) for rule in (REPEATED, NESTED)] == [2, 1]
    assert len(told[NESTED].find("t:content", NS)) == 1
    assert told["content.required"].find("t:content", NS).get(NIL) == "true"
    assert (text(told["feedback_no.type"], "No"), text(told["feedback_at.type"], "feedback_at")) == (
        "第三次",
        "2026-13-01T09:00:00+08:00",
    )


def test_bounds_are_included(shared: SupervisionSystem) -> None:
    """From and to, in whatever offset."""
    stamps = sorted(datetime.fromisoformat(row["updated_at"]) for row in shared.rows(FEEDBACK))
    low, high = stamps[300], stamps[500]
    found = everybody(shared, "GetFeedback", BeginTime=low.isoformat(), EndTime=high.astimezone(UTC).isoformat())
    assert len(found) == sum(low <= s <= high for s in stamps)


def test_a_reading_stands_still(small: SupervisionSystem) -> None:
    """What is written, changed and deleted between two pages shows in the next reading only."""
    bad = {key for key, _ in small.bad[FEEDBACK]}
    rows = {(row["superv_id"], row["feedback_no"]): row["content"] for row in small.rows(FEEDBACK)}
    total, records = page(small, "GetFeedback", PageSize=10)
    unread = sorted(rows.keys() - bad - {(r.get("id"), int(str(text(r, "No")))) for r in records})
    pushed = push(small)
    new = small.add_feedback(pushed)
    small.edit(FEEDBACK, unread[0], content="改过的内容")
    small.delete(FEEDBACK, unread[1])
    for number in range(2, total // 10 + 2):
        again, more = page(small, "GetFeedback", PageSize=10, PageNo=number)
        assert again == total
        records += more
    shown = Counter((r.get("id"), text(r, "No")) for r in records)
    assert shown == Counter((key, str(number)) for key, number in rows)
    assert "改过的内容" not in {text(r, "content") for r in records}
    after = [(r.get("id"), text(r, "No")) for r in everybody(small, "GetFeedback", PageSize=10)]
    assert len(after) == total
    edited = (unread[0][0], str(unread[0][1]))
    assert {(pushed, str(new["feedback_no"])), edited} <= set(after[-5:])
    assert (unread[1][0], str(unread[1][1])) not in after


def test_feedback_is_about_a_task_that_was_pushed(small: SupervisionSystem) -> None:
    """It gets the next number and comes from the task's unit; of another task nobody knows, and nothing is made up."""
    said = [small.add_feedback(push(small)) for _ in range(2)]
    assert [(row["feedback_no"], row["unit"]) for row in said] == [(1, "U1"), (2, "U1")]
    with pytest.raises(KeyError):
        small.add_feedback(supervision.superv_id(0, 1))
    small.live()
    assert [row["feedback_no"] for row in small.rows(FEEDBACK) if row["superv_id"] == "t1"] == [1, 2, 3]


def test_nothing_is_fed_back_before_anything_was_pushed(small: SupervisionSystem) -> None:
    """A day at the system begins with the first task."""
    before = small.rows(FEEDBACK)
    small.live()
    assert small.rows(FEEDBACK) == before


def test_a_deleted_record_leaves_no_trace(small: SupervisionSystem) -> None:
    """It is gone from every answer, and a second time nobody knows it."""
    gone = small.rows(FEEDBACK)[0]
    key = (gone["superv_id"], gone["feedback_no"])
    small.delete(FEEDBACK, key)
    assert (key[0], str(key[1])) not in {(r.get("id"), text(r, "No")) for r in everybody(small, "GetFeedback")}
    with pytest.raises(KeyError):
        small.delete(FEEDBACK, key)
    with pytest.raises(KeyError):
        small.edit(FEEDBACK, key, content="无")


def ago(minutes: float) -> str:
    """Return a moment of the past as WS-Security writes it."""
    return f"{datetime.now(UTC) - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def test_a_token_is_refused_unless_right_and_fresh(shared: SupervisionSystem) -> None:
    """Wrong password, unknown account, an old or early moment; four minutes are fresh."""
    for wrong in ({"secret": "wrong"}, {"name": "gateway-x"}, {"created": ago(6)}, {"created": ago(-6)}):
        assert fault(call(shared, "GetFeedback", token(shared, **wrong))) == "wsse:FailedAuthentication"
    assert call(shared, "GetFeedback", token(shared, created=ago(4))).status_code == 200


def test_a_nonce_is_used_once(shared: SupervisionSystem) -> None:
    """The same token again, or another with its nonce; a refused token uses none up."""
    nonce = secrets.token_bytes(16)
    assert fault(call(shared, "GetFeedback", token(shared, nonce=nonce, secret="wrong"))) == "wsse:FailedAuthentication"
    once = token(shared, nonce=nonce)
    assert call(shared, "GetFeedback", once).status_code == 200
    assert fault(call(shared, "GetFeedback", once)) == "wsse:FailedAuthentication"
    assert fault(call(shared, "GetFeedback", token(shared, nonce=nonce, created=ago(1)))) == "wsse:FailedAuthentication"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (DIGEST, DIGEST.replace("Digest", "Text")),
        ("w:UsernameToken", "w:BinarySecurityToken"),
        ("w:Nonce", "w:Nonsense"),
        ("Z</u:Created>", "</u:Created>"),  # no offset
        (BASE64, "plain"),
        ("</w:Nonce>", "*</w:Nonce>"),
    ],
)
def test_a_header_of_another_form_is_refused(shared: SupervisionSystem, old: str, new: str) -> None:
    """Only a digest with nonce and moment will do."""
    right = token(shared)
    assert old in right
    assert fault(call(shared, "GetFeedback", right.replace(old, new))) == "wsse:InvalidSecurity"


def test_a_call_without_a_token_is_refused(shared: SupervisionSystem) -> None:
    """Before its arguments are looked at."""
    assert fault(call(shared, "GetFeedback", "", colour="red")) == "wsse:InvalidSecurity"
    stranger = '<x:Must xmlns:x="urn:x" xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:mustUnderstand="1"/>'
    assert fault(call(shared, "GetFeedback", token(shared) + stranger)) == "MustUnderstand"


@pytest.mark.parametrize(
    "asked",
    [
        {"colour": "red"},
        {"region": "130200"},
        {"region": None},
        {"PageNo": None},
        {"PageNo": 0},
        {"PageNo": "１"},  # a full-width digit
        {"PageSize": 501},
        {"PageSize": "+5"},
        {"PageSize": "<x/>"},
        {"BeginTime": "2026-09-30T08:00:00"},  # no offset
        {"BeginTime": "2026-02-30T08:00:00Z"},
        {"BeginTime": "20260930T080000Z"},
        {"EndTime": ""},
        {"BeginTime": "2026-09-30T08:00:00Z", "EndTime": "2026-09-30T08:00:00+08:00"},
    ],
)
def test_what_the_wsdl_does_not_know_is_refused(shared: SupervisionSystem, asked: dict[str, Any]) -> None:
    """A misspelt argument must never mean everything."""
    assert fault(call(shared, "GetFeedback", **asked)) == "Client"


@pytest.mark.parametrize(
    "body",
    [
        f'<GetSecrets xmlns="{TNS}"/>',
        f"<GetFeedback>{arguments(ARGUMENTS)}</GetFeedback>",  # no namespace
        f'<GetFeedback xmlns="{TNS}">{arguments(ARGUMENTS)}<PageNo>1</PageNo></GetFeedback>',
        f'<GetFeedback xmlns="{TNS}"><PageNo>1</PageNo><region>130800</region><PageSize>5</PageSize></GetFeedback>',  # another order
        f'<GetFeedback xmlns="{TNS}">{arguments(ARGUMENTS)}</GetFeedback><x/>',
        "",
    ],
)
def test_a_call_of_another_form_is_refused(shared: SupervisionSystem, body: str) -> None:
    """Unknown operation, no namespace, an argument twice or out of order, two calls, none."""
    assert fault(post(shared, envelope(token(shared), body))) == "Client"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not XML", "Client"),
        ("<x/>", "VersionMismatch"),
        (f'<s:Envelope xmlns:s="{SOAP_12}"><s:Body/></s:Envelope>', "VersionMismatch"),
        (f'<s:Envelope xmlns:s="{SOAP_11}"/>', "Client"),
        (f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><s:Envelope xmlns:s="{SOAP_11}"><s:Body>&e;</s:Body></s:Envelope>', "Client"),
        (" " * (1 << 20) + "<x/>", "Client"),
    ],
)  # fmt: skip
def test_what_is_no_soap_is_refused(shared: SupervisionSystem, message: str, code: str) -> None:
    """With a fault, and no entity is ever read."""
    answer = post(shared, message)
    assert fault(answer) == code
    assert "root:" not in answer.text


def test_action_and_content_type_belong_to_the_call(shared: SupervisionSystem) -> None:
    """An action of its own or none; JSON is no SOAP."""
    made = f'<GetFeedback xmlns="{TNS}">{arguments(ARGUMENTS)}</GetFeedback>'
    assert post(shared, envelope(token(shared), made), SOAPAction=f'"{TNS}GetFeedback"').status_code == 200
    assert fault(post(shared, envelope(token(shared), made), SOAPAction=f'"{TNS}PushTasks"')) == "Client"
    assert post(shared, "{}", **{"Content-Type": "application/json"}).status_code == 415


def test_soap_1_2_is_answered_in_soap_1_2(shared: SupervisionSystem) -> None:
    """Its faults have codes, subcodes and a status of their own."""
    kind = {"Content-Type": "application/soap+xml"}
    made = f'<GetFeedback xmlns="{TNS}">{arguments(ARGUMENTS)}</GetFeedback>'
    right = post(shared, envelope(token(shared), made, SOAP_12), **kind)
    assert (right.status_code, right.headers["Content-Type"]) == (200, "application/soap+xml; charset=UTF-8")
    for header, subcode in ((token(shared), None), (token(shared, secret="x"), "wsse:FailedAuthentication")):
        answer = post(shared, envelope(header, f'<GetFeedback xmlns="{TNS}"/>', SOAP_12), **kind)
        code = etree.fromstring(answer.content).find("e:Body/e:Fault/e:Code", NS)
        found = (
            answer.status_code,
            code.findtext("e:Value", namespaces=NS),
            code.findtext("e:Subcode/e:Value", namespaces=NS),
        )
        assert found == (400, "soap:Sender", subcode)


@pytest.mark.parametrize("port", ["SupervisionPort", "SupervisionPort12"])
def test_a_client_of_somebody_else_reads_it(small: SupervisionSystem, port: str) -> None:
    """Zeep, given nothing but the address of the WSDL and the account, in both versions."""
    parts = urlsplit(small.dsn)
    account = UsernameToken(parts.username, parts.password, use_digest=True)
    client = Client(f"{small.url}?wsdl", wsse=account, settings=Settings(strict=False, raw_response=False))
    bound = client.bind("SupervisionService", port)
    answer = bound.GetFeedback(**ARGUMENTS)
    assert answer.Total == len(answer.Feedback) == len(small.rows(FEEDBACK))
    first = small.rows(FEEDBACK)[0]
    edited = small.edit(FEEDBACK, (first["superv_id"], first["feedback_no"]), content="最后改的")
    newest = datetime.fromisoformat(edited["updated_at"])
    answer = bound.GetFeedback(region="130800", BeginTime=newest, PageNo=1, PageSize=5)
    assert [said.content for said in answer.Feedback] == ["最后改的"]
    with pytest.raises(Fault):
        bound.GetFeedback(region="130800", PageNo=1, PageSize=501)


def test_the_system_tells_its_time_and_nothing_else_is_served(shared: SupervisionSystem) -> None:
    """A Date header on faults too; no other path, no other method."""
    answer = post(shared, "")
    assert abs(parsedate_to_datetime(answer.headers["Date"]) - datetime.now(UTC)) < timedelta(seconds=5)
    assert requests.get(f"{shared.url}/secrets", timeout=5).status_code == 404
    assert requests.get(shared.url, timeout=5).status_code == 404
    assert requests.put(shared.url, timeout=5).status_code == 405
    assert shared.answers[500] > 0


def test_a_stopped_system_comes_back_as_it_was(tmp_path: Path) -> None:
    """Same address, account, records, and a new process of the same file too; a stopped one refuses connections."""
    path, before = tmp_path / "superv.sqlite", _threads()
    with SupervisionSystem(path, tasks=30, feedbacks=10) as superv:
        dsn, new = superv.dsn, superv.add_feedback(push(superv))
        superv.stop()
        with pytest.raises(requests.ConnectionError):
            post(superv, "")
        superv.start()
        assert new["superv_id"] in {r.get("id") for r in everybody(superv, "GetFeedback")}
        assert path.stat().st_mode & 0o777 == 0o600
    with SupervisionSystem(path, tasks=1, feedbacks=1) as again:
        assert (again.dsn, len(again.rows(FEEDBACK))) == (dsn, 11 + len(supervision.breakable(FEEDBACK)))
        assert new in again.rows(FEEDBACK)
        assert [row["superv_id"] for row in again.held(TASK)] == ["t1"]
    assert _threads() == before


def _threads() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if t.name == "supervision system"}


def test_two_fills_have_different_accounts() -> None:
    """A secret is made, never written down."""
    with SupervisionSystem(tasks=10, feedbacks=0) as one, SupervisionSystem(tasks=10, feedbacks=0) as other:
        first, second = urlsplit(one.dsn), urlsplit(other.dsn)
    assert first.username != second.username
    assert first.password != second.password
    assert first.path == "/services/supervision"
