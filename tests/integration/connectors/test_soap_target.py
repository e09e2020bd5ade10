"""A SOAP platform that is written to: what calls look like, and how a batch is cut into pages."""

from __future__ import annotations

import tracemalloc
from base64 import b64decode
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from connectors.http_address import address
from connectors.page_batch import Unwritable
from connectors.soap import connect
from connectors.soap_target import _Layout
from connectors.soap_wsdl import Service
from gateway.errors import CatalogInvalid
from gateway.model import Field
from gateway.ports import Delivery, Outgoing
from tests.integration.connectors import soap_receiver
from tests.integration.connectors.receiver import LEFT, batch, dataset_with, message
from tests.integration.connectors.site import POST, SECRET, Reply, Seen, Site, copied
from tests.integration.connectors.soap_receiver import (
    Receiver,
    called,
    keys,
    page_keys,
    rows,
    said,
    target_platform,
    writer,
)

ONE = '<x:element name="value" type="x:{}" nillable="true"/><x:element name="op" type="x:string"/>'
GOOD = {"code": "Result/Code", "success": [0]}
PLAIN = {"fields": {"id": "@id"}, "answer": GOOD}
NO_XML = {chr(c) for c in range(32)} - set("\t\n\r") | {"\ufffe", "\uffff"}


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


# What is sent


def test_call_is_what_is_declared(site: Site) -> None:
    """Records stand below their path with attributes, nested elements and the operation; numbers keep their digits."""
    receiver = Receiver(site)
    write(site, batch([message(1, "a<b>&\r\n'\"]]>", "12345678901234567890.120000"), message(2, score=None)], ["m9"]))
    assert (site.seen[0].method, site.seen[0].path) == ("POST", "/services/push")
    call = called(site.seen[0])
    assert call.findtext("{*}region") == "130800"
    assert [e.text for e in call.find("{*}Batch")][:2] == ["7", "2026-11-24T12:00:00+08:00"]
    gone, first, second = rows(site)[0]
    assert gone == {"id": "m9", "score": None, "op": "D"}
    assert first == {
        "id": "m1", "Body/Text": "a<b>&\r\n'\"]]>", "score": "12345678901234567890.120000",
        "updated_at": "2026-11-24T12:00:00+08:00", "op": "U",
    }  # fmt: skip
    assert second["score"] is None
    assert sorted(receiver.held) == [("m1",), ("m2",)]


@pytest.mark.parametrize(
    ("type_", "kind", "text", "declared", "told"),
    [
        ("bigint", "long", "-9223372036854775808", {}, "-9223372036854775808"),
        ("boolean", "boolean", "f", {}, "false"),
        ("boolean", "boolean", "t", {}, "true"),
        ("date", "date", "2000-02-29", {}, "2000-02-29"),
        ("jsonb", "string", '{"a": 1.10}', {}, '{"a": 1.10}'),
        ("text", "string", "", {}, ""),  # an empty text is no null
        ("timestamptz", "dateTime", "1988-05-31 15:30:00.5+00", {}, "1988-06-01T00:30:00.500000+09:00"),  # summer time
        ("timestamptz", "string", "2026-11-24 04:00:00+00", {"moments": "%Y%m%d%H%M%S"}, "20261124120000"),
        ("timestamptz", "dateTime", "2026-11-24 04:00:00+00", {"zone": "UTC"}, "2026-11-24T04:00:00+00:00"),
    ],
)
def test_values_are_told_in_their_types(
    site: Site, catalog: Path, type_: str, kind: str, text: str, declared: Any, told: str
) -> None:
    """Each type of the hub has one form in XML, and null is nil."""
    soap_receiver.place(catalog, ONE.format(kind))
    site.gives(said(0))
    dataset = dataset_with(Field("id", "varchar(9)"), Field("value", type_))
    with writer(site, {**PLAIN, **declared}) as target:
        target.write(dataset, batch([["m1", text], ["m2", None]]))
    assert [one["value"] for one in rows(site)[0]] == [told, None]


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("numeric(9,2)", "NaN"),
        ("date", "infinity"),
        ("timestamptz", "-infinity"),
        ("text", "bell\x07"),  # no XML carries it, escaped or not
        ("text", "end\uffff"),
    ],
)
def test_value_without_a_form_in_xml_is_refused_alone(site: Site, catalog: Path, type_: str, text: str) -> None:
    """The row waits in quarantine under its field's name, which is all that is said of it; the others go."""
    soap_receiver.place(catalog, ONE.format("string"))
    site.gives(said(0))
    dataset = dataset_with(Field("id", "varchar(9)"), Field("value", type_))
    with writer(site, PLAIN) as target:
        done = target.write(dataset, batch([["m1", text], ["m2", None]]))
    assert [(v.key, v.error, v.number) for v in done.refused] == [({"id": "m1"}, "value", 7)]
    assert "value" in done.refused[0].words
    assert text not in done.refused[0].words
    assert (keys(site), done.updated) == ([["m2"]], 1)


