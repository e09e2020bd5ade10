"""Every command of `gateway` as its user runs it: what it does, prints and returns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import click
import psycopg2
import pytest

from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.ledger import ledger, receipts
from gateway.security.crypto import Keys
from tests.command_line import invoke, top
from tests.integration.cli.conftest import Desk

ROOT = Path(__file__).parent.parent.parent.parent
WHY = ("--why", "来源单位已确认", "--who", "tester")


def test_init_twice_keeps_what_is_there(desk: Desk) -> None:
    """A second init changes neither keys nor edited files, and says it is ready."""
    before = {p: p.read_bytes() for p in desk.folder.rglob("*") if p.is_file()}
    result = invoke("init", str(desk.folder))
    assert result.exit_code == 0
    assert "ready" in result.stdout
    assert before == {p: p.read_bytes() for p in desk.folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("catalog/city.yaml", "city: 我的城市", "town: 我的城市", "city.yaml:2: town: Additional properties"),  # a wrong name
        ("catalog/city.yaml", 'division: "130800"', "division: 1308", "city.yaml:4: division: 1308 is not of type string"),  # a number
        ("catalog/units.yaml", "  name: 市", "  title: 市", "units.yaml:3: title: Additional properties"),  # a name of no meaning
        ("catalog/platforms/pop.yaml", "unit: gxj", "unit: gxx", "pop.yaml:5: unit: there is no unit gxx"),  # unknown unit
        ("catalog/platforms/pop.yaml", "connection: POP", "connection: postgresql://u:p@h/d", "pop.yaml:4: connection: postgresql"),  # a DSN, not a name
        ("catalog/platforms/pop.yaml", "unit: gxj", "unit: gxj\npassword: x", "pop.yaml:6: password: a secret must not stand in the catalog"),
        ("catalog/platforms/pop.yaml", "platform: pop", "platform: pip", "pop.yaml:1: platform: a platform bears the name of its file"),
        ("catalog/platforms/pop.yaml", "name: 人口库", "name: [人口库", "pop.yaml:3: "),  # not YAML
        ("catalog/sla/daily.yaml", "freshness_minutes: 1560", "freshness_minutes: 0", "daily.yaml:3: freshness_minutes: 0 is less than"),
        ("catalog/routes/person_in.yaml", "dataset: test.person", "dataset: test.persn", "person_in.yaml:2: dataset: there is no contract test.persn"),
        ("catalog/routes/person_in.yaml", "from: pop", "from: pup", "person_in.yaml:3: from: there is no platform pup"),
        ("catalog/routes/person_in.yaml", "to: hub", "to: hubb", "person_in.yaml:4: to: a route of mode incremental goes to the hub"),
        ("catalog/routes/person_in.yaml", "mode: incremental", "mode: fast", "person_in.yaml:5: mode: fast is not one of"),
        ("catalog/routes/person_in.yaml", '"0 2 * * *"', "nightly", "person_in.yaml:6: schedule: nightly is not a schedule"),
        ("catalog/routes/person_in.yaml", "sla: daily", "sla: dayly", "person_in.yaml:7: sla: there is no SLA term dayly"),
        ("catalog/contracts/test.person.odcs.yaml", "physicalType: varchar(1)", "physicalType: varchar2(1)", "test.person.odcs.yaml:14: sex: physicalType varchar2(1) is not known"),
        ("catalog/contracts/test.person.odcs.yaml", "metric: invalidValues", "metric: nullValues", "test.person.odcs.yaml:20: T-01: this rule is for another engine"),
        ("catalog/calendar/overrides.yaml", "[]", "- {day: tomorrow, is_work: true}", "overrides.yaml: entry 1"),
    ],
)  # fmt: skip
def test_check_names_every_fault(desk: Desk, file: str, old: str, new: str, words: str) -> None:
    """File, line, field, what is wrong, and what to write instead; for machines too."""
    desk.change(file, old, new)
    said = desk.run("check", "--offline", code=1).stderr
    plain = said.replace("'", "")
    assert words.rsplit(": ", 1)[-1] in plain
    assert words.split(": ", 1)[0] in plain
    assert "HINT: " in said
    found = desk.read("check", "--offline", code=1)
    assert (found["ok"], len(found["faults"])) == (False, 1)


def test_messages_keep_their_brackets(desk: Desk) -> None:
    """A pattern in a message is printed as it stands, not taken for markup."""
    old = "logicalTypeOptions: {timezone: false, defaultTimezone: Asia/Shanghai}"
    desk.change("catalog/contracts/test.person.odcs.yaml", old, f"{old[:-1]}, pattern: '^[a-z](?=x)$'" + "}")
    assert "pattern ^[a-z](?=x)$ is not supported" in desk.run("check", "--offline", code=1).stderr


def test_check_reaches_hub_and_platforms(desk: Desk) -> None:
    """A good deployment is ok; a table unlike its contract and an unknown connection are told."""
    assert "ok: 1 routes, 1 data sets, 1 platforms" in desk.run("check").stdout
    desk.ask("drop table person")
    assert "has no table person" in desk.run("check", code=1).stderr
    del os.environ["GATEWAY_CONN_POP"]
    assert "Set GATEWAY_CONN_POP" in desk.run("check", code=1).stderr


def test_sync_carries_rows_and_tells_rejects(desk: Desk) -> None:
    """Done is 0, done with rejects is 3; the rule and the count are told."""
    desk.fill(10, bad=2)
    said = desk.run("sync", "person_in", code=3).stdout
    assert "10 read; 8 inserted" in said
    assert "T-01: 2 rejected" in said
    assert desk.read("sync", "person_in")["kind"] == "delta"


def test_dry_run_changes_nothing(desk: Desk) -> None:
    """A dry run says what would be, and the next run finds everything still to do."""
    desk.fill(5, bad=1)
    said = desk.run("sync", "person_in", "--dry-run", code=3).stdout
    assert "4 inserted" in said
    assert "nothing was changed" in said
    assert desk.read("receipts", "list", "--route", "person_in") == []
    assert desk.read("sync", "person_in", code=3)["inserted"] == 4


def test_wrong_use_is_2(desk: Desk) -> None:
    """What cannot be understood is the user's fault and told with the usage."""
    for arguments in (
        ["sync"],
        ["sync", "person_in", "--fast"],
        ["nonsense"],
        ["hold", "show", "three"],
        ["approve", "1"],
    ):
        assert "Usage" in desk.run(*arguments, code=2).stderr


