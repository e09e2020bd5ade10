"""The approval-supervision interaction system: a real SOAP server, strict in what it takes.

SOAP 1.1 and 1.2, document/literal, WS-Security UsernameToken with a digest, arguments checked against its WSDL, pages
of a view that stands still. It takes the tasks that are pushed to it, and tells what units feed back on them. What it
holds survives a restart in an SQLite file, its address and its account too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import city, messages, supervision
from sandbox.messages import Row
from sandbox.standin import Standin
from sandbox.standin import now as _now
from sandbox.superv_push import ELEMENTS, PUSHES, REGION, TNS, Fault, element, is_moment, pushed
from sandbox.supervision import FEEDBACK, KEYS, NESTED, REPEATED, TASK

Element = Any  # lxml has no types
PATH = "/services/supervision"
WSDL = Path(__file__).parent.parent / "catalog" / "wsdl" / "superv.wsdl"
LARGEST_PAGE = 500
SOAP_11, SOAP_12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE, WSU = f"{_OASIS}wssecurity-secext-1.0.xsd", f"{_OASIS}wssecurity-utility-1.0.xsd"
DIGEST, BASE64 = f"{_OASIS}username-token-profile-1.0#PasswordDigest", f"{_OASIS}soap-message-security-1.0#Base64Binary"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_FRESH = timedelta(minutes=5)
_LARGEST_REQUEST = 1 << 20
_VIEWS = 16
_VERDICT = "verdict"  # under that name verdicts are kept beside the data sets
_OPERATIONS: Mapping[str, str] = {"GetFeedback": FEEDBACK, "GetVerdicts": _VERDICT}
_TABLES = """
create table if not exists pushed (dataset text, key text, row text not null, primary key (dataset, key));
create table if not exists answered (request text primary key, answer text not null)
"""
_ARGUMENTS = ("region", "BeginTime", "EndTime", "PageNo", "PageSize")
_OPTIONAL = frozenset({"BeginTime", "EndTime"})
_SPOILT = "content"  # where a record's XML is made wrong
_REMARK = "监管单位填报"


@dataclass(frozen=True, slots=True)
class _Query:
    """What was asked: the page, and the rest of the arguments, which name the view that the pages are of."""

    dataset: str
    low: float
    high: float
    size: int
    page: int

    @property
    def view(self) -> tuple[Any, ...]:
        """Return what all pages of one reading have in common."""
        return self.dataset, self.low, self.high, self.size


class SupervisionSystem(Standin):
    """The stand-in interaction system on 127.0.0.1, in a thread of its owner's process; a context manager."""

    name = "supervision system"
    keys: Mapping[str, tuple[str, ...]] = {FEEDBACK: KEYS[FEEDBACK], _VERDICT: ("no",)}

    def __init__(
        self, path: Path | None = None, *, seed: int = city.SEED, tasks: int = supervision.TASKS,
        feedbacks: int = supervision.FEEDBACKS,
    ) -> None:  # fmt: skip
        """Take the file that keeps everything (default: memory); when it is new, fill it with feedback on so many tasks."""
        self._seed = seed
        self._nonces: dict[str, float] = {}
        self._views: OrderedDict[tuple[Any, ...], tuple[int, ...]] = OrderedDict()
        super().__init__(path, lambda: self._fill(tasks, feedbacks))
        for statement in _TABLES.split(";"):
            self._store.execute(statement)

    def _routes(self) -> list[Route]:
        return [
            Route(PATH, self._guarded(self._call), methods=["POST"]),
            Route(PATH, self._guarded(self._wsdl), methods=["GET"]),
        ]

    @property
    def url(self) -> str:
        """Return the address without account."""
        return f"http://127.0.0.1:{self.port}{PATH}"

    @property
    def dsn(self) -> str:
        """Return the address as GATEWAY_CONN_SUPERV holds it."""
        return f"http://{self.setting('account')}:{self.setting('secret')}@127.0.0.1:{self.port}{PATH}"

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        held = f"{len(self.held(TASK)):,} tasks were pushed to it, it has {len(self.rows(FEEDBACK)):,} feedbacks"
        return f"the supervision system answers at {self.url}: {held}"

    def live(self) -> None:
        """Let a unit feed something back on the task that was pushed last."""
        latest = self.ask("select row from pushed where dataset = ? order by rowid desc limit 1", TASK)
        for (row,) in latest:
            self.add_feedback(json.loads(row)["superv_id"])

    def add_feedback(self, superv_id: str, **changes: Any) -> Row:
        """Let the unit of a task that was pushed feed something back on it, and return that; KeyError without the task."""
        now, stamp = _now(), messages.moment(_now())
        with self.writing():
            task = next((row for row in self.held(TASK) if row["superv_id"] == superv_id), None)
            if task is None:
                raise KeyError(superv_id)
            known = [row["feedback_no"] for row in self.rows(FEEDBACK) if row["superv_id"] == superv_id]
            number = max((n for n in known if isinstance(n, int)), default=0) + 1
            made = supervision.feedback(superv_id, task["supervising_unit"], number, now, self._seed)
            row = made | {"feedback_at": stamp, "updated_at": stamp} | changes
            self._write(FEEDBACK, row)
        return row

    # What it holds

    def _fill(self, tasks: int, feedbacks: int) -> None:
        """Make the account and write good records and bad ones."""
        now = _now()
        self.set("account", f"gateway-{secrets.token_hex(4)}")
        self.set("secret", secrets.token_urlsafe(24))
        for row in supervision.feedbacks(now, self._seed, tasks, feedbacks):
            self._write(FEEDBACK, row)
        for place, rule in enumerate(supervision.breakable(FEEDBACK)):
            number = place % tasks
            about, by = supervision.superv_id(number, self._seed), supervision.unit(number, self._seed)
            row = supervision.feedback(about, by, 50 + place, now, self._seed)
            self._write_bad(FEEDBACK, rule, supervision.broken(FEEDBACK, rule, row, row))

    def _body(self, dataset: str, row: Row, fault: str | None) -> str:
        if dataset == _VERDICT:
            return _verdict(row)
        record = etree.Element(f"{{{TNS}}}Feedback", nsmap={"ns2": TNS, "xsi": _XSI}, id=row["superv_id"])
        for name, field in ELEMENTS[dataset].items():
            record.append(_told(name, row[field]))
        spoilt = record.find(f"{{{TNS}}}{_SPOILT}")
        if fault == REPEATED:
            spoilt.addprevious(element(_SPOILT, "前一个值"))
        elif fault == NESTED:
            spoilt.append(element("Value", spoilt.text))
            spoilt.text = None
        record.append(element("Remark", _REMARK))
        return str(etree.tostring(record, encoding="unicode"))

    # What it answers

    def _wsdl(self, request: Request, _: bytes) -> Response:
        """Answer `?wsdl` with the description, this server's own address in it."""
        if request.url.query.lower() != "wsdl":
            return Response(status_code=HTTPStatus.NOT_FOUND)
        text = re.sub(r'location="[^"]*"', f'location="{self.url}"', WSDL.read_text(encoding="utf-8"))
        return Response(text, media_type="text/xml")

    def _call(self, request: Request, body: bytes) -> Response:
        """Answer a call in the version of SOAP it came in."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        soap = {"text/xml": SOAP_11, "application/soap+xml": SOAP_12}.get(kind)
        if soap is None:
            return Response(status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            envelope = _parsed(body)
            headers, call = _opened(envelope, soap)
            self._admit(headers, soap)
            operation = _operation(call, request.headers.get("soapaction", "") if soap == SOAP_11 else "")
            answer = (
                self._take(operation, call) if operation in PUSHES else self._answer(operation, _query(operation, call))
            )
            status = HTTPStatus.OK
        except Fault as fault:
            answer, status = _fault(fault, soap)
        return _written(answer, soap, status)

    def _admit(self, headers: list[Element], soap: str) -> None:
        """Refuse a call without a fresh UsernameToken of the account, used for the first time."""
        for header in headers:
            if header.tag != f"{{{WSSE}}}Security" and header.get(f"{{{soap}}}mustUnderstand") in {"1", "true"}:
                raise Fault("MustUnderstand", "不支持的消息头")
        security = [header for header in headers if header.tag == f"{{{WSSE}}}Security"]
        tokens = [token for header in security for token in header.findall(f"{{{WSSE}}}UsernameToken")]
        if len(security) != 1 or len(tokens) != 1:
            raise Fault("wsse:InvalidSecurity", "须有且仅有一个UsernameToken")
        password, nonce, created = _token(tokens[0])
        account, secret = self.setting("account") or "", self.setting("secret") or ""
        wanted = base64.b64encode(hashlib.sha1(nonce + created.encode() + secret.encode()).digest())  # noqa: S324 - WS-Security has no other digest
        given = (tokens[0].findtext(f"{{{WSSE}}}Username") or "").encode(), password.encode()
        known = [secrets.compare_digest(a, b) for a, b in zip(given, (account.encode(), wanted), strict=True)]
        if not all(known):
            raise Fault("wsse:FailedAuthentication", "用户名或密码错误")
        if abs(datetime.fromisoformat(created) - datetime.now(UTC)) > _FRESH:
            raise Fault("wsse:FailedAuthentication", "Created超出5分钟")
        self._use(nonce)

    def _use(self, nonce: bytes) -> None:
        """Remember a nonce for as long as its moment could be taken for fresh."""
        now = time.monotonic()
        with self._lock:
            self._nonces = {n: until for n, until in self._nonces.items() if until > now}
            if nonce.hex() in self._nonces:
                raise Fault("wsse:FailedAuthentication", "Nonce已使用")
            self._nonces[nonce.hex()] = now + 2 * _FRESH.total_seconds()

    def held(self, dataset: str) -> list[Row]:
        """Return what was pushed to it, in key order."""
        query = "select row from pushed where dataset = ? order by key"
        return [json.loads(row) for (row,) in self.ask(query, dataset)]

    def _take(self, operation: str, call: Element) -> Element:
        """Take a page once; one that comes again is answered as before."""
        page = pushed(operation, call)
        with self.writing():
            known = self.ask("select answer from answered where request = ?", page.request)
            if known:
                return etree.fromstring(known[0][0].replace("<ns2:Repeated>false<", "<ns2:Repeated>true<"))
            answer = page.answer(self._seed, self._stored)
            text = etree.tostring(answer, encoding="unicode")
            self._store.execute("insert into answered values (?, ?)", (page.request, text))
            for superv_id in page.objected(self._seed):
                told = {"no": f"{page.batch}-{superv_id}", "superv_id": superv_id, "batch": page.batch}
                self._write(_VERDICT, told | {"updated_at": messages.moment(_now())})
        return answer

    def _stored(self, dataset: str, key: str, row: Row | None) -> bool:
        """Keep a record, or drop it; return whether there was one before."""
        query = "delete from pushed where dataset = ? and key = ?"
        before = self._store.execute(query, (dataset, key)).rowcount == 1
        if row is not None:
            self._store.execute("insert into pushed values (?, ?, ?)", (dataset, key, json.dumps(row)))
        return before

    def _answer(self, operation: str, query: _Query) -> Element:
        """Return a page; the first one of a reading decides what the others show, whatever is written meanwhile."""
        with self._lock:
            if query.page == 1 or query.view not in self._views:
                self._views[query.view] = self._versions(query.dataset, query.low, query.high, order="updated, seq")
                self._views.move_to_end(query.view)
                while len(self._views) > _VIEWS:
                    self._views.popitem(last=False)
            versions = self._views[query.view]
        answer = etree.Element(f"{{{TNS}}}{operation}Response", nsmap={"ns2": TNS, "xsi": _XSI})
        answer.append(element("Total", str(len(versions))))
        for body in self._bodies(versions[(query.page - 1) * query.size : query.page * query.size]):
            answer.append(etree.fromstring(body))
        return answer


def _verdict(row: Row) -> str:
    """Return how the system tells that a unit sent a task back."""
    record = etree.Element(f"{{{TNS}}}Verdict", nsmap={"ns2": TNS}, no=row["no"])
    said = {"TaskId": row["superv_id"], "BatchNo": str(row["batch"]), "Code": "E305", "Reason": "不属本单位监管范围"}
    record.extend([element(name, text) for name, text in (said | {"JudgedAt": row["updated_at"]}).items()])
    return str(etree.tostring(record, encoding="unicode"))


def _told(name: str, value: Any) -> Element:
    """Return an element that holds a value; null is nil."""
    made = element(name, None if value is None else str(value))
    if value is None:
        made.set(f"{{{_XSI}}}nil", "true")
    return made


def _parsed(body: bytes) -> Element:
    """Return the root of a request: no entities, no document type, no network."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    if len(body) > _LARGEST_REQUEST:
        raise Fault("Client", "请求过大")
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise Fault("Client", "不是格式良好的XML") from None
    if root.getroottree().docinfo.doctype:
        raise Fault("Client", "SOAP消息不得有DOCTYPE")
    return root


