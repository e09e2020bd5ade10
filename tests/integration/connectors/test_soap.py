"""A SOAP platform that works: what it is asked, and what becomes of what it sends."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import soap_reply
from gateway.errors import PlatformUnavailable, SchemaMismatch, SourceChanged
from gateway.exchange import rules
from gateway.exchange.shape import check_shape
from gateway.ports import Window
from tests.integration.connectors.site import Reply, Site, copied, ids
from tests.integration.connectors.soap_site import (
    FEEDBACK,
    FIELDS,
    PAGED,
    asked,
    envelope,
    opened,
    place,
    platform,
    read,
    record,
    reply,
    told,
    xml,
)

NOON = datetime(2026, 11, 24, 4, 0, 0, 700_000, tzinfo=UTC)
LINE = [None, "f1", "反馈1", "1.50", "2026-11-24T04:00:00Z"]


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a catalog with the WSDL."""
    monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path))
    place(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("port", "version", "kind", "action"),
    [
        ("Port1", 1, "text/xml; charset=utf-8", '"urn:superv/GetFeedback"'),
        ("Port2", 2, 'application/soap+xml; charset=utf-8; action="urn:superv/GetFeedback"', None),
    ],
)
def test_both_versions_are_spoken(site: Site, port: str, version: int, kind: str, action: str | None) -> None:
    """Envelope and headers are those of the port's binding, sent to the connection's address and nowhere else."""
    site.gives(reply(record(1), version=version))
    assert read(site, {"arguments": {"region": "130800"}}, port=port) == [LINE]
    (seen,) = site.seen
    assert (seen.method, seen.target) == ("POST", "/services/superv")
    assert (seen.headers["Content-Type"], seen.headers["SOAPAction"]) == (kind, action)
    assert asked(site).getroottree().getroot().tag == f"{{{soap_reply._SOAP[version - 1]}}}Envelope"
    assert told(site) == {"region": "130800"}


def test_reply_of_the_other_version_is_read(site: Site) -> None:
    """A platform that answers in the other version is understood."""
    site.gives(reply(record(1), version=2))
    assert read(site, port="Port1") == [LINE]


def test_port_is_the_first_of_soap_unless_named(site: Site) -> None:
    """One service needs no names."""
    site.gives(reply())
    assert read(site) == []
    assert "SOAPAction" in site.seen[0].headers


def test_address_keeps_its_last_slash(site: Site) -> None:
    """A service is where the connection says, to the sign."""
    site.gives(reply())
    for base in ("/a/b/", "/a/b", ""):
        read(site, dsn=site.dsn(base=base))
    assert [seen.target for seen in site.seen] == ["/a/b/", "/a/b", "/"]


def test_pages_are_read_until_one_is_not_full(site: Site) -> None:
    """Number and size go where the arguments hold them, beside what is fixed; the total is of all pages."""
    site.gives(reply(record(1), record(2), total=3), reply(record(3), total=3))
    resource = {"paging": PAGED, "total": "Total", "arguments": {"region": "1", "Page": {"Size": 7}}}
    assert ids(read(site, resource)) == ["f1", "f2", "f3"]
    assert [told(site, n) for n in (0, 1)] == [
        {"region": "1", "Page/No": "1", "Page/Size": "2"},
        {"region": "1", "Page/No": "2", "Page/Size": "2"},
    ]


def test_last_page_may_be_empty(site: Site) -> None:
    """A full page is followed by another question."""
    site.gives(reply(record(1), record(2)), reply())
    assert len(read(site, {"paging": {**PAGED, "first": 0}})) == 2
    assert [told(site, n)["Page/No"] for n in (0, 1)] == ["0", "1"]


@pytest.mark.parametrize(
    ("replies", "error", "words"),
    [
        ([reply(record(1), record(2))], SourceChanged, "gives a page again"),
        ([reply(record(1), record(2), record(3))], SchemaMismatch, "more than the 2 records a page"),
    ],
)
def test_wrong_paging_is_told(site: Site, replies: list[Reply], error: type[Exception], words: str) -> None:
    """A size that is not heeded, and a number that is not."""
    site.gives(*replies)
    with pytest.raises(error, match=words):
        read(site, {"paging": PAGED})