def test_failures_are_1_with_code_and_hint(desk: Desk) -> None:
    """What failed is told in Chinese and English, with its code and what to do."""
    said = desk.run("sync", "person_on", code=1).stderr
    assert "未找到 GW-406 there is no route person_on" in said
    assert "HINT: Run `gateway route list`" in said
    assert "平台不可用 GW-201" in _down(desk)


def _down(desk: Desk) -> str:
    os.environ["GATEWAY_CONN_POP"] = re.sub(r":\d+/", ":1/", os.environ["GATEWAY_CONN_POP"])
    return desk.run("check", code=1).stderr.replace("[GW-201]", "平台不可用 GW-201")


def test_busy_route_is_5(desk: Desk) -> None:
    """Another run holds the route."""
    desk.run("route", "list")
    other = Deployment.open().hub(name="another run", autocommit=True)
    ledger.take_locks(other, "person_in", "test.person")
    assert "GW-402" in desk.run("sync", "person_in", code=5).stderr
    other.close()


def test_paused_route_is_4_until_it_is_resumed(desk: Desk) -> None:
    """Pause and resume are decisions with a name and a reason, kept in the chain."""
    desk.fill(3)
    desk.run("route", "pause", "person_in", *WHY)
    assert desk.read("route", "list")[0]["state"] == "paused"
    assert "GW-403" in desk.run("sync", "person_in", code=4).stderr
    desk.run("route", "resume", "person_in", *WHY)
    assert desk.read("sync", "person_in")["inserted"] == 3
    decided = [r["body"] for r in desk.read("receipts", "list") if r["kind"] == "decision"]
    assert [(d["what"], d["who"], d["why"]) for d in decided] == [
        ("resume", "tester", WHY[1]),
        ("pause", "tester", WHY[1]),
    ]


