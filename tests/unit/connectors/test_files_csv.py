"""CSV turned into lines for the hub: the short way gives what the long way gives, whatever the file holds."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors import files_csv
from connectors.files_rows import written
from gateway.errors import SchemaMismatch

SIGNS = 'ab中\U00020000,;|\t\n\n\r\\\0"\u2028\x1c é'


@pytest.fixture(scope="module", autouse=True)
def short_fields() -> Iterator[None]:
    """Let fields be no longer than the longest that the examples have often."""
    before = csv.field_size_limit(12)
    yield
    csv.field_size_limit(before)


def _all(names: list[str]) -> list[int | None]:
    """Find the columns in the order of the contract, and no operation."""
    return [*range(len(names)), None]


def _said(rows: Iterator[tuple[int, bytes]]) -> tuple[int, bytes] | None:
    """Return number and lines together; None when the file is no CSV."""
    try:
        found = list(rows)
    except SchemaMismatch:
        return None
    return sum(number for number, _ in found), b"".join(text for _, text in found)


@given(
    st.integers(1, 3),
    st.lists(st.text(SIGNS, max_size=30), max_size=4),
    st.sampled_from([",", ";", "|", "\t"]),
)
@example(1, ["a\n", "\nb\n"], ",")  # a blank line of one column is none
@example(2, ["a,b\n", "a,\n", ",\n"], ",")  # empty is null, in every place
@example(3, ["a,b,c\r\n", "a,,c"], ",")  # lines end in either way, the last one in none
@example(2, ["a,b\nc\nd,e,f\n"], ",")  # as many cells as two good rows have
@example(2, ["aaaaaaaaaaaaaaaa,b\n"], ",")  # a field that is too long
@example(2, ["中中中中中,b\n"], ",")  # more bytes than signs
def test_short_way_gives_what_the_long_way_gives(width: int, texts: list[str], delimiter: str) -> None:
    """A row of other cells, a quote, a control character: whatever is not plain is looked at closely."""
    head = delimiter.join("xyz"[:width]) + "\n"
    short = _said(files_csv.encoded((text.encode() for text in (head, *texts)), delimiter, "", _all, "file"))
    long = _said(written(files_csv.records([head, *texts], delimiter, "", _all, "file")))
    assert short == long
