"""A SOAP platform that is written to: what its answers mean, what breaks on the way, what is declared wrongly."""

from __future__ import annotations

import time
from pathlib import Path
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
from gateway.ports import Delivery, Outgoing
from tests.integration.connectors import soap_receiver
from tests.integration.connectors.receiver import LEFT, batch, message
from tests.integration.connectors.site import ID, POST, SECRET, Reply, Seen, Site
from tests.integration.connectors.soap_receiver import ANSWER, Receiver, figures, keys, page_keys, said, writer
from tests.integration.connectors.soap_site import envelope, fault, xml

DONE = figures(inserted=1, updated=0, unchanged=0, deleted=0)


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a catalog with the WSDL."""
    monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path))
    soap_receiver.place(tmp_path)
    return tmp_path


def write(site: Site, sent: Outgoing, changes: Any = None, **options: Any) -> Delivery:
    """Write one batch and close."""
    with writer(site, changes, **options) as target:
        return target.write(POST, sent)


def drip(handler: Any) -> None:
    """Send a blank now and then, for ever."""
    for _ in range(200):
        handler.wfile.write(b" ")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("reply", "error", "words", "tries"),
    [
        (said(500, "<Words>张三</Words>"), SchemaMismatch, "with code 500, which is not success", 1),
        (said("x y 张三"), SchemaMismatch, "no code that is known", 1),
        (xml(envelope("<Other/>")), SchemaMismatch, "no code that is known", 1),
        (said("<a>0</a>"), SchemaMismatch, "no code that is known", 1),
        (said(0, f"<Code>1</Code>{DONE}"), SchemaMismatch, "more than one Result/Code", 1),
        (said(0), SchemaMismatch, "without a number at Result/inserted", 1),
        (said(0, figures(inserted=-1)), SchemaMismatch, "without a number at Result/inserted", 1),
        (said(0, DONE.replace("1", "0")), SchemaMismatch, "was sent 1 rows of message.post and tells of 0", 1),
        (said("DENIED"), AccessDenied, "code DENIED", 1),
        (said("BUSY"), PlatformUnavailable, "code BUSY", 5),
        (xml(b"<html/>"), SchemaMismatch, "no SOAP envelope", 1),
        (xml(envelope("")), SchemaMismatch, "no SOAP envelope with a body", 1),
        (xml(b"canary"), SchemaMismatch, "is no XML", 1),
        (xml(said(0, DONE).octets[:-30]), SourceChanged, "cut off", 1),
        (xml(b""), SourceChanged, "cut off", 1),
        (xml(envelope("<a/>", before="<!DOCTYPE a [<!ENTITY b 'c'>]>")), SchemaMismatch, "DOCTYPE", 1),
        (xml(envelope("<a/>", before='<!DOCTYPE a SYSTEM "file:///etc/passwd">')), SchemaMismatch, "DOCTYPE", 1),
        (xml(fault("e:Client"), status=500), SchemaMismatch, "blames the request", 1),
        (xml(fault("e:Client")), SchemaMismatch, "blames the request", 1),  # with 200, as some do
        (xml(fault("e:Client.Authentication"), status=500), AccessDenied, "refuses who asks", 1),
        (xml(fault("wsse:FailedAuthentication"), status=500), AccessDenied, "refuses who asks", 1),
        (xml(fault("e:Server"), status=500), PlatformUnavailable, "fault of its own", 5),
        (Reply(status=401), AccessDenied, "HTTP 401", 1),
        (Reply(status=307, headers={"Location": "http://127.0.0.1:1/e"}), AccessDenied, "redirects are refused", 1),
        (Reply(status=400), SchemaMismatch, "HTTP 400", 1),
        (Reply(status=503), PlatformUnavailable, "HTTP 503", 5),
        (xml(b" " * 2_000_000), SchemaMismatch, "more than 1 MB", 1),
    ],
)
def test_answer_that_is_no_success(
    site: Site, waits: list[float], reply: Reply, error: type[GatewayError], words: str, tries: int
) -> None:
    """A status is not enough; what may pass is sent again under the same key, and no word of the platform's is repeated."""
    site.gives(reply)
    with pytest.raises(error, match=words) as raised:
        write(site, batch([message(1)]), limits={"seconds": 20, "reply_mb": 1})
    assert "Push" in str(raised.value) or "message.post" in str(raised.value)
    assert not any(word in str(raised.value) for word in ("张三", "canary", "留言"))
    assert raised.value.hint
    assert (len(site.seen), len(waits)) == (tries, tries - 1)
    assert len(set(page_keys(site))) == 1


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
    site.gives(xml(b"", send=None))
    site.script = lambda _: Reply(headers={"Content-Type": "text/xml"}, send=drip)
    began = time.monotonic()
    with pytest.raises(PlatformUnavailable, match="did not finish Push in time"):
        write(site, batch([message(1)]), limits={"seconds": 0.6})
    assert time.monotonic() - began < 5


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


