"""What every connector promises (gateway/ports.py), as tests: a connector's own file brings a harness and inherits these.

A suite class needs one fixture `peer` that yields its harness, with a fresh platform for each test.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, BinaryIO, Protocol

import pytest
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from gateway import pg
from gateway.errors import AccessDenied, GatewayError, PlatformUnavailable, RetryableError, SchemaMismatch
from gateway.exchange import casting, compare
from gateway.exchange import hub as hub_tables
from gateway.exchange.pipe import pipe_copy
from gateway.model import Dataset, Field
from gateway.ports import Delivery, Hashing, Outgoing, Repairing, Snapshot, Source, Target, Window

EVERYTHING = Dataset(
    name="test.everything", chinese="", version="1.0.0", table="everything", owner="gxj", rules=(),
    fields=(
        Field("code", "varchar(40)", required=True),
        Field("part", "integer", required=True),
        Field("name", "varchar(64)", repairs=("trim",)),
        Field("letters", "varchar(18)", repairs=("upper",)),
        Field("empty", "varchar(10)", repairs=("nullify",)),
        Field("fixed", "char(6)"),
        Field("long", "text"),
        Field("small", "smallint"),
        Field("big", "bigint"),
        Field("amount", "numeric(24,6)"),
        Field("lat", "numeric(9,7)"),
        Field("lon", "numeric(10,7)"),
        Field("born", "date"),
        Field("ends", "date", repairs=("open_end",)),
        Field("yes", "boolean"),
        Field("naive", "timestamp(0)", zone="Asia/Shanghai"),
        Field("updated_at", "timestamp(0)", required=True, zone="Asia/Shanghai"),
    ),
    key=("code", "part"), cursor="updated_at", lag_seconds=60,
)  # fmt: skip
NOON = datetime(2026, 11, 24, 12, 0, 0)  # noqa: DTZ001 - what the source holds has no zone
NOON_UTC = datetime(2026, 11, 24, 4, 0, 0, tzinfo=UTC)
WHOLE = Window()
ODD_KEYS = ("O'Neil", 'say "hi"', "back\\slash", "承德𠂇", "tab\there", "{a,b}", "new\nline", "%s", "")
Row = dict[str, Any]


class SourcePeer(Protocol):
    """A platform to read, as its owner and as the gateway see it."""

    secrets: tuple[str, ...]

    def create(self, dataset: Dataset) -> None:
        """Make the data set at the platform, empty."""

    def write(self, dataset: Dataset, rows: Iterable[Row]) -> None:
        """Add rows as the platform itself does, and commit."""

    def source(self) -> Source:
        """Return the connector with the account that the gateway uses."""

    def source_with_wrong_password(self) -> Source:
        """Return the connector with a password that the platform refuses."""

    def source_without_rights(self) -> Source:
        """Return the connector with an account that may log in and read nothing."""

    def source_that_is_down(self) -> Source:
        """Return the connector of a platform where nobody answers."""


class TypedSourcePeer(SourcePeer, Protocol):
    """A platform whose transactions can be seen from outside."""

    def writing(self, dataset: Dataset, rows: Iterable[Row]) -> AbstractContextManager[None]:
        """Add rows that are committed only when the context ends; rows without a stamp get the platform's clock."""


class TargetPeer(Protocol):
    """A platform to write to."""

    def create(self, dataset: Dataset) -> None:
        """Make the data set at the platform, empty."""

    def target(self) -> Target:
        """Return the connector as a target."""

    def held(self, dataset: Dataset) -> list[tuple[Any, ...]]:
        """Return the rows that the platform holds, in key order."""


def row(code: str, part: int = 1, **values: Any) -> Row:
    """Return a row of EVERYTHING as a source holds it, before any repair."""
    return {
        "code": code, "part": part, "name": f"王小明{code[:2]} 　", "letters": "91130800ma07test1x", "empty": "", "fixed": "ab", "long": "行1\n行2\t\\N",
        "small": -7, "big": 2**62, "amount": Decimal("1234.500000"), "lat": Decimal("40.9746430"), "lon": Decimal("117.9434660"), "born": date(2000, 2, 29),
        "ends": date(9999, 12, 31), "yes": True, "naive": datetime(1988, 6, 1, 0, 30), "updated_at": NOON, **values,  # noqa: DTZ001
    }  # fmt: skip


