"""What is wrong with backups is told once when it begins and once when it is over, and the pages' questions see it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backup import incidents, tools
from backup.checks import connection_faults, faults, findings
from backup.plans import Plans
from backup.watch import watch
from gateway.errors import BackupFailed, GatewayError, ToolMissing
from gateway.notify import contacts, outbox
from tests.integration.backup.conftest import PLAN, Office


@pytest.fixture
def told(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Return the office with somebody who answers for its unit."""

    class Nothing:
        def close(self) -> None:
            """Do nothing."""

    monkeypatch.setattr("gateway.notify.channels.open_channel", lambda *_: Nothing())
    office.known["NOTIFY_MAIL"] = "smtp://127.0.0.1:1"
    contacts.add(office.deployment, "gaj", "王科长", "mail", "wang@example.gov.cn", who="tester")
    return office


def _watch(office: Office, monkeypatch: pytest.MonkeyPatch, day: str) -> list[str]:
    monkeypatch.setenv("GATEWAY_NOW", f"{day}:00+08:00")
    return [row["kind"] for row in watch(office.deployment, Plans({"permits": office.plan}, {}))]


def _messages(office: Office) -> int:
    return len(outbox.listing(office.city.hub))


def test_what_is_missed_and_unproven_is_told_once_and_its_end_too(
    told: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the plan's clock: a run at 02:00, a drill on Sunday at 05:00, proof within a day; nothing before it was seen."""
    assert _watch(told, monkeypatch, "2030-01-01T12:00") == []
    assert _watch(told, monkeypatch, "2030-01-02T02:59") == []  # an hour's grace
    assert _watch(told, monkeypatch, "2030-01-02T03:01") == ["run missed"]
    assert _watch(told, monkeypatch, "2030-01-02T12:01") == ["run missed", "unproven"]
    assert _watch(told, monkeypatch, "2030-01-06T09:59") == ["run missed", "unproven"]
    assert _watch(told, monkeypatch, "2030-01-06T10:01") == ["run missed", "unproven", "drill missed"]
    assert _messages(told) == 3
    monkeypatch.delenv("GATEWAY_NOW")
    told.back_up()
    told.drill()
    far = replace(told.plan, schedule="manual", drills="manual")
    assert watch(told.deployment, Plans({"permits": far}, {})) == []
    assert _messages(told) == 6
    kinds = {row["purpose"] for row in outbox.listing(told.city.hub)}
    assert kinds == {"opened", "closed"}


def test_runs_that_fail_again_are_told_once_and_recovery_too(told: Office) -> None:
    """Three tries of one night are one thing to act upon."""
    known = told.known["PERMITS"]
    told.known["PERMITS"] = known.replace("postgres:", "postgres:wrong", 1)
    for _ in range(2):
        with pytest.raises(GatewayError):
            told.back_up()
    assert _messages(told) == 1
    told.known["PERMITS"] = known
    told.back_up()
    assert (_messages(told), incidents.listing(told.city.hub)) == (2, [])


# What a plan's names stand for, whether that is seen without connecting, and what is said of it, by file and line.
WRONG = [
    ("CUSTODIAN", "no key", True, "permits.yaml:6: seal: recipient CUSTODIAN is no age key"),
    ("CUSTODIAN", "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj expires=2020-01-01", True, "expired"),
    ("DRILL_IDENTITY", "AGE-SECRET-KEY-1", True, "permits.yaml:6: seal: the identity is no age identity"),
    ("FAR", "ftp://nowhere", True, "permits.yaml:7: repositories: the address of a repository is malformed"),
    ("FAR", "file:///not/there", False, "permits.yaml:7: repositories: repository far: the folder"),
    ("PERMITS", "postgresql://nobody@127.0.0.1:1/x", False, "permits.yaml:4: source: "),
    ("PERMITS", None, False, "permits.yaml:4: source: connection PERMITS is not configured"),
]  # fmt: skip


@pytest.fixture
def declared(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Return the office with its plan in its catalog, and its names in the environment."""
    (tmp_path / "city" / "backups").mkdir(parents=True)
    (tmp_path / "city" / "backups" / "permits.yaml").write_text(PLAN, encoding="utf-8")
    office.deployment = replace(office.deployment, catalog=replace(office.deployment.catalog, root=tmp_path / "city"))
    for name, value in office.known.items():
        monkeypatch.setenv(f"GATEWAY_CONN_{name}", value)
    return office


def test_check_judges_what_a_plan_names(declared: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is wrong with the plan as it is; each fault is told with file and line, offline where it can be seen so."""
    city = declared.deployment.catalog
    assert [*faults(city), *connection_faults(declared.deployment)] == []
    for name, value, offline, words in WRONG:
        before = declared.known[name]
        if value is None:
            del declared.known[name]
            monkeypatch.delenv(f"GATEWAY_CONN_{name}")
        else:
            declared.known[name] = value
            monkeypatch.setenv(f"GATEWAY_CONN_{name}", value)
        found = list(faults(city))
        assert bool(found) == offline, (name, value)
        (fault, *_) = found or list(connection_faults(declared.deployment))
        assert words in fault
        declared.known[name] = before
        monkeypatch.setenv(f"GATEWAY_CONN_{name}", before)
    (city.root / "backups" / "odd.yaml").write_text("plan: odd\n", encoding="utf-8")
    assert [fault for fault in faults(city) if "odd.yaml:1" in fault]


def test_doctor_names_what_lacks(declared: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs of the server's version and the package that brings them, and the identity that drills need."""
    (found,) = findings(declared.deployment)
    assert found.state == "ok"
    whole = tools.program

    def program(name: str, major: int) -> Path:
        if name == "pg_restore":
            raise ToolMissing(f"{name} is not installed", f"Install the package postgresql-client-{major}.")
        return whole(name, major)

    monkeypatch.setattr(tools, "program", program)
    del declared.known["DRILL_IDENTITY"]
    programs, identity = findings(declared.deployment)
    assert (programs.state, identity.state) == ("fail", "warn")
    assert "pg_restore not installed" in programs.detail
    assert "postgresql-client-18" in programs.hint


def test_a_full_disk_is_named_though_the_program_had_no_room_to_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a program says goes to the disk that is full."""
    monkeypatch.setattr(tools, "_LITTLE", 1 << 62)
    with pytest.raises(BackupFailed, match="No space left") as caught:
        tools.run(["false"], {}, tmp_path / "said", deadline=1e12, failure=BackupFailed, doing="dump")
    assert "Free space" in caught.value.hint
