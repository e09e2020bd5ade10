"""A REST platform that is written to: what bodies look like, how batches are cut, what answers mean, what breaks."""

from __future__ import annotations

import hashlib
import hmac
import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.errors import (
    AccessDenied,
    CatalogInvalid,
    GatewayError,
    PlatformUnavailable,
    SchemaMismatch,
    SourceChanged,
)
from gateway.model import Field
from gateway.ports import Delivery, Outgoing
from tests.integration.connectors.receiver import (
    ANSWER,
    LEFT,
    WRITE,
    Receiver,
    batch,
    bodies,
    dataset_with,
    items,
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


# What is sent


def test_body_is_what_is_declared(site: Site) -> None:
    """Records stand below their path with nested names, constants, the operation and the batch; numbers keep their digits."""
    Receiver(site)
    write(
        site,
        batch([message(1, score="12345678901234567890.120000")], ["m9"]),
        {"constants": {"area.code": "130800", "v": 2}},
    )
    assert (site.seen[0].method, site.seen[0].path) == ("POST", "/messages/write")
    assert site.seen[0].headers["Content-Type"].startswith("application/json")
    assert b'"score": 12345678901234567890.120000' in site.seen[0].body
    constants = {"area": {"code": "130800"}, "v": 2}
    gone, new = bodies(site)[0]["data"].pop("items")
    assert bodies(site)[0]["data"] | {"items": 0} == {
        "source": "130800",
        "batch": 7,
        "sent": "2026-11-24T12:00:00+08:00",
        "items": 0,
    }
    assert gone == {"id": "m9", **constants, "op": "D"}
    assert new.pop("updated_at") == "2026-11-24T12:00:00+08:00"
    assert {k: v for k, v in new.items() if k != "score"} == {
        "id": "m1",
        "body": {"text": "留言1"},
        **constants,
        "op": "U",
    }


@pytest.mark.parametrize(
    ("type_", "text", "declared", "told"),
    [
        ("text", 'a"b\\c\n\t\x0b承德𠂇', {}, 'a"b\\c\n\t\x0b承德𠂇'),
        ("varchar(9)", r"\N", {}, r"\N"),  # no null: a text that looks like it
        ("bigint", "-9223372036854775808", {}, -9223372036854775808),
        ("boolean", "f", {}, False),
        ("date", "2000-02-29", {}, "2000-02-29"),
        ("jsonb", '{"a": [1.10, null]}', {}, {"a": [1.10, None]}),
        ("timestamptz", "2026-11-24 04:00:00.5+00", {}, "2026-11-24T12:00:00.500000+08:00"),
        ("timestamptz", "1988-05-31 15:30:00+00", {}, "1988-06-01T00:30:00+09:00"),  # summer time
        ("timestamptz", "2026-11-24 04:00:00.5+00", {"moments": "epoch_ms"}, 1795492800500),
        ("timestamptz", "1969-12-31 23:59:59+00", {"moments": "epoch"}, -1),
        ("timestamptz", "2026-11-24 04:00:00+00", {"moments": "%Y-%m-%d %H:%M:%S"}, "2026-11-24 12:00:00"),
        ("timestamptz", "2026-11-24 04:00:00+00", {"zone": "UTC"}, "2026-11-24T04:00:00+00:00"),
    ],
)
def test_values_are_told_in_their_types(site: Site, type_: str, text: str, declared: Any, told: Any) -> None:
    """Each type of the hub has one form in JSON."""
    site.gives(GOOD)
    dataset = dataset_with(Field("id", "varchar(9)"), Field("value", type_))
    with writer(site, {**declared, "fields": {}, "answer": {}}) as target:
        target.write(dataset, batch([["m1", text], ["m2", None]]))
    assert [item["value"] for item in json.loads(site.seen[0].body)["data"]["items"]] == [told, None]


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("numeric(9,2)", "NaN"),
        ("date", "infinity"),
        ("date", "0044-03-15 BC"),
        ("timestamptz", "-infinity"),
        ("timestamptz", "20000-01-01 00:00:00+00"),
    ],
)
def test_value_without_a_form_in_json_is_refused_alone(site: Site, type_: str, text: str) -> None:
    """The row waits in quarantine under its field's name, which is all that is said of it; the others go."""
    site.gives(GOOD)
    dataset = dataset_with(Field("id", "varchar(9)"), Field("value", type_))
    with writer(site, {"fields": {}, "answer": {}}) as target:
        done = target.write(dataset, batch([["m1", text], ["m2", None]]))
    assert [(v.key, v.error, v.number) for v in done.refused] == [({"id": "m1"}, "value", 7)]
    assert "value" in done.refused[0].words
    assert text not in done.refused[0].words
    assert (items(site), done.updated) == ([["m2"]], 1)


