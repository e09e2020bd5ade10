"""A REST platform that fails: statuses, waits as it asks for, cut and dripping answers, bombs, redirects."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from gateway.errors import (
    AccessDenied,
    GatewayError,
    PlatformResting,
    PlatformUnavailable,
    RetryableError,
    SchemaMismatch,
    SourceChanged,
)
from tests.integration.connectors.site import PATIENCE, POST, Reply, Site, copied, ids, opened, read, record

GOOD = Reply([record(1)])


@pytest.mark.parametrize(
    ("status", "error", "tries"),
    [
        (429, PlatformUnavailable, 5),
        (500, PlatformUnavailable, 5),
        (502, PlatformUnavailable, 5),
        (503, PlatformUnavailable, 5),
        (599, PlatformUnavailable, 5),
        (401, AccessDenied, 1),
        (403, AccessDenied, 1),
        (301, AccessDenied, 1),
        (302, AccessDenied, 1),
        (304, AccessDenied, 1),
        (307, AccessDenied, 1),
        (400, SchemaMismatch, 1),
        (404, SchemaMismatch, 1),
        (410, SchemaMismatch, 1),
        (422, SchemaMismatch, 1),
        (204, SchemaMismatch, 1),  # nothing is not an empty array
        (206, SchemaMismatch, 1),  # a part is not the page
    ],
)
def test_status_tells_whether_to_ask_again(
    site: Site, waits: list[float], status: int, error: type[GatewayError], tries: int
) -> None:
    """What may pass is asked for five times; all else at once needs a person."""
    site.gives(Reply(status=status))
    with pytest.raises(error, match=f"platform web answers /messages with HTTP {status}"):
        read(site)
    assert (len(site.seen), len(waits)) == (tries, tries - 1)
    assert all(0 <= wait <= 10 for wait in waits)


@pytest.mark.parametrize("fails", [1, 4])
def test_platform_that_comes_back_is_read(site: Site, waits: list[float], fails: int) -> None:
    """Up to four repetitions, within one read."""
    site.gives(*[Reply(status=503)] * fails, GOOD)
    assert ids(read(site)) == ["m1"]
    assert len(waits) == fails


def test_repetitions_are_counted_for_each_request(site: Site, waits: list[float]) -> None:
    """A long read over a shaky platform gets through."""
    replies = [reply for n in range(3) for reply in (*[Reply(status=503)] * 4, Reply([record(n)]))]
    site.gives(*replies, Reply([]))
    assert ids(read(site, {"paging": {"kind": "page", "parameter": "p", "size": 1}})) == ["m0", "m1", "m2"]
    assert len(waits) == 12


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("7", 7, 7),
        (" 0 ", 0, 0),
        ("60", 60, 60),  # the longest that a page waits
        (timedelta(seconds=30), 15, 30),  # as a date
        (timedelta(days=-2), 0, 0),  # over already
        ("soon", 0, 10),  # no form of it: our own wait
        ("-5", 0, 10),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_heeded_in_both_forms(
    site: Site, waits: list[float], value: str | timedelta, least: float, most: float, status: int
) -> None:
    """Seconds or a date, at most a minute."""
    if isinstance(value, timedelta):
        value = format_datetime(datetime.now(UTC) + value, usegmt=True)
    site.gives(Reply(status=status, headers={"Retry-After": value}), GOOD)
    assert ids(read(site)) == ["m1"]
    assert least <= waits[0] <= most


@pytest.mark.parametrize(
    ("value", "seconds", "rests"),
    [
        ("61", 600, 61),  # a page waits for a minute at most
        ("3600", 600, 3600),
        ("9" * 400, 600, 86_400),  # not believed
        (timedelta(days=2), 600, 86_400),  # as a date
        ("30", 20, 30),  # the read cannot succeed in its time
    ],
)
def test_a_longer_wait_is_not_begun_and_the_platform_rests(
    site: Site, waits: list[float], value: str | timedelta, seconds: float, rests: float
) -> None:
    """The read ends at once, with the wait that was asked for, a day at most."""
    if isinstance(value, timedelta):
        value = format_datetime(datetime.now(UTC) + value, usegmt=True)
    site.gives(Reply(status=429, headers={"Retry-After": value}), GOOD)
    with pytest.raises(PlatformResting, match=f"HTTP 429 and asks for {rests:.0f} s") as raised:
        read(site, limits={"seconds": seconds})
    assert (raised.value.seconds, waits, len(site.seen)) == (rests, [], 1)


class Slow:
    """Turns that come late, and count themselves."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.taken, self.closed = seconds, 0, 0

    def turn(self) -> float:
        """Wait and count."""
        self.taken += 1
        time.sleep(self.seconds)
        return self.seconds

    def close(self) -> None:
        """Count."""
        self.closed += 1