def _opened(envelope: Element, soap: str) -> tuple[list[Element], Element]:
    """Return the header blocks and the one element of the body."""
    if envelope.tag != f"{{{soap}}}Envelope":
        raise Fault("VersionMismatch", "SOAP版本与Content-Type不符")
    parts = [part.tag for part in envelope]
    if parts not in ([f"{{{soap}}}Body"], [f"{{{soap}}}Header", f"{{{soap}}}Body"]):
        raise Fault("Client", "不是SOAP消息")
    if len(envelope[-1]) != 1:
        raise Fault("Client", "消息体须有且仅有一个元素")
    return list(envelope[0]) if len(parts) > 1 else [], envelope[-1][0]


def _token(token: Element) -> tuple[str, bytes, str]:
    """Return digest, nonce and moment of creation as they were written; a token of another kind is refused."""
    password, nonce = token.find(f"{{{WSSE}}}Password"), token.find(f"{{{WSSE}}}Nonce")
    created = (token.findtext(f"{{{WSU}}}Created") or "").strip()
    if password is None or nonce is None or password.get("Type") != DIGEST:
        raise Fault("wsse:InvalidSecurity", "须使用PasswordDigest，并带Nonce和Created")
    if nonce.get("EncodingType", BASE64) != BASE64 or not is_moment(created):
        raise Fault("wsse:InvalidSecurity", "Nonce须为Base64Binary，Created须为带时区的时间")
    try:
        return (password.text or "").strip(), base64.b64decode((nonce.text or "").strip(), validate=True), created
    except (binascii.Error, ValueError):
        raise Fault("wsse:InvalidSecurity", "Nonce不是Base64") from None


