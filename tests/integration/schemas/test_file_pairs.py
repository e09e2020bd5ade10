"""Pairs of file layouts made up by chance, read by the real connector: what is called compatible is read as before."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from connectors.files import connect
from gateway.errors import GatewayError, StructureUnknown
from gateway.exchange.shape import check_shape
from gateway.model import Dataset, Field, Platform
from gateway.ports import Window
from schemas.diff.compare import compare
from schemas.diff.model import Policy
from schemas.snapshot import endpoints, layout
from tests.integration.connectors.filed import Folder

Layout = dict[str, Any]
NAMES = ["id", "name", "地址", "phone"]
# No two cells are alike, and each shows in which charset it was written.
ROWS = [{name: f"{name}{number}号，承德" for name in [*NAMES, "more", "其他"]} for number in range(3)]
LAYOUTS = st.fixed_dictionaries({
    "form": st.sampled_from(["csv", "csv", "jsonl", "xml", "xlsx"]),
    "encoding": st.sampled_from(["utf-8", "gb18030"]),
    "delimiter": st.sampled_from([",", "|", "\t"]),
    "line_end": st.sampled_from(["\n", "\r\n"]),
    "columns": st.lists(st.sampled_from(["name", "地址", "phone", "more", "其他"]), min_size=1, max_size=4, unique=True),
})  # fmt: skip


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Layout, Layout]:
    """Return a layout and another one that differs from it in one fact or some."""
    old, other = draw(LAYOUTS), draw(LAYOUTS)
    taken = draw(st.sets(st.sampled_from(sorted(old)), min_size=1, max_size=2))
    new = old | {fact: other[fact] for fact in taken}
    return tuple(one | {"columns": ["id", *one["columns"]]} for one in (old, new))  # type: ignore[return-value]  # two


def written(one: Layout) -> bytes:
    """Return the rows as a file of a layout."""
    names = one["columns"]
    if one["form"] == "xlsx":
        book, out = openpyxl.Workbook(), io.BytesIO()
        assert book.active is not None
        for cells in (names, *([row[name] for name in names] for row in ROWS)):
            book.active.append(cells)
        book.save(out)
        return out.getvalue()
    if one["form"] == "xml":
        root = etree.Element("all")
        for row in ROWS:
            record = etree.SubElement(root, "r")
            for name in names:
                etree.SubElement(record, name).text = row[name]
        return bytes(etree.tostring(root, encoding=one["encoding"]))
    text = io.StringIO()
    if one["form"] == "csv":
        writer = csv.writer(text, delimiter=one["delimiter"], lineterminator=one["line_end"])
        writer.writerows([names, *([row[name] for name in names] for row in ROWS)])
    else:
        for row in ROWS:
            text.write(json.dumps({name: row[name] for name in names}, ensure_ascii=False) + one["line_end"])
    return text.getvalue().encode(one["encoding"])


def declared(one: Layout) -> tuple[Dataset, Platform]:
    """Return the contract and the platform of who reads a layout."""
    fields = tuple(Field(name, "text", required=name == "id") for name in one["columns"])
    dataset = Dataset("test.file", "", "1.0.0", "file", fields, ("id",), (), "gxj")
    kinds: dict[str, dict[str, Any]] = {
        "csv": {"charset": one["encoding"], "delimiter": one["delimiter"]}, "jsonl": {"charset": one["encoding"]},
        "xml": {"charset": one["encoding"], "record": "r"}, "xlsx": {},
    }  # fmt: skip
    resource = {"format": {"kind": one["form"], **kinds[one["form"]]}}
    return dataset, Platform("peer", "", "files", "PEER", "gxj", options={"resources": {dataset.name: resource}})


def put(root: Path, one: Layout) -> None:
    """Deliver the rows in a layout."""
    Folder(root, "test.file").put(written(one), len(ROWS), "full", suffix=one["form"])


def read(reader: Layout, writer: Layout) -> bool:
    """Tell whether the connector, told of one layout, takes every value out of a file of another."""
    dataset, peer = declared(reader)
    with TemporaryDirectory() as root:
        put(Path(root), writer)
        source, out = connect(peer, f"file://{root}"), io.BytesIO()
        try:
            check_shape(dataset, peer, source.describe(dataset))
            with source.snapshot() as snapshot:
                snapshot.copy(dataset, Window(), out)
        except GatewayError:
            return False
    wanted = [["\\N", *(row[name] for name in reader["columns"])] for row in ROWS]
    return [line.split("\t") for line in out.getvalue().decode().splitlines()] == wanted


def shown(one: Layout) -> Any:
    """Return the snapshot of a layout that its owner declared."""
    facts = {key: value for key, value in one.items() if key != "columns"}
    return layout.snapshot(
        ({"name": n} for n in one["columns"]), {**facts, "read_by": "name", "header_checked": "names"}
    )


@settings(max_examples=120, deadline=None)
@given(pairs())
def test_what_is_called_compatible_is_read(pair: tuple[Layout, Layout]) -> None:
    """The old reader takes the new file, or was told that it does not; so does the new reader with the old file."""
    old, new = pair
    for role, reader, writer in (("reader", old, new), ("writer", new, old)):
        if not read(reader, writer):
            assert not compare("file", shown(old), shown(new), role, Policy()).compatible


@settings(max_examples=60, deadline=None)
@given(pairs())
def test_what_the_watch_sees_of_two_files_tells_whether_the_second_is_read(pair: tuple[Layout, Layout]) -> None:
    """Both files are looked at as the route does that reads the first; a second one that nobody can look at is no silence."""
    old, new = pair
    dataset, peer = declared(old)
    seen = []
    for one in (old, new):
        with TemporaryDirectory() as root:
            put(Path(root), one)
            try:
                told = connect(peer, f"file://{root}").told(dataset)
                document = endpoints.of_route(peer, told, None).document
            except (GatewayError, StructureUnknown):
                assert one is new
                assert not read(old, new)
                return
            seen.append(endpoints.comparable(document))
    if not read(old, new):
        assert not compare("file", seen[0], seen[1], "reader", Policy()).compatible


def test_a_reader_reads_what_it_was_told_of() -> None:
    """The judge itself: each form is read by who knows it, and by nobody else."""
    for form in ("csv", "jsonl", "xml", "xlsx"):
        one = {"form": form, "encoding": "gb18030", "delimiter": "|", "line_end": "\n", "columns": ["id", "地址"]}
        assert read(one, one)
        assert not read(one, one | {"columns": ["id", "more"]})
        assert form == "xlsx" or not read(one, one | {"form": "xlsx"})


@pytest.mark.parametrize("word", ["names", True])
def test_a_header_that_is_compared_leaves_no_room(word: Any) -> None:
    """A column more stops a reader that compares the header, another order one that compares the whole line."""
    base = {"read_by": "name", "header_checked": word}
    old, more, moved = (layout.snapshot(({"name": n} for n in names), base) for names in ("ab", "abc", "ba"))
    assert not compare("file", old, more, "reader", Policy()).compatible
    assert compare("file", old, moved, "reader", Policy()).compatible is (word == "names")


def test_a_first_line_that_ceases_to_name_the_columns_is_no_row() -> None:
    """By position it would be read as one, without any error."""
    old, new = (layout.snapshot([{"name": "a"}], {"read_by": "position", "header": head}) for head in (True, False))
    for one, other in ((old, new), (new, old)):
        assert not compare("file", one, other, "reader", Policy()).compatible
