"""A backup is proven by a drill, and a drill fails on whatever is not what the source was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from backup import drill as drilling
from backup import keys, manifest, records, restoring, run, survey
from backup.plans import Assertion
from backup.ports import MANIFEST
from gateway.embedded import Server
from gateway.errors import BackupBusy, DrillFailed, NotFound, RestoreRefused, SealKeyRefused, Tampered
from gateway.ledger import chain
from gateway.notify import contacts, outbox
from tests.integration.backup.conftest import Office


def test_a_backup_is_stored_then_proven(office: Office) -> None:
    """The drill restores every kind of thing and finds nothing different; nothing of it is left on the disk."""
    backup = office.back_up()
    assert office.state(backup) == "stored"
    found = office.drill()
    assert (found.faults, found.passed) == ((), True)
    assert set(found.phases) == {"fetch", "start", "restore", "verify", "assert"}
    assert office.state(backup) == "proven"
    assert office.left() == []
    kinds = [row["body"]["what"] for row in chain.listing(office.city.hub) if row["kind"] == "backup"]
    assert kinds == ["drilled", "stored"]


def test_how_a_server_shows_values_changes_nothing(office: Office) -> None:
    """Time zones, forms of bytes and of dates that a source's database is set to: the copy has none of these, and is the same."""
    name = office.dsn.rsplit("/", 1)[1]
    for setting in (
        "timezone to 'Asia/Shanghai'",
        "bytea_output to 'escape'",
        "datestyle to 'SQL, DMY'",
        "extra_float_digits to 0",
    ):
        office.ask(f"alter database {name} set {setting}")
    office.ask("create table permit.shown (at timestamptz, raw bytea, day date, size float8, kind regclass)")
    office.ask(
        "insert into permit.shown values (now(), '\\x00ff', date '2026-02-01', 0.1::float8 + 0.2, 'permit.shown')"
    )
    office.back_up()
    assert office.drill().passed