def _operation(call: Element, action: str) -> str:
    """Return the operation that was called; an action of SOAP 1.1 must be its own, or empty."""
    name = etree.QName(call)
    if name.namespace != TNS or name.localname not in {*_OPERATIONS, *PUSHES}:
        raise Fault("Client", "没有这个操作")
    if action.strip('"') not in {"", f"{TNS}{name.localname}"}:
        raise Fault("Client", "SOAPAction与操作不符")
    return str(name.localname)


def _query(operation: str, call: Element) -> _Query:
    """Return the arguments, each known, once, in the order of the WSDL and in its form."""
    given = [etree.QName(argument) for argument in call]
    found = [name.localname for name in given]
    wanted = [name for name in _ARGUMENTS if name in found or name not in _OPTIONAL]
    if found != wanted or any(name.namespace != TNS for name in given) or (call.text or "").strip():
        raise Fault("Client", f"参数应为：{'、'.join(_ARGUMENTS)}，依次各一个")
    if any(len(argument) or (argument.tail or "").strip() for argument in call):
        raise Fault("Client", "参数应为文本")
    asked = {name: argument.text or "" for name, argument in zip(found, call, strict=True)}
    if asked["region"] != REGION:
        raise Fault("Client", f"region：无权查询，只能是{REGION}")
    low, high = _moment(asked, "BeginTime", -math.inf), _moment(asked, "EndTime", math.inf)
    if low > high:
        raise Fault("Client", "BeginTime晚于EndTime")
    size, page = _whole(asked, "PageSize", LARGEST_PAGE), _whole(asked, "PageNo", 10**6)
    return _Query(_OPERATIONS[operation], low, high, size, page)


