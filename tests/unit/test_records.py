"""Lines for the hub: whatever is in a value, COPY reads the same value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors import copy_text
from gateway.ports import UNDECODABLE
from gateway.records import lines

VALUES = st.one_of(st.none(), st.text(max_size=5), st.text("\\N\t\n\r\0\ud800a王", max_size=4))
ROWS = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.tuples(st.one_of(st.none(), st.just("json.type")), st.lists(VALUES, min_size=width, max_size=width)),
        max_size=5,
    )
)


@given(rows=ROWS)
def test_lines_are_read_as_they_were_meant(rows: list[tuple[str | None, list[str | None]]]) -> None:
    """Tabs, ends of lines, backslashes and nulls are kept apart; what PostgreSQL cannot hold is marked."""
    read = [copy_text.values(line) for line in lines(rows).split(b"\n")[:-1]]
    assert read == [[fault, *map(_meant, values)] for fault, values in rows]


def _meant(value: str | None) -> str | None:
    if value is None or not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
        return value
    return UNDECODABLE + value.encode("utf-8", "surrogatepass").hex()
