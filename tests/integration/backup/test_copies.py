"""Copies of a backup: made between repositories, drilled when old, kept while locked or read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from backup import catalogue, copy, drill, prune, records, retention, run, wiring
from backup.cli import group
from backup.plans import FILES, Place, Plans
from gateway.errors import BackupBusy, NotFound, OutsideWindow, RestoreRefused, Tampered
from gateway.model import Hours
from tests.integration.backup.conftest import PLAN, Office
from tests.integration.backup.peers import S3Store


@pytest.fixture
def shelf(office: Office, tmp_path: Path) -> Office:
    """Return the office with a small tree, and one repository of its plan that backups go to at once."""
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "1.pdf").write_bytes(b"scan")
    office.known["LETTERS"] = (tmp_path / "letters").as_uri()
    return office.with_plan(engine=FILES, connection="LETTERS", assertions=(), places=office.plan.places[:1])


@pytest.fixture
def both(shelf: Office) -> Office:
    """Return the same with the plan's other repository beside it."""
    return shelf.with_plan(places=(*shelf.plan.places, Place("far", "FAR")))


@pytest.fixture(scope="module")
def store() -> Iterator[S3Store]:
    """Yield an S3 store."""
    found = S3Store()
    yield found
    found.stop()


def _copy(office: Office, **more: Any) -> copy.Copied:
    return copy.copy(office.deployment, office.plan, "near", "far", **more)


def _states(office: Office, backup: str) -> dict[str, str]:
    return {c["repository"]: c["state"] for c in records.one(office.city.hub, backup)["copies"]}


def test_a_backup_is_copied_and_proven_where_it_lies_now(shelf: Office, both: Office) -> None:
    """The newest goes over whole; it counts as stored there until a drill of its own, and the catalogue knows it."""
    backup = shelf.back_up()
    shelf.drill()
    done = _copy(both)
    assert (done.backup, done.parts) == (backup, 2)
    assert _states(both, backup) == {"near": "proven", "far": "stored"}
    assert both.drill(repository="far").passed
    assert _copy(both, backup=backup).backup == backup  # once more does no harm
    assert _states(both, backup) == {"near": "proven", "far": "proven"}
    assert catalogue.verify(both.deployment, Plans({both.plan.plan: both.plan}, {})).ok
    assert both.left() == []


