"""What goes wrong around a whole run or drill: lines that break, disks that are full, clocks, passwords, servers."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from tenacity import wait_none

from backup import available, dump, incidents, patience, prune, records, report, restoring, run
from backup.plans import Plans
from gateway.embedded import Server
from gateway.errors import BackupBusy, BackupFailed, RepositoryRefused, RepositoryUnavailable, RetryableError
from gateway.settings import now
from tests.integration import forked
from tests.integration.backup.conftest import Office
from tests.integration.backup.disks import small_disk
from tests.integration.backup.peers import S3Store, Sshd
from tests.integration.proxy import Proxy

NO_SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") is None
SSHD = pytest.mark.skipif(NO_SSHD, reason="install the system package openssh-server")
BIG = "create table permit.big as select g, encode(sha256(g::text::bytea), 'hex') h from generate_series(1, {rows}) g"
REMOTE = ["s3", pytest.param("sftp", marks=[pytest.mark.system, SSHD])]


@pytest.fixture(scope="module")
def store() -> Iterator[S3Store]:
    """Yield an S3 store for the tests of this file."""
    found = S3Store()
    yield found
    found.stop()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have repositories asked again without a pause."""
    monkeypatch.setattr(patience, "_WAIT", wait_none())


@pytest.fixture
def address(request: pytest.FixtureRequest, office: Office) -> Iterator[str]:
    """Yield the address of an empty repository of the kind that the test is run for."""
    if request.param == "s3":
        found: S3Store = request.getfixturevalue("store")
        yield found.url(found.bucket(f"b{uuid.uuid4().hex[:12]}"))
    else:
        with Sshd(_made(office.near.parent / "sshd")) as sshd:
            yield sshd.url(office.far)


@pytest.mark.parametrize("address", REMOTE, indirect=True)
def test_an_upload_that_is_cut_goes_on_or_fails_the_run(office: Office, address: str) -> None:
    """A line that breaks once costs nothing; one that breaks again and again fails the run, and leaves no half backup."""
    sent, cuts = [0], [1]
    office.ask(BIG.format(rows=4000))

    def watch(to_server: bool, data: bytes) -> str:
        sent[0] += len(data) if to_server else 0
        if cuts[0] and sent[0] > 40_000:
            cuts[0], sent[0] = cuts[0] - 1, 0
            return "cut"
        return "pass"

    with Proxy(address, watch) as proxy:
        office.known["FAR"] = proxy.dsn
        first = office.back_up()
        assert cuts[0] == 0
        assert _faults(office, first, "far") == []
        cuts[0] = 1 << 30
        with pytest.raises(RepositoryUnavailable, match="unable to store part"):
            office.back_up()
        cuts[0] = 0
        assert [row["state"] for row in records.listing(office.city.hub)] == ["failed", "stored"]
        assert [path.name for path in office.near.iterdir()] == [first]
        assert _faults(office, first, "far") == []


def test_a_backup_that_one_repository_refused_stays_in_the_other(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its manifest lies it exists: that is told, and the next run that reaches both ends it."""
    whole = run.patiently

    def far_away(call: Any) -> Any:
        if call.func.__name__ == "put_manifest" and str(office.far) in call.func.__self__._medium.root:
            raise RepositoryUnavailable("far is away", "Wait.")
        return whole(call)

    monkeypatch.setattr(run, "patiently", far_away)
    with pytest.raises(RepositoryUnavailable):
        office.back_up()
    (row,) = records.listing(office.city.hub)
    assert (row["state"], [copy["repository"] for copy in row["copies"]]) == ("stored", ["near"])
    assert _faults(office, row["backup"]) == []
    assert _wrong(office) == ["run failed"]
    monkeypatch.undo()
    office.back_up()
    assert _wrong(office) == []


@pytest.mark.system
@SSHD
def test_a_repository_that_became_read_only_refuses_a_run_and_gives_what_it_has(office: Office) -> None:
    """What lies there is as good as before."""
    first = office.back_up()
    with Sshd(_made(office.near.parent / "sshd"), options=" -R") as sshd:
        office.known["FAR"] = sshd.url(office.far)
        with pytest.raises(RepositoryRefused, match="does not let the gateway store part"):
            office.back_up()
        assert _faults(office, first, "far") == []
    assert sorted(path.name for path in office.far.iterdir()) == [first]


@pytest.mark.system
@pytest.mark.parametrize("where", ["far", "spool"])
def test_a_full_disk_fails_the_run_and_spares_what_was_stored(
    office: Office, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a repository and at the spool alike: told, nothing half is left, and the next run with room succeeds."""
    first = office.back_up()
    office.ask(BIG.format(rows=40_000))
    full = office.far if where == "far" else _made(office.city.home / "backup" / "spool")
    if where == "spool":
        usage = shutil.disk_usage(office.near)  # it looked free enough when the run began
        monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1 << 40))
    with small_disk(full):
        kind, words = (BackupFailed, "No space left") if where == "spool" else (RepositoryUnavailable, "no space left")
        with pytest.raises(kind, match=words):
            office.back_up()
        assert not list(full.rglob("*.part"))
    assert [row["state"] for row in records.listing(office.city.hub)] == ["failed", "stored"]
    assert [path.name for path in office.near.iterdir()] == [first]
    assert _faults(office, office.back_up()) == []