def test_single_records_and_deletions_go_to_endpoints_of_their_own(site: Site) -> None:
    """An interface may take one record a request, and deletions elsewhere and by another method; deletions go first."""
    site.gives(Reply(status=204))
    changes = {
        "method": "PUT", "records": "message", "single": True, "answer": {}, "idempotency": {"at": "request_id"},
        "around": {}, "deletions": {"kind": "endpoint", "method": "DELETE", "path": "/messages/gone"}, "number": "no", "left": "at",
    }  # fmt: skip
    done = write(site, batch([message(1), message(2)], ["m9"]), changes)
    assert [(seen.method, seen.path) for seen in site.seen] == [
        ("DELETE", "/messages/gone"),
        *[("PUT", "/messages/write")] * 2,
    ]
    assert [body["message"]["id"] for body in bodies(site)] == ["m9", "m1", "m2"]
    assert bodies(site)[0]["message"] == {"id": "m9"}
    assert len({body["request_id"] for body in bodies(site)}) == 3
    assert "Idempotency-Key" not in site.seen[0].headers
    assert done == Delivery(7, 0, 2, 0, 1)


def test_records_may_be_the_body(site: Site) -> None:
    """Without a path the body is the array."""
    site.gives(Reply(status=201))
    plain = {"path": "/m", "deletions": {"kind": "endpoint", "path": "/g"}}
    with writer(site) as target:
        target._platform.options["resources"][POST.name]["write"] = plain
        target.write(POST, batch([message(1)]))
    assert [one["id"] for one in json.loads(site.seen[0].body)] == ["m1"]


def test_signature_covers_the_body(site: Site) -> None:
    """The signed text ends in the digest of just the bytes that arrive; no two requests share a nonce."""
    Receiver(site)
    write(
        site,
        batch([message(n) for n in range(5)]),
        auth={"kind": "hmac", "digest": "sha256"},
        dsn=site.dsn(f"key:{'s3cret'}@"),
    )
    for seen in site.seen:
        stamp, nonce = seen.headers["X-Gateway-Timestamp"], seen.headers["X-Gateway-Nonce"]
        signed = "\n".join(["POST", seen.path, "", hashlib.sha256(seen.body).hexdigest(), stamp, nonce])
        assert seen.headers["X-Gateway-Signature"] == hmac.new(b"s3cret", signed.encode(), "sha256").hexdigest()
    assert len({seen.headers["X-Gateway-Nonce"] for seen in site.seen}) == len(site.seen) == 2


