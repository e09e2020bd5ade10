"""Up tables on MariaDB: what a table refuses, what a batch is worth when something breaks, and what comes back."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest

from connectors import frontend, frontend_mysql_target
from connectors.frontend_mysql import MysqlFrontend
from gateway.errors import PlatformUnavailable, SchemaMismatch
from gateway.exchange.shape import check_shape
from gateway.ports import Delivery, Window
from tests.conformance.frontend_lines import read
from tests.conformance.mariadb import ENVELOPE, MariaDb
from tests.integration.connectors.mysql_front import COLUMNS, LEFT, PERSON, Front, Line, batch, many, person
from tests.integration.proxy import Proxy

pytestmark = pytest.mark.system
BEYOND = "𠂇"  # U+20087


@pytest.fixture
def front(mariadb: MariaDb) -> Front:
    """Return a fresh front end with an empty up table."""
    found = Front(mariadb)
    found.table()
    return found


@pytest.mark.parametrize(
    ("column", "charset", "name", "fault"),
    [
        ("varchar(6) not null", "utf8mb4", None, "name.required"),
        ("varchar(6)", "utf8mb4", "一二三四五六七", "name.length"),  # characters, not bytes
        ("varchar(6)", "utf8mb4", "ab     ", "name.length"),  # the server would cut blanks in silence
        ("varchar(6)", "utf8mb4", "一二三四五六", None),
        ("varchar(6)", "utf8", f"王{BEYOND}", "name.charset"),  # three bytes a character
        ("varchar(6)", "utf8", "王\uffee", None),  # the last plane that fits
        ("varchar(6)", "utf8mb4", f"王{BEYOND}", None),
        ("varchar(6)", "gbk", f"王{BEYOND}", "name.charset"),
        ("varchar(6)", "gbk", "王小明", None),
        ("varchar(6)", "latin1", "王", "name.charset"),
        ("tinytext", "utf8mb4", "字" * 86, "name.length"),  # 258 bytes: a text is measured in bytes
        ("tinytext", "utf8mb4", "字" * 85, None),
        ("longtext", "utf8mb4", "a" * 600_000, "name.length"),  # no packet of the server holds it
    ],
)
def test_rows_that_the_table_would_refuse_are_taken_out(
    front: Front, column: str, charset: str, name: str | None, fault: str | None
) -> None:
    """One bad row is refused by its field and fault, the others are taken; nothing is cut or replaced."""
    front.table(COLUMNS.replace("name varchar(6)", f"name {column}"), f"engine=InnoDB default charset={charset}")
    done = front.up().write(PERSON, batch(1, [person("a", "x"), person("b", name), person("c", "y")]))
    assert [v.error for v in done.refused] == ([fault] if fault else [])
    kept = [("a", "x", "I"), *([] if fault else [("b", name, "I")]), ("c", "y", "I")]
    assert front.persons() == kept
    if fault:
        assert done.refused[0].key == {"id": "b"}
        assert done.refused[0].words.startswith("姓名")


def test_versions_are_told_as_what_they_are(front: Front) -> None:
    """The first is an insert, the next an update, the last a deletion that repeats the row; keys differ by their bytes."""
    target = front.up()
    target.write(PERSON, batch(1, [person("a"), person("b")]))
    done = target.write(PERSON, batch(2, [person("a", "李"), person("A"), person("a ")], [("b",), ("nobody",), ("B",)]))
    assert (done.inserted, done.updated, done.deleted) == (2, 1, 1)
    assert [v.key["id"] for v in done.refused] == ["nobody", "B"]
    assert front.persons()[2:] == [("A", "王小明", "I"), ("a", "李", "U"), ("a ", "王小明", "I"), ("b", "王小明", "D")]
    again = target.write(PERSON, batch(3, [], [("b",)]))
    assert (again.deleted, again.refused) == (0, ())
    envelope = front.run("select distinct cd_batch, cd_time, data_source from up_person where cd_operation = 'D'")
    assert envelope == [("1308000101202611241200020002", datetime(2026, 11, 24, 12, 0, 2), "CDE")]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("column", "moment", "shown"),
    [
        ("datetime", "1988-05-31 15:30:00+00", "1988-06-01 00:30:00"),  # the wall clock, in summer time then
        ("timestamp null", "1988-05-31 15:30:00+00", "1988-05-31 15:30:00"),  # a moment; the owner's session is at UTC
        ("datetime", None, None),
    ],
)
def test_moments_are_not_shifted(front: Front, column: str, moment: str | None, shown: str | None) -> None:
    """A DATETIME takes the wall clock of the field's zone, a TIMESTAMP the moment; a deletion repeats either."""
    front.table(COLUMNS.replace("seen datetime", f"seen {column}"))
    target = front.up()
    target.write(PERSON, batch(1, [person("a", seen=moment)]))
    target.write(PERSON, batch(2, [], [("a",)]))
    assert front.run("select cast(seen as char), cd_operation from up_person order by cd_time") == [
        (shown, "I"),
        (shown, "D"),
    ]