def test_backfill_reads_again(desk: Desk) -> None:
    """A backfill from a moment moves the watermark; one without compares everything at the next run."""
    desk.fill(4)
    desk.run("sync", "person_in")
    desk.run("route", "backfill", "person_in", "--since", "2026-01-01", *WHY)
    assert desk.read("sync", "person_in")["read"] == 4
    desk.run("route", "backfill", "person_in", *WHY)
    assert desk.read("sync", "person_in")["kind"] == "compare"


def test_route_list_and_show(desk: Desk) -> None:
    """A route is shown with contract, state and runs; a broken one with its reason."""
    desk.fill(3, bad=1)
    desk.run("sync", "person_in", code=3)
    shown = desk.read("route", "show", "person_in")
    assert (shown["dataset"], shown["state"], shown["runs"][0]["state"]) == ("test.person", "loaded", "committed")
    for word in ("test.person", "first_load", "loaded"):
        assert word in desk.run("route", "show", "person_in").stdout
    desk.change("catalog/routes/person_in.yaml", "sla: daily", "sla: x")
    assert desk.read("route", "list")[0]["state"] == "broken"
    assert "there is no SLA term x" in desk.run("route", "show", "person_in", code=1).stderr


def test_reconcile_tells_and_repairs(desk: Desk) -> None:
    """Equal is 0, unlike is 1; a repair carries the difference and is 0 again."""
    desk.fill(10)
    desk.run("sync", "person_in")
    assert desk.read("reconcile", "person_in")["passed"] is True
    desk.ask("update person set sex = '2' where id like %s", "%0001")
    found = desk.read("reconcile", "person_in", code=1)
    assert (found["passed"], found["different"]) == (False, 1)
    assert desk.read("reconcile", "person_in", "--repair")["repaired_by"] > 0
    assert desk.read("reconcile", "person_in")["passed"] is True


def test_hold_is_shown_approved_and_used_once(desk: Desk) -> None:
    """A mass delete waits (4); a person looks, approves, and the next run passes."""
    desk.fill(10)
    desk.run("sync", "person_in")
    desk.ask("delete from person where id > %s", "130802199001010005")
    assert "mass_delete" in desk.run("reconcile", "person_in", "--repair", code=4).stderr
    (hold,) = desk.read("hold", "list", "--state", "open")
    assert desk.read("hold", "show", str(hold["id"]))["facts"]["deletes"] == 5
    assert "mass_delete" in desk.run("hold", "show", str(hold["id"])).stdout
    said = desk.run("approve", str(hold["id"]), *WHY).stdout
    assert "gateway sync person_in" in said
    assert desk.read("sync", "person_in", "--whole")["deleted"] == 5
    assert "there is no open hold" in desk.run("approve", str(hold["id"]), *WHY, code=1).stderr


def test_a_key_is_rotated_and_the_one_before_it_vouches_for_it(desk: Desk) -> None:
    """The chain names the new key, signed by the old one; what comes later is signed by the new one, and all verifies."""
    (old,) = [key for key in desk.read("key", "list") if key["kind"] == "sign"]
    assert "BEGIN PUBLIC KEY" in desk.run("key", "rotate", "sign", *WHY).stdout
    keys = [key for key in desk.read("key", "list") if key["kind"] == "sign"]
    assert [(key["key"] == old["key"], key["in_use"]) for key in keys] == [(True, False), (False, True)]
    desk.run("route", "pause", "person_in", *WHY)
    with desk.hub.cursor() as cursor:
        cursor.execute(
            "select key_id, body::jsonb ->> 'key' from gateway.receipt where body::jsonb ->> 'what' in ('rotate sign key', 'pause') order by no desc limit 2"
        )
        assert cursor.fetchall() == [(keys[1]["key"], None), (old["key"], keys[1]["key"])]
    desk.run("receipts", "verify")
    desk.run("route", "resume", "person_in", *WHY)