def landed(hub: Connection, dataset: Dataset, source: Source, read: Callable[[BinaryIO], int]) -> list[tuple[Any, ...]]:
    """Land a stream in the hub as the engine does, and return the rows in key order."""
    if not source.typed:
        return _landed_records(hub, dataset, read)
    table = _table(hub, hub_tables.columns(dataset))
    copy = sql.SQL("copy {} ({}) from stdin (format {})").format(
        table, pg.names(dataset.columns), sql.SQL(source.format)
    )
    count = pipe_copy(read, hub, copy)
    key = sql.SQL(", ").join(sql.SQL("{}").format(sql.Identifier(k)) for k in dataset.key)
    rows = _all(hub, sql.SQL("select {} from {} order by {}").format(pg.names(dataset.columns), table, key))
    assert count == len(rows)
    return rows


def _landed_records(hub: Connection, dataset: Dataset, read: Callable[[BinaryIO], int]) -> list[tuple[Any, ...]]:
    """Land records as text and give them their types; not one may be of another type or at fault."""
    texts = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(c)) for c in dataset.columns)
    table = _table(hub, sql.SQL("gw_fault text, ") + texts)
    count = pipe_copy(read, hub, sql.SQL("copy {} from stdin").format(table))
    misfits = sql.SQL(" or ").join(map(casting.misfit, dataset.fields))
    bad = sql.SQL("select count(*) from {} _r_ where gw_fault is not null or {}").format(table, misfits)
    assert _all(hub, bad) == [(0,)]
    values = sql.SQL(", ").join(map(casting.typed, dataset.fields))
    key = sql.SQL(", ").join(sql.Identifier("_r_", k) for k in dataset.key)
    rows = _all(hub, sql.SQL("select {} from {} _r_ order by {}").format(values, table, key))
    assert count == len(rows)
    return rows


def _table(hub: Connection, shape: sql.Composable) -> sql.Identifier:
    name = sql.Identifier("pg_temp", "landed")
    pg.run(hub, sql.SQL("drop table if exists {}").format(name))
    pg.run(hub, sql.SQL("create temp table landed ({})").format(shape))
    return name


def _all(hub: Connection, query: sql.Composable) -> list[tuple[Any, ...]]:
    with hub.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _codes(rows: list[tuple[Any, ...]]) -> list[str]:
    return [r[0] for r in rows]


