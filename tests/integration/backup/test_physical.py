"""A server's files and its WAL: stored, recovered to any moment, compared at an exact restore point."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from backup import keys, plans, prune, records, restoring, wiring
from backup import report as reporting
from backup.manifest import Manifest
from backup.physical import base, drill, point, receive, restore, status, supply
from backup.restore import Wish
from gateway import settings
from gateway.alarms import machine
from gateway.deployment import Deployment
from gateway.embedded import Server, let_through
from gateway.errors import (
    BackupBusy,
    BackupFailed,
    MomentNotCovered,
    ReceiverStopped,
    RestoreRefused,
    SlotLost,
    Tampered,
    WalGap,
)
from gateway.ledger import chain
from gateway.security.crypto import Keys
from tests.command_line import invoke
from tests.integration.backup.conftest import PLAN, SYSTEM, Office
from tests.integration.backup.disks import small_disk
from tests.integration.backup.pitr import GRANTED, Copy, Taken, active, do, receiving, until, writing
from tests.integration.conftest import City, _catalog

WAL = "wal: {base: manual, connection: REPLICATION}\n"


@pytest.fixture(scope="module")
def source() -> Iterator[Server]:
    """Yield a server of its own: it is copied whole, restarted, and its slot is lost."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-pitr-"))
    with Server(
        folder / "s", {"wal_level": "replica", "shared_buffers": "32MB", "max_slot_wal_keep_size": "1GB"}
    ) as server:
        server.create_database("permits")
        dsn = server.dsn("permits")
        space = folder / "s" / "data" / "space"
        do(server.dsn(), f"copy (select 1) to program 'mkdir -m 700 {space}'")
        do(server.dsn(), f"create tablespace other location '{space}'")
        do(dsn, SYSTEM)
        do(dsn, "create unlogged table permit.scratch as select 1 as a")
        do(dsn, "create table permit.far (a int primary key) tablespace other")
        do(dsn, "insert into permit.far select generate_series(1, 1000)")
        do(dsn, "create role gw_wal login replication password 'wal'")
        for name in GRANTED:
            do(dsn, f"grant execute on function pg_catalog.{name} to gw_wal")
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def office(
    source: Server, servers: tuple[Server, Server], prepared: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """Yield the system with a hub, two repositories, and a plan that keeps WAL."""
    folder = tmp_path_factory.mktemp("pitr")
    name = f"w{uuid.uuid4().hex[:12]}"
    do(servers[0].dsn(), f"create database {name} template {prepared}")
    near, far = folder / "near", folder / "far"
    (_, custodian), (identity, drilling) = keys.create(), keys.create()
    known = {
        "PERMITS": source.dsn("permits"), "NEAR": near.as_uri(), "FAR": far.as_uri(), "CUSTODIAN": custodian, "DRILL": drilling,
        "REPLICATION": source.dsn("permits", "gw_wal", "wal"), "DRILL_IDENTITY": identity,
    }  # fmt: skip
    for place in (near, far, folder / "plans"):
        place.mkdir()
    path = folder / "plans" / "permits.yaml"
    path.write_text(PLAN + WAL, encoding="utf-8")
    hub_dsn = servers[0].dsn(name)
    deployment = Deployment(_catalog(), hub_dsn, Keys.create(folder / "home" / "keys"), known.get)
    plan = plans.read(path, deployment.catalog)
    assert plan.wal is not None
    plan = replace(plan, wal=replace(plan.wal, switch=timedelta(seconds=1)))
    with pytest.MonkeyPatch.context() as patch, closing(psycopg2.connect(hub_dsn)) as hub:
        hub.autocommit = True
        patch.setenv("GATEWAY_HOME", str(folder / "home"))
        city = City(deployment, hub, hub, hub_dsn, folder / "home", servers)
        yield Office(deployment, plan, hub, source.dsn("permits"), near, far, city, known)
    do(servers[0].dsn(), f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def taken(office: Office, source: Server) -> Taken:
    """Return a base that was taken while two sessions wrote, and an accident after it."""
    with receiving(office) as failed:
        with writing(office.dsn):
            made = base.take(office.deployment, office.plan)
        do(office.dsn, "insert into permit.holder values (9001, '最后一人', '2000-01-01')")
        rows = do(office.dsn, "select count(*) from permit.permit")[0][0]
        time.sleep(0.2)
        before = datetime.now(UTC)
        time.sleep(0.2)
        do(office.dsn, "delete from permit.permit")
        until(lambda: failed or _covers(office, before))
        assert failed == []
    return Taken(office, source, made.backup, before, rows)


def _covers(office: Office, moment: datetime) -> bool:
    through = status.status(office.deployment, office.plan)["through"]
    return through is not None and through > moment + timedelta(seconds=0.3)


def _segments(place: Path) -> list[Path]:
    return sorted(place.glob("permits.wal-*-" + "?" * 24))


def test_a_base_is_proven_at_its_exact_restore_point(taken: Taken) -> None:
    """Taken while others write, recovered from files and WAL alone, it holds the very rows that were hashed."""
    found = drill.drill(taken.office.deployment, taken.office.plan)
    assert (found.backup, found.faults, found.passed) == (taken.base, (), True)
    assert set(found.phases) == {"fetch", "recover", "verify", "assert"}
    assert ("permit.scratch", "unlogged: empty after a recovery") in _manifest(taken).survey.not_compared
    assert taken.office.state(taken.base) == "proven"
    assert (Path(settings.home()) / "backup" / "drill").exists()
    assert list((Path(settings.home()) / "backup" / "drill").rglob("*.part")) == []
    (line,) = reporting.lines(
        taken.office.city.hub, plans.Plans({"permits": taken.office.plan}, {}), datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC)
    )  # fmt: skip
    snapshot = records.one(taken.office.city.hub, taken.base)["snapshot_at"]
    worst = (datetime.now(UTC) - snapshot).total_seconds()
    assert line.rpo_worst_s is not None
    assert line.rpo_worst_s < worst  # the stored WAL behind the base counts


def test_a_minute_before_the_accident_comes_back(taken: Taken) -> None:
    """Everything committed before it is there, nothing after it; the copy neither archives nor listens by itself."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-back-"))
    let_through(folder)
    try:
        done = restore.into_folder(
            taken.office.deployment, taken.office.plan, folder / "data", Wish(moment=taken.before), who="me"
        )
        assert done.done
        assert done.last_commit is not None
        assert done.last_commit <= taken.before
        forced = (folder / "data" / "postgresql.auto.conf").read_text()
        for line in ("listen_addresses = ''", "archive_mode = off", "max_logical_replication_workers = 0"):
            assert line in forced
        with Copy(folder, taken.server) as copy:
            dsn = copy.dsn("permits")
            assert do(dsn, "select count(*) from permit.permit")[0][0] == taken.rows
            assert do(dsn, "select name from permit.holder where id = 9001") == [("最后一人",)]
            assert do(dsn, "select count(*), sum(a) from permit.far") == [(1000, 500500)]
            (place,) = do(dsn, "select pg_tablespace_location(oid) from pg_tablespace where spcname = 'other'")[0]
            assert place.startswith(str(folder / "data.tablespaces"))
        told = [r["body"] for r in chain.listing(taken.office.city.hub) if r["kind"] == "backup"]
        assert [b["into"] for b in told if b["what"] == "restored"] == [str(folder / "data")]
    finally:
        shutil.rmtree(folder)


def test_the_command_recovers_to_a_restore_point(taken: Taken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--point` names the base's own exact point: what its survey hashed is there, and nothing that came later."""
    office = taken.office
    (tmp_path / "catalog" / "backups").mkdir(parents=True)
    (tmp_path / "catalog" / "city.yaml").write_text(
        "city: 测试市\ndivision: '130800'\nbureau: gaj\ncontracts: [contracts]\n", encoding="utf-8"
    )
    (tmp_path / "catalog" / "units.yaml").write_text("- {unit: gaj, name: 市公安局}\n", encoding="utf-8")
    (tmp_path / "catalog" / "backups" / "permits.yaml").write_text(PLAN + WAL, encoding="utf-8")
    known = {f"GATEWAY_CONN_{name}": text for name, text in office.known.items()}
    here = {"GATEWAY_CATALOG": str(tmp_path / "catalog"), "GATEWAY_HUB_DSN": office.deployment.hub_dsn}
    for name, text in (known | here | {"GATEWAY_HOME": str(office.city.home)}).items():
        monkeypatch.setenv(name, text)
    manifest = _manifest(taken)
    point_name = str((manifest.physical or {})["point"])
    folder = Path(tempfile.mkdtemp(prefix="gateway-point-"))
    let_through(folder)
    try:
        done = invoke(
            "backup", "restore", "permits", "--into", str(folder / "data"), "--point", point_name, "--who", "me"
        )
        assert (done.exit_code, point_name in done.output) == (0, True), done.output
        with Copy(folder, taken.server) as copy:
            found = do(copy.dsn("permits"), "select count(*) from permit.permit")[0][0]
        assert found == manifest.survey.tables["permit.permit"][1].rows
        assert found < taken.rows + 1
    finally:
        shutil.rmtree(folder)
    assert invoke("backup", "restore", "permits", "--into", str(tmp_path / "x"), "--point", "gw_nowhere").exit_code == 1


def test_after_a_key_was_changed_old_and_new_are_recovered_together(taken: Taken) -> None:
    """The base is sealed to the old key and what came since to the new one: both lines of the key file are needed."""
    office, before = taken.office, dict(taken.office.known)
    fresh, recipient = keys.create()
    try:
        office.known.update(DRILL=recipient, CUSTODIAN=recipient)
        known = len(_segments(office.near))
        with receiving(office) as failed:
            do(office.dsn, "insert into permit.holder values (9100, '换钥之后', '2000-01-01')")
            until(lambda: failed or len(_segments(office.near)) > known)
        office.known["DRILL_IDENTITY"] = f"{before['DRILL_IDENTITY']}\n{fresh}"
        folder = Path(tempfile.mkdtemp(prefix="gateway-keys-"))
        let_through(folder)
        try:
            wish = Wish(moment=datetime.now(UTC))  # later than every commit
            done = restore.into_folder(office.deployment, office.plan, folder / "data", wish, who="me")
            assert done.done
            assert [
                words
                for words in done.remarks
                if "no later commit than that was received; the repositories have" in words
            ]
        finally:
            shutil.rmtree(folder)
    finally:
        office.known.update(before, DRILL_IDENTITY=f"{before['DRILL_IDENTITY']}\n{fresh}")


def test_a_dry_run_shows_and_changes_nothing(taken: Taken, tmp_path: Path) -> None:
    """Base, segments and space are told; no folder is made."""
    wish = Wish(moment=taken.before, dry_run=True)
    told = restore.into_folder(taken.office.deployment, taken.office.plan, tmp_path / "x", wish, who="me")
    assert (told.backup, told.done, told.segments >= 2) == (taken.base, False, True)
    assert told.working_bytes > 0
    assert not (tmp_path / "x").exists()


# What is asked for, and what is said before anything is fetched.
REFUSED = [
    (Wish(moment=datetime(2001, 1, 1, tzinfo=UTC)), MomentNotCovered, "lies before the end of every base backup of plan permits"),
    (Wish(tables=("permit.permit",)), RestoreRefused, "a recovery brings back the whole server"),
    (Wish(repository="nowhere"), Exception, "has no repository nowhere"),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "kind", "words"), REFUSED)
