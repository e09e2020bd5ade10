"""What a REST platform sends arrives: every paging, windows, projections, strict JSON, shape and clock."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import rest_pages
from gateway.errors import AccessDenied, CatalogInvalid, SchemaMismatch, SourceChanged
from gateway.model import Field
from gateway.ports import Window
from tests.integration.connectors.site import POST, STAMP, Reply, Script, Seen, Site, copied, ids, opened, read, record

FIVE = [record(n) for n in range(5)]
NAMES = [f"m{n}" for n in range(5)]
PAGE = {"kind": "page", "parameter": "page", "size_parameter": "size", "size": 2}
OFFSET = {"kind": "offset", "parameter": "offset", "size_parameter": "limit", "size": 2}
CURSOR = {"kind": "cursor", "parameter": "cursor", "at": "data.next"}
NEXT = {"kind": "next", "at": "links.next"}
LINK = {"kind": "link"}
LINKS = {"kind": "links", "at": "links"}


def _slices(place: str, size: str, first: int, step: int) -> Script:
    def answer(seen: Seen) -> Reply:
        start = (int(seen.query[place]) - first) * step
        return Reply(FIVE[start : start + int(seen.query[size])])

    return answer


def _cursors(end: Any) -> Script:
    def answer(seen: Seen) -> Reply:
        start = int(seen.query.get("cursor", "0"))
        return Reply({"items": FIVE[start : start + 2], "data": {"next": str(start + 2)} if start < 4 else end})

    return answer


def _linked(prefix: str, *, in_head: bool) -> Script:
    def answer(seen: Seen) -> Reply:
        start = int(seen.query.get("from", "0"))
        following = f"{prefix}/base/messages?from={start + 2}" if start < 4 else None
        records = FIVE[start : start + 2]
        if in_head:
            return Reply(records, headers={"Link": f'<{following}>; rel="next", </>; rel="first"'} if following else {})
        return Reply({"items": records, "links": {"next": following}})

    return answer


def _in_array(script: Script) -> Script:
    def answer(seen: Seen) -> Reply:
        page = script(seen).body
        following = [{"rel": "next", "href": page["links"]["next"]}] if page["links"]["next"] else []
        return Reply({**page, "links": [{"rel": "self", "href": "/elsewhere"}, *following]})

    return answer


@pytest.mark.parametrize(
    ("paging", "records", "script", "requests"),
    [
        ({"kind": "none"}, None, lambda _: Reply(FIVE), 1),
        (PAGE, None, _slices("page", "size", 1, 2), 3),  # 2 + 2 + 1
        ({**PAGE, "first": 0}, None, _slices("page", "size", 0, 2), 3),
        ({**PAGE, "size": 5}, None, _slices("page", "size", 1, 5), 2),  # the last page is full: an empty one ends it
        (OFFSET, None, _slices("offset", "limit", 0, 1), 3),
        (CURSOR, "items", _cursors({"next": None}), 3),  # null ends
        (CURSOR, "items", _cursors({"next": ""}), 3),  # empty ends
        (CURSOR, "items", _cursors({}), 3),  # absent ends
        (NEXT, "items", _linked("", in_head=False), 3),  # relative to the page
        (LINK, None, _linked("", in_head=True), 3),
        (LINKS, "items", _in_array(_linked("", in_head=False)), 3),  # among others, by its relation
    ],
)
def test_every_record_of_every_page_is_read_once(
    site: Site, paging: Any, records: str | None, script: Script, requests: int
) -> None:
    """Each way of paging gives all records in order and stops."""
    site.script = script
    resource = {"paging": paging, **({"records": records} if records else {})}
    assert ids(read(site, resource, dsn=site.dsn(base="/base"))) == NAMES
    assert len(site.seen) == requests


@pytest.mark.parametrize(("paging", "in_head"), [(NEXT, False), (LINK, True)])
def test_a_link_may_be_a_whole_address_of_the_same_place(site: Site, paging: Any, in_head: bool) -> None:
    """Same scheme, host and port: the platform's own."""
    site.script = _linked(f"http://127.0.0.1:{site.port}", in_head=in_head)
    assert ids(read(site, {"paging": paging, **({} if in_head else {"records": "items"})})) == NAMES