def _moment(asked: Mapping[str, str], name: str, otherwise: float) -> float:
    """Return a moment as milliseconds; one without offset is refused."""
    if name not in asked:
        return otherwise
    if not is_moment(asked[name].strip()):
        raise Fault("Client", f"{name}：应为带时区的xsd:dateTime，如2026-09-30T08:00:00+08:00")
    return datetime.fromisoformat(asked[name].strip()).timestamp() * 1000


def _whole(asked: Mapping[str, str], name: str, high: int) -> int:
    text = asked[name].strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= high):
        raise Fault("Client", f"{name}：应为1至{high}的整数")
    return int(text)


def _fault(fault: Fault, soap: str) -> tuple[Element, HTTPStatus]:
    """Return a fault in the form of its version, and the status it is sent with."""
    made = etree.Element(f"{{{soap}}}Fault", nsmap={"soap": soap, "wsse": WSSE})
    if soap == SOAP_11:
        code = fault.code if ":" in fault.code else f"soap:{fault.code}"
        for name, text in (("faultcode", code), ("faultstring", str(fault))):
            etree.SubElement(made, name).text = text
        return made, HTTPStatus.INTERNAL_SERVER_ERROR
    named = {"Client": "Sender", "Server": "Receiver"}.get(fault.code, fault.code)
    code = etree.SubElement(made, f"{{{soap}}}Code")
    etree.SubElement(code, f"{{{soap}}}Value").text = "soap:Sender" if ":" in named else f"soap:{named}"
    if ":" in named:
        etree.SubElement(etree.SubElement(code, f"{{{soap}}}Subcode"), f"{{{soap}}}Value").text = named
    reason = etree.SubElement(etree.SubElement(made, f"{{{soap}}}Reason"), f"{{{soap}}}Text")
    reason.set("{http://www.w3.org/XML/1998/namespace}lang", "zh-CN")
    reason.text = str(fault)
    return made, HTTPStatus.BAD_REQUEST if named == "Sender" or ":" in named else HTTPStatus.INTERNAL_SERVER_ERROR


def _written(answer: Element, soap: str, status: HTTPStatus) -> Response:
    envelope = etree.Element(f"{{{soap}}}Envelope", nsmap={"soap": soap})
    etree.SubElement(envelope, f"{{{soap}}}Body").append(answer)
    body = etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)
    kind = "text/xml" if soap == SOAP_11 else "application/soap+xml"
    return Response(body, status, headers={"Content-Type": f"{kind}; charset=UTF-8"})