class SourceSuite:
    """The promises of ports.Source and ports.Snapshot."""

    @pytest.fixture
    def source(self, peer: SourcePeer) -> Iterator[Source]:
        """Yield the connector of a platform that has the data set, empty."""
        peer.create(EVERYTHING)
        source = peer.source()
        yield source
        source.close()

    def copied(self, hub: Connection, source: Source, window: Window = WHOLE) -> list[tuple[Any, ...]]:
        """Return what one copy of a fresh snapshot lands."""
        with source.snapshot() as snapshot:
            return landed(hub, EVERYTHING, source, lambda out: snapshot.copy(EVERYTHING, window, out))

    def test_probe_tells_clock_bound_and_identity(self, source: Source) -> None:
        """The bound is never ahead of the source's clock, the hub-side time is ours, and the identity stays."""
        before = datetime.now(UTC)
        first, second = source.probe(EVERYTHING), source.probe(EVERYTHING)
        assert before <= first.at <= second.at <= datetime.now(UTC)
        assert first.now <= second.now
        assert first.upper <= first.now
        assert first.identity == second.identity != ""

    def test_missing_set_is_a_schema_mismatch(self, peer: SourcePeer) -> None:
        """A table that is not there is told before anything is read."""
        source = peer.source()
        with pytest.raises(SchemaMismatch, match="everything"):
            source.describe(EVERYTHING)
        source.close()

    def test_empty_set_is_no_error(self, hub: Connection, source: Source) -> None:
        """Nothing there is nothing read."""
        assert self.copied(hub, source) == []

    def test_projection_is_repaired_and_zoned(self, hub: Connection, peer: SourcePeer, source: Source) -> None:
        """Values arrive exactly, after the contract's repairs, naive times read in their zone."""
        nothing = dict.fromkeys(EVERYTHING.columns) | {"code": "null", "part": 1, "updated_at": NOON}
        peer.write(EVERYTHING, [row("承德𠂇"), nothing])
        empty, full = self.copied(hub, source)
        assert set(empty[2:-1]) == {None}
        assert full == (
            "承德𠂇", 1, "王小明承德", "91130800MA07TEST1X", None, "ab", "行1\n行2\t\\N", -7, 2**62, Decimal("1234.500000"),
            Decimal("40.9746430"), Decimal("117.9434660"), date(2000, 2, 29), None, True, datetime(1988, 5, 31, 15, 30, tzinfo=UTC), NOON_UTC,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("after", "upto", "codes"),
        [
            (None, None, ["a", "b", "c"]),  # no bounds: the whole set
            (-1, 1, ["b", "c"]),  # after is exclusive, upto is inclusive
            (0, None, ["c"]),
            (None, 0, ["a", "b"]),
            (1, 2, []),
        ],
    )
    def test_window_bounds(
        self, hub: Connection, peer: SourcePeer, source: Source, after: int | None, upto: int | None, codes: list[str]
    ) -> None:
        """A window is (after, upto] of the cursor, in the cursor's own zone."""
        peer.write(
            EVERYTHING,
            [row(code, updated_at=NOON + timedelta(seconds=s)) for code, s in (("a", -1), ("b", 0), ("c", 1))],
        )
        window = Window(*(None if s is None else NOON_UTC + timedelta(seconds=s) for s in (after, upto)))
        found = _codes(self.copied(hub, source, window))
        assert (
            found == codes if source.typed else set(codes) <= set(found)
        )  # the hub drops what an untyped one sends more

    def test_close_may_be_called_twice(self, source: Source) -> None:
        """Closing what is closed, or was never used, is no error."""
        source.probe(EVERYTHING)
        source.close()
        source.close()

    def test_wrong_password_is_access_denied(self, peer: SourcePeer) -> None:
        """A refused login needs its owner, not a repetition."""
        self._refused(peer, peer.source_with_wrong_password(), AccessDenied)

    def test_missing_rights_are_access_denied(self, peer: SourcePeer) -> None:
        """An account that may not read is told so, not shown an empty set."""
        peer.create(EVERYTHING)
        peer.write(EVERYTHING, [row("secret")])
        self._refused(peer, peer.source_without_rights(), AccessDenied)

    def test_platform_that_is_down_may_be_asked_again(self, peer: SourcePeer) -> None:
        """Nobody there is a passing fault."""
        self._refused(peer, peer.source_that_is_down(), PlatformUnavailable)
        assert issubclass(PlatformUnavailable, RetryableError)

    def _refused(self, peer: SourcePeer, source: Source, kind: type[GatewayError]) -> None:
        """Read until it is refused; whatever is said about it holds no secret."""
        with pytest.raises(kind) as error:
            self._read_all(source)
        source.close()
        said = "".join(
            [
                str(error.value),
                repr(error.value),
                error.value.hint,
                repr(source),
                *traceback.format_exception_only(error.value),
            ]
        )
        assert error.value.hint
        assert not [secret for secret in peer.secrets if secret in said]

    def _read_all(self, source: Source) -> None:
        source.probe(EVERYTHING)
        source.describe(EVERYTHING)
        with source.snapshot() as snapshot, open("/dev/null", "wb") as nowhere:  # noqa: PTH123 - a device
            snapshot.copy(EVERYTHING, Window(), nowhere)


