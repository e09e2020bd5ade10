"""The channels against servers that answer as the real ones do: what counts as sent, what as refused, and what never leaves."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.errors import AccessDenied, ChannelRefused, ChannelUnavailable, GatewayError, SettingMissing
from gateway.notify import channels, http, mail
from gateway.notify.channel import Answer, Envelope
from gateway.notify.message import Attachment, Message, page
from sandbox.mailbox import Mailbox, Scheme
from sandbox.robot import Robot
from tests.integration.connectors.site import Reply, Site
from tests.integration.notify.conftest import message, server_tls

TO = {"mail": "zhang@gaj.example.gov.cn", "wecom": "ROBOT", "webhook": "HOOK", "sms": "13812345678"}
SECRET = "geheim-geheim-geheim"


def send(channel: str, dsn: str, what: Message | None = None, to: str | None = None) -> Answer:
    """Send one message over a channel that this connection leads to."""
    with closing(channels.open_channel(channel, to or TO[channel], lambda _: dsn)) as opened:
        return opened.send(Envelope(what or message(), to or TO[channel], "id-1"))


@pytest.fixture
def robot() -> Iterator[Robot]:
    """Yield robot, receiver and SMS platform."""
    with Robot() as found:
        yield found


@pytest.fixture
def site() -> Iterator[Site]:
    """Yield a server that answers as it is told."""
    found = Site()
    yield found
    found.close()


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_mail_goes_over_verified_tls_only(tmp_path: Path, certificate: Path, scheme: Scheme) -> None:
    """With the authority's file it goes; without, or by another host name, nothing is sent."""
    with Mailbox(tmp_path, scheme=scheme, tls=server_tls(certificate), host="localhost") as box:
        assert send("mail", f"{box.dsn}&ca={quote(str(certificate))}").said.startswith("250 ")
        for dsn in (box.dsn, f"{box.dsn}&ca={quote(str(certificate))}".replace("localhost", "127.0.0.1")):
            with pytest.raises(AccessDenied, match="TLS certificate is not accepted"):
                send("mail", dsn)
        assert box.count() == 1


def test_a_server_without_starttls_gets_no_password(tmp_path: Path) -> None:
    """What does not offer TLS is not spoken to in clear."""
    with Mailbox(tmp_path) as box, pytest.raises(AccessDenied, match="does not offer TLS"):
        send("mail", box.dsn.replace("smtp://", "smtp+starttls://"))


def test_a_wrong_password_is_told_without_it(tmp_path: Path) -> None:
    """The account is named by its connection only."""
    with (
        Mailbox(tmp_path) as box,
        pytest.raises(AccessDenied, match=r"NOTIFY_MAIL refuses user or password \(535\)") as told,
    ):
        send("mail", box.dsn.replace(quote(box.secret), SECRET))
    assert SECRET not in str(told.value)


def test_a_mail_has_text_first_then_html_calendar_and_files(tmp_path: Path) -> None:
    """Chinese subject, body and file names survive; the order is that of readers' preference."""
    html = page(
        "变更 <script>alert(1)</script>", "表注释 <img src=x onerror=alert(1)>", "https://gw.example.gov.cn/n/1"
    )
    ics = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"
    what = message(
        html=html,
        ics=ics,
        link="https://gw.example.gov.cn/n/1",
        attachments=(Attachment("变更通知单 第1号.docx", "application/msword", b"\x00\xff"),),
    )
    with Mailbox(tmp_path) as box:
        send("mail", box.dsn, what)
        (got,) = box.mails()
    assert got["Subject"] == what.subject
    assert got["Message-ID"] == "<id-1@data.example.gov.cn>"
    kinds = [part.get_content_type() for part in got.walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "text/html", "text/calendar", "application/msword"]
    parts = [part for part in got.walk() if not part.is_multipart()]
    assert parts[0].get_content().split() == [*what.text.split(), "https://gw.example.gov.cn/n/1"]
    assert "<script" not in parts[1].get_content()
    assert "<img" not in parts[1].get_content()
    assert parts[2].get_payload(decode=True) == ics
    assert (parts[3].get_filename(), parts[3].get_payload(decode=True)) == ("变更通知单 第1号.docx", b"\x00\xff")
    assert b"filename*0*=" in next(tmp_path.glob("*.eml")).read_bytes()


