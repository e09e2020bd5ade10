"""What is called plain is read by COPY as the judgement would read it, and no order of lines is lost."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.embedded import Server
from gateway.exchange import casting, plain
from gateway.exchange.pipe import store
from gateway.model import Dataset, Field
from gateway.records import line
from tests.integration.conftest import PERSON
from tests.integration.exchange.test_casting import FIELDS, TEXTS

NUMBERS = st.decimals(
    allow_nan=False, allow_infinity=False, places=4, min_value=-1_000_000_000, max_value=1_000_000_000
)
NINES = st.builds("{}{}.{}".format, st.sampled_from(["", "-"]), st.integers(1, 12).map("9".__mul__), st.integers(1, 8).map("9".__mul__))  # fmt: skip
MOMENTS = st.builds(
    "{:%Y-%m-%d}{}".format, st.dates(),
    st.sampled_from(["", " 00:30:00", "T23:59:59.999999", " 00:30+08:00", "T01:00:00Z", " 12:00:60", " 24:00:00", "T01:02:03-14:30"]),
)  # fmt: skip
REPAIRED = [
    Field("f", "varchar(40)", repairs=("trim",)), Field("f", "varchar(40)", repairs=("trim", "upper", "nullify")),
    Field("f", "varchar(40)", repairs=("open_end",)), Field("f", "date", repairs=("open_end",)),
    Field("f", "timestamp(0)", zone="Asia/Shanghai", repairs=("open_end",)), Field("f", "jsonb"), Field("f", "numeric(4,4)"),
    Field("f", "numeric(3,0)"), Field("f", "integer"), Field("f", "text"), Field("f", "timestamptz"),
    Field("f", "timestamp", zone="Europe/Berlin"),
]  # fmt: skip
BLANKS = st.sampled_from(["张三 ", "张三\u3000", "a", "A", "Ａ", "长期", "99991231", "9999-12-31", "9999-09-09", " x", "1989-02-29", "2000-02-29", "1900-02-29", "0000-01-01", "0004-02-29", "1988-04-10 00:30", "1945-04-02 02:30", "2026-03-29 02:30", "2026-10-25 02:30"])  # fmt: skip


@pytest.fixture(scope="module")
def hub(servers: tuple[Server, Server]) -> Iterator[Connection]:
    """Yield a connection with the gateway's session settings."""
    connection = pg.connect(servers[0].dsn(), name="plain", autocommit=True)
    yield connection
    connection.close()


@pytest.mark.parametrize("field", [*FIELDS, *REPAIRED], ids=lambda f: f"{f.type} {' '.join(f.repairs)}")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.one_of(TEXTS, MOMENTS, BLANKS, NINES, NUMBERS.map(str)), min_size=1, max_size=60))
@example(texts=["0001-01-01", "9999-12-31"])  # the bounds of Python's calendar
def test_what_is_plain_is_stored_as_its_judgement_would_have_it(
    hub: Connection, field: Field, texts: list[str]
) -> None:
    """COPY refuses none of it, and its value is that of the cast with no repair left to do."""
    dataset = replace(PERSON, fields=(field,), key=("f",), cursor=None)
    known = [text for text in texts if _is_plain(dataset, text)]
    judged = sql.SQL(
        "select {}, ({})::text, ({})::text from unnest(%s::text[]) with ordinality as _r_ (f, n) order by n"
    ).format(  # as text: the hub's first moment is before Python's
        casting.misfit(field), casting.typed(field), casting.cast(field)
    )
    with hub.cursor() as cursor:
        cursor.execute(judged, (known,))
        wanted = cursor.fetchall()
    assert [(False, value, value) for value in _copied(hub, dataset, known)] == wanted


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (Field("f", "smallint"), "-29999"),
        (Field("f", "integer"), "1999999999"),
        (Field("f", "bigint"), "8999999999999999999"),
        (Field("f", "numeric(12,2)"), "9999999999.99"),  # as large as it goes
        (Field("f", "numeric(12,6)"), "99999.12345678901234"),  # rounded
        (Field("f", "date"), "2024-02-29"),
        (Field("f", "timestamptz"), "2026-11-24T12:00:00+08:00"),
        (Field("f", "timestamp", zone="Asia/Shanghai"), "2026-11-24 12:00:00"),
        (Field("f", "boolean"), "true"),
        (Field("f", "varchar(8)", repairs=("trim", "nullify")), "王 小明"),
        (Field("f", "varchar(8)"), ""),
    ],
)
def test_ordinary_values_are_plain(field: Field, text: str) -> None:
    """What platforms send all day does not need the judgement."""
    assert _is_plain(replace(PERSON, fields=(field,)), text)


