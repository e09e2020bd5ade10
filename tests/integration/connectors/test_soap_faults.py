"""A SOAP platform that fails or attacks: faults, statuses, cut and dripping replies, bombs, DTDs and entities."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors import soap_reply
from gateway.errors import (
    AccessDenied,
    GatewayError,
    PlatformResting,
    PlatformUnavailable,
    SchemaMismatch,
    SourceChanged,
)
from tests.integration.connectors.site import PATIENCE, Reply, Site, ids
from tests.integration.connectors.soap_site import (
    FEEDBACK,
    PAGED,
    envelope,
    fault,
    opened,
    place,
    read,
    record,
    reply,
    xml,
)

GOOD = reply(record(1))


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a catalog with the WSDL."""
    monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path))
    place(tmp_path)


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (fault("e:Client"), SchemaMismatch, "blames the request"),
        (fault("Client"), SchemaMismatch, "blames the request"),
        (fault("e:Client.Arguments"), SchemaMismatch, "blames the request"),
        (fault("e:VersionMismatch"), SchemaMismatch, "blames the request"),
        (fault("e:Client.Authentication"), AccessDenied, "refuses who asks"),
        (fault("wsse:FailedAuthentication"), AccessDenied, "refuses who asks"),
        (fault("ns1:InvalidSecurity"), AccessDenied, "refuses who asks"),
        (fault("e:Server"), PlatformUnavailable, "of its own"),
        (fault("e:Server.Busy"), PlatformUnavailable, "of its own"),
        (fault("x:E1001"), PlatformUnavailable, "of its own"),  # nobody knows: a repetition does no harm
        (fault("e:Sender", version=2), SchemaMismatch, "blames the request"),
        (fault("e:Sender", "wsse:FailedAuthentication", version=2), AccessDenied, "refuses who asks"),
        (fault("e:Sender", "x:Outer", "wsse:InvalidSecurityToken", version=2), AccessDenied, "refuses who asks"),
        (fault("e:Receiver", version=2), PlatformUnavailable, "of its own"),
        (fault("e:Receiver", "x:Busy", version=2), PlatformUnavailable, "of its own"),
        (envelope("<e:Fault/>"), PlatformUnavailable, "of its own"),
    ],
)
def test_fault_tells_whether_to_ask_again(
    site: Site, waits: list[float], status: int, body: bytes, error: type[GatewayError], words: str
) -> None:
    """Whatever the status; the platform's own words are never repeated."""
    site.gives(xml(body, status=status))
    with pytest.raises(error, match=words) as raised:
        read(site)
    assert len(waits) == (4 if error is PlatformUnavailable else 0)
    assert "canary" not in str(raised.value)


def test_platform_that_comes_back_is_read(site: Site, waits: list[float]) -> None:
    """A fault of the server passes, as late as it says."""
    site.gives(xml(fault("e:Server"), status=500, Retry_After="7"), xml(fault("e:Server")), Reply(status=503), GOOD)
    assert ids(read(site)) == ["f1"]
    assert waits[0] == 7
    assert len(waits) == 3


def test_fault_within_a_record_is_a_part_of_it(site: Site) -> None:
    """Only the body's own fault is one."""
    site.gives(reply(record(1, more="<e:Fault><faultcode>e:Client</faultcode></e:Fault>")))
    assert ids(read(site)) == ["f1"]


@pytest.mark.parametrize(
    ("status", "error", "tries"),
    [
        (429, PlatformUnavailable, 5),
        (500, PlatformUnavailable, 5),
        (502, PlatformUnavailable, 5),
        (503, PlatformUnavailable, 5),
        (401, AccessDenied, 1),
        (403, AccessDenied, 1),
        (301, AccessDenied, 1),
        (307, AccessDenied, 1),
        (400, SchemaMismatch, 1),
        (404, SchemaMismatch, 1),
        (202, SchemaMismatch, 1),
        (204, SchemaMismatch, 1),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b"<!DOCTYPE html><html/>", envelope("<e:Other/>"), envelope("")])
def test_status_tells_whether_to_ask_again(
    site: Site, waits: list[float], status: int, error: type[GatewayError], tries: int, body: bytes
) -> None:
    """Where there is no fault the status counts, whatever the body."""
    site.gives(xml(body, status=status, Location="/other"))
    with pytest.raises(error, match=f"platform superv answers GetFeedback with HTTP {status}"):
        read(site)
    assert (len(site.seen), len(waits)) == (tries, tries - 1)


def test_retry_after_is_heeded_within_the_deadline(site: Site, waits: list[float]) -> None:
    """A wait beyond it is not begun."""
    site.gives(Reply(status=429, headers={"Retry-After": "30"}), GOOD)
    with pytest.raises(PlatformResting, match="HTTP 429 and asks for 30 s"):
        read(site, limits={"seconds": 20})
    assert waits == []
    site.gives(Reply(status=429, headers={"Retry-After": "30"}), GOOD)
    assert ids(read(site, limits={"seconds": 200})) == ["f1"]
    assert waits == [30]