def test_the_key_that_platforms_share_is_not_rotated_alone(desk: Desk) -> None:
    """Only the keys that the gateway alone holds are offered."""
    desk.run("key", "rotate", "hash", *WHY, code=2)


def test_hold_is_released_to_be_judged_afresh(desk: Desk) -> None:
    """A release approves nothing: when the rows are back, the next run passes."""
    desk.fill(10)
    desk.run("sync", "person_in")
    desk.ask("update person set id = left(id, 14) || 'x' || right(id, 3)")
    desk.run("reconcile", "person_in", "--repair", code=4)
    desk.ask("delete from person")
    desk.fill(10)
    (hold,) = desk.read("hold", "list", "--state", "open")
    assert "person_in" in desk.run("hold", "release", str(hold["id"]), *WHY).stdout
    assert desk.read("sync", "person_in", "--whole")["deleted"] == 0
    assert desk.read("hold", "list")[0]["state"] == "released"


def test_an_incident_is_listed_shown_and_closed_with_its_report(desk: Desk) -> None:
    """Refused while its route is held; the run after the change was taken back resumes it."""
    desk.fill(3)
    desk.run("sync", "person_in")
    desk.ask("alter table person rename column sex to gender")
    desk.run("sync", "person_in", code=1)
    (incident,) = desk.read("incident", "list", "--state", "open")
    number = str(incident["incident"])
    assert "pg.column.rename" in desk.run("incident", "show", number).stdout
    assert "GW-741" in desk.run("incident", "close", number, *WHY, code=1).stderr
    desk.ask("alter table person rename column gender to sex")
    desk.run("sync", "person_in")
    assert desk.read("incident", "show", number)["how"] == "reverted"
    desk.run("incident", "close", number, *WHY)
    assert desk.read("incident", "list")[0]["state"] == "closed"
    assert "there is no incident 9" in desk.run("incident", "show", "9", code=1).stderr


def test_quarantine_is_listed_shown_replayed_and_discarded(desk: Desk) -> None:
    """Rejected rows are seen masked, mended by hand or given up, each with a reason."""
    desk.fill(5, bad=2)
    desk.run("sync", "person_in", code=3)
    first, second = sorted(row["id"] for row in desk.read("quarantine", "list"))
    listed = desk.run("quarantine", "list", "--route", "person_in").stdout
    assert "T-01" in listed
    shown = desk.read("quarantine", "show", str(first))
    assert (shown["reason_zh"], shown["reason_en"], shown["masked"]["sex"]) == ("性别代码无效", "bad sex", "7")
    assert shown["masked"]["name"] in {"王**", "欧**"}
    assert (
        "still breaks rule T-01" in desk.run("quarantine", "replay", str(first), "--set", "sex=9", *WHY, code=1).stderr
    )
    assert "no field gender" in desk.run("quarantine", "replay", str(first), "--set", "gender=1", *WHY, code=1).stderr
    assert "Usage" in desk.run("quarantine", "replay", str(first), "--set", "sex", *WHY, code=2).stderr
    assert "1 inserted" in desk.run("quarantine", "replay", str(first), "--set", "sex=2", *WHY).stdout
    desk.run("quarantine", "discard", str(second), *WHY)
    assert desk.read("quarantine", "list") == []
    assert "is closed" in desk.run("quarantine", "replay", str(second), *WHY, code=1).stderr
    assert "there is no quarantined row 999" in desk.run("quarantine", "show", "999", code=1).stderr