def test_times_of_two_zones_are_not_left_to_the_session() -> None:
    """A session has one time zone: with fields of two, only a time that tells its own is plain."""
    fields = (Field("a", "timestamp", zone="Asia/Shanghai"), Field("b", "timestamp", zone="Asia/Urumqi"))
    proof = plain.proof(replace(PERSON, fields=fields))
    assert plain.zone(replace(PERSON, fields=fields)) is None
    assert not proof.fullmatch(line(None, ("2026-11-24 12:00:00", "2026-11-24 12:00:00")))
    assert proof.fullmatch(line(None, ("2026-11-24 12:00:00+08", None)))


def test_faults_and_escaped_texts_are_never_plain() -> None:
    """What a connector found wrong, or had to escape, goes to the judgement."""
    proof = plain.proof(replace(PERSON, fields=(Field("f", "text"),)))
    for fault, text in (("json.type", "a"), (None, "a\\b"), (None, "a\tb"), (None, "a\0"), (None, "a\ud800")):
        assert not proof.fullmatch(line(fault, (text,)))


@given(
    kinds=st.lists(st.booleans(), max_size=60), sizes=st.lists(st.integers(1, 30), min_size=1), some=st.integers(1, 20)
)
def test_lines_come_out_in_their_order_wherever_reads_end(kinds: list[bool], sizes: list[int], some: int) -> None:
    """Runs of plain lines and of any lines together are the stream, whatever pieces it comes in."""
    dataset = replace(PERSON, fields=(Field("f", "integer"),))
    sent = [line(None, (str(n) if kind else f"x{n}",)) for n, kind in enumerate(kinds)]
    lines, given_out = plain.Lines(_Dripping(b"".join(sent), sizes), dataset), []
    while not lines.ended():
        given_out += [rb"\N" b"\t" + one for one in _all(lines.plain()).splitlines(keepends=True)]
        run = _all(lines.any(some)).splitlines(keepends=True)
        assert len(run) <= some
        assert not run or b"x" in run[0]
        given_out += run
    assert given_out == sent


class _Dripping(io.BytesIO):
    """Gives a stream in pieces of these sizes."""

    def __init__(self, body: bytes, sizes: list[int]) -> None:
        super().__init__(body)
        self._sizes, self._turn = sizes, 0

    def read(self, _: int | None = -1, /) -> bytes:
        self._turn += 1
        return super().read(self._sizes[self._turn % len(self._sizes)])


def _all(run: plain.Run) -> bytes:
    return b"".join(iter(run.read, b""))


def _is_plain(dataset: Dataset, text: str) -> bool:
    return plain.proof(dataset).fullmatch(line(None, (text,))) is not None


def _copied(hub: Connection, dataset: Dataset, texts: list[str]) -> list[Any]:
    pg.run(hub, f"create temporary table copied (f {dataset.fields[0].hub_type}, n serial)")
    try:
        pg.run(hub, "select set_config('timezone', %s, false)", (plain.zone(dataset) or "UTC",))
        lines = plain.Lines(io.BytesIO(b"".join(line(None, (text,)) for text in texts)), dataset)
        assert store(lines.plain(), hub, sql.SQL("copy copied (f) from stdin")) == len(texts)
        pg.run(hub, "reset timezone")
        with hub.cursor() as cursor:
            cursor.execute("select f::text from copied order by n")
            return [value for (value,) in cursor.fetchall()]
    finally:
        pg.run(hub, "drop table copied")
