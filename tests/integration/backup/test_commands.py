"""`gateway backup` as an operator uses it: exit codes, JSON, and nothing secret on a screen."""

from __future__ import annotations

import json
import re
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from click.testing import Result
from typer.testing import CliRunner

from backup import records
from backup.cli import group
from gateway.cli.frame import BUSY, FAILED
from tests.integration.backup.conftest import PLAN, Office

CITY = "city: 测试市\ndivision: '130800'\nbureau: gaj\ncontracts: [contracts]\n"


@pytest.fixture
def desk(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Return the office as a deployment on the disk."""
    folder = tmp_path / "catalog"
    (folder / "backups").mkdir(parents=True)
    (folder / "city.yaml").write_text(CITY, encoding="utf-8")
    (folder / "units.yaml").write_text("- {unit: gaj, name: 市公安局}\n", encoding="utf-8")
    (folder / "backups" / "permits.yaml").write_text(PLAN, encoding="utf-8")
    monkeypatch.setenv("GATEWAY_CATALOG", str(folder))
    for name, value in office.known.items():
        monkeypatch.setenv(f"GATEWAY_CONN_{name}", value)
    return office


def _run(desk: Office, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(group, list(arguments))
    said = result.stdout + result.stderr
    assert result.exit_code == code, said
    secrets = (desk.known["DRILL_IDENTITY"], desk.dsn.split(":")[2].split("@")[0], "持有人")
    assert [secret for secret in secrets if secret in said] == []
    return result


def _read(desk: Office, *arguments: str, code: int = 0) -> Any:
    return json.loads(_run(desk, *arguments, "--json", code=code).stdout)


def test_a_backup_from_run_to_report(desk: Office, tmp_path: Path) -> None:
    """Run, list, verify, drill, show, report, prune, export and the catalogue's proof: each says what the others do."""
    made = _read(desk, "run", "permits")
    assert _read(desk, "verify", "permits") == {
        "backup": made["backup"],
        "repository": "near",
        "ok": True,
        "faults": [],
    }
    (line,) = _read(desk, "report")
    assert (line["proven"], line["rpo_worst_s"], line["kept"]) == (None, None, False)  # stored is not proven
    found = _read(desk, "drill", "permits")
    assert (found["backup"], found["passed"]) == (made["backup"], True)
    (row,) = _read(desk, "list", "--plan", "permits")
    assert (row["state"], row["rows"]) == ("proven", 2604)
    assert len(_read(desk, "show", made["backup"])["drills"]) == 1
    (line,) = _read(desk, "report")
    assert (line["proven"], line["drills_passed"], line["kept"]) == (made["backup"], 1, True)
    assert {fate["fate"] for fate in _read(desk, "prune", "permits", "--yes")} == {"kept"}
    assert _read(desk, "verify-catalog")["ok"] is True
    _run(desk, "export", str(tmp_path / "backups.zip"))
    with zipfile.ZipFile(tmp_path / "backups.zip") as archive:
        assert made["backup"] in archive.read("receipts.jsonl").decode()


def test_a_damaged_part_is_found_without_a_restore(desk: Office) -> None:
    """`verify` names the part, and ends with 1; so does a drill, by the code of damage."""
    _run(desk, "run", "permits")
    part = next(desk.near.rglob("*.part"))
    part.chmod(0o600)
    part.write_bytes(part.read_bytes()[:-1])
    assert "000001.part" in _read(desk, "verify", "permits", code=FAILED)["faults"][0]
    assert "GW-801" in _run(desk, "drill", "permits", code=FAILED).stderr


def test_a_restore_by_command(desk: Office, tmp_path: Path) -> None:
    """Into a folder, by a time of China; a password on the command line is refused."""
    _run(desk, "run", "permits")
    done = _read(desk, "restore", "permits", "--into", str(tmp_path / "opened"), "--at", "2099-01-01 08:00")
    assert (done["done"], done["rows"]) == (True, 2604)
    said = _run(desk, "restore", "permits", "--into", "postgresql://me:secret@host/db", code=FAILED).stderr
    assert "GW-808" in said
    assert "secret" not in said
    assert (
        "no backup of plan" in _run(desk, "restore", "permits", "--into", "x", "--at", "2001-01-01", code=FAILED).stderr
    )
    assert CliRunner().invoke(group, ["restore", "permits", "--into", "x", "--at", "soon"]).exit_code == 2


def test_a_busy_plan_ends_with_its_own_code(desk: Office) -> None:
    """Another run has it: come again."""
    with records.alone(desk.deployment, desk.plan, "run"):
        assert "GW-806" in _run(desk, "run", "permits", code=BUSY).stderr


def test_a_broken_plan_is_named_and_the_others_run(desk: Office, tmp_path: Path) -> None:
    """File, line and remedy stand in the list; what is not broken is backed up."""
    (tmp_path / "catalog" / "backups" / "odd.yaml").write_text(
        PLAN.replace("plan: permits", "plan: odd").replace("daily", "hourly"), encoding="utf-8"
    )
    said = _run(desk, "list", code=FAILED).stdout
    assert "odd.yaml:8: keep" in said
    _run(desk, "run", "permits")
    assert "odd.yaml:8" in _run(desk, "run", "odd", code=FAILED).stderr


TAMPERED = [
    ("update gateway.backup set manifest = repeat('0', 64)", "the ledger's row of permits-.* was changed"),  # a row
    ("update gateway.backup set manifest = null", "the ledger lost backup permits-"),  # a row lost
    ("alter table gateway.receipt disable trigger all; delete from gateway.receipt where kind = 'backup'", "chain: "),  # the tail cut off
]  # fmt: skip


@pytest.mark.parametrize(("change", "fault"), TAMPERED)
def test_a_catalogue_that_was_changed_is_found(desk: Office, change: str, fault: str) -> None:
    """Ledger, chain and repositories hold each other: none can be changed alone."""
    _run(desk, "run", "permits")
    desk.city.ask(change)
    found = _read(desk, "verify-catalog", code=FAILED)
    assert [f for f in found["faults"] if re.match(fault, f)]


def test_a_backup_that_left_its_repository_is_missed(desk: Office) -> None:
    """What the chain says is stored must be there."""
    made = _read(desk, "run", "permits")["backup"]
    (desk.far / made / "manifest.json").rename(desk.far / "gone")
    assert f"{made} is no longer in repository far" in _read(desk, "verify-catalog", code=FAILED)["faults"]


def test_retention_takes_two_steps_and_spares_the_last_proven(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes while only unproven backups are newer; then a copy is marked, and deleted three days later."""
    first = _read(desk, "run", "permits")["backup"]
    _run(desk, "drill", "permits")
    second = _read(desk, "run", "permits")["backup"]
    monkeypatch.setenv("GATEWAY_NOW", "2030-01-01T00:00:00+00:00")
    plan = Path(str(desk.near.parent / "catalog/backups/permits.yaml"))
    plan.write_text(PLAN.replace("keep: {daily: 7}", "keep: {daily: 1}"), encoding="utf-8")
    fates = {(f["backup"], f["repository"]): f["fate"] for f in _read(desk, "prune", "permits")}
    assert fates[first, "near"] == fates[second, "near"] == "kept"
    monkeypatch.delenv("GATEWAY_NOW")
    _run(desk, "drill", "permits")
    monkeypatch.setenv("GATEWAY_NOW", "2030-01-01T00:00:00+00:00")
    assert _fate(desk, first, "--yes") == "expiring"
    assert _fate(desk, first, "--yes") == "expiring"
    assert (desk.near / first / "manifest.json").exists()
    monkeypatch.setenv("GATEWAY_NOW", "2030-01-05T00:00:00+00:00")
    assert _fate(desk, first) == "deleted"  # a dry run: nothing happens
    assert (desk.near / first / "manifest.json").exists()
    assert _fate(desk, first, "--yes") == "deleted"
    assert not (desk.near / first / "manifest.json").exists()
    assert (desk.near / second / "manifest.json").exists()
    assert _read(desk, "verify-catalog")["ok"] is True


def _fate(desk: Office, backup: str, *more: str) -> str:
    return str(
        next(
            f["fate"]
            for f in _read(desk, "prune", "permits", *more)
            if (f["backup"], f["repository"]) == (backup, "near")
        )
    )


def test_a_source_is_untouched(desk: Office) -> None:
    """A backup leaves no object, no lock and no setting at the source."""
    before = desk.ask("select count(*) from pg_class")
    _run(desk, "run", "permits")
    with closing(psycopg2.connect(desk.dsn)) as other, other.cursor() as cursor:
        cursor.execute("lock table permit.permit in access exclusive mode nowait")
    assert desk.ask("select count(*) from pg_class") == before