def test_a_copy_that_broke_off_is_gone_on_with(shelf: Office, both: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the manifest is there it is no backup; the second try sends what is missing and no more."""
    backup = shelf.back_up()
    monkeypatch.setenv("GATEWAY_FAILPOINT", "backup part copied=raise")
    with pytest.raises(RuntimeError, match="failpoint"):
        _copy(both)
    assert [p.name for p in (both.far / backup).iterdir()] == ["000001.part"]
    assert list(wiring.repository(both.deployment, both.plan.places[1]).manifests()) == []
    assert _states(both, backup) == {"near": "stored"}
    monkeypatch.delenv("GATEWAY_FAILPOINT")
    before = (both.far / backup / "000001.part").stat().st_mtime_ns
    _copy(both)
    assert (both.far / backup / "000001.part").stat().st_mtime_ns == before
    assert _states(both, backup) == {"near": "stored", "far": "stored"}


def test_what_is_damaged_or_unknown_is_not_copied(shelf: Office, both: Office) -> None:
    """A changed part is named and no manifest follows it; a copy needs two repositories of the plan, and the plan for itself."""
    with pytest.raises(NotFound, match="has no backup in repository near"):
        _copy(both)
    backup = shelf.back_up()
    for names, kind in ((("near", "near"), RestoreRefused), (("near", "nowhere"), NotFound)):
        with pytest.raises(kind):
            copy.copy(both.deployment, both.plan, *names)
    with records.alone(both.deployment, both.plan, "copies"), pytest.raises(BackupBusy):
        _copy(both)
    part = both.near / backup / "000002.part"
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    with pytest.raises(Tampered, match=r"part 000002\.part of .* was changed in its repository"):
        _copy(both)
    assert not (both.far / backup / "manifest.json").exists()
    assert _states(both, backup) == {"near": "stored"}


def test_a_damaged_copy_gives_way_to_a_whole_one(both: Office) -> None:
    """It is removed only after its successor was read whole: when both are damaged both stay."""
    backup = both.back_up()
    both.drill(repository="far")
    for place in (both.far, both.near):
        part = place / backup / "000001.part"
        part.write_bytes(part.read_bytes()[:-1] + bytes([part.read_bytes()[-1] ^ 1]))
    with pytest.raises(Tampered, match="is damaged in both repositories: part 000001"):
        _copy(both)
    part = both.near / backup / "000001.part"
    part.write_bytes(part.read_bytes()[:-1] + bytes([part.read_bytes()[-1] ^ 1]))
    assert (both.far / backup / "manifest.json").exists()
    _copy(both)
    assert _states(both, backup) == {"near": "stored", "far": "stored"}
    assert both.drill(repository="far").passed


def test_an_older_backup_is_drilled_each_month(shelf: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is due while the month has had fewer than the plan wants; the newest does not count, a suspect one is not taken."""
    monthly = shelf.with_plan(older=1)

    def due() -> bool:
        return drill.older_due(monthly.deployment, monthly.plan, "near")

    first = monthly.back_up()
    assert not due()
    with pytest.raises(NotFound, match="has no older backup"):
        monthly.drill(older=True)
    second = monthly.back_up()
    monthly.drill()
    assert due()
    assert monthly.drill(older=True).backup == first
    assert not due()
    assert [d["backup"] for d in records.drills(monthly.city.hub)] == [first, second]
    monkeypatch.setenv("GATEWAY_NOW", "2031-01-01T00:00:00+00:00")
    assert due()


def test_a_run_begins_in_its_window_alone(shelf: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """At noon it is told when it may; somebody may let it begin all the same."""
    nightly = shelf.with_plan(window=Hours(22 * 60, 30 * 60))
    monkeypatch.setenv("GATEWAY_NOW", "2026-11-26T04:00:00+00:00")
    with pytest.raises(
        OutsideWindow, match=r"backed up only 22:00-06:00; that is closed until 2026-11-26 22:00"
    ) as early:
        nightly.back_up()
    assert early.value.seconds == pytest.approx(10 * 3600, abs=60)
    assert records.listing(nightly.city.hub) == []
    assert run.run(nightly.deployment, nightly.plan, now=True).rows == 1
    monkeypatch.setenv("GATEWAY_NOW", "2026-11-26T15:00:00+00:00")
    assert nightly.back_up()


def test_a_lock_is_known_and_keeps_a_copy(shelf: Office, store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's own word on lock and versions stands in the record and in the chain; retention keeps it as long."""
    shelf.known["FAR"] = store.url(store.bucket("locked-copies", lock=True), "&lock_days=35")
    locked = shelf.with_plan(places=(Place("far", "FAR"),), keep={"daily": 1})
    backup = locked.back_up()
    locked.drill()
    (kept,) = records.one(locked.city.hub, backup)["copies"]
    assert set(kept["versions"]) == {"000001.part", "000002.part", "manifest.json"}
    assert all(kept["versions"].values())
    told = locked.city.ask("select body from gateway.receipt where kind = 'backup' order by no limit 1")[0][0]
    assert list(json.loads(told)["locked_until"]) == ["far"]
    monkeypatch.setenv("GATEWAY_NOW", "2026-12-10T00:00:00+00:00")
    locked.back_up()
    locked.drill()
    fates = {f.backup: f.why for f in prune.prune(locked.deployment, locked.plan)}
    assert fates[backup] == retention.LOCKED
    monkeypatch.setenv("GATEWAY_NOW", "2027-03-01T00:00:00+00:00")
    assert {f.backup: f.fate for f in prune.prune(locked.deployment, locked.plan)}[backup] == "expiring"


def test_a_backup_that_is_read_is_not_deleted(shelf: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a restore reads it, retention keeps it; afterwards it may go."""
    thin = shelf.with_plan(keep={"daily": 1})
    backup = thin.back_up()
    monkeypatch.setenv("GATEWAY_NOW", "2031-01-01T00:00:00+00:00")
    thin.back_up()
    thin.drill()
    with records.reading(thin.deployment, backup):
        assert {f.backup: f.why for f in prune.prune(thin.deployment, thin.plan)}[backup] == retention.IN_USE
    assert {f.backup: f.fate for f in prune.prune(thin.deployment, thin.plan)}[backup] == "expiring"


def test_the_commands_copy_and_drill_older(both: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`copy`, `drill --older` and `run --now` as an operator calls them; outside of a window the exit code is 4."""
    folder = tmp_path / "catalog"
    (folder / "backups").mkdir(parents=True)
    (folder / "city.yaml").write_text("city: 测试市\ndivision: '130800'\nbureau: gaj\ncontracts: [contracts]\n")
    (folder / "units.yaml").write_text("- {unit: gaj, name: 市公安局}\n")
    plan = PLAN.replace("engine: postgresql, connection: PERMITS", "engine: files, connection: LETTERS")
    (folder / "backups" / "permits.yaml").write_text(
        plan.partition("  assert:")[0] + 'window: {from: "22:00", to: "06:00"}\n', encoding="utf-8"
    )
    for name, value in {**both.known, "": str(folder)}.items():
        monkeypatch.setenv(f"GATEWAY_CONN_{name}" if name else "GATEWAY_CATALOG", value)
    monkeypatch.setenv("GATEWAY_NOW", "2026-11-26T04:00:00+00:00")

    def call(*arguments: str) -> tuple[int, str]:
        said = CliRunner().invoke(group, list(arguments))
        return said.exit_code, said.stdout + said.stderr

    assert call("run", "permits")[0] == 4
    assert call("run", "permits", "--now")[0] == 2
    assert call("run", "permits", "--now", "--why", "before the move")[0] == 0
    assert both.city.ask(
        "select body::jsonb ->> 'why' from gateway.receipt where kind = 'backup' order by no limit 1"
    ) == [("before the move",)]
    code, said = call("copy", "permits", "near", "far")
    assert (code, "lies in far too: 2 parts" in said) == (0, True)
    assert call("drill", "permits", "--older")[0] == 1