@contextmanager
def peer(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Yield the port of a server that does this to everyone who comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        serve(connection)
                    except OSError:
                        continue

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _drip(connection: socket.socket) -> None:
    for _ in range(100):
        connection.sendall(b"2")
        time.sleep(0.1)


@pytest.mark.parametrize(
    "serve",
    [
        _drip,  # a byte now and then, for ever: no single answer is late
        lambda connection: connection.sendall(b"220 hello\r\n"),  # hangs up after its greeting
        lambda connection: connection.sendall(b"421 4.3.2 closing\r\n"),  # is about to go
        lambda _: time.sleep(1.5),  # says nothing
    ],
)
def test_a_broken_mail_server_is_left_in_time(
    serve: Callable[[socket.socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dripping, silent or cut off: the message waits, and the time is bounded as a whole."""
    monkeypatch.setattr(mail, "_SECONDS", 1.0)
    monkeypatch.setattr(mail, "_STEP", 0.7)
    began = time.monotonic()
    with peer(serve) as port, pytest.raises(ChannelUnavailable):
        send("mail", f"smtp://127.0.0.1:{port}?from=a@b.cn")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("dsn", "kind"),
    [
        ("smtp://mail.example.gov.cn?from=a@b.cn", "mail"),  # in clear to another machine
        ("smtps://mail.example.gov.cn", "mail"),  # no sender
        ("smtps://mail.example.gov.cn?from=a@b.cn%0d%0aBcc:x@y.cn", "mail"),  # a header in the sender
        ("smtps://mail.example.gov.cn?from=a@b.cn&ca=/no/such/file", "mail"),  # no such authority
        ("smtps://mail.example.gov.cn?from=a@b.cn&verify=no", "mail"),  # TLS cannot be switched off
        ("http://:geheim@robot.example.gov.cn", "wecom"),  # in clear
        ("https://robot.example.gov.cn", "wecom"),  # no key
        ("https://:geheim@robot.example.gov.cn?format=html", "wecom"),  # no such format
        ("https://:geheim@hook.example.gov.cn/", "webhook"),  # a secret that can be guessed
        ("https://:geheim-geheim-geheim@hook.example.gov.cn/?digest=md5", "webhook"),  # a broken digest
        ("https://:geheim-geheim-geheim@hook.example.gov.cn/?allow=all", "webhook"),  # no network
        ("https://u:geheim@sms.example.gov.cn/?sign=x&ok=code:0&body={}", "sms"),  # no telephone in it
        ('https://u:geheim@sms.example.gov.cn/?sign=x&body={"a":"{phone}","b":"{text}"}', "sms"),  # no success
        ("https://u:ge@heim@x/", "sms"),  # an unescaped character
        ("file:///etc/passwd", "webhook"),  # another scheme
    ],
)
def test_a_malformed_connection_is_refused_without_its_words(dsn: str, kind: str) -> None:
    """The error names the connection and how to write it, and repeats nothing."""
    with pytest.raises(SettingMissing) as told:
        send(kind, dsn)
    assert "geheim" not in str(told.value).replace("SECRET", "")
    assert told.value.hint


def test_the_robot_takes_a_short_text_and_a_long_one_in_pieces(robot: Robot) -> None:
    """2,000 Han are 6,000 bytes: three or four messages of at most 2,048 bytes each, no character torn."""
    dsn = robot.connections["ROBOT"]
    assert send("wecom", dsn).said == "errcode 0 ok"
    send("wecom", dsn, message(short="结" * 2000))
    texts = [told["text"]["content"] for told in robot.taken("robot")[1:]]
    assert all(len(text.encode()) <= 2048 for text in texts)
    assert "".join(text.partition(") ")[2] for text in texts) == "结" * 2000


def test_markdown_holds_no_mention_and_no_link_of_others(robot: Robot) -> None:
    """What comes from a table's comment cannot call anybody or lead elsewhere."""
    what = message(short="注释 <@all> <font color=red>x</font> [点我](http://evil.example)")
    send("wecom", f"{robot.connections['ROBOT']}/?format=markdown", what)
    said = robot.taken("robot")[0]["markdown"]["content"]
    assert "<" not in said
    assert "](" not in said


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (45009, ChannelUnavailable),  # too fast: later
        (-1, ChannelUnavailable),  # busy: later
        (40058, ChannelRefused),  # this message never
        (93000, AccessDenied),  # no robot of ours: others would fail too
        (99999, ChannelUnavailable),  # unknown: never taken for success
    ],
)
def test_http_200_is_no_success_of_a_robot(robot: Robot, code: int, error: type[GatewayError]) -> None:
    """Only errcode 0 is; what else it says decides whether it is tried again."""
    robot.errors.append(code)
    with pytest.raises(error, match=f"errcode {code}"):
        send("wecom", robot.connections["ROBOT"])
    assert robot.taken("robot") == []


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"<html>", b"", b'{"errcode": "0"}', b'{"errcode": false}', b'{"errcode": null}']
)
def test_an_answer_without_errcode_is_no_success(site: Site, body: bytes) -> None:
    """A proxy's page, an empty body, or the word false is not the robot's yes."""
    site.script = lambda _: Reply(body)
    with pytest.raises(ChannelUnavailable):
        send("wecom", site.dsn(f":{SECRET}@"))


