"""The `files` connector reads what platforms write: formats, charsets, full and delta files; the engine carries it once."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import accumulate, cycle, islice, pairwise
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors import files_csv, files_manifest, files_target
from connectors.files import connect
from connectors.files_charset import decoded, utf8
from connectors.files_manifest import Manifest
from connectors.files_options import Resource
from connectors.files_rows import written
from gateway.errors import SchemaMismatch
from gateway.exchange import reconcile, transfer
from gateway.model import Dataset, Field, Platform
from gateway.ports import Window
from tests.integration.conftest import PERSON, City
from tests.integration.connectors.filed import Folder, table

ITEM = Dataset(
    name="test.item", chinese="", version="1.0.0", table="item", owner="gxj", rules=(), key=("id",), cursor="at",
    fields=(
        Field("id", "varchar(20)", required=True),
        Field("name", "varchar(50)"),
        Field("count", "integer"),
        Field("at", "timestamptz", required=True),
    ),
)  # fmt: skip
AT = "2026-11-24T12:00:00+08:00"
NAMES = ["id", "name", "count", "at"]
CSV = {"kind": "csv", "charset": "utf-8"}


def platform(form: dict[str, Any] = CSV, dataset: Dataset = ITEM, **more: Any) -> Platform:
    """Return a platform with one resource."""
    resource = {"format": form, **more}
    return Platform("peer", "", "files", "PEER", "gxj", options={"resources": {dataset.name: resource}})


def lines(root: Path, peer: Platform, window: Window = Window()) -> list[list[str]]:  # noqa: B008 - it is frozen
    """Return what one copy writes, cell by cell: the fault comes first."""
    source, out = connect(peer, f"file://{root}"), io.BytesIO()
    source.describe(ITEM)
    with source.snapshot() as snapshot:
        count = snapshot.copy(ITEM, window, out)
    found = [line.split("\t") for line in out.getvalue().decode().splitlines()]
    assert len(found) == count
    return sorted(found)


def rows(*names: str, **more: Any) -> list[dict[str, Any]]:
    """Return rows of ITEM."""
    return [{"id": str(n), "name": name, "count": n, "at": AT, **more} for n, name in enumerate(names, 1)]


def sheet(header: Iterable[Any], *cells: Iterable[Any]) -> bytes:
    """Return an XLSX file."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    for line in (header, *cells):
        book.active.append(list(line))
    book.save(out)
    return out.getvalue()


def xml(records: list[dict[str, Any]], charset: str = "utf-8") -> bytes:
    """Return an XML file."""
    inner = "".join(f"<r>{''.join(f'<{k}>{v}</{k}>' for k, v in record.items())}</r>" for record in records)
    return f'<?xml version="1.0" encoding="{charset}"?><all>{inner}</all>'.encode(charset)


WRITTEN = rows("承德𠂇", "避暑山庄")
FORMATS = [
    (CSV, table(NAMES, WRITTEN), "csv"),
    (CSV, b"\xef\xbb\xbf" + table(NAMES, WRITTEN, end="\r\n"), "csv"),  # byte order mark, CR LF
    ({"kind": "csv", "charset": "gb18030"}, table(NAMES, WRITTEN, "gb18030", "\r\n"), "csv"),
    ({"kind": "csv", "charset": "gb18030"}, b"\x84\x31\x95\x33" + table(NAMES, WRITTEN, "gb18030"), "csv"),  # its own mark
    ({**CSV, "delimiter": "|"}, table(NAMES, WRITTEN).replace(b",", b"|"), "csv"),
    (CSV, table(list(reversed(NAMES)), WRITTEN), "csv"),  # columns in another order
    ({"kind": "jsonl", "charset": "utf-8"}, "\n".join(json.dumps(r) for r in WRITTEN).encode(), "jsonl"),
    ({"kind": "jsonl", "charset": "gb18030"}, "".join(json.dumps(r, ensure_ascii=False) + "\r\n" for r in WRITTEN).encode("gb18030"), "jsonl"),
    ({"kind": "xml", "charset": "utf-8", "record": "r"}, xml(WRITTEN), "xml"),
    ({"kind": "xml", "charset": "gb18030", "record": "r"}, xml(WRITTEN, "gb18030"), "xml"),
    ({"kind": "xlsx"}, sheet(NAMES, *(r.values() for r in WRITTEN)), "xlsx"),
    ({"kind": "xlsx", "sheet": "Sheet"}, sheet(NAMES, *(r.values() for r in WRITTEN), [None]), "xlsx"),  # an empty row is none
]  # fmt: skip