class TypedSourceSuite(SourceSuite):
    """The promises of a typed source, beside those of every source."""

    def test_row_committed_late_is_in_the_next_window(
        self, hub: Connection, peer: TypedSourcePeer, source: Source
    ) -> None:
        """A row stamped before, but committed after, a window is not lost between it and the next."""
        with peer.writing(EVERYTHING, [row("late", updated_at=None)]):
            first = source.probe(EVERYTHING)
            assert self.copied(hub, source, Window(None, first.upper)) == []
        second = source.probe(EVERYTHING)
        overlap = timedelta(seconds=EVERYTHING.lag_seconds)
        assert _codes(self.copied(hub, source, Window(first.upper - overlap, second.upper + overlap))) == ["late"]

    def test_bound_lies_before_an_open_write(self, peer: TypedSourcePeer, source: Source) -> None:
        """While somebody writes, only what is older is certain to be complete."""
        before = source.probe(EVERYTHING).now
        with peer.writing(EVERYTHING, [row("open")]):
            during = source.probe(EVERYTHING)
            assert during.upper < source.probe(EVERYTHING).now
        assert before <= source.probe(EVERYTHING).upper

    def test_describe_names_columns_and_types(self, source: Source) -> None:
        """Columns come in order, and the key is known to be unique."""
        shape = source.describe(EVERYTHING)
        assert tuple(shape.columns) == EVERYTHING.columns
        assert shape.columns["amount"] == "numeric(24,6)"
        assert shape.columns["updated_at"] == "timestamp(0) without time zone"

    def test_snapshot_does_not_see_later_writes(self, hub: Connection, peer: SourcePeer, source: Source) -> None:
        """Every copy of one snapshot sees the same rows, whatever is written meanwhile."""
        peer.write(EVERYTHING, [row("early")])
        with source.snapshot() as snapshot:
            first = landed(hub, EVERYTHING, source, lambda out: snapshot.copy(EVERYTHING, Window(), out))
            peer.write(EVERYTHING, [row("later")])
            second = landed(hub, EVERYTHING, source, lambda out: snapshot.copy(EVERYTHING, Window(), out))
        assert _codes(first) == _codes(second) == ["early"]

    def test_parts_are_disjoint_and_complete(self, hub: Connection, peer: SourcePeer, source: Source) -> None:
        """The parts of a snapshot give each row once, though the set grows while they are read."""
        peer.write(EVERYTHING, [row(f"{n:05}") for n in range(2_000)])
        with source.snapshot(parts=3) as snapshot:
            assert 1 <= snapshot.parts <= 3
            peer.write(EVERYTHING, [row(f"x{n:05}") for n in range(500)])
            parts = [self._part(hub, source, snapshot, part) for part in range(snapshot.parts)]
        assert [f"{n:05}" for n in range(2_000)] == sorted(code for part in parts for code in part)

    def _part(self, hub: Connection, source: Source, snapshot: Snapshot, part: int) -> list[str]:
        return _codes(landed(hub, EVERYTHING, source, lambda out: snapshot.copy(EVERYTHING, Window(), out, part)))


class HashingSuite:
    """The promises of ports.Hashing; beside TypedSourceSuite."""

    def test_rows_are_fetched_by_key(self, hub: Connection, peer: SourcePeer) -> None:
        """Odd composite keys are found in what the first question saw; a missing key is no error."""
        peer.create(EVERYTHING)
        wanted = [(code, part) for code in ODD_KEYS for part in (1, 2)]
        peer.write(EVERYTHING, [row(code, part) for code, part in wanted] + [row("other", 1)])
        source = peer.source()
        with source.snapshot() as snapshot:
            assert isinstance(snapshot, Hashing)
            assert snapshot.totals(EVERYTHING)[0] == len(wanted) + 1
            peer.write(EVERYTHING, [row("later")])
            keys = [*wanted, ("later", 1), ("nobody", 1), ("other", 2)]
            rows = landed(hub, EVERYTHING, source, lambda out: snapshot.copy_keys(EVERYTHING, keys, out))
        source.close()
        assert sorted(wanted) == sorted(r[:2] for r in rows)

    def test_source_knows_whether_it_hashes_like_the_hub(self, hub: Connection, peer: SourcePeer) -> None:
        """The fixed record's hash agrees with the hub's, and with nothing else."""
        expected = pg.one(hub, hub_sample())[0]
        with peer.source().snapshot() as snapshot:
            assert isinstance(snapshot, Hashing)
            assert snapshot.hashes_like_hub(expected)
            assert not snapshot.hashes_like_hub(expected + 1)

    def test_hashes_and_totals_equal_those_of_what_lands(self, hub: Connection, peer: SourcePeer) -> None:
        """For every type, repair and zone the source's hash of a row is the hub's hash of the row that arrives."""
        peer.create(EVERYTHING)
        nothing = dict.fromkeys(EVERYTHING.columns) | {"code": "null", "part": 1, "updated_at": NOON}
        numbers = row("numbers", amount=Decimal("-0.000001"), small=0, big=-(2**63), yes=False, ends=date(2030, 1, 1))
        peer.write(
            EVERYTHING,
            [
                *(row(code) for code in ODD_KEYS),
                nothing,
                numbers,
                row("open", naive=datetime(1927, 12, 31, 23, 59, 59)),  # noqa: DTZ001
            ],
        )
        source = peer.source()
        with source.snapshot() as snapshot:
            assert isinstance(snapshot, Hashing)
            landed(hub, EVERYTHING, source, lambda out: snapshot.copy(EVERYTHING, Window(), out))
            hashed = sql.SQL("select code, part, {} from pg_temp.landed as _r_ order by 1, 2").format(
                hub_tables.record_hash(EVERYTHING, "_r_")
            )
            expected = _all(hub, hashed)
            shape = sql.SQL('code text collate "C", part integer, hash bigint')
            copy = sql.SQL("copy {} from stdin (format {})").format(_table(hub, shape), sql.SQL(source.format))
            pipe_copy(lambda out: snapshot.copy_hashes(EVERYTHING, out), hub, copy)
            count, total = snapshot.totals(EVERYTHING)
        source.close()
        assert expected == _all(hub, sql.SQL("select * from pg_temp.landed order by 1, 2"))
        assert (count, total) == (len(ODD_KEYS) + 3, sum(h for *_, h in expected))

    def test_totals_of_nothing_are_zero(self, peer: SourcePeer) -> None:
        """An empty set has no rows and no sum."""
        peer.create(EVERYTHING)
        with peer.source().snapshot() as snapshot:
            assert isinstance(snapshot, Hashing)
            assert snapshot.totals(EVERYTHING) == (0, 0)