def test_receipts_prove_themselves(desk: Desk, tmp_path: Path) -> None:
    """The chain verifies in the hub and as a file; a changed file is refused with its record."""
    desk.fill(5, bad=1)
    desk.run("sync", "person_in", code=3)
    newest = desk.read("receipts", "list", "--limit", "1")[0]
    assert newest["body"]["inserted"] == 4
    assert desk.read("receipts", "show", str(newest["no"]))["hash"] == newest["hash"]
    assert desk.read("receipts", "verify")["ok"] is True
    file = tmp_path / "receipts.zip"
    assert f"{newest['no']} records in" in desk.run("receipts", "export", str(file)).stdout
    assert desk.read("receipts", "verify", str(file)) == {"ok": True, "records": newest["no"], "first_fault": None}
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'"inserted": 4', b'"inserted": 5'))
    assert f"record {newest['no']} was changed" in desk.run("receipts", "verify", str(changed), code=1).stdout
    assert "does not exist" in desk.run("receipts", "verify", "none.zip", code=2).stderr
    (tmp_path / "text.zip").write_text("no archive")
    assert "is not a file of receipts" in desk.run("receipts", "verify", str(tmp_path / "text.zip"), code=1).stderr
    assert "there is no receipt 999" in desk.run("receipts", "show", "999", code=1).stderr


def test_receipts_of_a_forger_are_refused(desk: Desk, tmp_path: Path) -> None:
    """A file that is signed throughout, but with another's key, is not ours."""
    keys = Keys.create(tmp_path / "forger")
    entry = receipts.make(None, {"kind": "batch", "inserted": 5}, keys)
    receipts.export([entry], receipts.make_head(entry, keys), keys.public_keys(), tmp_path / "forged.zip")
    found = desk.read("receipts", "verify", str(tmp_path / "forged.zip"), code=1)
    assert found["first_fault"] == "signed with a key that is not ours"


def test_receipts_changed_in_the_hub_are_found(desk: Desk) -> None:
    """Somebody edits the hub behind the gateway's back."""
    desk.fill(5)
    desk.run("sync", "person_in")
    with desk.hub.cursor() as cursor:
        cursor.execute("update hub.test_person set sex = '2'")
    assert desk.read("receipts", "verify", code=1)["ok"] is False


def test_the_catalogue_of_resources_is_written(desk: Desk, tmp_path: Path) -> None:
    """A page, two tables and the contracts; a platform that no route uses is told with exit code 1."""
    assert "1 data sets written" in desk.run("catalog", "export", str(tmp_path / "resources")).stdout
    assert "测试人员" in (tmp_path / "resources" / "index.html").read_text(encoding="utf-8")
    assert [p["inbound"] for p in desk.read("catalog", "coverage")] == [1]
    idle = desk.folder / "catalog" / "platforms" / "idle.yaml"
    idle.write_text("platform: idle\nname: 闲\nconnector: postgres\nconnection: IDLE\nunit: gxj\n", encoding="utf-8")
    assert [p["inbound"] for p in desk.read("catalog", "coverage", code=1)] == [0, 1]


def test_calendar_shows_and_loads(desk: Desk) -> None:
    """Working days with their basis; an override of the city counts once it is loaded."""
    days = {d["day"]: (d["is_work"], d["basis"]) for d in desk.read("calendar", "show", "2026-10-01", "--days", "12")}
    assert (days["2026-10-01"], days["2026-10-10"]) == ((False, "official"), (True, "official"))
    desk.change("catalog/calendar/overrides.yaml", "[]", "- {day: 2026-11-24, is_work: false, note: 停电}")
    assert "1 days changed" in desk.run("calendar", "load").stdout
    assert "停电" in desk.run("calendar", "show", "2026-11-24", "--days", "1").stdout
    assert "outside the working-day calendar" in desk.run("calendar", "show", "2015-01-01", code=1).stderr