@pytest.mark.parametrize(("form", "body", "suffix"), FORMATS)
def test_every_format_gives_the_same_rows(tmp_path: Path, form: dict[str, Any], body: bytes, suffix: str) -> None:
    """What a platform writes it in makes no difference to what arrives."""
    Folder(tmp_path, "test.item").put(body, 2, "full", suffix=suffix)
    found = lines(tmp_path, platform(form))
    assert found == [["\\N", "1", "承德𠂇", "1", AT], ["\\N", "2", "避暑山庄", "2", AT]]


BAD = [
    # a row with a cell too few, one with a cell too many
    (CSV, b"id,name,count,at\n1,a,1\n2,b,2,x\n3,c,3,x,y\n", "csv", ["file.cells", "file.cells", "\\N"]),
    # a line that is no object, one that is no JSON, a name that stands twice, a list for a text
    ({"kind": "jsonl", "charset": "utf-8"}, b'[1]\n{"id":\n{"id":"1","id":"2"}\n{"id":"3","name":[]}', "jsonl",
     ["json.duplicate_key", "json.type", "json.type", "name.type"]),
    # a number that is none, a line nested beyond all measure, and one whose bytes say NUL
    ({"kind": "jsonl", "charset": "utf-8"}, b'{"id":"1","count":NaN}\n' + b"[" * 100_000 + b'\n{"id":"3","name":"\\u0000"}\n{"id":"4"}', "jsonl",
     ["\\N", "\\N", "json.number", "json.type"]),
    # an element that stands twice, elements where text is declared
    ({"kind": "xml", "charset": "utf-8", "record": "r"},
     b"<a><r><id>1</id><id>2</id><at/></r><r><id><x/></id><at/></r><r><id>3</id><at>x</at></r></a>", "xml",
     ["\\N", "xml.repeated", "xml.type"]),
    # a number that the sheet has bent, an error value, a cell beyond the header
    ({"kind": "xlsx"}, sheet(NAMES, [110101199001011234, "a", 1, AT], ["2", "#N/A", 1, AT], ["3", "c", 1, AT, "more"]), "xlsx",
     ["file.cells", "file.number", "file.number"]),
]  # fmt: skip


@pytest.mark.parametrize(("form", "body", "suffix", "faults"), BAD)
def test_a_bad_row_is_told_and_the_others_go_on(
    tmp_path: Path, form: dict[str, Any], body: bytes, suffix: str, faults: list[str]
) -> None:
    """Each bad row leaves with its fault; the file as such is whole."""
    Folder(tmp_path, "test.item").put(body, len(faults), "full", suffix=suffix)
    assert sorted(faults) == sorted(line[0] for line in lines(tmp_path, platform(form)))


def test_a_sheet_keeps_exact_numbers_and_days(tmp_path: Path) -> None:
    """A whole number stays whole, a fraction keeps its digits, a moment is written as one."""
    body = sheet(NAMES, [7.0, 0.1, True, datetime(2026, 11, 24, 12)])  # noqa: DTZ001 - a sheet knows no zones
    Folder(tmp_path, "test.item").put(body, 1, "full", suffix="xlsx")
    assert lines(tmp_path, platform({"kind": "xlsx"})) == [["\\N", "7", "0.1", "true", "2026-11-24T12:00:00"]]