def _cut(body: bytes) -> Callable[[Any], None]:
    return lambda handler: handler.wfile.write(body)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_cut_reply_without_length_is_seen(site: Site, share: float) -> None:
    """HTTP calls it complete; XML does not."""
    whole = reply(record(1), record(2)).octets
    site.gives(Reply(send=_cut(whole[: int(len(whole) * share)])))
    with pytest.raises(SourceChanged, match="cut off"):
        read(site)


@pytest.mark.parametrize("headers", [{"Content-Length": "1000000"}, {"Transfer-Encoding": "chunked"}])
def test_reply_that_breaks_off_early_is_asked_for_again(site: Site, waits: list[float], headers: Any) -> None:
    """Nothing of it was handed on."""
    start = b"ffff\r\n" if "Transfer-Encoding" in headers else b""
    site.gives(Reply(headers=headers, send=_cut(start + GOOD.octets)), GOOD)
    assert ids(read(site)) == ["f1"]
    assert len(waits) == 1


@pytest.mark.parametrize(
    "tail", [b"", fault("e:Server").partition(b"<e:Body>")[2].partition(b"</e:Body>")[0] + b"</e:Body></e:Envelope>"]
)
def test_reply_that_breaks_off_late_is_not(site: Site, waits: list[float], tail: bytes) -> None:
    """Its first records are on their way to the hub: the run itself is repeated."""
    whole = reply(*map(record, range(2_000))).octets
    body = whole.replace(b"</e:Body></e:Envelope>", tail) if tail else whole
    site.gives(Reply(body if tail else b"", headers={"Content-Length": str(len(body) + (0 if tail else 9))},
                     send=None if tail else _cut(body)))  # fmt: skip
    with pytest.raises(SourceChanged):
        read(site)
    assert (len(site.seen), waits) == (1, [])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html><body>no service here</body></html>", "no SOAP envelope"),
        (b'{"a": 1}', "is no XML"),
        (GOOD.octets.replace(b"</No>", b"</Nr>"), "is no XML"),
        (GOOD.octets + b"<more/>", "is no XML"),
        (GOOD.octets.replace("反馈".encode(), b"\xff"), "is no XML"),
        (GOOD.octets.replace("反馈".encode(), b"\x01"), "is no XML"),
        (GOOD.octets.replace("反馈".encode(), b"&#0;"), "is no XML"),
        (GOOD.octets.replace("反馈".encode(), b"&other;"), "is no XML"),
        (GOOD.octets.replace(b"schemas.xmlsoap.org", b"example.org"), "no SOAP envelope"),
        (b"<a>" + GOOD.octets.partition(b"?>")[2] + b"</a>", "no SOAP envelope"),
    ],
)
def test_what_is_no_envelope_is_told(site: Site, body: bytes, words: str) -> None:
    """A person has to look; nothing of it is repeated."""
    site.gives(xml(body))
    with pytest.raises(SchemaMismatch, match=words) as raised:
        read(site)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
) + "]>"  # fmt: skip


@pytest.mark.parametrize(
    ("before", "content"),
    [
        ("<!DOCTYPE a>", "x"),
        ('<!DOCTYPE a SYSTEM "http://127.0.0.1:{port}/canary.dtd">', "x"),
        ('<!DOCTYPE a [<!ENTITY a "x">]>', "&a;"),
        ('<!DOCTYPE a [<!ENTITY a SYSTEM "file://{file}">]>', "&a;"),
        ('<!DOCTYPE a [<!ENTITY a SYSTEM "http://127.0.0.1:{port}/canary">]>', "&a;"),
        ('<!DOCTYPE a [<!ENTITY % a SYSTEM "http://127.0.0.1:{port}/canary">%a;]>', "x"),
        (LAUGHS, "&j;"),
        (f'<!DOCTYPE a [<!ENTITY a "{"x" * 100_000}">]>', "&a;" * 5_000),
    ],
)
@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize("status", [200, 500])
def test_doctype_is_refused_always(
    site: Site, waits: list[float], tmp_path: Path, before: str, content: str, empty: bool, status: int
) -> None:
    """Also where there is no record; no entity is expanded, and nobody else is asked."""
    (tmp_path / "secret").write_text("canary-file")
    before = before.replace("{port}", str(site.port)).replace("{file}", str(tmp_path / "secret"))
    good = reply(*([] if empty else [record(1, content)]), before=before)
    site.gives(xml(good.octets, status=status))
    with pytest.raises(SchemaMismatch if status == 200 else PlatformUnavailable) as raised:
        read(site)
    assert ("DOCTYPE" in str(raised.value)) == (status == 200)
    assert "canary" not in str(raised.value)
    assert {seen.path for seen in site.seen} == {"/services/superv"}
    assert len(site.seen) == len(waits) + 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("x" * 10_500_000, "10 MB in one text"),
        ("<a>" * 5_000 + "</a>" * 5_000, "256 levels"),
        ("<a>" * 300, "256 levels"),
    ],
)
def test_huge_text_and_deep_nesting_are_refused(site: Site, content: str, words: str) -> None:
    """Beyond the parser's limits nothing is read."""
    site.gives(reply(record(1, content)))
    with pytest.raises(SchemaMismatch, match=words):
        read(site)