def test_each_request_waits_for_its_turn_and_the_wait_is_not_held_against_the_platform(
    site: Site, waits: list[float]
) -> None:
    """Ten pages whose turns take longer together than the whole read may; a repeated request takes a turn as well."""
    turns = Slow(0.15)
    paging = {"kind": "page", "parameter": "page", "size_parameter": "size", "size": 1}
    pages = [Reply([record(n)]) for n in range(10)]
    site.gives(*pages[:4], Reply(status=503), *pages[4:], Reply([]))
    with opened(site, {"paging": paging}, limits={"seconds": 1}) as source:
        source.take(turns)
        assert len(ids(copied(source))) == 10
    assert (turns.taken, len(site.seen), len(waits), turns.closed) == (12, 12, 1, 1)


def _abort(handler: Any) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def _cut(handler: Any) -> None:
    handler.wfile.write(b'[{"id": "a"}')


def _cut_chunk(handler: Any) -> None:
    handler.wfile.write(b'ff\r\n[{"id": "a"}')


def _whole(handler: Any) -> None:
    handler.wfile.write(b'[{"id": "a"}]')


@pytest.mark.parametrize(
    ("headers", "send"),
    [
        ({"Content-Length": "100"}, _cut),
        ({"Content-Length": "100"}, _whole),  # whole JSON, but not what was announced
        ({"Transfer-Encoding": "chunked"}, _cut_chunk),
        ({"Content-Length": "100"}, _abort),
    ],
)
def test_body_that_breaks_off_is_asked_for_again(
    site: Site, waits: list[float], headers: Any, send: Callable[[Any], None]
) -> None:
    """Nothing of a broken page counts."""
    site.gives(Reply(headers=headers, send=send), GOOD)
    assert ids(read(site)) == ["m1"]
    assert len(waits) == 1


def test_body_that_always_breaks_off_is_retryable(site: Site, waits: list[float]) -> None:
    """After five times the run itself has to be repeated."""
    site.gives(Reply(headers={"Content-Length": "100"}, send=_cut))
    with pytest.raises(PlatformUnavailable, match="broke off"):
        read(site)
    assert len(waits) == 4


def test_half_a_body_without_length_is_seen(site: Site) -> None:
    """HTTP calls it complete; JSON does not."""
    site.gives(Reply(send=_cut))
    with pytest.raises(SourceChanged, match="cut off"):
        read(site)


def test_lost_records_without_length_are_seen_by_the_total(site: Site) -> None:
    """Whole JSON with fewer records than declared."""
    site.gives({"items": [record(1)], "total": 2})
    with pytest.raises(SourceChanged, match="as many records as it declared"):
        read(site, {"records": "items", "total": "total"})


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_compressed_pages_are_read(site: Site, coding: str) -> None:
    """Both codings that are asked for."""
    body = gzip.compress(GOOD.octets) if coding == "gzip" else zlib.compress(GOOD.octets)
    site.gives(Reply(body, headers={"Content-Encoding": coding}))
    assert ids(read(site)) == ["m1"]
    assert site.seen[0].headers["Accept-Encoding"] == "gzip, deflate"


def test_bomb_is_stopped_at_the_cap(site: Site) -> None:
    """What counts is the size after decompression."""
    site.gives(Reply(gzip.compress(b"[" + b" " * 50_000_000 + b"]"), headers={"Content-Encoding": "gzip"}))
    with pytest.raises(SchemaMismatch, match="more than 1 MB a page"):
        read(site, limits={"page_mb": 1})


def test_page_beyond_the_cap_is_refused(site: Site) -> None:
    """Compressed or not."""
    site.gives(Reply(b"[" + b" " * 200_000 + b"]"))
    with pytest.raises(SchemaMismatch, match=r"more than 0\.1 MB a page"):
        read(site, limits={"page_mb": 0.1})