def test_doctor_examines_everything(desk: Desk) -> None:
    """A healthy deployment passes; a platform that is down, open keys and a missing hub are told with a remedy."""
    found = {f["what"]: f["state"] for f in desk.read("doctor")}
    assert {"python", "catalog", "sign key", "seal key", "hash key", "disk", "hub", "ledger", "platform pop"} <= set(
        found
    )
    assert "fail" not in found.values()
    hints = [line for line in desk.run("doctor").stdout.splitlines() if "HINT" in line]
    assert [line for line in hints if "GATEWAY_FONTS" not in line] == []  # a machine may have no Chinese font
    for key in (desk.folder / ".gateway" / "keys").iterdir():
        key.chmod(0o644)
    assert "chmod 600" in desk.run("doctor", code=1).stdout
    os.environ["GATEWAY_HUB_DSN"] = re.sub(r":\d+/", ":1/", os.environ["GATEWAY_HUB_DSN"])
    assert "fail" in {f["state"] for f in desk.read("doctor", code=1) if f["what"] == "hub"}


def test_a_hub_may_be_any_postgresql_from_16_on(desk_of_16: Desk) -> None:
    """The commands of an operator's day, against a hub that the gateway did not start."""
    desk = desk_of_16
    desk.fill(20, bad=3)
    assert desk.read("sync", "person_in", code=3)["landed"] == 17
    first = min(row["id"] for row in desk.read("quarantine", "list"))
    desk.run("quarantine", "replay", str(first), "--set", "sex=2", *WHY)
    desk.ask("delete from person where id like '%20'")
    assert desk.read("reconcile", "person_in", "--repair")["repaired_by"] > 0
    assert desk.read("receipts", "verify")["ok"]
    assert "fail" not in {finding["state"] for finding in desk.read("doctor")}
    with desk.hub.cursor() as cursor:
        cursor.execute("select current_setting('server_version_num')::int / 10000, count(*) from hub.test_person")
        assert cursor.fetchone() == (16, 17)


def test_embedded_server_is_started_and_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without GATEWAY_HUB_DSN init starts PostgreSQL; stop, start and dsn work on it, and its data stays."""
    monkeypatch.setenv("GATEWAY_CATALOG", "")
    folder = tmp_path / "own"

    def gateway(*arguments: str) -> str:
        result = invoke(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    here = ("--dir", str(folder))
    try:
        gateway("init", str(folder))
        dsn = gateway(*here, "embedded", "dsn").strip()
        psycopg2.connect(dsn).close()
        gateway(*here, "embedded", "stop")
        gateway(*here, "embedded", "stop")
        assert not Server(folder / ".gateway" / "postgres").running()
        assert "127.0.0.1" in gateway(*here, "embedded", "start")
        gateway(*here, "embedded", "start")
        gateway(*here, "check")
        assert (folder / ".gateway" / "hub.dsn").stat().st_mode & 0o077 == 0
    finally:
        invoke(*here, "embedded", "stop")


def test_program_runs_and_tells_its_version() -> None:
    """The installed program starts, knows its version, and without arguments shows its help."""
    program = str(Path(sys.executable).parent / "gateway")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert re.fullmatch(r"\d+\.\d+\.\d+", done.stdout.strip())


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if commands := getattr(command, "commands", None):
        for name, inner in commands.items():
            yield from _commands(inner, (*path, name))
    else:
        yield path, command


COMMANDS = dict(_commands(top()))


@pytest.mark.parametrize("path", sorted(COMMANDS), ids=" ".join)
def test_help_teaches(path: tuple[str, ...]) -> None:
    """Every command says what it does in a sentence with an example, and every parameter what it is."""
    command = COMMANDS[path]
    said = command.help or ""
    assert f"gateway {' '.join(path)}" in said, "no example"
    assert [p.name for p in command.params if p.param_type_name == "option" and not p.help] == []
    assert [p.name for p in command.params if p.param_type_name == "argument" and not getattr(p, "help", None)] == []
    result = invoke(*path, "--help")
    assert result.exit_code == 0


def test_a_closed_window_is_4_until_a_person_lets_a_run_start(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Route and doctor tell the hours and when they begin; who lets a run start now says why, and stands in the chain."""
    desk.change("catalog/platforms/pop.yaml", "unit: gxj", 'unit: gxj\nwindow: {from: "22:00", to: "06:00"}\nrate: {rows_per_second: 5000}')  # fmt: skip
    monkeypatch.setenv("GATEWAY_NOW", "2026-11-26T12:00:00+08:00")
    desk.fill(3)
    for command in (("sync", "person_in"), ("sync", "person_in", "--dry-run")):
        said = desk.run(*command, code=4).stderr
        assert "GW-206" in said
        assert "closed until 2026-11-26 22:00 (China time)" in said
        assert "--now --why" in said
    shown = desk.read("route", "show", "person_in")
    assert (shown["window"], shown["rate"]) == ("22:00-06:00", "5000 rows a second")
    assert shown["not_before"].startswith("2026-11-26 22:00")
    assert desk.read("route", "list")[0]["not_before"] == shown["not_before"]
    (seen,) = [f for f in desk.read("doctor") if f["what"] == "platform pop"]
    assert (seen["state"], seen["detail"]) == (
        "ok", "not asked: window 22:00-06:00 opens 2026-11-26 22:00 (China time)",
    )  # fmt: skip
    desk.run("sync", "person_in", "--now", code=2)
    desk.run("sync", "person_in", "--why", "no reason without --now", code=2)
    assert "3 inserted" in desk.run("sync", "person_in", "--now", *WHY).stdout
    desk.run("reconcile", "person_in", code=4)
    assert desk.read("reconcile", "person_in", "--now", *WHY)["passed"] is True
    decision = desk.read("receipts", "list")[0]["body"]
    assert (decision["what"], decision["who"], decision["why"]) == ("run now", "tester", "来源单位已确认")
    desk.run("receipts", "verify")