@pytest.mark.parametrize(
    ("replies", "error", "words"),
    [
        ([reply(record(1), total=2)], SourceChanged, "as many records as it declared"),
        ([reply(record(1), record(2), total=3), reply(record(3), total=4)], SourceChanged, "as many records"),
        ([reply(total=1)], SourceChanged, "as many records"),
        ([reply(record(1))], SchemaMismatch, "declares no number"),
        ([reply("<Total>many</Total>")], SchemaMismatch, "no number in Total"),
        ([reply("<Total>-1</Total>")], SchemaMismatch, "no number in Total"),
        ([reply("<Total/>")], SchemaMismatch, "no number in Total"),
        ([reply(f"<Total>{'9' * 5000}</Total>")], SchemaMismatch, "no number in Total"),
    ],
)
def test_declared_total_is_kept(site: Site, replies: list[Reply], error: type[Exception], words: str) -> None:
    """Other than came, or none, is an error."""
    site.gives(*replies)
    with pytest.raises(error, match=words):
        read(site, {"total": "Total", "paging": PAGED})


def test_total_within_a_record_or_after_the_records_is_no_matter(site: Site) -> None:
    """What a record holds is not the reply's."""
    site.gives(reply(record(1, more="<Total>9</Total>"), "<Total> 1\n</Total>"))
    assert len(read(site, {"total": "Total"})) == 1


@pytest.mark.parametrize(
    ("form", "zone", "begins", "ends"),
    [
        ("iso", None, "2026-11-24T12:00:00+08:00", "2026-11-24T13:00:01+08:00"),
        ("iso", "UTC", "2026-11-24T04:00:00+00:00", "2026-11-24T05:00:01+00:00"),
        ("%Y%m%d%H%M%S", None, "20261124120000", "20261124130001"),
        ("%Y-%m-%d %H:%M", "Asia/Tokyo", "2026-11-24 13:00", "2026-11-24 14:01"),
        ("%Y%m%d%H", "UTC", "2026112404", "2026112406"),
        ("%Y/%m/%d", None, "2026/11/24", "2026/11/25"),
    ],
)
def test_window_is_asked_for_wider(site: Site, form: str, zone: str | None, begins: str, ends: str) -> None:
    """The start is rounded down, the end up by one of the format's last place."""
    site.gives(reply())
    since = {"argument": "BeginTime", "until": "EndTime", "format": form, **({"zone": zone} if zone else {})}
    read(site, {"since": since}, Window(NOON, NOON + timedelta(hours=1)))
    assert told(site) == {"BeginTime": begins, "EndTime": ends}


def test_whole_set_is_asked_for_without_bounds(site: Site) -> None:
    """No window, no argument; nor an end that nobody declared."""
    site.gives(reply())
    since = {"argument": "BeginTime", "format": "iso"}
    read(site, {"since": since})
    assert told(site) == {}
    read(site, {"since": since}, Window(None, NOON))
    assert told(site) == {}


