"""A REST platform that is written to: what its answers mean, what breaks on the way, what is declared wrongly."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import (
    AccessDenied,
    CatalogInvalid,
    GatewayError,
    PlatformResting,
    PlatformUnavailable,
    SchemaMismatch,
    SourceChanged,
)
from gateway.ports import Delivery, Outgoing
from tests.integration.connectors.receiver import (
    ANSWER,
    LEFT,
    WRITE,
    Receiver,
    batch,
    message,
    writer,
)
from tests.integration.connectors.site import ID, POST, SECRET, Reply, Seen, Site

DONE = {"inserted": 1, "updated": 0, "unchanged": 0, "deleted": 0, "errors": []}
GOOD = {"code": 0, "data": DONE}


def write(site: Site, sent: Outgoing, changes: Any = None, **settings: Any) -> Delivery:
    """Write one batch and close."""
    with writer(site, changes, **settings) as target:
        return target.write(POST, sent)


# What an answer means


@pytest.mark.parametrize(
    ("reply", "error", "words", "tries"),
    [
        (Reply({"code": 500, "message": "张三"}), SchemaMismatch, "with code 500, which is not success", 1),
        (Reply({"code": "x y 张三"}), SchemaMismatch, "no code that is known", 1),
        (Reply({"data": {}}), SchemaMismatch, "no code that is known", 1),
        (Reply({"code": True, "data": DONE}), SchemaMismatch, "which is not success", 1),
        (Reply([]), SchemaMismatch, "no code that is known", 1),
        (Reply(b"<html>"), SchemaMismatch, "is not JSON", 1),
        (Reply(b'{"code": 0, "code": 1}'), SchemaMismatch, "ambiguous", 1),
        (Reply(b'{"code": 0, "da'), SourceChanged, "cut off", 1),
        (Reply(status=204), SourceChanged, "cut off", 1),  # a code is declared and none came
        (Reply({"code": "DENIED"}), AccessDenied, "code DENIED", 1),
        (Reply({"code": "BUSY"}), PlatformUnavailable, "code BUSY", 5),
        (
            Reply({"code": 0, "data": {**DONE, "inserted": 0}}),
            SchemaMismatch,
            "was sent 1 rows of message.post and tells of 0",
            1,
        ),
        (Reply({"code": 0, "data": {**DONE, "inserted": -1}}), SchemaMismatch, "without a number at data.inserted", 1),
        (Reply({"code": 0, "data": {**DONE, "errors": "none"}}), SchemaMismatch, "without a list at data.errors", 1),
        (Reply(status=401), AccessDenied, "HTTP 401", 1),
        (Reply(status=403), AccessDenied, "HTTP 403", 1),
        (
            Reply(status=307, headers={"Location": "http://127.0.0.1:1/elsewhere"}),
            AccessDenied,
            "redirects are refused",
            1,
        ),
        (Reply(status=400), SchemaMismatch, "HTTP 400", 1),
        (Reply(status=409), SchemaMismatch, "HTTP 409", 1),
        (Reply(status=429), PlatformUnavailable, "HTTP 429", 5),
        (Reply(status=500), PlatformUnavailable, "HTTP 500", 5),
        (Reply(b" " * 2_000_000), SchemaMismatch, "more than 1 MB", 1),
        (
            Reply(gzip.compress(b" " * 20_000_000), headers={"Content-Encoding": "gzip"}),
            SchemaMismatch,
            "more than 1 MB",
            1,
        ),
        (Reply(b'{"code": NaN}'), SchemaMismatch, "ambiguous", 1),
        (Reply(b"[" * 100_000), SchemaMismatch, "deeper than 100", 1),
    ],
)
def test_answer_that_is_no_success(
    site: Site, waits: list[float], reply: Reply, error: type[GatewayError], words: str, tries: int
) -> None:
    """A status is not enough; what may pass is sent again under the same key, and no word of the platform's is repeated."""
    site.gives(reply)
    with pytest.raises(error, match=words) as raised:
        write(site, batch([message(1)]), limits={"seconds": 20, "page_mb": 1})
    assert "/messages/write" in str(raised.value) or "message.post" in str(raised.value)
    assert "张三" not in str(raised.value)
    assert raised.value.hint
    assert (len(site.seen), len(waits)) == (tries, tries - 1)
    assert len({seen.headers["Idempotency-Key"] for seen in site.seen}) == 1


@pytest.mark.parametrize(
    "busy", [Reply(status=429, headers={"Retry-After": "7"}), Reply({"code": "BUSY"}, headers={"Retry-After": "7"})]
)
def test_busy_platform_says_when(site: Site, waits: list[float], busy: Reply) -> None:
    """Retry-After is obeyed, as long as the batch's time allows."""
    site.gives(busy, GOOD)
    assert write(site, batch([message(1)])).inserted == 1
    assert waits == [7.0]
    site.gives(busy, GOOD)
    with pytest.raises(PlatformResting, match="asks for 7 s"):
        write(site, batch([message(1)]), limits={"seconds": 5})


def test_reply_lost_after_the_page_was_taken(site: Site, waits: list[float]) -> None:
    """The page is sent again under its key, and the platform answers what it did before: nothing is doubled."""
    receiver = Receiver(site)

    def taken_and_lost(seen: Seen) -> Reply:
        receiver.answer(seen)
        site.script = receiver.answer
        return Reply(headers={"Content-Length": "100"}, send=lambda _: None)

    site.script = taken_and_lost
    done = write(site, batch([message(1), message(2)]))
    assert done == Delivery(7, inserted=2, updated=0, unchanged=0, deleted=0, repeated=True)
    assert (len(site.seen), len(waits), len(receiver.held)) == (2, 1, 2)