def test_the_newest_row_of_a_key_wins(tmp_path: Path) -> None:
    """Deltas change, add and delete; what was deleted may come again; an unknown operation is a row's fault."""
    folder = Folder(tmp_path, "test.item")
    folder.put(table(NAMES, rows("a", "b", "c", "d")), 4, "full")
    first = [
        {**rows("a2")[0], "operation": "U"}, {"id": "2", "operation": "D"}, {"id": "3", "operation": "D"},
        {"id": "5", "name": "e", "operation": "I"}, {"id": "6", "operation": "X"}, {"name": "no key", "operation": "U"},
    ]  # fmt: skip
    folder.put(table([*NAMES, "operation"], first), 6, deleted=2)
    folder.put(table([*NAMES, "operation"], [{"id": "3", "name": "c3", "operation": "I"}]), 1)
    found = [(line[0], line[1], line[2]) for line in lines(tmp_path, platform())]
    kept = [("1", "a2"), ("3", "c3"), ("4", "d"), ("5", "e"), ("\\N", "no key")]
    assert found == sorted([*(("\\N", *pair) for pair in kept), ("file.operation", "6", "\\N")])


def test_a_window_reads_only_later_deltas(tmp_path: Path) -> None:
    """A file that was taken before a moment holds nothing stamped after it."""
    folder, now = Folder(tmp_path, "test.item"), datetime.now(UTC)
    for n, (kind, hours) in enumerate((("full", 3), ("delta", 2), ("delta", 1)), 1):
        body = table([*NAMES, *["operation"][: kind == "delta"]], [{"id": str(n), "at": AT, "operation": "I"}])
        folder.put(body, 1, kind, taken_at=(now - timedelta(hours=hours)).isoformat())
    keys = [
        [line[1] for line in lines(tmp_path, platform(), Window(now - timedelta(hours=h)))] for h in (4, 2.5, 1.5, 0.5)
    ]
    assert keys == [["1", "2", "3"], ["2", "3"], ["3"], []]


def test_a_new_full_file_makes_older_ones_superfluous(tmp_path: Path) -> None:
    """What came before it is not read: it may be gone, partial or wrong."""
    folder = Folder(tmp_path, "test.item")
    old = folder.put(table(NAMES, rows("a", "b")), 2, "full")
    folder.put(table(NAMES, rows("c")), 1, "full", sequence=9)
    (tmp_path / old).unlink()
    assert [line[2] for line in lines(tmp_path, platform())] == ["c"]