class RepairingSuite:
    """The promise of ports.Repairing; beside TypedSourceSuite."""

    def test_originals_of_repaired_values_are_told(self, hub: Connection, peer: SourcePeer) -> None:
        """Each value that a repair changed comes once with its key, field and original; unchanged ones do not."""
        peer.create(EVERYTHING)
        clean = {"name": "王小明", "letters": "ABC", "empty": "full", "ends": date(2030, 1, 1)}
        nothing = dict.fromkeys(("name", "letters", "empty", "ends"))
        peer.write(
            EVERYTHING, [row("a", **clean), row("b", **nothing), row("c"), row("late", updated_at=NOON + timedelta(1))]
        )
        changed = [("empty", ""), ("ends", "9999-12-31"), ("letters", "91130800ma07test1x"), ("name", row("c")["name"])]
        source = peer.source()
        with source.snapshot() as snapshot:
            assert isinstance(snapshot, Repairing)
            by_window = self._told(
                hub, source, lambda out: snapshot.copy_repairs(EVERYTHING, out, Window(None, NOON_UTC))
            )
            by_key = self._told(
                hub, source, lambda out: snapshot.copy_repairs(EVERYTHING, out, Window(), [("a", 1), ("c", 1)])
            )
        source.close()
        assert by_window == by_key == [("c", 1, *one) for one in changed]

    def _told(self, hub: Connection, source: Source, read: Callable[[BinaryIO], int]) -> list[tuple[Any, ...]]:
        shape = sql.SQL("code text, part integer, field text, original text")
        pipe_copy(
            read, hub, sql.SQL("copy {} from stdin (format {})").format(_table(hub, shape), sql.SQL(source.format))
        )
        return _all(hub, sql.SQL("select * from pg_temp.landed order by code, field"))