def test_paths_lead_to_nested_elements_and_attributes(site: Site) -> None:
    """Local names, whatever the prefixes."""
    fields = {"no": "@id", "content": "Body/Text", "score": "Body/Text/@score", "updated_at": "Body/When/At"}
    body = '<b:Body xmlns:b="urn:b"><b:Text b:score="2">x</b:Text><b:When><At>2026-11-24</At></b:When></b:Body>'
    site.gives(reply(f'<Feedback id="f1">{body}</Feedback>', "<Feedback><Body/></Feedback>", "<Feedback/>"))
    assert read(site, {"fields": fields}) == [
        [None, "f1", "x", "2", "2026-11-24"],
        [None] * 5,
        [None] * 5,
    ]


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("", r"\N"),
        ('<Score i:nil="true"/>', r"\N"),
        ('<Score i:nil="1">\n </Score>', r"\N"),
        ('<Score i:nil="false"/>', ""),
        ("<Score/>", ""),
        ("<Score></Score>", ""),
        ("<Score> 1 </Score>", " 1 "),
        ("<Score>\n\t1\\</Score>", r"\n\t1\\"),
        ("<Score>1&#13;2</Score>", r"1\r2"),
        ("<Score>a<!-- not this -->b<?nor this?>c</Score>", "abc"),
        ("<Score><![CDATA[<b>&amp;]]>&lt;&#x627F;</Score>", "<b>&amp;<承"),
        ("<Score>\\N</Score>", r"\\N"),
    ],
)
def test_text_arrives_exactly(site: Site, element: str, value: str) -> None:
    """Only what is nil or absent is null; nothing is stripped."""
    site.gives(reply(f"<Feedback><No>f</No><Content>c</Content>{element}<UpdatedAt>u</UpdatedAt></Feedback>"))
    out = io.BytesIO()
    with opened(site) as source, source.snapshot() as snapshot:
        snapshot.copy(FEEDBACK, Window(), out)
    assert out.getvalue().decode() == f"\\N\tf\tc\t{value}\tu\n"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("<Body><Text>a</Text></Body>", None),
        ("<Body>\n <Text>a</Text>\n</Body>", None),
        ("<Body><Text>a</Text><Text>b</Text></Body>", "xml.repeated"),
        ("<Body><Text>a</Text></Body><Body><Text>b</Text></Body>", "xml.repeated"),
        ("<Body><Text/></Body><Body/>", "xml.repeated"),
        ('<Body><Text i:nil="true"/><Text>b</Text></Body>', "xml.repeated"),
        ("<Body><Text>a<b/></Text></Body>", "xml.type"),
        ("<Body>a</Body>", "xml.type"),
        ("<Other/><Other/><Body/>", None),  # nobody asked for it
    ],
)
def test_record_at_fault_goes_alone(site: Site, content: str, fault: str | None) -> None:
    """What would be bent is marked, and the others go on."""
    site.gives(reply(f"<Feedback><No>f1</No>{content}</Feedback>", record(2)))
    rows = read(site, {"fields": {**FIELDS, "content": "Body/Text"}})
    assert [row[:2] for row in rows] == [[fault, "f1"], [None, "f2"]]


@pytest.mark.parametrize("fault", ["xml.repeated", "xml.type"])
def test_faults_are_told_in_both_languages(fault: str) -> None:
    """Whoever looks at the quarantine reads why."""
    chinese, english = rules.describe(FEEDBACK, fault)
    assert "XML" in chinese
    assert "XML" in english
    assert chinese != english != fault


def test_record_within_a_record_is_a_part_of_it(site: Site) -> None:
    """The outer one counts."""
    site.gives(reply(record(1, more=f"<Reply>{record(9)}</Reply>")))
    assert ids(read(site)) == ["f1"]


def test_elements_of_the_header_are_no_records(site: Site) -> None:
    """Only the body counts."""
    site.gives(reply(record(1), header=f"<e:Header>{record(9)}</e:Header>"))
    assert ids(read(site)) == ["f1"]


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030"])
def test_declared_encoding_is_read(site: Site, encoding: str) -> None:
    """A platform need not speak UTF-8."""
    text = reply(record(1)).octets.decode().replace('encoding="utf-8"', f'encoding="{encoding}"')
    site.gives(xml(text.encode(encoding)))
    assert read(site) == [LINE]


def test_compressed_replies_are_read(site: Site) -> None:
    """As the platform was told it may."""
    site.gives(Reply(gzip.compress(reply(record(1)).octets), headers={"Content-Encoding": "gzip"}))
    assert read(site) == [LINE]
    assert site.seen[0].headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    ("records", "missing", "extra"),
    [
        ([record(1)], [], []),
        ([], [], []),
        ([record(1, more="<Remark/><Remark/>")], [], []),  # ignored
        ([record(1, more="<New/>"), record(2, more="<Newer/>")], [], ["New", "Newer"]),
        ([record(1, more="<content/>")], [], ["$.content"]),  # no field of that name is read from there
        (["<Feedback><No>1</No><UpdatedAt/></Feedback>"], ["content"], []),
        (["<Feedback><No>1</No></Feedback>", record(2)], [], []),  # one record has it
    ],
)
def test_shape_is_what_the_first_reply_has(
    site: Site, records: list[str], missing: list[str], extra: list[str]
) -> None:
    """Optional fields count as there."""
    site.gives(reply(*records))
    with opened(site, {"ignored": ["Remark"]}) as source:
        shape = source.describe(FEEDBACK)
    assert [c for c in FEEDBACK.columns if c not in shape.columns] == missing
    assert [c for c in shape.columns if c not in FEEDBACK.columns] == extra
    if missing or extra:
        with pytest.raises(SchemaMismatch):
            check_shape(FEEDBACK, platform(), shape)
    else:
        check_shape(FEEDBACK, platform(), shape)