@pytest.fixture
def filed(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[City, Folder]:
    """Return the small city with files instead of a table, and their folder."""
    root = tmp_path / "files"
    root.mkdir()
    monkeypatch.setenv("GATEWAY_CONN_PEER", f"file://{root}")
    peer = replace(platform(dataset=PERSON), platform="pop")
    return city.with_route(peer=peer), Folder(root, PERSON.name)


def person(number: int, name: str = "王小明", **more: Any) -> dict[str, Any]:
    """Return a row of PERSON."""
    at = (datetime.now(UTC) - timedelta(seconds=5)).isoformat(timespec="milliseconds")
    return {"id": f"P{number}", "name": name, "sex": 1, "amount": "1.50", "updated_at": at, "operation": "U", **more}


COLUMNS = list(PERSON.columns)


def test_the_engine_carries_files_once(filed: tuple[City, Folder]) -> None:
    """Full file, delta, deletion, bad rows: the hub equals the files after each, and a second run does nothing."""
    city, folder = filed
    folder.put(table(COLUMNS, [person(n) for n in range(5)]), 5, "full")
    first = transfer.run(city.deployment, "person_in")
    assert (first.kind, first.inserted) == ("first_load", 5)
    told = [person(1, "改了"), person(7), person(8, sex=7), person(9, amount="three")]
    folder.put(table([*COLUMNS, "operation"], told), 4)
    second = transfer.run(city.deployment, "person_in")
    assert (second.kind, second.inserted, second.updated, second.rejected) == ("delta", 1, 1, 2)
    folder.put(table([*COLUMNS, "operation"], [{"id": "P2", "operation": "D"}]), 1, deleted=1)
    third = transfer.run(city.deployment, "person_in")
    assert (third.kind, third.deleted) == ("compare", 1)
    again = transfer.run(city.deployment, "person_in")
    assert (again.kind, again.inserted, again.updated, again.deleted) == ("delta", 0, 0, 0)
    assert [(r[0], r[1]) for r in city.hub_rows()] == [
        ("P0", "王小明"),
        ("P1", "改了"),
        ("P3", "王小明"),
        ("P4", "王小明"),
        ("P7", "王小明"),
    ]
    assert reconcile.run(city.deployment, "person_in").passed


def test_a_full_file_deletes_what_it_lacks(filed: tuple[City, Folder]) -> None:
    """A new full file is compared with the hub, whatever its stamps say."""
    city, folder = filed
    folder.put(table(COLUMNS, [person(n) for n in range(5)]), 5, "full")
    transfer.run(city.deployment, "person_in")
    folder.put(table(COLUMNS, [person(n) for n in range(4)]), 4, "full")
    done = transfer.run(city.deployment, "person_in")
    assert (done.kind, done.deleted) == ("compare", 1)


NULLABLE = st.lists(
    st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12), min_size=2, max_size=2),
    max_size=6,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(cells=NULLABLE, charset=st.sampled_from(["utf-8", "gb18030"]), delimiter=st.sampled_from([",", ";", "\t", "|"]))
def test_what_is_written_is_read_again(cells: list[list[str | None]], charset: str, delimiter: str) -> None:
    """Any text and null pass the CSV codec both ways; what reads like null is read as null."""
    form = {"kind": "csv", "charset": charset, "delimiter": delimiter, "null": r"\N"}
    resource, out = Resource("", "x", form, "o", {}, frozenset()), io.BytesIO()
    file = files_target._File(out, charset)
    for row in [["first", "second"], *cells]:
        file.put(row, resource)
    assert (file.size, file.digest.hexdigest()) == (len(out.getvalue()), sha256(out.getvalue()).hexdigest())
    texts = [out.getvalue().decode(charset)]
    found = [values for _, values in files_csv.records(iter(texts), delimiter, r"\N", lambda _: [0, 1], "a file")]
    assert found == [[None if cell == r"\N" else cell for cell in row] for row in cells]


_ODD = ["a\\b", "\\N", "a\tb", "a\rb", "\0", "a\u2028b", "-", '"x"', '"a,b"', '"l\n2"', 'a"', "\x01"]
_CELLS = st.one_of(*[st.sampled_from(["", "a", "王小明"])] * 3, st.sampled_from(_ODD))
_TABLES = st.sampled_from([1, 3]).flatmap(
    lambda width: st.tuples(
        st.just(width),
        st.lists(
            st.one_of(
                *[st.lists(_CELLS, min_size=width, max_size=width)] * 3,
                st.lists(_CELLS, min_size=1, max_size=width + 1),
                st.just([""] * width),
            ),
            max_size=6,
        ),
    )
)