@pytest.mark.parametrize(
    "refusal",
    [
        said("BAD"),  # by the platform's own code
        xml(fault("e:Client.BAD"), status=500),  # by a fault's
        xml(fault("e:Client.BAD")),
    ],
)
def test_page_refused_as_a_whole_is_halved_down_to_the_row(site: Site, refusal: Reply) -> None:
    """A platform that does not say which record is wrong is asked until it has: the row waits, the others are there."""
    receiver = Receiver(site)
    site.script = lambda seen: refusal if "m3" in keys(site)[-1] else receiver.answer(seen)
    done = write(site, batch([message(n) for n in range(7)]))
    assert (done.inserted, [(v.key, v.error) for v in done.refused]) == (6, [({"id": "m3"}, "BAD")])
    assert sorted(receiver.held) == [(f"m{n}",) for n in range(7) if n != 3]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"operation": "Nobody"}, r"write: there is no operation Nobody"),
        ({"deletions": {"kind": "operation", "operation": "N", "records": "Rows/Row"}}, r"there is no operation N"),
        ({"records": "Rows/Line"}, r"Push does not take the arguments"),
        ({"fields": {"id": "@id", "content": "Nobody"}}, r"Push does not take the arguments"),
        ({"arguments": {}}, r"Push does not take the arguments"),
        ({"fields": {"nobody": "x"}}, r"write\.fields names nobody"),
        ({"fields": {"id": "Body", "content": "Body/Text"}}, r"two things at Body"),
        ({"fields": {"id": "op"}}, r"two things at op"),
        ({"number": "region"}, r"two things at region"),
        ({"left": "Rows/Row"}, r"two things at Rows/Row"),
        ({"zone": "Mars/Base"}, r"write\.zone names no time zone"),
        ({"answer": {"code": "Code"}}, r"'success' is a dependency of 'code'"),
        ({"idempotency": {}}, r"write\.idempotency"),
        ({"idempotency": {"header": "Key"}}, r"'namespace' is a dependency of 'header'"),
        ({"idempotency": {"argument": "a", "header": "b", "namespace": "c"}}, r"write\.idempotency"),
        ({"size": 0}, r"write\.size"),
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


def test_data_set_that_is_only_read_is_not_written(site: Site) -> None:
    """A resource without `write` is no target."""
    with writer(site) as target:
        target._platform.options["resources"][POST.name] = {"operation": "Push", "record": "Row"}
        with pytest.raises(CatalogInvalid, match="has no write"):
            target.describe(POST)


def test_secret_is_in_no_error(site: Site) -> None:
    """Neither account nor secret nor address shows, whatever goes wrong."""
    site.close()
    with (
        pytest.raises(PlatformUnavailable) as raised,
        writer(site, auth={"kind": "username_token"}, limits={"seconds": 1}) as target,
    ):
        target.write(POST, batch([message(1)]))
    said_all = f"{raised.value}{raised.value.hint}{target!r}"
    assert not any(word in said_all for word in (ID, SECRET, str(site.port), "留言", ANSWER["code"]))
