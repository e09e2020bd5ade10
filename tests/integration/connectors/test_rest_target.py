"""A REST platform that is written to: what bodies look like, and how a batch is cut into pages."""

from __future__ import annotations

import hashlib
import hmac
import json
import tracemalloc
from typing import Any

import pytest

from gateway.errors import (
    SchemaMismatch,
    SourceChanged,
)
from gateway.model import Field
from gateway.ports import Delivery, Outgoing
from tests.integration.connectors.receiver import (
    LEFT,
    Receiver,
    batch,
    bodies,
    dataset_with,
    items,
    message,
    writer,
)
from tests.integration.connectors.site import POST, Reply, Seen, Site

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