@pytest.mark.parametrize(
    "link",
    [
        "http://evil.example/x",  # another host
        "//evil.example/x",
        "https://127.0.0.1:{port}/x",  # another scheme
        "http://127.0.0.1:1/x",  # another port
        "http://a:b@127.0.0.1:{port}/x",  # other credentials
        "http://127.0.0.1:{port}@evil.example/x",
        "file:///etc/passwd",
    ],
)
@pytest.mark.parametrize("in_head", [True, False])
def test_a_link_to_another_place_is_refused(site: Site, link: str, in_head: bool) -> None:
    """Credentials never follow a link away."""
    link = link.format(port=site.port)
    if in_head:
        site.gives(Reply(FIVE, headers={"Link": f"<{link}>; rel=next"}))
        resource: dict[str, Any] = {"paging": LINK}
    else:
        site.gives({"items": FIVE, "links": {"next": link}})
        resource = {"paging": NEXT, "records": "items"}
    with pytest.raises(AccessDenied, match="another address"):
        read(site, resource)
    assert len(site.seen) == 1


@pytest.mark.parametrize("link", [7, ["x"], "http://[::1/x", "http://127.0.0.1:99999/"])
def test_a_link_that_is_no_address_is_told(site: Site, link: Any) -> None:
    """What cannot be read as an address is the interface's fault."""
    site.gives({"items": FIVE, "links": {"next": link}})
    with pytest.raises(SchemaMismatch, match="no address"):
        read(site, {"paging": NEXT, "records": "items"})


@pytest.mark.parametrize(
    ("paging", "page"),
    [
        (CURSOR, {"items": FIVE, "data": {"next": "7"}}),  # the same cursor for ever
        (NEXT, {"items": FIVE, "links": {"next": "/messages?x=1"}}),  # a link to itself
        ({**PAGE, "size": 5}, {"items": FIVE}),  # the page's number is not heeded
    ],
)
def test_a_page_that_comes_again_ends_the_read(site: Site, paging: Any, page: Any) -> None:
    """A circle is found, not walked."""
    site.gives(page)
    with pytest.raises(SourceChanged, match="a page again"):
        read(site, {"paging": paging, "records": "items"})
    assert len(site.seen) == 2


def test_pages_without_end_are_ended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """New cursors for ever are cut at the limit of pages."""
    monkeypatch.setattr(rest_pages, "_PAGES", 3)
    site.script = lambda _: Reply({"items": [], "data": {"next": str(len(site.seen))}})
    with pytest.raises(SourceChanged, match="more than 3 pages"):
        read(site, {"paging": CURSOR, "records": "items"})


def test_more_records_than_asked_for_are_a_wrong_paging(site: Site) -> None:
    """A platform that does not know the size would be read wrongly."""
    site.gives(FIVE)
    with pytest.raises(SchemaMismatch, match="more than the 2 records"):
        read(site, {"paging": PAGE})


@pytest.mark.parametrize("cursor", [True, {"a": 1}, [1], 1.5])
def test_a_cursor_is_a_word_or_a_number(site: Site, cursor: Any) -> None:
    """Anything else is not guessed at."""
    site.gives({"items": FIVE, "data": {"next": cursor}})
    with pytest.raises(SchemaMismatch, match=r"no cursor at data\.next"):
        read(site, {"paging": CURSOR, "records": "items"})


@pytest.mark.parametrize(
    ("totals", "error"),
    [
        ([5, 5], None),
        (["5", "5"], None),  # as a string
        ([5, None], None),  # told once
        ([6, 6], SourceChanged),
        ([4, 4], SourceChanged),
        ([4, 5], SourceChanged),  # it changed meanwhile
        ([None, None], SchemaMismatch),
        ([True, True], SchemaMismatch),
        ([-5, -5], SchemaMismatch),
        (["many", "many"], SchemaMismatch),
    ],
)
def test_declared_number_of_records_must_come(site: Site, totals: list[Any], error: type[Exception] | None) -> None:
    """What is declared is counted over all pages."""
    first, second = totals
    site.gives(
        {"items": FIVE[:3], "data": {"total": first, "next": "x"}}, {"items": FIVE[3:], "data": {"total": second}}
    )
    resource = {"records": "items", "total": "data.total", "paging": CURSOR}
    if error is None:
        assert ids(read(site, resource)) == NAMES
    else:
        with pytest.raises(error, match="/messages"):
            read(site, resource)