def test_object_lock_outlives_retention(office: Office, store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the store refuses to delete stays in the catalogue, whole and restorable."""
    office.known["NEAR"] = store.url(store.bucket(f"b{uuid.uuid4().hex[:12]}", lock=True), "&lock_days=35")
    narrow = office.with_plan(keep={"daily": 1}, places=office.plan.places[:1])
    first = narrow.back_up()
    narrow.back_up()
    narrow.drill()
    fates = []
    for day in ("2030-01-01", "2030-01-05"):
        monkeypatch.setenv("GATEWAY_NOW", f"{day}T00:00:00+00:00")
        fates.append({f.backup: f for f in prune.prune(narrow.deployment, narrow.plan, dry_run=False)}[first])
    assert [fate.fate for fate in fates] == ["expiring", "refused"]
    assert "AccessDenied" in fates[1].why
    assert _faults(office, first) == []
    assert {copy["state"] for copy in records.one(office.city.hub, first)["copies"]} == {"stored"}


def test_a_clock_that_goes_back_loses_no_backup(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is the catalogue's own: the later run is the newest, whatever the clock said, and RPO is never negative."""
    first = office.back_up()
    monkeypatch.setenv("GATEWAY_NOW", "2020-01-01T00:00:00+00:00")
    second = office.back_up()
    assert second < first
    assert office.drill().backup == second
    kept = prune.prune(office.deployment, office.with_plan(keep={"daily": 1}).plan)
    assert {fate.backup for fate in kept if fate.fate == "kept"} >= {second}
    monkeypatch.delenv("GATEWAY_NOW")
    (line,) = report.lines(office.city.hub, Plans({"permits": office.plan}, {}), now().replace(year=2019), now())
    assert line.rpo_worst_s is not None
    assert line.rpo_worst_s >= 0


def _change_password(office: Office) -> None:
    office.ask("alter role mover password 'other'")


def _change_structure(office: Office) -> None:
    """Make what was not there at that moment, and try to change what is held."""
    office.ask("create table permit.late (id int); set lock_timeout = '50ms'")
    for change in ("drop table permit.log_2025", "alter table permit.holder add more int", "drop table permit.permit"):
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            office.ask(change)


def test_a_structure_that_changes_during_a_dump_is_none_of_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables made meanwhile are left out, none can be dropped or changed, and the drill agrees with the moment."""
    _during(monkeypatch, lambda: _change_structure(office))
    office.back_up()
    assert office.drill().passed


def test_a_password_that_changes_during_a_run_fails_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program of the dump logs in by itself, and is refused; with the new one the next run succeeds."""
    office.ask("drop role if exists mover; create role mover superuser login password 'secret'")
    office.known["PERMITS"] = office.dsn.replace(office.dsn.split("@")[0], "postgresql://mover:secret", 1)
    _during(monkeypatch, lambda: _change_password(office))
    with pytest.raises(BackupFailed, match="password authentication failed"):
        office.back_up()
    office.known["PERMITS"] = office.known["PERMITS"].replace("secret", "other")
    office.back_up()


def test_a_server_that_restarts_during_a_dump_fails_the_run(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment is gone with it; the next run takes another."""
    with Server(tmp_path / "source") as server:
        office.known["PERMITS"] = server.dsn()
        with closing(psycopg2.connect(server.dsn())) as connection, connection, connection.cursor() as cursor:
            cursor.execute("create table t (id int primary key); insert into t select generate_series(1, 1000)")
        narrow = office.with_plan(assertions=())

        def restart() -> None:
            server.kill()
            server.start()
            office.known["PERMITS"] = server.dsn()

        _during(monkeypatch, restart)
        with pytest.raises(RetryableError):
            narrow.back_up()
        narrow.back_up()
    assert [row["state"] for row in records.listing(office.city.hub)] == ["stored", "failed"]


def test_retention_waits_for_a_drill(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is being restored is not deleted under it."""
    office.back_up()
    whole = restoring.load

    def load(*arguments: Any, **more: Any) -> list[str]:
        with pytest.raises(BackupBusy, match="another drill or prune"):
            prune.prune(office.deployment, office.plan, dry_run=False)
        return whole(*arguments, **more)

    monkeypatch.setattr(restoring, "load", load)
    assert office.drill().passed


@pytest.mark.parametrize("step", ["drill fetched", "drill restored"])
def test_a_killed_drill_says_nothing_and_leaves_no_server_to_the_next(office: Office, step: str) -> None:
    """The backup stands as it stood; the next drill ends the server that was left, and its data, and proves the backup."""
    backup = office.back_up()
    killed = forked.run(forked.a_drill, replace(office.city, deployment=office.deployment), office.plan, failpoint=step)
    assert killed.returncode == -9, killed.stderr
    assert office.state(backup) == "stored"
    pids = list((office.city.home / "backup" / "drill").rglob("postmaster.pid"))
    left = [psutil.Process(int(path.read_text().split("\n", 1)[0])) for path in pids]
    assert [server.is_running() for server in left] == ([True] if step == "drill restored" else [])
    assert office.drill().passed
    assert [server for server in left if server.is_running() and server.status() != psutil.STATUS_ZOMBIE] == []
    assert (office.state(backup), office.left()) == ("proven", [])


def test_a_killed_prune_is_ended_by_the_next(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was deleted in the repository and not yet in the ledger is told deleted by the next; nothing else goes."""
    narrow = office.with_plan(keep={"daily": 1}, places=office.plan.places[:1])
    first, second = narrow.back_up(), narrow.back_up()
    narrow.drill()
    monkeypatch.setenv("GATEWAY_NOW", "2030-01-01T00:00:00+00:00")
    prune.prune(narrow.deployment, narrow.plan, dry_run=False)
    monkeypatch.setenv("GATEWAY_NOW", "2030-01-05T00:00:00+00:00")
    there = replace(office.city, deployment=narrow.deployment)
    killed = forked.run(forked.a_prune, there, narrow.plan, failpoint="prune deleted")
    assert killed.returncode == -9, killed.stderr
    assert [path.name for path in office.near.iterdir()] == [second]
    assert records.one(office.city.hub, first)["copies"][0]["state"] == "stored"
    fates = {fate.backup: fate.fate for fate in prune.prune(narrow.deployment, narrow.plan, dry_run=False)}
    assert fates == {first: "deleted", second: "kept"}
    assert records.one(office.city.hub, first)["copies"][0]["state"] == "deleted"
    assert _faults(office, second) == []


@pytest.mark.system
def test_a_disk_that_fills_up_during_a_drill_blames_no_backup(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the drill's bad luck: the backup stands as it stood, and a drill with room proves it."""
    office.ask(BIG.format(rows=40_000))
    backup = office.back_up()
    usage = shutil.disk_usage(office.near)  # it looked free enough when the drill began
    with monkeypatch.context() as patch, small_disk(office.city.home / "backup" / "drill"):
        patch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1 << 40))
        with pytest.raises(BackupFailed, match=r"[Nn]o space left"):
            office.drill()
    assert office.state(backup) == "stored"
    assert office.drill().passed


def _during(patch: pytest.MonkeyPatch, change: Callable[[], None]) -> None:
    """Let a change happen when the moment is held and the dump begins, the first time."""
    whole, changes = dump.take, [change]

    def take(*arguments: Any, **more: Any) -> None:
        if changes:
            changes.pop()()
        whole(*arguments, **more)

    patch.setattr(dump, "take", take)


def _faults(office: Office, backup: str, repository: str = "near") -> list[str]:
    """Fetch every part and return what is wrong with it."""
    return available.verify(office.deployment, office.plan.place(repository), backup)


def _wrong(office: Office) -> list[str]:
    return [row["kind"] for row in incidents.listing(office.city.hub)]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