def test_what_cannot_be_recovered_is_refused(
    taken: Taken, tmp_path: Path, wish: Wish, kind: type[Exception], words: str
) -> None:
    """Nothing is fetched, and no folder is made."""
    with pytest.raises(kind, match=words):
        restore.into_folder(taken.office.deployment, taken.office.plan, tmp_path / "x", wish, who="me")
    assert not (tmp_path / "x").exists()


def test_a_gap_in_the_wal_is_named_unless_another_repository_fills_it(taken: Taken, tmp_path: Path) -> None:
    """One repository may lose a segment; when all did, the segment is named, and the moment up to which all is there."""
    office = taken.office
    wanted = Wish(moment=taken.before, dry_run=True)
    near, far = _segments(office.near), _segments(office.far)
    lost = near[-2]
    moved = []
    try:
        for folder in (lost, office.far / lost.name):
            moved.append((folder, folder.rename(tmp_path / f"{folder.parent.name}-{lost.name}")))
            if folder == lost:
                assert restore.into_folder(office.deployment, office.plan, tmp_path / "x", wanted, who="me").segments
                assert "gap" not in str(status.status(office.deployment, office.plan)["fault"])
        with pytest.raises(WalGap, match=f"gap behind {taken.base}: {lost.name[-24:]} not stored"):
            restore.into_folder(office.deployment, office.plan, tmp_path / "x", Wish(dry_run=True), who="me")
        assert lost.name[-24:] in status.status(office.deployment, office.plan)["fault"]
        assert len(far) == len(near)
    finally:
        for there, here in moved:
            here.rename(there)


