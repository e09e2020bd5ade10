"""SQL that judges and casts text agrees with what Python makes of the same value, and never breaks off."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.embedded import Server
from gateway.exchange import casting
from gateway.exchange.values import stored
from gateway.model import Field

FIELDS = [
    Field("f", "smallint"), Field("f", "bigint"), Field("f", "numeric(12,3)"), Field("f", "date"), Field("f", "timestamptz(0)"),
    Field("f", "timestamp(3)", zone="Asia/Shanghai"), Field("f", "boolean"),
]  # fmt: skip
DIGITS = st.text("0123456789", min_size=1, max_size=21)
NUMBERS = st.builds("".join, st.tuples(st.sampled_from(["", "-", "+", " ", "--", "0x"]), DIGITS, st.sampled_from(["", ".5", ".", "e3", "e-2", "_1", " "])))  # fmt: skip
# A client has no word for what the first and the last year hold in another zone.
YEARS = st.integers(0, 9998).filter(lambda year: year != 1)
DAYS = st.builds(
    "{:04d}-{:02d}-{:02d}".format, YEARS, st.integers(0, 14), st.integers(0, 33)
)  # right ones, and days that no calendar has
TIMES = st.builds(
    "{}{:02d}:{:02d}{}{}".format, st.sampled_from(["T", " ", ""]), st.integers(0, 25), st.integers(0, 61),
    st.sampled_from(["", ":00", ":59.123456", ":61"]), st.sampled_from(["", "Z", "+08:00", "-0330", "+99:00", " BC"]),
)  # fmt: skip
WORDS = st.sampled_from(
    ["", "today", "infinity", "NaN", "true", "t", "1", "yes", "20260230", "20260203", "26-02-03", "１２"]
)
ANY = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
TEXTS = st.one_of(
    NUMBERS, DAYS, st.builds("".join, st.tuples(DAYS, TIMES)), WORDS, ANY, st.text(string.printable, max_size=8)
)


@pytest.fixture(scope="module")
def hub(servers: tuple[Server, Server]) -> Iterator[Connection]:
    """Yield a connection with the gateway's session settings."""
    connection = pg.connect(servers[0].dsn(), name="casting", autocommit=True)
    yield connection
    connection.close()


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.type)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1, max_size=40))
def test_any_text_is_judged_and_what_python_takes_is_the_same_value(
    hub: Connection, field: Field, texts: list[str]
) -> None:
    """No text breaks the statement off; one that Python's reading of the contract takes is taken, with the same value."""
    query = sql.SQL("select {}, {} from unnest(%s) as _r_ (f)").format(
        casting.misfit(field), casting.typed_or_null(field)
    )
    with hub.cursor() as cursor:
        cursor.execute(query, (texts,))
        for text, (misfit, value) in zip(texts, cursor.fetchall(), strict=True):
            assert (value is None) == misfit
            wanted = _taken(field, text)
            assert wanted is None or (misfit, value) == (False, wanted), text


def _taken(field: Field, text: str) -> Any:
    """Return what Python makes of a text that a JSON value of the field's type would be written as, or None."""
    value: Any = text
    if field.hub_type in {"smallint", "bigint"}:
        value = int(text) if text.isascii() and text.lstrip("-").isdecimal() and text.count("-") < 2 else None
    if field.hub_type == "boolean":
        value = {"true": True, "false": False}.get(text)
    try:
        return stored(field, value)
    except ValueError:
        return None