def test_server_that_dies_in_the_middle_shows_nothing(front: Front) -> None:
    """A killed server keeps no row of the batch; the same number is then taken once."""
    target = front.up()

    def dying() -> Iterator[Line]:
        yield from many(1_200)
        front.server.kill()
        yield from many(600)

    with pytest.raises(PlatformUnavailable):
        target.write(PERSON, batch(1, dying()))
    with pytest.raises(PlatformUnavailable):
        front.up()
    front.server.start()
    assert front.persons() == []
    assert front.up().write(PERSON, batch(1, many(1_800))) == Delivery(1, 1_800, 0, 0, 0)


def test_connection_that_is_killed_in_the_middle_shows_nothing(front: Front) -> None:
    """An owner who ends our session leaves no row of the batch."""
    target = front.up()

    def killed() -> Iterator[Line]:
        yield from many(1_200)
        front.run("kill user gateway")
        yield from many(600)

    with pytest.raises(PlatformUnavailable):
        target.write(PERSON, batch(1, killed()))
    assert front.persons() == []


def test_a_batch_that_was_archived_before_its_repetition_counts_once(front: Front) -> None:
    """The other side moves what it has fetched to another table: the batch is found there, deletions too."""
    front.up().write(PERSON, batch(1, [person("a"), person("b")]))
    front.run("create table up_person_his like up_person")
    told = (batch(2, [person("c")], [("a",)]), batch(3, [person("d")]))
    archived = replace(front.persons_platform, options=_archived(front))
    target = frontend_mysql_target.MysqlFrontendTarget(archived, front.dsn())
    first = target.write(PERSON, told[0])
    front.run("insert into up_person_his select * from up_person")
    front.run("delete from up_person")
    again = target.write(PERSON, told[0])
    assert (again.repeated, again.inserted, again.deleted, again.refused) == (True, first.inserted, first.deleted, ())
    assert front.persons() == []
    assert target.count(PERSON, "a hub", 2, told[0].left) == 2
    assert target.write(PERSON, told[1]).repeated is False
    target.close()


def _archived(front: Front) -> dict[str, Any]:
    options = front.persons_platform.options
    resource = {**options["resources"]["test.person"], "archive": "up_person_his"}
    return {**options, "resources": {"test.person": resource}}


def test_batch_whose_commit_reply_was_lost_counts_once(front: Front) -> None:
    """The server committed and nobody heard it: the number is known when it comes again."""
    cut = Proxy(front.dsn(), lambda up, data: "swallow" if up and data.endswith(b"\x03COMMIT") else "pass")
    with cut as proxy, pytest.raises(PlatformUnavailable):
        front.up(int(proxy.dsn.rpartition(":")[2].partition("/")[0])).write(PERSON, batch(1, many(700)))
    again = front.up().write(PERSON, batch(1, many(700)))
    assert again == Delivery(1, 700, 0, 0, 0, repeated=True)
    assert len(front.persons()) == 700
    assert front.up().count(PERSON, "a hub", 1, LEFT + timedelta(seconds=1)) == 700