def test_one_byte_of_a_base_or_of_its_wal_makes_it_suspect(taken: Taken) -> None:
    """Each is found before a server starts on it."""
    office = taken.office
    for part in (office.near / taken.base / "000002.part", _segments(office.near)[1] / "wal.part"):
        whole = part.read_bytes()
        part.chmod(0o600)
        part.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        try:
            with pytest.raises(Tampered, match="was changed"):
                drill.drill(office.deployment, office.plan)
            assert office.state(taken.base) == "suspect"
        finally:
            part.write_bytes(whole)


def test_no_gap_when_the_server_restarts_or_the_receiver_is_killed(taken: Taken) -> None:
    """The slot keeps what was not received; receiving goes on by itself, and a second receiver is refused meanwhile."""
    office = taken.office
    with receiving(office) as failed:
        with pytest.raises(BackupBusy):
            receive.receive(office.deployment, office.plan, seconds=0)
        noted = Path(settings.home()) / "backup" / "wal" / "permits" / "receive.pid"
        killed = int(noted.read_text())
        os.kill(killed, signal.SIGKILL)
        until(lambda: failed or (int(noted.read_text() or 0) != killed and active(office)))
        taken.server.kill()
        taken.server.start()
        until(lambda: failed or active(office))
        do(office.dsn, "insert into permit.holder values (9002, '重启之后', '2000-01-01')")
        now = datetime.now(UTC)
        until(lambda: failed or _covers(office, now - timedelta(seconds=0.3)))
        assert failed == []
    made = supply.of(office.deployment, office.plan, _manifest(taken), office.plan.places, local=False)
    assert made.line()[1] == []