def test_a_key_that_the_robot_repeats_is_not_kept(robot: Robot) -> None:
    """The stand-in says the key in its errmsg, as the real one does."""
    with pytest.raises(AccessDenied) as told:
        send("wecom", robot.connections["ROBOT"].replace(robot.setting("key") or "", SECRET))
    assert SECRET not in str(told.value)


def test_a_receiver_can_prove_and_tell_repetitions(robot: Robot) -> None:
    """HMAC-SM3 over timestamp and body; the same id twice is kept once there; the body has all of the message."""
    dsn = robot.connections["HOOK"]
    what = message(ics=b"BEGIN:VCALENDAR", attachments=(Attachment("a.json", "application/json", b"{}"),))
    for _ in range(2):
        assert send("webhook", dsn, what).said.startswith("HTTP 200")
    (got,) = robot.taken("hook")
    assert (got["id"], got["topic"], got["text"]) == ("id-1", "N1.1", what.text)
    assert got["attachments"] == [{"base64": "e30=", "mediaType": "application/json", "name": "a.json"}]
    with pytest.raises(AccessDenied, match="HTTP 401"):
        send("webhook", dsn.replace(quote(robot.setting("secret") or ""), SECRET))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, ChannelUnavailable),  # its own trouble
        (503, ChannelUnavailable),
        (429, ChannelUnavailable),  # too fast
        (422, ChannelRefused),  # this message
        (410, ChannelRefused),  # gone for good
        (404, AccessDenied),  # the connection is wrong: it waits
        (403, AccessDenied),
    ],
)
def test_a_receivers_status_decides(robot: Robot, status: int, error: type[GatewayError]) -> None:
    """What is its trouble is tried again, what is this message's is given up."""
    robot.errors.append(status)
    with pytest.raises(error, match=f"HTTP {status}"):
        send("webhook", robot.connections["HOOK"])


def test_redirects_are_refused(site: Site) -> None:
    """A receiver cannot send a notice elsewhere."""
    site.script = lambda _: Reply(b"", status=302, headers={"Location": site.dsn("", "/elsewhere")})
    with pytest.raises(AccessDenied, match="redirects are refused"):
        send("webhook", site.dsn(f":{SECRET}@"))
    assert len(site.seen) == 1


def test_only_allowed_networks_are_written_to(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a network outside the list, nor a name that leads to this machine, gets a byte."""
    dsn = site.dsn(f":{SECRET}@", "/")
    with pytest.raises(AccessDenied, match="not allowed"):
        send("webhook", f"{dsn}?allow=10.13.0.0/16")
    assert send("webhook", f"{dsn}?allow=10.13.0.0/16,127.0.0.0/8").said.startswith("HTTP 200")
    monkeypatch.setattr(http, "loopback", lambda _: False)  # as if another name led here
    with pytest.raises(AccessDenied, match="not allowed"):
        send("webhook", dsn)
    assert len(site.seen) == 1


def test_a_dripping_or_endless_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time and bytes of an answer are bounded."""
    monkeypatch.setattr(http, "_SECONDS", 0.5)
    with peer(_drip) as port, pytest.raises(ChannelUnavailable):
        send("webhook", f"http://:{SECRET}@127.0.0.1:{port}/")

    def endless(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000)

    with peer(endless) as port, pytest.raises(ChannelUnavailable):
        send("webhook", f"http://:{SECRET}@127.0.0.1:{port}/")


def test_a_short_message_is_signed_and_its_answer_read(robot: Robot) -> None:
    """The template is filled as JSON, so that quotes in a text change nothing; a refused number is final."""
    dsn = robot.connections["NOTIFY_SMS"]
    odd = '变更 "，"mobile": "13900000000 {secret}'
    assert send("sms", dsn, message(short=odd)).said == "result.code 0"
    (got,) = robot.taken("sms")
    assert (got["mobile"], got["content"], got["seq"]) == (TO["sms"], f"【承德数据交换】{odd}", "id-1")
    with pytest.raises(ChannelRefused, match="1001"):
        send("sms", dsn, to="13900000001")
    with pytest.raises(ChannelUnavailable, match=r"result\.code 9"):
        send("sms", dsn.replace(quote(robot.setting("secret") or ""), SECRET))
    with pytest.raises(ChannelRefused, match="too long"):
        send("sms", dsn, message(short="长" * 400))


def test_a_form_is_written_where_the_platform_wants_one(site: Site) -> None:
    """The same places, as a form."""
    site.script = lambda _: Reply({"code": 0})
    body = quote('{"m": "{phone}", "t": "{text}"}')
    send(
        "sms", f"{site.dsn('u:p@', '/')}?format=form&sign={quote('网关')}&ok=code:0&body={body}", message(short="a&b=c")
    )
    assert site.seen[0].body == f"m=13812345678&t={quote('【网关】')}a%26b%3Dc".encode()