def test_null_that_the_wsdl_does_not_know_is_refused_alone(site: Site, catalog: Path) -> None:
    """A row that lacks what the interface demands is found without sending it, and the others go."""
    inner = '<x:element name="Text" type="x:string"/><x:element name="Note" type="x:string" minOccurs="0"/>'
    body = f'<x:element name="Body" minOccurs="0"><x:complexType><x:sequence>{inner}</x:sequence></x:complexType></x:element>'
    soap_receiver.place(catalog, f'{body}<x:element name="op" type="x:string"/>')
    site.gives(said(0))
    dataset = dataset_with(Field("id", "varchar(9)"), Field("text", "text"), Field("note", "text"))
    fields = {"id": "@id", "text": "Body/Text", "note": "Body/Note"}
    with writer(site, {**PLAIN, "fields": fields}) as target:
        done = target.write(dataset, batch([["m1", "a", None], ["m2", None, "张三"], ["m3", "b", "c"]]))
    assert [(v.key, v.error) for v in done.refused] == [({"id": "m2"}, "value")]
    assert done.refused[0].words.endswith("Push.Rows.Row.Body.Text")
    assert "张三" not in done.refused[0].words
    assert (sorted(key for page in keys(site) for key in page), done.updated) == (["m1", "m3"], 2)


@pytest.mark.usefixtures("catalog")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_arrives_as_it_is_or_its_row_is_refused(text: str) -> None:
    """What XML can carry comes out of the request as it went in; what it cannot is told by the field's name."""
    platform = target_platform()
    service = Service(platform, address(platform, "http://127.0.0.1:1/services"))
    template = _Layout(platform, service, POST).rows
    if any(c in NO_XML for c in text):
        with pytest.raises(Unwritable, match=r"^content\Z"):
            template.record(["m1", text, None, None])
        return
    made, told = template.record([text, text, None, None])
    arguments = {"region": "1", "Batch": {"No": "1", "Sent": "x"}, "Rows": {"Row": [made]}}
    row = etree.fromstring(service.message("Push", arguments).body).find(".//{*}Row")
    assert (row.findtext("{*}Body/{*}Text"), row.get("id"), told[1]) == (text, text, text)


def test_deletions_may_be_an_operation_of_their_own(site: Site) -> None:
    """They go first, in pages of their own, and bear the keys only."""
    site.gives(said(0))
    changes = {"deletions": {"kind": "operation", "operation": "Drop", "records": "Rows/Row"}, "answer": GOOD}
    done = write(site, batch([message(1), message(2)], ["m9"]), changes)
    assert [called(seen).tag.rpartition("}")[2] for seen in site.seen] == ["Drop", "Push"]
    assert [seen.headers["SOAPAction"] for seen in site.seen] == ['"urn:receiver/Drop"', '"urn:receiver/Push"']
    assert keys(site) == [["m9"], ["m1", "m2"]]
    assert len(set(page_keys(site))) == 2
    assert done == Delivery(7, 0, 2, 0, 1)