def test_long_text_is_read(site: Site) -> None:
    """Up to those limits."""
    site.gives(reply(record(1, "承" * 3_000_000)))
    assert len(str(read(site)[0][2])) == 3_000_000


def test_many_attributes_do_no_harm(site: Site) -> None:
    """They are bounded by the cap."""
    many = " ".join(f'a{n}=""' for n in range(50_000))
    site.gives(reply(f"<Feedback {many}><No>f1</No></Feedback>"))
    assert ids(read(site)) == ["f1"]


def test_elements_without_a_record_are_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no record stays in memory, so there may be little of it."""
    monkeypatch.setattr(soap_reply, "_STRETCH", 1_048_576)
    site.gives(reply("<a/>" * 400_000))
    with pytest.raises(SchemaMismatch, match="no record within 1 MB"):
        read(site)
    site.gives(reply(*[record(n, "x" * 50_000) for n in range(50)]))
    assert len(read(site)) == 50


@pytest.mark.parametrize("packed", [True, False])
def test_reply_beyond_the_cap_is_refused(site: Site, packed: bool) -> None:
    """What counts is the size after decompression."""
    body = envelope(" " * 8_000_000)
    site.gives(Reply(gzip.compress(body), headers={"Content-Encoding": "gzip"}) if packed else Reply(body))
    with pytest.raises(SchemaMismatch, match="more than 1 MB a reply"):
        read(site, limits={"reply_mb": 1})


def test_damaged_compression_is_retryable(site: Site) -> None:
    """It is no reply at all."""
    site.gives(Reply(b"not gzip", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(SourceChanged, match="damaged"):
        read(site)


def _drip(site: Site) -> Callable[[Any], None]:
    def send(handler: Any) -> None:
        handler.wfile.write(envelope("|").partition(b"|")[0])
        while not site.stopped.wait(0.05):
            handler.wfile.write(b" ")

    return send


@pytest.mark.parametrize("limits", [{"seconds": 0.4}, {"seconds": 0.9, "reply_seconds": 0.3}])
@pytest.mark.parametrize("headers", [{}, {"Content-Length": "1000"}])
def test_dripping_peer_does_not_outlive_the_deadline(site: Site, waits: list[float], limits: Any, headers: Any) -> None:
    """Each byte is in time, the whole is not."""
    site.gives(Reply(headers=headers, send=_drip(site)))
    started = time.monotonic()
    with pytest.raises(PlatformUnavailable, match="in time"):
        read(site, limits=limits)
    assert time.monotonic() - started < PATIENCE
    assert len(waits) <= 4


def test_deadline_is_of_the_whole_read(site: Site) -> None:
    """Pages that are each in time do not add up to more than it."""

    def answer(_: Any) -> Reply:
        site.stopped.wait(0.1)
        return reply(record(len(site.seen)), record(0))

    site.script = answer
    with pytest.raises(PlatformUnavailable, match="in time"):
        read(site, {"paging": PAGED}, limits={"seconds": 0.5})
    assert 3 <= len(site.seen) <= 6


def test_redirect_is_not_followed(site: Site) -> None:
    """Its target is not asked."""
    site.gives(Reply(status=302, headers={"Location": "/other"}), GOOD)
    with pytest.raises(AccessDenied, match="redirects are refused"):
        read(site)
    assert [seen.path for seen in site.seen] == ["/services/superv"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_another_host_reaches_nobody(site: Site, status: int) -> None:
    """Whoever it names is not asked, and so learns no credential."""
    other = Site()
    try:
        site.gives(Reply(status=status, headers={"Location": other.dsn("", host="localhost")}), GOOD)
        with pytest.raises(AccessDenied, match="redirects are refused"):
            read(site)
        assert (len(site.seen), other.seen) == (1, [])
    finally:
        other.close()


def test_probe_does_not_wait_for_a_body(site: Site) -> None:
    """The head is enough."""
    site.gives(Reply(headers={"Content-Length": "100"}, send=lambda _: site.stopped.wait(5)))
    started = time.monotonic()
    with opened(site) as source:
        source.probe(FEEDBACK)
    assert time.monotonic() - started < PATIENCE