class TargetSuite:
    """The promises of ports.Target."""

    @pytest.fixture
    def target(self, peer: TargetPeer) -> Iterator[Target]:
        """Yield the connector of a platform that has the data set, empty."""
        peer.create(EVERYTHING)
        target = peer.target()
        yield target
        target.close()

    def test_same_batch_twice_counts_once(self, hub: Connection, peer: TargetPeer, target: Target) -> None:
        """A repeated batch number is answered as before and changes nothing."""
        first = target.write(EVERYTHING, outgoing(hub, target, 7, [values("a"), values("b")]))
        second = target.write(EVERYTHING, outgoing(hub, target, 7, [values("c")], [("a", 1)]))
        assert first == Delivery(7, inserted=2, updated=0, unchanged=0, deleted=0)
        assert second == Delivery(7, inserted=2, updated=0, unchanged=0, deleted=0, repeated=True)
        assert _codes(peer.held(EVERYTHING)) == ["a", "b"]

    def test_numbers_of_two_hubs_do_not_meet(self, hub: Connection, peer: TargetPeer, target: Target) -> None:
        """Another hub, or the same rebuilt from nothing, begins to count anew."""
        target.write(EVERYTHING, outgoing(hub, target, 7, [values("a")]))
        done = target.write(EVERYTHING, outgoing(hub, target, 7, [values("b")], sender="another hub"))
        assert (done.inserted, done.repeated) == (1, False)
        assert _codes(peer.held(EVERYTHING)) == ["a", "b"]

    def test_rows_are_updated_inserted_and_deleted_as_one(
        self, hub: Connection, peer: TargetPeer, target: Target
    ) -> None:
        """A batch brings new rows, new versions and deletions; what is there alike is left alone; odd keys match exactly."""
        target.write(EVERYTHING, outgoing(hub, target, 1, [values(code) for code in ODD_KEYS]))
        rows = [values("new"), values(ODD_KEYS[0], small=9), values(ODD_KEYS[1])]
        gone = [(code, 1) for code in (*ODD_KEYS[2:], "nobody")]
        done = target.write(EVERYTHING, outgoing(hub, target, 2, rows, gone))
        assert done == Delivery(2, inserted=1, updated=1, unchanged=1, deleted=len(ODD_KEYS) - 2)
        assert {r[0]: r[7] for r in peer.held(EVERYTHING)} == {ODD_KEYS[0]: 9, ODD_KEYS[1]: -7, "new": -7}

    def test_values_arrive_as_the_hub_holds_them(self, hub: Connection, peer: TargetPeer, target: Target) -> None:
        """Every type, null, and a moment as the wall clock of its zone."""
        absent = values("none", **dict.fromkeys((f.name for f in EVERYTHING.fields if not f.required), None))
        target.write(EVERYTHING, outgoing(hub, target, 1, [values("some"), absent]))
        held = {r[0]: dict(zip(EVERYTHING.columns, r, strict=True)) for r in peer.held(EVERYTHING)}
        wanted = dict(zip(EVERYTHING.columns, values("some"), strict=True)) | {"fixed": "ab    "}
        moments = {"naive": datetime(1988, 6, 1, 0, 30), "updated_at": NOON}  # noqa: DTZ001 - it has no zone there
        assert held["some"] == wanted | moments
        assert {name for name, value in held["none"].items() if value is not None} == {"code", "part", "updated_at"}

    def test_batch_that_breaks_off_leaves_nothing(self, hub: Connection, peer: TargetPeer, target: Target) -> None:
        """When the rows end in an error, none of them is there, and the number may be used again."""
        whole = outgoing(hub, target, 3, [values(f"{n:05}") for n in range(2_500)])

        def broken(out: BinaryIO) -> int:
            whole.rows(out)
            raise OSError("the reader broke off")

        with pytest.raises(OSError, match="broke off"):
            target.write(EVERYTHING, replace(whole, rows=broken))
        assert peer.held(EVERYTHING) == []
        assert not target.write(EVERYTHING, outgoing(hub, target, 3, [values("a")])).repeated

    def test_bad_row_in_the_middle_leaves_nothing(self, hub: Connection, peer: TargetPeer, target: Target) -> None:
        """A row that the platform refuses takes its whole batch with it, deletions included."""
        target.write(EVERYTHING, outgoing(hub, target, 1, [values("old")]))
        with pytest.raises(GatewayError):
            target.write(EVERYTHING, outgoing(hub, target, 2, [values("good"), values("long" * 20)], [("old", 1)]))
        assert _codes(peer.held(EVERYTHING)) == ["old"]

    def test_empty_batch_is_confirmed(self, hub: Connection, target: Target) -> None:
        """Nothing to write is a batch too."""
        assert target.write(EVERYTHING, outgoing(hub, target, 5, [])) == Delivery(5, 0, 0, 0, 0)

    def test_target_may_be_closed_twice(self, target: Target) -> None:
        """Closing what is closed is no error."""
        target.close()
        target.close()

    def test_target_describes_where_it_writes(self, target: Target) -> None:
        """A platform that can be asked shows every column of the contract."""
        shape = target.describe(EVERYTHING)
        assert shape is None or set(EVERYTHING.columns) <= set(shape.columns)