def test_token_that_ended_is_fetched_anew_and_the_page_sent_again(site: Site) -> None:
    """A page refused with 401 goes once more, under the same idempotency key, with another token."""
    receiver, tokens = Receiver(site), iter(["old", "new"])

    def script(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply({"access_token": next(tokens), "token_type": "Bearer"})
        return receiver.answer(seen) if seen.headers["Authorization"] == "Bearer new" else Reply(status=401)

    site.script = script
    done = write(site, batch([message(1)]), auth={"kind": "oauth2", "token_path": "/token"})
    assert (done.inserted, len(site.seen)) == (1, 4)
    assert site.seen[1].headers["Idempotency-Key"] == site.seen[3].headers["Idempotency-Key"]


# How a batch is cut


def test_large_batch_goes_in_pages_of_flat_memory(site: Site) -> None:
    """Each page has a key of its own, nothing is lost or doubled, and memory does not grow with the batch."""
    site.gives({"code": 0})

    def rows(out: Any) -> int:
        for n in range(12_000):
            out.write(f"m{n}\t{'文' * 50}\t1.5\t2026-11-24 04:00:00+00\n".encode())
        return 12_000

    def keep(seen: Seen) -> Reply:
        sent.append((seen.headers["Idempotency-Key"], seen.body.count(b'"op"')))
        site.seen.clear()
        return Reply({"code": 0})

    sent: list[tuple[str, int]] = []
    site.script = keep
    tracemalloc.start()
    with writer(site, {"size": 200, "answer": {"code": "code", "success": ["0"]}}) as target:
        done = target.write(POST, Outgoing("a hub", 7, LEFT, rows, batch().gone))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (done.updated, sum(n for _, n in sent), len({k for k, _ in sent})) == (12_000, 12_000, 60)
    assert peak < 2_000_000


def test_copy_may_be_written_in_any_pieces(site: Site) -> None:
    """A write may end within a letter; what lacks its end, or other rows than were counted, is told."""
    receiver = Receiver(site)
    data = "".join("\t".join(str(v) for v in message(n)) + "\n" for n in range(4)).encode()

    def rows(out: Any, told: int = 4, end: int = len(data)) -> int:
        for place in range(end):
            out.write(data[place : place + 1])
        return told

    write(site, Outgoing("h", 1, LEFT, rows, batch().gone))
    assert len(receiver.held) == 4
    for how in ({"told": 5}, {"end": len(data) - 1}):
        with pytest.raises(SourceChanged, match="arrived"):
            write(site, Outgoing("h", 2, LEFT, lambda out, how=how: rows(out, **how), batch().gone))  # type: ignore[misc]


def test_reader_that_breaks_off_sends_no_last_page(site: Site) -> None:
    """What was not certain to be whole stays here; sent again, the whole batch is there once."""
    receiver, sent = Receiver(site), batch([message(n) for n in range(8)])

    def broken(out: Any) -> int:
        sent.rows(out)
        raise OSError("the reader broke off")

    with pytest.raises(OSError, match="broke off"):
        write(site, Outgoing(sent.hub, 7, LEFT, broken, sent.gone))
    assert len(receiver.held) == 6
    assert write(site, sent) == Delivery(7, inserted=8, updated=0, unchanged=0, deleted=0)
    assert len(receiver.held) == 8


def test_page_is_known_by_what_it_holds(site: Site) -> None:
    """Of a batch that was sent in part, a row may have left before it is sent again: none of the others is lost."""
    receiver = Receiver(site)
    site.script = lambda seen: receiver.answer(seen) if len(site.seen) == 1 else Reply(status=404)
    with pytest.raises(SchemaMismatch):
        write(site, batch([message(n) for n in range(8)]))
    assert len(receiver.held) == 3
    site.script = receiver.answer
    write(site, batch([message(n) for n in range(1, 8)]))
    assert sorted(receiver.held) == [(f"m{n}",) for n in range(8)]


def test_batch_of_one_page_is_known_by_its_number(site: Site) -> None:
    """It was taken as a whole or not at all: what comes under its number again is answered as before."""
    receiver = Receiver(site)
    write(site, batch([message(1), message(2)]))
    again = write(site, batch([message(2)]))
    assert again == Delivery(7, inserted=2, updated=0, unchanged=0, deleted=0, repeated=True)
    assert len(receiver.keys) == 1
    for other in ({"number": 8}, {"hub": "another"}):
        assert not write(site, batch([message(2)], **other)).repeated  # type: ignore[arg-type]


def test_empty_batch_asks_nobody(site: Site) -> None:
    """Nothing to send is no request."""
    assert write(site, batch()) == Delivery(7, 0, 0, 0, 0)
    assert site.seen == []


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
    with pytest.raises(PlatformUnavailable):
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


# Verdicts that come later

VERDICTS = {
    "path": "/verdicts", "records": "items", "paging": {"kind": "page", "parameter": "page", "size": 2},
    "since": {"parameter": "since", "format": "iso"}, "id": "no", "code": "error", "words": "message", "at": "judged",
    "number": "batch", "left": "sent", "fields": {"id": "row.id"},
}  # fmt: skip


def verdict(number: int, **changes: Any) -> dict[str, Any]:
    """Return a verdict as the platform tells it."""
    judged = "2026-11-24T13:00:00+08:00"
    return {
        "no": number,
        "row": {"id": f"m{number}"},
        "batch": 7,
        "error": "E9",
        "message": "审核不通过",
        "judged": judged,
        **changes,
    }


def heard(site: Site, since: datetime | None = None, **changes: Any) -> list[Any]:
    """Return the verdicts that the site tells."""
    with writer(site, verdicts={**VERDICTS, **changes}) as target:
        return list(target.verdicts(POST, since))


def test_verdicts_are_read_page_by_page(site: Site) -> None:
    """Each bears its own name, the row's key, its batch, and the words; the start of the time goes along."""
    site.gives({"items": [verdict(1), verdict(2)]}, {"items": [verdict(3)]})
    found = heard(site, LEFT)
    first = found[0]
    assert (first.id, first.key, first.number, first.error, first.words) == ("1", {"id": "m1"}, 7, "E9", "审核不通过")
    assert [v.id for v in found] == ["1", "2", "3"]
    assert found[0].at == datetime(2026, 11, 24, 5, tzinfo=UTC)
    assert site.seen[0].query == {"page": "1", "since": "2026-11-24T04:00:00Z"}


@pytest.mark.parametrize(
    ("changes", "number"),
    [({"batch": None}, None), ({"batch": "12"}, 12), ({"batch": "another's"}, -1), ({"batch": 10**30}, -1)],
)
def test_batch_of_a_verdict(site: Site, changes: Any, number: int | None) -> None:
    """A name that cannot be ours is no batch that we sent, and not the absence of a name."""
    site.gives({"items": [verdict(1, **changes)]})
    assert heard(site)[0].number == number


@pytest.mark.parametrize(
    ("told", "declared"),
    [("2026-11-24 13:00:00", {}), (1795496400, {"format": "epoch"}), ("1795496400000", {"format": "epoch_ms"})],
)
def test_time_of_a_verdict(site: Site, told: Any, declared: Any) -> None:
    """It is read in its declared form; without offset, as the wall clock of the zone."""
    site.gives({"items": [verdict(1, judged=told, sent=told)]})
    (found,) = heard(site, **declared)
    assert found.at == found.left == datetime(2026, 11, 24, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"no": None}, "without a name"), ({"judged": "soon"}, "without a time"), ({"judged": None}, "without a time")],
)
def test_verdict_that_cannot_be_told_apart_ends_the_run(site: Site, changes: Any, words: str) -> None:
    """It would count twice, or never be asked for again; nothing of it is repeated."""
    site.gives({"items": [verdict(1, **changes)]})
    with pytest.raises(SchemaMismatch, match=words):
        heard(site)


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