AT = datetime(2026, 11, 24, 4, 0, 0, 250_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "query"),
    [
        ({}, {}),  # not declared: everything comes, the hub picks
        ({"parameter": "s", "format": "iso"}, {"s": "2026-11-24T04:00:00Z"}),
        ({"parameter": "s", "format": "iso", "until": "u"}, {"s": "2026-11-24T04:00:00Z", "u": "2026-11-24T05:00:01Z"}),
        ({"parameter": "s", "format": "epoch", "until": "u"}, {"s": "1795492800", "u": "1795496401"}),
        ({"parameter": "s", "format": "epoch_ms", "until": "u"}, {"s": "1795492800250", "u": "1795496400251"}),
    ],
)
def test_window_is_asked_for_never_too_narrow(site: Site, since: Any, query: dict[str, str]) -> None:
    """Bounds are rounded outwards, in the platform's format."""
    read(site, {"since": since} if since else {}, Window(AT, AT + timedelta(hours=1)))
    assert site.seen[0].query == query


def test_whole_set_is_asked_for_without_bounds(site: Site) -> None:
    """No window, no parameters but the fixed ones."""
    read(
        site,
        {
            "since": {"parameter": "s", "format": "iso", "until": "u"},
            "parameters": {"status": "public", "n": 1, "all": True},
        },
    )
    assert site.seen[0].query == {"status": "public", "n": "1", "all": "true"}