def test_probe_asks_for_one_record_and_reads_the_head(site: Site) -> None:
    """The platform's clock is the header's."""
    site.gives(Reply(reply(record(1)).octets, headers={"Date": "Tue, 24 Nov 2026 04:00:00 GMT"}))
    with opened(site, {"paging": PAGED}) as source:
        probe = source.probe(FEEDBACK)
    assert told(site) == {"Page/No": "1", "Page/Size": "1"}
    assert probe.now == datetime(2026, 11, 24, 4, tzinfo=UTC)
    assert probe.upper == probe.now - timedelta(seconds=60)
    assert probe.identity == f"http://127.0.0.1:{site.port}/services/superv#GetFeedback"


def test_probe_without_a_date_uses_our_clock(site: Site) -> None:
    """Nothing shown, nothing believed."""
    site.gives(Reply(reply().octets, headers={"Date": ""}))
    with opened(site) as source:
        probe = source.probe(FEEDBACK)
    assert abs(probe.skew_ms) < 5_000


def test_source_is_untyped_and_one_part(site: Site) -> None:
    """What the engine asks before it reads."""
    with opened(site) as source, source.snapshot(parts=4) as snapshot:
        assert (source.typed, source.format, snapshot.parts) == (False, "text", 1)
        assert snapshot.copy(FEEDBACK, Window(), io.BytesIO(), part=1) == 0
    assert site.seen == []


def test_error_of_who_takes_the_records_is_his_own(site: Site) -> None:
    """A hub that hangs up is no fault of the platform."""

    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise BrokenPipeError

    site.gives(reply(*map(record, range(1000))))
    with opened(site) as source, source.snapshot() as snapshot, pytest.raises(BrokenPipeError):
        snapshot.copy(FEEDBACK, Window(), Full())


def test_long_reply_needs_no_more_memory(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are forgotten as they are read, wherever in the reply they stand."""
    site.gives(reply(*[f"<Item><Pad/>{record(n)}</Item>" for n in range(5_000)]))
    held: list[int] = []
    forgotten = soap_reply._forgotten

    def counted(element: Any) -> int:
        held.append(sum(1 for _ in element.getroottree().iter()))
        return forgotten(element)

    monkeypatch.setattr(soap_reply, "_forgotten", counted)
    assert len(read(site)) == 5_000
    assert len(held) == 50
    assert max(held) < 5_000  # of 35,000 elements: what waits, and what the parser is ahead by


def test_connection_is_used_again(site: Site) -> None:
    """Also after a head that was all that mattered."""
    site.gives(reply(record(1)))
    with opened(site) as source:
        source.probe(FEEDBACK)
        assert len(copied(source, dataset=FEEDBACK)) == 1
        source.close()
        source.close()
        assert len(copied(source, dataset=FEEDBACK)) == 1


def test_nobody_there_is_retryable(site: Site, waits: list[float]) -> None:
    """A refused connection may be accepted in a minute."""
    with pytest.raises(PlatformUnavailable, match="does not answer GetFeedback"):
        read(site, dsn="http://127.0.0.1:1/")
    assert len(waits) == 4


def test_body_of_an_envelope_must_hold_something(site: Site) -> None:
    """Nothing is not an empty set."""
    site.gives(xml(envelope("")))
    with pytest.raises(SchemaMismatch, match="no SOAP envelope with a body"):
        read(site)