def test_a_resting_platform_is_4_and_told_by_route_and_doctor(desk: Desk) -> None:
    """Everybody sees until when, and in what words the platform asked for it."""
    desk.fill(3)
    with desk.hub.cursor() as cursor:
        cursor.execute(
            "insert into gateway.pace (platform, resting_until, resting_why) "
            "values ('pop', clock_timestamp() + interval '10 minutes', 'platform pop asks for 600 s')"
        )
    assert "GW-207" in desk.run("sync", "person_in", code=4).stderr
    shown = desk.read("route", "list")[0]
    assert (shown["why"], shown["not_before"] is not None) == ("platform pop asks for 600 s", True)
    (seen,) = [f for f in desk.read("doctor") if f["what"] == "platform pop"]
    assert (seen["state"], "platform pop asks for 600 s" in seen["detail"]) == ("warn", True)
    with desk.hub.cursor() as cursor:
        cursor.execute("update gateway.pace set resting_until = clock_timestamp()")
    desk.run("sync", "person_in")
    assert desk.read("route", "list")[0]["not_before"] is None


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [
        (["key", "list", "--help"], set()),  # a group of the core
        (["--dir", "x", "check", "--help"], set()),  # a command of the core, behind a global option
        (["notice", "list", "--help"], {"schemas"}),  # a group of another package
        (["--help"], {"schemas", "backup"}),  # the whole list
        (["nonsense"], {"schemas", "backup"}),  # a typing error, which names what there is
    ],
)
def test_only_the_packages_that_a_command_needs_are_loaded(arguments: list[str], loaded: set[str]) -> None:
    """A command starts without what the other packages bring."""
    code = (
        "import sys, gateway.cli.app as app\n"
        f"sys.argv = ['gateway', *{arguments!r}]\n"
        "try: app.main()\n"
        "except SystemExit: pass\n"
        "print('loaded', *sorted({'schemas', 'backup'} & {n.partition('.')[0] for n in sys.modules if n.count('.') == 1}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(done.stdout.splitlines()[-1].split()[1:]) == loaded