def test_what_is_equal_and_not_the_same_is_found(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server calls 1.0 and 1.00 equal and hashes them alike; whoever reads the number does not."""
    office.ask("create table permit.measured (value numeric)")
    office.ask("insert into permit.measured values (1.0)")
    office.back_up()
    _after_load(monkeypatch, lambda dsn: _do(dsn, "update permit.measured set value = 1.00"))
    with pytest.raises(DrillFailed, match=r"table permit\.measured: the content of its 1 rows is another"):
        office.drill()


def test_a_generated_column_is_compared_too(office: Office) -> None:
    """A dump leaves it out and a restore computes it anew: the source hashes such a table itself."""
    office.ask("create function permit.rate() returns int language sql immutable as 'select 2'")
    office.ask("create table permit.priced (fee int, twice int generated always as (fee * permit.rate()) stored)")
    office.ask("insert into permit.priced (fee) select generate_series(1, 9)")
    office.back_up()
    assert office.drill().passed
    office.ask("create or replace function permit.rate() returns int language sql immutable as 'select 3'")
    office.back_up()  # what lies in the table was computed by the old function
    with pytest.raises(DrillFailed, match=r"table permit\.priced: the content of its 9 rows is another"):
        office.drill()


def test_a_source_of_another_encoding_is_proven(office: Office, servers: tuple[Server, Server]) -> None:
    """What an old system wrote in GB 2312 is compared as that."""
    name = f"{office.dsn.rsplit('/', 1)[1]}_euc"
    office.ask(f"create database {name} template template0 encoding 'EUC_CN' locale_provider libc locale 'C'")
    office.known["PERMITS"] = servers[1].dsn(name)
    _do(
        office.known["PERMITS"],
        "create table 许可 (编号 int primary key, 名称 text); insert into 许可 values (1, '停车许可'), (2, null)",
    )
    office.back_up()
    assert office.with_plan(assertions=()).drill().passed
    office.ask(f"drop database {name} with (force)")


def test_a_backup_of_the_format_before_is_still_proven(office: Office) -> None:
    """There the source hashed the rows of every table."""
    with pytest.MonkeyPatch.context() as before:
        before.setattr(run.copied, "counted", survey.content)
        before.setattr(manifest, "FORMAT", 2)
        backup = office.back_up()
    raw = json.loads((office.near / backup / "manifest.json").read_text())["manifest"]
    assert (raw["format"], {len(table["sums"]) for table in raw["tables"]}) == (2, {2})
    assert office.drill().passed


def test_a_manifest_tells_no_row(office: Office) -> None:
    """It is readable by everybody: names, counts and hashes, and nothing that a person typed into the system."""
    raw = (office.near / office.back_up() / "manifest.json").read_bytes().decode()
    assert '"name":"permit"' in raw
    assert [value for value in ("持有人", "冀H", "附件", "postgresql://") if value in raw] == []


@pytest.mark.parametrize(
    ("sql", "expected", "fault"),
    [
        ("select count(*) from permit.holder", 500, None),
        ("select count(*) from permit.holder", 501, "is answered otherwise"),  # another answer
        ("select count(*) from permit.nothing", 1, "cannot be answered: 42P01"),  # none
        ("delete from permit.holder returning 1", 1, "cannot be answered: 25006"),  # an assertion changes nothing
    ],
)
def test_an_assertion_tells_no_answer(office: Office, sql: str, expected: Any, fault: str | None) -> None:
    """The application's own check counts as much as ours; its answer, which may be personal, is not told."""
    assert drilling._answer(office.dsn, Assertion(sql, expected)) == fault


def test_a_copy_that_differs_is_suspect(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every difference is recorded, the assertion's too; the first is named, and nothing is left on the disk."""
    backup = office.back_up()
    _after_load(monkeypatch, lambda dsn: _do(dsn, "delete from permit.permit where id = 7; drop function permit.fee"))
    with pytest.raises(DrillFailed, match=r"table permit\.permit has 1999 rows, not 2000 and 3 more"):
        office.with_plan(assertions=(Assertion("select 1", 2),)).drill()
    assert office.state(backup) == "suspect"
    assert office.left() == []


def _flip(folder: Path) -> None:
    part = folder / "000001.part"
    raw = bytearray(part.read_bytes())
    raw[len(raw) // 2] ^= 1
    part.write_bytes(raw)


def _cut(folder: Path) -> None:
    part = folder / "000001.part"
    part.write_bytes(part.read_bytes()[:-1])


def _edit(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"rows":2000', b'"rows":2001'))


# What is done to the stored copy, and what is said before anything is restored.
DAMAGE = [
    (_flip, "part 000001.part of .* was changed"),  # one bit
    (_cut, "part 000001.part of .* has .* bytes, the manifest says"),  # the end
    (lambda folder: (folder / "000001.part").unlink(), "part 000001.part of .* is missing"),  # a part
    (lambda folder: (folder / "manifest.json").unlink(), "has no manifest in the repository"),  # the manifest
    (_edit, "the manifest of .* is changed, or signed with a key that is not ours"),  # a count in it
    (lambda folder: (folder / "manifest.json").write_bytes(b"{"), "the manifest of .* is changed"),  # no JSON
]  # fmt: skip


@pytest.mark.parametrize(("damage", "fault"), DAMAGE)
def test_a_damaged_copy_is_refused_before_anything_is_restored(
    office: Office, damage: Callable[[Path], None], fault: str
) -> None:
    """It is suspect, and the copy in the other repository is as good as before."""
    backup = office.back_up()
    damage(office.near / backup)
    with pytest.raises(Tampered, match=fault):
        office.drill()
    assert office.state(backup) == "suspect"
    assert office.left() == []


def test_the_manifest_of_another_backup_is_refused(office: Office) -> None:
    """Both are ours and whole; in the other's place neither is."""
    first, second = office.back_up(), office.back_up()
    shutil.copy(office.near / first / MANIFEST, office.near / second / MANIFEST)
    with pytest.raises(Tampered, match=f"the manifest of {second} is that of {first}"):
        office.drill()


def test_a_part_more_harms_nothing_and_the_other_copy_is_as_good_as_before(office: Office) -> None:
    """What the manifest does not name is not read; a copy that is damaged says nothing of the one far away."""
    backup = office.back_up()
    (office.far / backup / "000002.part").write_bytes(b"x")
    _flip(office.near / backup)
    with pytest.raises(Tampered):
        office.drill()
    assert office.drill(repository="far").passed
    copies = records.one(office.city.hub, backup)["copies"]
    assert [(c["repository"], c["state"]) for c in copies] == [("far", "proven"), ("near", "suspect")]


def test_a_wrong_identity_opens_nothing(office: Office) -> None:
    """That is the drill's fault, not the backup's: it stays as it stands."""
    backup = office.back_up()
    office.known["DRILL_IDENTITY"] = keys.create()[0]
    with pytest.raises(SealKeyRefused):
        office.drill()
    assert office.state(backup) == "stored"


def test_a_failed_drill_is_told_to_the_unit(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers for the plan's unit hears of it once."""
    monkeypatch.setattr("gateway.notify.channels.open_channel", lambda *_: closing_nothing)
    office.known["NOTIFY_MAIL"] = "smtp://127.0.0.1:1"
    contacts.add(office.deployment, "gaj", "王科长", "mail", "wang@example.gov.cn", who="tester")
    backup = office.back_up()
    _flip(office.near / backup)
    with pytest.raises(Tampered):
        office.drill()
    told = outbox.listing(office.city.hub)
    assert [(row["topic"], row["state"]) for row in told] == [("backup incident 1", "waiting")]


class _Closing:
    def close(self) -> None:
        """Do nothing."""


closing_nothing = _Closing()


def test_a_second_drill_of_the_plan_waits_for_the_first(office: Office) -> None:
    """Two at once are refused with their own code; a run beside a drill is not."""
    office.back_up()
    with records.alone(office.deployment, office.plan, "copies"):
        with pytest.raises(BackupBusy, match="another drill or prune has copies permits"):
            office.drill()
        office.back_up()


def test_a_drill_of_nothing_says_what_to_do(office: Office) -> None:
    """A plan without a backup has none to drill."""
    with pytest.raises(NotFound, match="has no backup in repository near"):
        office.drill()


def test_a_full_disk_refuses_a_drill_and_blames_no_backup(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said before anything is fetched."""
    backup = office.back_up()
    usage = shutil.disk_usage(office.near)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1))
    with pytest.raises(RestoreRefused, match="the working folder has 0 MiB free"):
        office.drill()
    assert office.state(backup) == "stored"


def test_a_drill_leaves_no_server(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens in it, the server it began is gone."""
    office.back_up()
    seen: list[str] = []

    def fail(dsn: str) -> None:
        seen.append(dsn)
        raise RuntimeError("power")

    _after_load(monkeypatch, fail)
    with pytest.raises(RuntimeError):
        office.drill()
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(seen[0])
    assert office.left() == []


def _after_load(patch: pytest.MonkeyPatch, change: Callable[[str], None]) -> None:
    """Let a change happen to what a drill has just restored."""
    whole = restoring.load

    def load(folder: Path, made: manifest.Manifest, dsn: str, **more: Any) -> list[str]:
        said = whole(folder, made, dsn, **more)
        change(dsn)
        return said

    patch.setattr(drilling.restoring, "load", load)


def _do(dsn: str, statement: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
