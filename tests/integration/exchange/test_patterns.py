"""A contract's pattern means the same to PostgreSQL and to Python, whichever way it is compiled."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg2
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from gateway.embedded import Server
from gateway.exchange import patterns

STEADY = settings(
    derandomize=True, deadline=None, database=None, max_examples=150, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)  # fmt: skip
ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "X",
        "0",
        "承",
        "𠂇",
        " ",
        "-",
        ",",
        "/",
        "\n",
        r"\.",
        r"\-",
        r"\(",
        ".",
        "[0-9]",
        "[0-9A-HJ-NP]",
        "[^0-9]",
        "[a-c-]",
        "[-ab]",
        "[一-龥·]",
    ]
)
COUNTS = st.sampled_from(["", "", "", "{3}", "{0}", "{1,2}", "{2,}", "?", "*", "+"])
PIECES = st.tuples(ATOMS, COUNTS).map("".join)
RUNS = st.lists(PIECES, min_size=1, max_size=3).map("".join)
GROUPS = st.tuples(
    st.sampled_from(["(", "(?:"]),
    st.lists(RUNS, min_size=1, max_size=3).map("|".join),
    st.sampled_from(["", "{2}", "?"]),
)
BODIES = st.lists(RUNS | GROUPS.map(lambda p: f"{p[0]}{p[1]}){p[2]}"), min_size=1, max_size=2).map("".join)
ODD = st.text("ab01[]{}()?*+|.,^$\\-:=!<#&~P", min_size=1, max_size=9)
TEXTS = st.text("abcX019承𠂇０ -,/\n\\.(", max_size=6)


@pytest.fixture(scope="module")
def hub(servers: tuple[Server, Server]) -> Iterator[Connection]:
    """Yield a connection for questions."""
    connection = psycopg2.connect(servers[0].dsn())
    connection.autocommit = True
    yield connection
    connection.close()


def _same(hub: Connection, body: str, texts: list[str]) -> None:
    pattern = f"^{body}$"
    expected = [re.fullmatch(body, text, re.DOTALL) is None for text in texts]
    with hub.cursor() as cursor:
        wrong = patterns.broken_sql("x", pattern).replace("%", "%%")
        cursor.execute(f"select {wrong} from unnest(%s::text[]) with ordinality as t(x, n) order by n", (texts,))
        assert expected == [row[0] for row in cursor.fetchall()], pattern


@STEADY
@given(BODIES, st.lists(TEXTS, min_size=10, max_size=30))
def test_supported_patterns_mean_the_same(hub: Connection, body: str, texts: list[str]) -> None:
    """Patterns of the vocabulary, on texts that match and texts that do not."""
    assert patterns.is_supported(f"^{body}$")
    pieces = [t.replace("\\", "") for t in re.split(r"[{}()?*+|:\[\]]+", body)]
    _same(hub, body, [*texts, *pieces, "".join(pieces), *[f"{t}\n" for t in pieces]])


@settings(STEADY, max_examples=300)
@given(ODD, st.lists(TEXTS, min_size=2, max_size=5))
def test_whatever_is_supported_compiles_in_postgresql(hub: Connection, body: str, texts: list[str]) -> None:
    """No odd construct slips through that PostgreSQL refuses or reads in another way."""
    assume(patterns.is_supported(f"^{body}$"))
    _same(hub, body, texts)


@pytest.mark.parametrize(
    "pattern",
    [
        "[0-9]{6}",  # not anchored
        r"^\d{6}$",  # other digits in Python
        "^(?=a)a$",  # look-around
        "^(?<=a)b$",
        "^(?i:a)$",  # flags
        "^(?P<x>a)$",  # a name
        "^(?#note)a$",  # a comment
        r"^(a)\1$",  # a back reference
        "^a*+$",  # possessive in Python, an error in PostgreSQL
        "^a+?$",  # lazy
        "^a{256}$",  # PostgreSQL counts to 255
        "^[a-c-e]$",  # an error in PostgreSQL
        "^[[:alpha:]]$",  # a class of its own
        "^a$b$",  # an anchor inside
        "^(a$",  # open
    ],
)
def test_other_patterns_are_refused(pattern: str) -> None:
    """What means something else somewhere is no pattern of a contract."""
    assert not patterns.is_supported(pattern)