@settings(deadline=None, max_examples=500)
@given(
    table=_TABLES, sizes=st.lists(st.integers(1, 30), min_size=1), delimiter=st.sampled_from([",", ";", "\t"]),
    null=st.sampled_from(["", "", "-"]), end=st.sampled_from(["\n", "\r\n"]), straight=st.integers(0, 3), last=st.booleans(),
)  # fmt: skip
@example((3, [["a\tb", "x"]]), [30], ",", "", "\n", 1, True)  # a tab that would pass for a third cell
def test_short_way_through_a_table_leads_where_the_long_one_does(
    table: tuple[int, list[list[str]]], sizes: list[int], delimiter: str, null: str, end: str, straight: int, last: bool
) -> None:
    """Whatever stands in a file, and wherever its pieces end, the lines are those of its records, or the error is theirs."""
    width, rows = table
    text = end.join(delimiter.join(row) for row in [["a", "b", "c"][:width], *rows]) + (end if last else "")
    ends = [0, *accumulate(islice(cycle(sizes), len(text)))]
    texts = [text[begin:stop] for begin, stop in pairwise(ends) if begin < len(text)]
    order = [*(range(width) if straight else reversed(range(width))), None]
    given_out = []
    for read in (_long_way, _short_way):
        try:
            pieces = list(read(iter(texts), delimiter, null, lambda _: order, "a file"))
            given_out.append((sum(number for number, _ in pieces), b"".join(piece for _, piece in pieces)))
        except SchemaMismatch as error:
            given_out.append((0, error.message.encode()))
    assert given_out[0] == given_out[1]


def _long_way(*table: Any) -> Iterator[tuple[int, bytes]]:
    return written(files_csv.records(*table))


def _short_way(texts: Iterator[str], *table: Any) -> Iterator[tuple[int, bytes]]:
    return files_csv.encoded(map(str.encode, texts), *table)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_copy_text_is_unescaped(text: str) -> None:
    """What PostgreSQL escapes in a COPY stream is what it was."""
    escaped = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    assert files_target._value(escaped) == text


@given(
    sequence=st.integers(1, 2**53), counts=st.tuples(*[st.integers(0, 2**53)] * 3), taken=st.datetimes(timezones=st.just(UTC)),
    series=st.text(min_size=1, max_size=9).filter(lambda s: s.isprintable()), kind=st.sampled_from(["full", "delta"]),
)  # fmt: skip
def test_manifests_are_read_as_written(
    sequence: int, counts: tuple[int, int, int], taken: datetime, series: str, kind: str
) -> None:
    """A manifest says the same after writing and reading."""
    size, count, deleted = counts
    made = Manifest(
        "m", series, sequence, kind, "a.csv", size, "0" * 64, count, deleted, taken, {"hub": "h", "number": 1}
    )
    assert files_manifest.parsed("m", files_manifest.written(made), "peer") == made


CHINESE = "承德市住房和城乡建设局自建系统每日报送备份情况,其中有几个字"


@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
@given(chunk=st.integers(1, 9), text=st.text("数据交换网关的行政审批事项清单,abc\n", max_size=40))
def test_text_is_decoded_across_chunks(charset: str, chunk: int, text: str) -> None:
    """Where a chunk ends makes no difference, and common Chinese is never doubted."""
    body = (CHINESE + text).encode(charset)
    pieces = [body[n : n + chunk] for n in range(0, len(body), chunk)]
    assert "".join(decoded(pieces, charset, "a file")) == CHINESE + text
    assert b"".join(utf8(pieces, charset, "a file")) == (CHINESE + text).encode()


@pytest.mark.parametrize("read", [decoded, utf8])
@pytest.mark.parametrize(
    ("declared", "body"),
    [
        ("gb18030", "数据".encode()),  # decodes without an error
        ("gb18030", "城市基础数据".encode()),
        ("gb18030", b"\xef\xbb\xbfid"),  # a byte order mark of UTF-8
        ("utf-8", "数据".encode("gb18030")),  # decodes with an error
        ("utf-8", "id".encode("utf-16")),
        ("utf-8", "数据".encode()[:-1]),  # cut within a character
    ],
)
def test_another_charset_is_refused(declared: str, body: bytes, read: Any) -> None:
    """What is no text of the declared charset, or reads better as the other one, is refused as a whole."""
    with pytest.raises(SchemaMismatch, match=declared):
        list(read([body], declared, "a file"))