def test_batch_waits_for_an_earlier_session_of_ours(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another session may still commit the same number, nothing is written."""
    impatient = {**frontend_mysql_target._SQL, "alone": "select get_lock({name}, 0)"}
    monkeypatch.setattr(frontend_mysql_target, "_SQL", impatient)
    first, second = front.up(), front.up()

    def slow() -> Iterator[Line]:
        yield person("a")
        with pytest.raises(PlatformUnavailable, match="being written already"):
            second.write(PERSON, batch(1, [person("a")]))

    first.write(PERSON, batch(1, slow()))
    assert second.write(PERSON, batch(1, [person("a")])).repeated
    assert len(front.persons()) == 1


@pytest.mark.parametrize("engine", ["MyISAM", "Aria", "MEMORY"])
def test_table_without_transactions_is_refused(front: Front, engine: str) -> None:
    """The other side would collect half of a batch: nothing is written, and the engine is named."""
    front.table(more=f"engine={engine}")
    target = front.up()
    for ask in (lambda: target.describe(PERSON), lambda: target.write(PERSON, batch(1, many(3)))):
        with pytest.raises(SchemaMismatch, match=f"(?i)kept by {engine}"):
            ask()
    assert front.persons() == []


def test_value_of_another_type_takes_its_batch_with_it(front: Front) -> None:
    """What cannot be told beforehand stops the batch, is no secret's leak, and leaves the session usable."""
    front.table(COLUMNS.replace("name varchar(6)", "name int"))
    target = front.up()
    with pytest.raises(SchemaMismatch) as error:
        target.write(PERSON, batch(1, [person("a", "1"), person("b", "王小明")]))
    assert "王小明" not in f"{error.value!r}{error.value.__cause__!r}"
    assert front.persons() == []
    assert target.write(PERSON, batch(1, [person("a", "1")])).inserted == 1


def test_more_refusals_than_rows_explain_are_a_change_of_structure(front: Front) -> None:
    """More than 10,000 rows that do not fit stop the batch."""
    with pytest.raises(SchemaMismatch, match="more than 10000 rows"):
        front.up().write(PERSON, batch(1, (person(f"P{n}", "一二三四五六七") for n in range(10_001))))
    assert front.persons() == []


def test_returns_are_heard_with_the_key_that_was_sent(front: Front) -> None:
    """A long key is returned cut and found again in its batch; a row that was put away is known by what was returned."""
    target, long = front.up(), "K" * 55
    front.run("create table dn_audit_abnormal (row_guid varchar(50), table_row_guid varchar(50), table_cd_time datetime, "
              "err_type varchar(100), remark varchar(1000), cd_time datetime, table_cd_batch varchar(32), "
              "table_sql_name varchar(50), table_cd_source varchar(10)) default charset=latin1")  # fmt: skip
    target.write(PERSON, batch(1, [person(long)]))
    (name,) = front.run("select cd_batch from up_person")[0]
    line = ("2026-11-24 12:00:01", "E1", "2026-11-25 08:00:00", "up_person", "CDE")
    for guid, key, their_batch in (("v1", long[:50], name), ("v2", "P9", "an old one")):
        values = (guid, key, *line[:2], None, line[2], their_batch, *line[3:])
        front.run(f"insert into dn_audit_abnormal values ({', '.join(['%s'] * 9)})", values)
    first, second = target.verdicts(PERSON, None)
    assert (first.id, first.key, first.error, first.words) == ("v1", {"id": long}, "E1", "")
    assert (first.at, first.left) == (datetime(2026, 11, 25, tzinfo=UTC), LEFT + timedelta(seconds=1))
    assert second.key == {"id": "P9"}
    assert list(target.verdicts(PERSON, datetime(2026, 11, 25, 0, 0, 1, tzinfo=UTC))) == []
    assert next(target.verdicts(PERSON, None)).id == "v1"  # leaving early is no harm
    front.run("update dn_audit_abnormal set table_cd_time = null")
    first, second = target.verdicts(PERSON, None)
    assert (first.left, second.left) == (LEFT + timedelta(seconds=1), None)  # the batch's name tells it
    front.run("update dn_audit_abnormal set table_cd_batch = null, table_row_guid = null where row_guid = 'v2'")
    assert [found.key for found in target.verdicts(PERSON, None)] == [{"id": long}, {"id": None}]
    front.run("delete from dn_audit_abnormal where row_guid = 'v1'")
    assert [found.key for found in target.verdicts(PERSON, None)] == [{"id": None}]
    front.run("update dn_audit_abnormal set row_guid = null")
    with pytest.raises(SchemaMismatch, match="without row_guid"):
        list(target.verdicts(PERSON, None))
    front.run("update dn_audit_abnormal set row_guid = 'v2', cd_time = 0")
    with pytest.raises(SchemaMismatch, match="without cd_time"):
        list(target.verdicts(PERSON, None))


def test_batch_that_was_put_away_is_none(front: Front) -> None:
    """The other side has collected it."""
    assert front.up().count(PERSON, "a hub", 1, LEFT) is None


def test_memory_stays_flat(front: Front) -> None:
    """Ten times the rows take no more memory, up and down."""
    assert _peak(front, 1, 10_000) < 1.3 * _peak(front, 2, 1_000) + 200_000


def _peak(front: Front, number: int, count: int) -> int:
    rows = (person(f"{number}P{n:06}") for n in range(count))
    target = front.up()
    tracemalloc.start()
    assert target.write(PERSON, batch(number, rows)).inserted == count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_shape_is_compared_in_the_words_of_the_contract(front: Front) -> None:
    """What the table holds alike passes; a changed type is named before anything is written."""
    target = front.up()
    check_shape(PERSON, front.persons_platform, target.describe(PERSON), more=True)
    front.run("alter table up_person modify seen date")
    with pytest.raises(SchemaMismatch, match="column seen is date, the contract says timestamp"):
        check_shape(PERSON, front.persons_platform, target.describe(PERSON), more=True)
    front.run("alter table up_person drop column name")
    with pytest.raises(SchemaMismatch, match="has no column name"):
        target.write(PERSON, batch(1, many(1)))


def test_zero_date_is_a_text_that_the_hub_judges(front: Front) -> None:
    """A value that is no moment comes as it is, with its row, so that it spoils that row alone."""
    front.run(f"create table person (id varchar(60), name varchar(6), seen timestamp null, {ENVELOPE})")
    front.run(
        "insert into person values ('a', 'x', 0, '1', 'I', now(), 'HEB'), ('b', null, '1988-05-31 15:30:00', '1', 'I', now(), 'HEB')"
    )
    resources = {"test.person": {"down": "person"}}
    platform = replace(front.persons_platform, options={"resources": resources})
    found = frontend.connect(platform, front.dsn())
    assert isinstance(found, MysqlFrontend)
    rows = read(front, PERSON, source=found)
    assert [r["seen"] for r in rows] == ["0000-00-00 00:00:00+08:00", "1988-05-31 23:30:00+08:00"]


def test_server_that_dies_in_the_middle_of_a_read_may_be_asked_again(front: Front) -> None:
    """A source that is gone is a passing fault, whatever had come before."""
    front.run(f"create table person (id varchar(60), name varchar(6), seen datetime, {ENVELOPE})")
    front.run("insert into person select seq, 'x', now(), '1', 'I', now(), 'HEB' from seq_1_to_150000")
    platform = replace(front.persons_platform, options={"resources": {"test.person": {"down": "person"}}})
    with MysqlFrontend(platform, front.dsn()).snapshot() as snapshot, pytest.raises(PlatformUnavailable):
        snapshot.copy(PERSON, Window(), _Killing(front))
    front.server.start()


class _Killing(BytesIO):
    """A file at whose first page the server ends."""

    def __init__(self, front: Front) -> None:
        super().__init__()
        self._front, self._ended = front, False

    def write(self, data: Any) -> int:
        """Take a page."""
        if not self._ended:
            self._front.server.kill()
            self._ended = True
        return len(data)