def test_key_may_stand_in_a_header(site: Site) -> None:
    """A service may want it beside the body, in an element of its own."""
    site.gives(said(0))
    key = {"header": "RequestId", "namespace": "urn:key"}
    write(site, batch([message(1)]), {"idempotency": key, "answer": GOOD})
    header = etree.fromstring(site.seen[0].body).find("{*}Header")
    assert len(header.findtext("{urn:key}RequestId")) == 40
    assert called(site.seen[0]).find("{*}Batch/{*}Key") is None


def test_repeated_page_has_its_key_and_credentials_of_its_own(site: Site, waits: list[float]) -> None:
    """A nonce is of no use twice: a page that is sent again bears another one, and the same key."""
    receiver = Receiver(site)
    site.script = lambda seen: said("BUSY") if len(site.seen) == 1 else receiver.answer(seen)
    done = write(site, batch([message(1)]), auth={"kind": "username_token"})
    assert (done.inserted, len(waits), len(set(page_keys(site)))) == (1, 1, 1)
    tokens = [etree.fromstring(seen.body).find(".//{*}UsernameToken") for seen in site.seen]
    assert len({token.findtext("{*}Nonce") for token in tokens}) == 2
    for token in tokens:
        made = b64decode(token.findtext("{*}Nonce")) + token.findtext("{*}Created").encode() + SECRET.encode()
        assert b64decode(token.findtext("{*}Password")) == sha1(made).digest()


# How a batch is cut


def test_large_batch_goes_in_pages(site: Site) -> None:
    """Each page has a key of its own, and nothing is lost or doubled."""
    receiver = Receiver(site)
    done = write(site, batch([message(n) for n in range(500)], ["m999"]), {"size": 50})
    assert (done.inserted, [v.key for v in done.refused]) == (500, [{"id": "m999"}])
    assert (len(receiver.held), len(site.seen), len(set(page_keys(site)))) == (500, 11, 11)


def test_memory_does_not_grow_with_the_batch(site: Site) -> None:
    """A page is forgotten when its answer has come: eight times the rows need no more memory."""

    def keep(_: Seen) -> Reply:
        site.seen.clear()
        return said(0)

    def rows_of(count: int) -> Any:
        def read(out: Any) -> int:
            for n in range(count):
                out.write(f"m{n}\t{'文' * 50}\t1.5\t2026-11-24 04:00:00+00\n".encode())
            return count

        return read

    def peak(count: int) -> int:
        tracemalloc.reset_peak()
        with writer(site, {"size": 50, "answer": GOOD}) as target:
            assert target.write(POST, Outgoing("a hub", 7, LEFT, rows_of(count), batch().gone)).updated == count
        return tracemalloc.get_traced_memory()[1]

    site.script = keep
    tracemalloc.start()
    try:
        peak(50)  # what is made once
        assert peak(1_600) < peak(200) + 500_000
    finally:
        tracemalloc.stop()


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


def test_key_that_comes_with_other_content_is_answered_as_before(site: Site) -> None:
    """A batch of one page is known by its number; under it, other rows change nothing."""
    receiver = Receiver(site)
    write(site, batch([message(1), message(2)]))
    assert write(site, batch([message(3)])) == Delivery(7, 2, 0, 0, 0, repeated=True)
    assert (len(receiver.keys), len(receiver.held)) == (1, 2)
    assert not write(site, batch([message(3)], number=8)).repeated


def test_platform_may_be_read_and_written(site: Site) -> None:
    """One resource may have both; one that is only written to is no source."""
    declared = target_platform()
    with pytest.raises(CatalogInvalid, match="has no operation to read by"):
        copied(connect(declared, site.dsn()), None, POST)
    assert site.seen == []


def test_empty_batch_asks_nobody(site: Site) -> None:
    """Nothing to send is no request."""
    assert write(site, batch()) == Delivery(7, 0, 0, 0, 0)
    assert site.seen == []
