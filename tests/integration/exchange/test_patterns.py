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
BODIES = st.recursive(
    st.lists(PIECES, max_size=4).map("".join),
    lambda inner: st.tuples(
        st.sampled_from(["(", "(?:"]), st.lists(inner, min_size=1, max_size=3).map("|".join), COUNTS
    ).map(lambda p: f"{p[0]}{p[1]}){p[2]}"),
    max_leaves=3,
)
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
@given(st.data(), BODIES, st.lists(TEXTS, min_size=3, max_size=8))
def test_supported_patterns_mean_the_same(hub: Connection, data: st.DataObject, body: str, texts: list[str]) -> None:
    """Patterns of the vocabulary, on texts that match and texts that do not."""
    assume(patterns.is_supported(f"^{body}$"))
    matching = data.draw(
        st.lists(
            st.from_regex(
                re.compile(body, re.DOTALL),
                fullmatch=True,
                alphabet=st.characters(codec="utf-8", exclude_characters="\0"),
            ),
            max_size=4,
        )
    )
    _same(hub, body, [*texts, *matching, *[text + "\n" for text in matching]])


@settings(STEADY, max_examples=600)
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