def test_damaged_compression_is_retryable(site: Site) -> None:
    """It is no page at all."""
    site.gives(Reply(b"not gzip", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(SourceChanged, match="damaged"):
        read(site)


def _drip_body(site: Site) -> Callable[[Any], None]:
    def send(handler: Any) -> None:
        for _ in range(100):
            handler.wfile.write(b" ")
            if site.stopped.wait(0.05):
                return

    return send


def _drip_head(site: Site) -> Callable[[Any], None]:
    def send(handler: Any) -> None:
        for n in range(100):
            handler.wfile.write(b"X-%d: 1\r\n" % n)
            if site.stopped.wait(0.05):
                return

    return send


def _mute(site: Site) -> Callable[[Any], None]:
    return lambda _: site.stopped.wait(5)


@pytest.mark.parametrize("limits", [{"seconds": 0.4}, {"seconds": 0.9, "page_seconds": 0.3}])
@pytest.mark.parametrize("headers", [{}, {"Content-Length": "1000"}, {"Transfer-Encoding": "chunked"}])
@pytest.mark.parametrize("fault", [_drip_body, _mute])
def test_dripping_peer_does_not_outlive_the_deadline(
    site: Site, waits: list[float], limits: Any, headers: Any, fault: Any
) -> None:
    """Each byte is in time, the whole is not."""
    site.gives(Reply(headers=headers, send=fault(site)))
    started = time.monotonic()
    with pytest.raises(PlatformUnavailable, match="/messages"):
        read(site, limits=limits)
    assert time.monotonic() - started < PATIENCE
    assert len(waits) <= 4


def test_dripping_head_does_not_outlive_the_deadline(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither does a head that never ends."""
    drip = _drip_head(site)
    site.gives(Reply(send=lambda _: None))
    handler = site._server.RequestHandlerClass
    monkeypatch.setattr(
        handler, "end_headers", lambda self: (self.flush_headers_without_end(), drip(self)), raising=False
    )
    monkeypatch.setattr(handler, "flush_headers_without_end", _flush_open_head, raising=False)
    started = time.monotonic()
    with pytest.raises(PlatformUnavailable, match="in time"):
        read(site, limits={"seconds": 0.4})
    assert time.monotonic() - started < PATIENCE


def _flush_open_head(handler: Any) -> None:
    handler.wfile.write(b"".join(handler._headers_buffer))
    handler._headers_buffer = []


def test_deadline_is_of_the_whole_read(site: Site) -> None:
    """Pages that are each in time do not add up to more than it."""

    def answer(_: Any) -> Reply:
        site.stopped.wait(0.1)
        return Reply({"items": [], "next": str(len(site.seen))})

    site.script = answer
    with pytest.raises(PlatformUnavailable, match="in time"):
        read(
            site,
            {"records": "items", "paging": {"kind": "cursor", "parameter": "c", "at": "next"}},
            limits={"seconds": 0.5},
        )
    assert 3 <= len(site.seen) <= 6


def test_nobody_there_is_retryable(site: Site, waits: list[float]) -> None:
    """A refused connection may be accepted in a minute."""
    with pytest.raises(PlatformUnavailable, match="does not answer") as raised:
        read(site, dsn="http://127.0.0.1:1/")
    assert isinstance(raised.value, RetryableError)
    assert len(waits) == 4


@pytest.fixture
def stranger() -> Iterator[str]:
    """Yield the address of something that speaks no HTTP to five callers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)

        def talk() -> None:
            for _ in range(5):
                peer, _ = listening.accept()
                with peer:
                    peer.recv(1000)
                    peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

        talking = threading.Thread(target=talk)
        talking.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        talking.join()


def test_answer_that_is_no_http_is_retryable(site: Site, stranger: str, waits: list[float]) -> None:
    """Something else listens there."""
    with pytest.raises(PlatformUnavailable, match="broke off"):
        read(site, dsn=stranger)
    assert len(waits) == 4


def test_redirect_is_not_followed_nor_read(site: Site) -> None:
    """Its target is not asked, its body not fetched."""
    site.gives(Reply(b" " * 1000, status=302, headers={"Location": "/other"}), GOOD)
    with pytest.raises(AccessDenied, match="redirects are refused"):
        read(site)
    assert [seen.path for seen in site.seen] == ["/messages"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_another_host_reaches_nobody(site: Site, status: int) -> None:
    """Whoever it names is not asked, and so learns no credential."""
    other = Site()
    try:
        site.gives(Reply(status=status, headers={"Location": other.dsn("", base="/messages", host="localhost")}), GOOD)
        with pytest.raises(AccessDenied, match="redirects are refused"):
            read(site)
        assert (len(site.seen), other.seen) == (1, [])
    finally:
        other.close()


def test_probe_does_not_wait_for_a_body(site: Site) -> None:
    """The head is enough."""
    site.gives(Reply(headers={"Content-Length": "100"}, send=_mute(site)))
    started = time.monotonic()
    with opened(site) as source:
        source.probe(POST)
    assert time.monotonic() - started < PATIENCE


def test_a_connection_is_used_again(site: Site) -> None:
    """Pages travel over one connection, and one that the peer closed meanwhile is opened anew."""
    with opened(site) as source:
        for _ in range(2):
            source.describe(POST)
        site.gives(Reply([], headers={"Connection": "close"}))
        for _ in range(2):
            source.describe(POST)
    assert len(site.seen) == 4