def test_window_and_fixed_parameters_stay_on_every_page(site: Site) -> None:
    """The second page is of the same question."""
    site.script = _slices("page", "size", 1, 2)
    read(site, {"paging": PAGE, "parameters": {"a": "b"}, "since": {"parameter": "s", "format": "epoch"}}, Window(AT))
    assert [seen.query for seen in site.seen] == [
        {"a": "b", "s": "1795492800", "page": str(n), "size": "2"} for n in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("sent", "row"),
    [
        ('{"id":"a","content":"x","score":1.10,"updated_at":"t","more":1}', [None, "a", "x", "1.10", "t"]),
        ('{"id":"a","content":"x"}', [None, "a", "x", None, None]),  # absent is null
        ('{"id":7,"content":8.50,"score":12345678901234567.89}', [None, "7", "8.50", "12345678901234567.89", None]),
        ('{"id":"a","content":true}', ["content.type", "a", "true", None, None]),  # a number is a text's, these are not
        ('{"id":"a","content":{"n":[1.50]}}', ["content.type", "a", '{"n": [1.50]}', None, None]),
        ('{"id":"a","score":[1]}', [None, "a", None, "[1]", None]),  # the hub refuses it
        ('{"id":1180591620717411303424,"score":1e999999}', [None, "1180591620717411303424", None, "1E+999999", None]),
        (
            '{"id":"tab\\tline\\n\\\\","content":"中"}',
            [None, r"tab\tline\n\\", "中", None, None],
        ),
        ('{"id":"\\u0000"}', [None, "\x0100", None, None, None]),  # what PostgreSQL cannot hold is marked
        ('{"id":"\\ud800"}', [None, "\x01eda080", None, None, None]),
        ('{"id":"a","id":"b","content":"x"}', ["json.duplicate_key", "b", "x", None, None]),
        ('{"id":"a","content":{"k":1,"k":2}}', ["json.duplicate_key", "a", '{"k": 2}', None, None]),  # inside a value
        ('{"id":"a","other":[{"k":1,"k":2}]}', ["json.duplicate_key", "a", None, None, None]),  # in what is not carried
        ('{"id":"a","score":NaN}', ["json.number", "a", None, "NaN", None]),
        ('{"id":"a","score":-Infinity}', ["json.number", "a", None, "-Infinity", None]),
        ('{"id":"a","score":1e9999999999999999999}', ["json.number", "a", None, "1e9999999999999999999", None]),
        ('{"id":"a","score":' + "9" * 5000 + "}", ["json.number", "a", None, "9" * 5000, None]),
        ("7", ["json.type", None, None, None, None]),
        ("null", ["json.type", None, None, None, None]),
        ("[]", ["json.type", None, None, None, None]),
        ("NaN", ["json.type", None, None, None, None]),
    ],
)
def test_a_bad_record_condemns_itself_only(site: Site, sent: str, row: list[str | None]) -> None:
    """The record before and the one after are whole, and what is wrong is told beside the values."""
    good = json.dumps(record(1), ensure_ascii=False)
    site.gives(Reply(f'{{"items": [{good}, {sent}, {good}]}}'.encode()))
    before, middle, after = read(site, {"records": "items"})
    assert before == after == [None, "m1", "留言1", "1.5", STAMP]
    assert middle == row


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b"", SourceChanged, "cut off"),
        (b'[{"id": "a"}', SourceChanged, "cut off"),  # between records
        (b'[{"id": "a', SourceChanged, "cut off"),  # in a word
        (b'[{"id": 1', SourceChanged, "cut off"),  # in a number
        (b'[{"id": tr', SourceChanged, "cut off"),
        ('[{"id": "承'.encode()[:-1], SourceChanged, "cut off"),  # in a character
        (b"<html>busy</html>", SchemaMismatch, "not JSON"),
        (b"[] []", SchemaMismatch, "not JSON"),
        (b"[1,]", SchemaMismatch, "not JSON"),
        (b"\xef\xbb\xbf[]", SchemaMismatch, "not JSON"),  # a byte order mark
        (b"\xff\xfe[]", SchemaMismatch, "not UTF-8"),
        ('[{"id": "承德"}]'.encode("gbk"), SchemaMismatch, "not UTF-8"),
        (b'[{"id": "a\nb"}]', SchemaMismatch, "not JSON"),
        (b"[" * 101 + b"]" * 101, SchemaMismatch, "deeper than 100"),
        (b'[{"a":' * 60 + b"1" + b"}]" * 60, SchemaMismatch, "deeper than 100"),
        (b"[" * 200_000, SchemaMismatch, "deeper than 100"),
        (b'{"a":' * 200_000, SchemaMismatch, "deeper than 100"),
        (b'"text"', SchemaMismatch, "no array at its top"),
        (b'{"items": []}', SchemaMismatch, "no array at its top"),
    ],
)
def test_a_page_that_cannot_be_read_names_its_resource(
    site: Site, body: bytes, error: type[Exception], words: str
) -> None:
    """A page cut off is read again; any other needs its owner. Nothing of it is repeated."""
    site.gives(Reply(body))
    with pytest.raises(error, match=words) as raised:
        read(site)
    assert "/messages of platform web" in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        b'{"items": [], "items": []}',  # which of them?
        b'{"items": [], "data": {"total": NaN}}',
        b'{"items": [{"id": "a", "id": "b"}], "data": {"a": 1, "a": 2}}',
    ],
)
def test_a_fault_around_the_records_condemns_the_page(site: Site, body: bytes) -> None:
    """What tells about all records must be beyond doubt."""
    site.gives(Reply(body))
    with pytest.raises(SchemaMismatch, match="outside of its records"):
        read(site, {"records": "items"})


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {"items": None}}, {"data": {"items": {}}}, {"data": []}])
def test_records_are_an_array(site: Site, body: Any) -> None:
    """A refusal dressed as HTTP 200 is not an empty set."""
    site.gives(body)
    with pytest.raises(SchemaMismatch, match=r"no array at data\.items"):
        read(site, {"records": "data.items"})


def test_brackets_in_texts_are_no_depth(site: Site) -> None:
    """Only structure nests."""
    site.gives([record(1, content='\\"[' * 200)])
    assert len(read(site)) == 1


def test_depth_of_a_hundred_is_read(site: Site) -> None:
    """The limit itself is allowed."""
    site.gives(Reply(b'[{"id":' + b"[" * 98 + b"]" * 98 + b"}]"))
    assert read(site)[0][1] == "[" * 98 + "]" * 98


@pytest.mark.parametrize(
    ("body", "row"),
    [
        ({"body": {"text": "x"}}, [None, "x"]),
        ({"body": {}}, [None, None]),
        ({"body": None}, [None, None]),
        ({}, [None, None]),
        ({"body": "x"}, ["json.type", None]),  # a text where an object should be does not read as null
    ],
)
def test_a_field_is_found_by_its_path(site: Site, body: Any, row: list[str | None]) -> None:
    """Absent and null are null."""
    site.gives([{"id": "a", **body}])
    fault, _, content, *_ = read(site, {"fields": {"content": "body.text"}})[0]
    assert [fault, content] == row