class RowRefusingTargetSuite(TargetSuite):
    """A target that refuses single rows and takes the others, and that does not know what it held alike before."""

    def test_rows_are_updated_inserted_and_deleted_as_one(
        self, hub: Connection, peer: TargetPeer, target: Target
    ) -> None:
        """A batch brings new rows, new versions and deletions; a deletion of what was never there is refused alone."""
        target.write(EVERYTHING, outgoing(hub, target, 1, [values(code) for code in ODD_KEYS]))
        rows = [values("new"), values(ODD_KEYS[0], small=9), values(ODD_KEYS[1])]
        gone = [(code, 1) for code in (*ODD_KEYS[2:], "nobody")]
        done = target.write(EVERYTHING, outgoing(hub, target, 2, rows, gone))
        assert replace(done, refused=()) == Delivery(2, inserted=1, updated=2, unchanged=0, deleted=len(ODD_KEYS) - 2)
        assert [v.key for v in done.refused] == [{"code": "nobody", "part": "1"}]
        assert {r[0]: r[7] for r in peer.held(EVERYTHING)} == {ODD_KEYS[0]: 9, ODD_KEYS[1]: -7, "new": -7}

    def test_bad_row_in_the_middle_leaves_nothing(self, hub: Connection, peer: TargetPeer, target: Target) -> None:
        """A row that the platform refuses is told by its key, and the others are taken, deletions included."""
        target.write(EVERYTHING, outgoing(hub, target, 1, [values("old")]))
        batch = outgoing(hub, target, 2, [values("good"), values("long" * 20)], [("old", 1)])
        done = target.write(EVERYTHING, batch)
        assert (done.inserted, done.deleted) == (1, 1)
        assert [(v.key["code"], v.number) for v in done.refused] == [("long" * 20, 2)]
        assert _codes(peer.held(EVERYTHING)) == ["good"]
        again = target.write(EVERYTHING, outgoing(hub, target, 2, [values("good"), values("long" * 20)], [("old", 1)]))
        assert again == replace(done, repeated=True)


def outgoing(
    hub: Connection,
    target: Target,
    number: int,
    rows: list[tuple[Any, ...]],
    gone: Iterable[tuple[Any, ...]] = (),
    sender: str = "a hub",
) -> Outgoing:
    """Return a batch whose rows and keys lie in the hub, with the hub's types, and stream from there.

    Each number leaves in a second of its own, and another hub on another day.
    """
    left = NOON_UTC + timedelta(seconds=number, days=len(sender))

    def read(fields: Sequence[Field], lines: list[tuple[Any, ...]], out: BinaryIO) -> int:
        table = _table(
            hub,
            sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(f.name), sql.SQL(f.hub_type)) for f in fields),
        )
        with hub.cursor() as cursor:
            execute_values(cursor, sql.SQL("insert into {} values %s").format(table), lines)
            cursor.copy_expert(sql.SQL("copy {} to stdout (format {})").format(table, sql.SQL(target.format)), out)
            return int(cursor.rowcount)

    keys = [EVERYTHING.field(k) for k in EVERYTHING.key]
    return Outgoing(
        sender,
        number,
        left,
        lambda out: read(EVERYTHING.fields, rows, out),
        lambda out: read(keys, list(gone), out),
    )


def values(code: str, part: int = 1, **changes: Any) -> tuple[Any, ...]:
    """Return a row in the order of the projection, with moments as the hub holds them."""
    moments = {"naive": datetime(1988, 5, 31, 15, 30, tzinfo=UTC), "updated_at": NOON_UTC}  # in summer time, UTC+9
    made = row(code, part, **{**moments, **changes})
    return tuple(made[c] for c in EVERYTHING.columns)


def hub_sample() -> str:
    """Return the query of the hub's fixed record."""
    return str(compare._SQL["hash_sample"])