def test_answer_that_drips_is_given_up(site: Site) -> None:
    """However slowly it comes, it ends at the batch's time, and the run is repeated."""

    def drip(handler: Any) -> None:
        while not site.stopped.wait(0.05):
            handler.wfile.write(b" ")

    site.gives(Reply(send=drip))
    with pytest.raises(PlatformUnavailable, match="in time"):
        write(site, batch([message(1)]), limits={"seconds": 0.6})


def test_refused_rows_are_told_by_their_key(site: Site) -> None:
    """One bad row does not keep the others back; the same refusal has the same name when the batch comes again."""
    receiver = Receiver(site)
    receiver.wrong = lambda item: "内容不合规" if item["id"] == "m4" else None
    sent = batch([message(n) for n in range(8)], ["m99"])
    done = write(site, sent)
    assert (done.inserted, done.deleted, len(receiver.held)) == (7, 0, 7)
    told = [(v.key, v.error, v.words, v.number, v.at) for v in done.refused]
    assert told == [({"id": "m99"}, "E1", "nobody has it", 7, LEFT), ({"id": "m4"}, "E1", "内容不合规", 7, LEFT)]
    assert [v.id for v in write(site, sent).refused] == [v.id for v in done.refused]
    assert not any("m4" in v.id for v in done.refused)


@pytest.mark.parametrize("status", [200, 400, 422])
def test_page_refused_as_a_whole_is_halved_down_to_the_row(site: Site, status: int) -> None:
    """A platform that does not say which record is wrong is asked until it has: the row waits, the others are there."""
    receiver = Receiver(site)

    def picky(seen: Seen) -> Reply:
        wrong = any(item["id"] == "m3" for item in json.loads(seen.body)["data"]["items"])
        return Reply({"code": "BAD"}, status=status) if wrong else receiver.answer(seen)

    site.script = picky
    done = write(site, batch([message(n) for n in range(7)]))
    assert (done.inserted, [(v.key, v.error) for v in done.refused]) == (6, [({"id": "m3"}, "BAD")])
    assert sorted(receiver.held) == [(f"m{n}",) for n in range(7) if n != 3]


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ({}, (0, 3, 0)),  # none declared: all that was sent
        ({"inserted": "data.inserted"}, (1, 0, 2)),  # some: the rest was there alike
        ({"inserted": "data.inserted", "updated": "data.updated"}, (1, 0, 2)),
    ],
)
def test_counts_that_are_not_told_are_ours(site: Site, counts: Any, wanted: tuple[int, int, int]) -> None:
    """An interface need not count; what it does not say follows from what it was sent."""
    site.gives(GOOD)
    answer = {"code": "code", "success": [0], **({"counts": counts} if counts else {})}
    done = write(site, batch([message(n) for n in range(3)]), {"answer": answer})
    assert (done.inserted, done.updated, done.unchanged) == wanted


# What is declared wrongly


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fields": {"nobody": "x"}}, r"write\.fields names nobody"),
        ({"fields": {"id": "body", "content": "body.text"}}, r"two things at body"),
        ({"fields": {"id": "op"}}, r"two things at op"),
        ({"around": {"data.items": 1}}, r"two things at data\.items"),
        ({"zone": "Mars/Base"}, r"write\.zone names no time zone"),
        ({"zone": "../etc"}, r"write\.zone names no time zone"),
        (
            {"answer": {**ANSWER, "refused": {"records": "r", "fields": {"content": "c"}}}},
            r"refused\.fields names content",
        ),
        ({"answer": {"code": "code"}}, r"'success' is a dependency of 'code'"),
        ({"size": 0}, r"write\.size"),
        ({"method": "GET"}, r"write\.method"),
        ({"path": "http://elsewhere"}, r"write\.path"),
        ({"deletions": {"kind": "never"}}, r"write\.deletions\.kind"),
        ({"moments": "soon"}, r"write\.moments"),
    ],
)
def test_wrong_declaration_is_told_before_anything_is_sent(site: Site, changes: Any, words: str) -> None:
    """Where it stands, and what is wrong with it."""
    with pytest.raises(CatalogInvalid, match=words) as raised, writer(site, changes) as target:
        target.describe(POST)
    assert raised.value.hint
    assert site.seen == []


@pytest.mark.parametrize("call", [lambda t: t.describe(POST), lambda t: t.write(POST, batch())])
def test_data_set_that_is_only_read_is_not_written(site: Site, call: Callable[[Any], Any]) -> None:
    """A resource without `write` is no target, one without `path` no source."""
    with writer(site) as target:
        target._platform.options["resources"][POST.name] = {"path": "/messages"}
        with pytest.raises(CatalogInvalid, match="has no write"):
            call(target)


def test_secret_is_in_no_error(site: Site) -> None:
    """Neither key nor secret nor address shows, whatever goes wrong."""
    site.close()
    with (
        pytest.raises(PlatformUnavailable) as raised,
        writer(site, auth={"kind": "basic"}, limits={"seconds": 1}) as target,
    ):
        target.write(POST, batch([message(1)]))
    said = f"{raised.value}{target!r}"
    assert not any(word in said for word in (ID, SECRET, str(site.port), "留言", WRITE["fields"]["content"]))