def test_describe_tells_the_contract_when_all_is_there(site: Site) -> None:
    """Columns bear the contract's types, and their encoding is not vouched for."""
    site.gives(FIVE)
    with opened(site) as source:
        shape = source.describe(POST)
    assert dict(shape.columns) == {f.name: f.type for f in POST.fields}
    assert not shape.checked_text


@pytest.mark.parametrize(
    ("records", "resource", "missing", "extra"),
    [
        ([], {}, set(), set()),  # nothing there shows nothing
        ([{"id": "a", "content": "x", "updated_at": STAMP}], {}, set(), set()),  # optional fields may be left out
        ([{"id": "a", "content": "x"}], {}, {"updated_at"}, set()),
        ([{"id": "a"}, record(1)], {}, set(), set()),  # one record that has it is enough
        ([record(1, links=[], new=1)], {"ignored": ["links"]}, set(), {"new"}),
        ([record(1, body={"text": "x"})], {"fields": {"content": "body.text"}}, set(), {"$.content"}),
        ([record(1)], {"fields": {"content": "body.text"}}, {"content"}, {"$.content"}),  # a namesake is not the field
        ([7, None, record(1)], {}, set(), set()),  # such records are quarantined, not described
    ],
)
def test_describe_shows_drift(site: Site, records: Any, resource: Any, missing: set[str], extra: set[str]) -> None:
    """Required fields that no record has, and keys that nobody declared."""
    site.gives(records)
    with opened(site, resource) as source:
        columns = source.describe(POST).columns
    assert set(POST.columns) - missing | extra == set(columns)


def test_describe_reads_one_page(site: Site) -> None:
    """The shape costs one request."""
    site.script = _slices("page", "size", 1, 2)
    with opened(site, {"paging": PAGE}) as source:
        source.describe(POST)
    assert len(site.seen) == 1


@pytest.mark.parametrize(
    ("date", "now"),
    [
        ("Tue, 24 Nov 2026 04:00:00 GMT", datetime(2026, 11, 24, 4, tzinfo=UTC)),
        ("", None),  # no head: our clock
        ("yesterday", None),
    ],
)
def test_probe_reads_the_clock_of_the_head(site: Site, date: str, now: datetime | None) -> None:
    """The bound lies the data set's lag before the platform's clock."""
    site.gives(Reply([], headers={"Date": date}))
    before = datetime.now(UTC)
    with opened(site, dsn=site.dsn(base="/base/")) as source:
        probe = source.probe(POST)
    assert before <= probe.at <= datetime.now(UTC)
    assert probe.now == now or (now is None and before <= probe.now <= datetime.now(UTC))
    assert probe.upper == probe.now - timedelta(seconds=60)
    assert probe.identity == f"http://127.0.0.1:{site.port}/base/messages"


@pytest.mark.parametrize(
    ("paging", "query"), [(PAGE, {"page": "1", "size": "1"}), (OFFSET, {"offset": "0", "limit": "1"}), (LINK, {})]
)
def test_probe_is_one_small_request(site: Site, paging: Any, query: dict[str, str]) -> None:
    """It asks for one record where a size can be told."""
    with opened(site, {"paging": paging}) as source:
        source.probe(POST)
    assert [seen.query for seen in site.seen] == [query]


def test_a_source_is_text_in_one_part_and_closes_twice(site: Site) -> None:
    """What the engine asks before it reads."""
    with opened(site) as source:
        assert (source.format, source.typed, repr(source)) == ("text", False, "Rest('web')")
        with source.snapshot(parts=4) as snapshot:
            assert snapshot.parts == 1
            assert snapshot.copy(POST, Window(), io.BytesIO(), part=1) == 0
        assert copied(source) == []
        source.close()
        source.close()


@pytest.mark.parametrize(
    ("resource", "dataset", "words"),
    [
        ({}, replace(POST, name="message.reply"), "options.resources has no message.reply"),
        ({"fields": {"nobody": "x"}}, POST, r"message\.post\.fields names nobody"),
        ({"fields": {"more": "x"}}, replace(POST, fields=(Field("id", "text"),)), "names more"),
    ],
)
def test_a_resource_fits_its_contract(site: Site, resource: Any, dataset: Any, words: str) -> None:
    """What the catalog does not declare cannot be read."""
    with opened(site, resource) as source, pytest.raises(CatalogInvalid, match=words):
        source.probe(dataset)