def _manifest(taken: Taken) -> Manifest:
    repository = wiring.repository(taken.office.deployment, taken.office.plan.place())
    return restoring.manifest(repository, taken.base, taken.office.deployment.keys.public_keys())


def test_an_open_transaction_leaves_no_exact_point(taken: Taken) -> None:
    """Who holds a number may have written what no snapshot shows: there is no point, rather than a wrong one."""
    dsn, marker = taken.office.dsn, taken.office.known["REPLICATION"]
    with closing(psycopg2.connect(dsn)) as writer, writer.cursor() as cursor:
        cursor.execute("insert into permit.holder values (9003, 'x', '2000-01-01')")
        with pytest.raises(BackupFailed, match="in 5 tries there was no moment"), point.held(dsn, marker, (), 5):
            pass


@pytest.mark.parametrize("step", ["wal sealed", "wal stored"])
def test_a_segment_is_stored_once_whenever_storing_broke_off(
    taken: Taken, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Broken off between two steps, it is gone on with: every repository has it, and nothing is left here."""
    office = taken.office
    with receiving(office):
        do(office.dsn, "insert into permit.far select max(a) + 1 from permit.far")
        monkeypatch.setenv("GATEWAY_FAILPOINT", f"{step}=raise")
        folder = Path(settings.home()) / "backup" / "wal" / "permits"
        until(lambda: not active(office))  # it died of that
    left = [p.name for p in (folder / "sealed").iterdir()]
    assert len(left) == 2
    monkeypatch.delenv("GATEWAY_FAILPOINT")
    with receiving(office) as failed:
        until(lambda: failed or not [p for p in (folder / "sealed").iterdir() if p.name in left])
    assert failed == []
    assert [p.name for p in _segments(office.near)] == [p.name for p in _segments(office.far)]


def test_wal_before_every_base_goes_with_the_bases_that_went(taken: Taken) -> None:
    """What the oldest base does not need is shown, then deleted; what it needs stays."""
    office = taken.office
    first = str((_manifest(taken).physical or {})["first"])
    before = [p.name[-24:] for p in _segments(office.near) if p.name[-24:] < first]
    assert before
    told = [
        f.backup for f in prune.prune(office.deployment, office.plan) if f.fate == "deleted" and f.repository == "near"
    ]
    assert told == [f"WAL {name}" for name in before]
    assert len(_segments(office.near)) > len(before)
    prune.prune(office.deployment, office.plan, dry_run=False)
    assert next(p.name[-24:] for p in _segments(office.near)) == first


def test_a_base_that_broke_off_is_none(taken: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    """No manifest, no file in the working folder, and the base before it as good as it was."""
    office, before = taken.office, {p.name for p in taken.office.near.iterdir()}
    monkeypatch.setenv("GATEWAY_FAILPOINT", "base copied=raise")
    with pytest.raises(RuntimeError, match="failpoint base copied"):
        base.take(office.deployment, office.plan)
    assert {p.name for p in office.near.iterdir()} == before
    assert [p for p in (Path(settings.home()) / "backup" / "base").rglob("*") if p.is_file()] == []
    assert office.state(taken.base) in {"proven", "suspect"}


def test_a_disk_that_fills_up_while_a_base_is_copied_costs_that_base_alone(taken: Taken) -> None:
    """There is room for the databases and not for the WAL beside them: the run fails, its folder is cleared, the base before stays."""
    office, spool = taken.office, Path(settings.home()) / "backup" / "base"
    size = do(office.dsn, "select sum(pg_database_size(oid))::bigint from pg_database")[0][0] + (4 << 20)
    with small_disk(spool, str(size)), receiving(office):
        with pytest.raises(BackupFailed, match="No space left"):
            base.take(office.deployment, office.plan)
        assert [p for p in spool.rglob("*") if p.is_file()] == []
    newest = records.listing(office.city.hub, plan="permits")[0]
    assert (newest["state"], newest["backup"] != taken.base) == ("failed", True)
    assert not (office.near / newest["backup"]).exists()
    assert (office.near / taken.base).exists()


def test_a_receiver_that_always_ends_is_told(taken: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is begun again and again, for a minute at most; then somebody has to know."""
    monkeypatch.setattr(receive, "PATIENCE", 0.5)
    until(lambda: not active(taken.office))
    do(taken.server.dsn(), "alter role gw_wal noreplication")
    try:
        with pytest.raises(ReceiverStopped, match="permission denied to start WAL sender"):
            receive.receive(taken.office.deployment, taken.office.plan, seconds=30)
    finally:
        do(taken.server.dsn(), "alter role gw_wal replication")


def test_an_invalidated_slot_is_refused_and_an_alarm(taken: Taken) -> None:
    """While nobody received, the server threw WAL away: no receiver goes on behind the gap, and the look at slots says so."""
    office = taken.office
    until(lambda: not active(office))
    _restart(taken.server, "16MB")
    try:
        for _ in range(5):
            do(office.dsn, "insert into permit.far select max(a) + 1 from permit.far")
            do(taken.server.dsn(), "select pg_switch_wal()")
        until(lambda: _checkpointed(taken) == "lost")
        with pytest.raises(SlotLost, match="replication slot gateway_permits was invalidated"):
            receive.receive(office.deployment, office.plan, seconds=0)
        assert status.status(office.deployment, office.plan)["fault"] == "slot gateway_permits is lost"
        with closing(psycopg2.connect(office.dsn)) as server:
            (wrong,) = machine.behind(server, office.plan.unit, "gateway_permits")
        assert (wrong.kind, wrong.subject, "已失效" in wrong.said) == ("slot", "gateway_permits", True)
    finally:
        _restart(taken.server, "1GB")


def _restart(server: Server, kept: str) -> None:
    """Let the server keep so much WAL for slots from now on."""
    server.stop()
    server._settings["max_slot_wal_keep_size"] = kept
    server.start()


def _checkpointed(taken: Taken) -> str:
    """Let the server look at its slots, and return what became of the plan's."""
    do(taken.server.dsn(), "checkpoint")
    return str(
        do(taken.server.dsn(), "select wal_status from pg_replication_slots where slot_name = 'gateway_permits'")[0][0]
    )


def test_a_lost_slot_is_an_alarm_until_a_new_line_begins(taken: Taken) -> None:
    """Nothing is received behind a gap as if it were none; the unit is told, and a new slot needs a word."""
    office = taken.office
    until(lambda: not active(office))
    do(office.dsn, "select pg_drop_replication_slot('gateway_permits')")
    with pytest.raises(SlotLost, match="replication slot gateway_permits is gone"):
        receive.receive(office.deployment, office.plan, seconds=0)
    bodies = [r["body"] for r in chain.listing(office.city.hub) if r["kind"] == "backup"]
    assert [b["error"] for b in bodies if b["what"] == "wal-stopped"][:1] == ["GW-822"]
    with pytest.raises(ReceiverStopped, match="nobody keeps the WAL of permits: its slot is not there"):
        base.take(office.deployment, office.plan)
    with receiving(office, new_slot=True) as failed:
        until(lambda: failed or active(office))
    assert failed == []
    with suppress(psycopg2.Error):
        do(office.dsn, "select pg_drop_replication_slot('gateway_permits')")
