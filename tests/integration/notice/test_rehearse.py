"""What units do with a structure, done on the announced one before the day: on a copy, with masked rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from gateway.errors import PlatformUnavailable, RehearsalBusy
from gateway.exchange import carry
from gateway.model import HUB, RegisteredUse
from schemas import scratch
from schemas.notice import lifecycle
from schemas.rehearsal import rehearse, stage
from schemas.rehearsal.rehearse import Rehearsed
from schemas.use import profile
from schemas.use.model import Evidence
from tests.integration.conftest import CREATE
from tests.integration.notice.conftest import DAY, Noticing

SELECT = "select id, name from person where updated_at > timestamp '2020-01-01' order by id"


def register(noticing: Noticing, *uses: RegisteredUse) -> None:
    """Let units read by themselves."""
    here = noticing.city.deployment
    found = {use.use: use for use in uses}
    noticing.city.deployment = replace(here, catalog=replace(here.catalog, uses=found))


def use(name: str, unit: str = "zjj", **how: Any) -> RegisteredUse:
    """Return a registered use of persons at the population library."""
    return RegisteredUse(name, unit, "pop", ("test.person",), "查询", **how)


def results(found: Rehearsed) -> dict[str, tuple[str, str]]:
    """Return each unit's result and what was said of it."""
    return {outcome.unit: (outcome.result, outcome.said) for outcome in found.outcomes}


def rehearsed(noticing: Noticing, script: str) -> Rehearsed:
    """Draft what a script changes and rehearse the draft."""
    draft = noticing.draft(script, origin=f"planned {script}")
    return rehearse.rehearse(noticing.deployment, str(draft), who="tester", rows=100)


def test_each_unit_learns_whether_its_own_work_runs_on_the_announced_structure(noticing: Noticing) -> None:
    """A renamed column fails its reader by name; a unit from which it is withheld passes; the evidence is kept and chained."""
    noticing.city.fill(30)
    register(noticing, use("zjj_list", "mzj", sql=SELECT), use("zjj_count", "gxj", sql="select count(*) from person"))
    found = results(rehearsed(noticing, "alter table public.person rename column name to full_name"))
    assert found["gaj"] == ("pass", "")
    assert found["gxj"] == ("pass", "")
    assert found["mzj"] == ("fail", 'zjj_list: column "name" does not exist')
    assert found["zjj"][0] == "fail"
    assert "name" in found["zjj"][1]
    kept = noticing.city.ask(
        "select unit, result, sample->'rows'->>'public.person' from gateway.rehearsal order by unit"
    )
    assert kept == [("gaj", "pass", "30"), ("gxj", "pass", "30"), ("mzj", "fail", "30"), ("zjj", "fail", "30")]
    chained = noticing.city.ask("select body::jsonb->>'what' from gateway.receipt where kind = 'notice'")
    assert ("rehearse",) in chained


def test_what_was_announced_is_rehearsed_once_and_told(noticing: Noticing) -> None:
    """By the clock; a revision with another script again. The notice of a unit says what came of it, and by what it is known."""
    noticing.city.fill(5)
    register(noticing, use("gxj_all", "gxj", sql="select * from person"))
    notice = noticing.announce()
    assert "演练结果：尚未演练" in noticing.messages()[-1][2].text
    assert (rehearse.due(noticing.deployment), rehearse.due(noticing.deployment)) == (
        {"rehearsed": 1},
        {"rehearsed": 0},
    )
    own = noticing.told(notice)
    assert {unit: r.rehearsal and r.rehearsal["result"] for unit, r in own.items()} == {
        "gxj": "fail", "mzj": "pass", "zjj": "fail",
    }  # fmt: skip
    lifecycle.postpone(noticing.deployment, "〔2026〕第1号", who="tester", why="延期", effective_on=DAY("2026-12-25"))
    text = next(m.text for p, a, m in reversed(noticing.messages()) if a == "gxj@example.gov.cn")
    assert "演练结果：未通过（2026-11-24）：gxj_all: column 2 was name, is full_name" in text
    assert "判定依据：SQL gxj_all（最近使用时间不详" in text
    changes = noticing.changes("alter table public.person add column remark text")
    said = {"script": "alter table public.person add column remark text"}
    lifecycle.revise(noticing.deployment, "〔2026〕第1号", changes, who="tester", why="改为新增", planned=said)
    assert noticing.told(notice)["zjj"].rehearsal is None
    assert rehearse.due(noticing.deployment) == {"rehearsed": 1}
    assert {unit: r.rehearsal and r.rehearsal["said"] for unit, r in noticing.told(notice).items()} == {
        "gxj": "gxj_all: 5 columns before, 6 after", "mzj": "", "zjj": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("script", "said"),
    [
        # the server refuses it without any row
        ("alter table public.person drop column colour", 'column "colour" of relation "person" does not exist'),
        # rows as they are today refuse it; the longest ones are sought, wherever they lie
        ("alter table public.person alter column name type varchar(3)", "rows as there are today refuse the change"),
        ("alter table public.person alter column sex set not null", "rows as there are today refuse the change"),
    ],
)
def test_a_change_that_cannot_be_carried_out_is_found_before_the_day(
    noticing: Noticing, script: str, said: str
) -> None:
    """It is the publisher's to mend; nobody else's work could be done on it."""
    noticing.city.fill(2000)
    noticing.city.ask_source("update person set name = '欧阳某某某', sex = null where id = 'P00001999'")
    changes = noticing.changes(
        "alter table public.person alter column name type varchar(3), alter column sex set not null"
    )
    body = {"platform": "pop", "dataset": "test.person", "reason": "收紧", "origin": script, "script": script}
    draft = lifecycle.draft(noticing.deployment, body, changes)
    noticing.city.ask_source("analyze person")
    found = results(rehearse.rehearse(noticing.deployment, str(draft), who="tester", rows=50))
    assert found["gaj"][0] == "fail"
    assert said in found["gaj"][1]
    assert {result for unit, (result, _) in found.items() if unit != "gaj"} == {"not_possible"}


def test_grants_references_and_policies_are_rehearsed_too(noticing: Noticing) -> None:
    """A table that is built anew loses its grants: the unit's own account may not read it any more, whatever its statement."""
    reader = f"reader_{os.getpid()}_{time.monotonic_ns()}"
    city = noticing.city
    city.fill(8)
    city.ask_source(
        f"create role {reader}; grant select on person to {reader}, pg_monitor; alter table person enable row level security"
    )
    city.ask_source(f"create policy few on person for select to {reader} using (sex = 1)")
    try:
        register(noticing, use("zjj_own", "gxj", sql="select id from person", account=reader))
        rebuilt = "create table p2 (like public.person including all); drop table public.person; alter table p2 rename to person"
        body = {"platform": "pop", "dataset": "test.person", "reason": "重建", "origin": "rebuilt", "script": rebuilt}
        draft = lifecycle.draft(
            noticing.deployment, body, noticing.changes("alter table public.person add column remark text")
        )
        found = rehearse.rehearse(noticing.deployment, str(draft), who="tester")
        (check,) = next(o for o in found.outcomes if o.unit == "gxj").checks
        assert (check.result, check.rows, check.said) == ("fail", 4, "permission denied for table person")
    finally:
        city.ask_source(
            f"drop policy few on person; revoke all on person from {reader}, pg_monitor; drop role {reader}"
        )


def test_statements_that_were_seen_and_those_of_the_hub_are_rehearsed_by_their_columns(noticing: Noticing) -> None:
    """What was seen is read as its account; what is read in the hub is read where the platform fills it."""
    reader = f"seen_{os.getpid()}_{time.monotonic_ns()}"
    city = noticing.city
    city.fill(6)
    city.ask_source(f"create role {reader}; grant select on person to {reader}")
    try:
        hub = "select {} from hub.test_person"
        register(
            noticing,
            use("gxj_seen", "gxj", account=reader),
            replace(use("mzj_name", "mzj", sql=hub.format("id, name")), at=HUB),
            replace(use("mzj_sex", "mzj", sql=hub.format("id, sex")), at=HUB),
        )
        catalog = noticing.deployment.catalog
        for number, columns in (("1", ("id", "name")), ("2", ("id", "sex"))):
            seen = Evidence(
                "gxj", "observed", f"{reader} {number}", {("public.person", c): frozenset({"read"}) for c in columns}
            )
            with closing(noticing.deployment.hub(name="test")) as connection, connection:
                profile.put(connection, "pop", "test.person", seen, 1)
        assert catalog.uses["gxj_seen"].account == reader
        draft = noticing.draft("alter table public.person rename column name to full_name", origin="seen")
        found = rehearse.rehearse(noticing.deployment, str(draft), who="tester")
        checks = {
            c.name: (c.result, c.said, c.rows) for o in found.outcomes for c in o.checks if o.unit in {"gxj", "mzj"}
        }
        gone = 'column "name" does not exist'
        assert checks[f"{reader} 1"] == ("fail", gone, 6)
        assert checks[f"{reader} 2"] == ("pass", "", 6)
        assert (checks["mzj_name"], checks["mzj_sex"]) == (("fail", gone, 6), ("pass", "", 6))
    finally:
        city.ask_source(f"revoke all on person from {reader}; drop role {reader}")


def test_no_value_of_a_person_leaves_memory(noticing: Noticing, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written on the stage keeps the rules of its contract, and is nobody's."""
    noticing.city.fill(40, bad=2)
    written: list[dict[str, Any]] = []
    put = stage._put

    def seen(owner: Any, statement: Any, rows: list[dict[str, Any]]) -> bool:
        written.extend(rows)
        return put(owner, statement, rows)

    monkeypatch.setattr(stage, "_put", seen)
    rehearsed(noticing, "alter table public.person add column remark text")
    real = {value for row in noticing.city.ask_source("select id, name from person") for value in row}
    assert len(written) == 40
    assert not real & {str(value) for row in written for value in row.values()}
    assert {len(row["id"]) for row in written} == {9}
    kept = json.dumps(noticing.city.ask("select checks, sample, said from gateway.rehearsal"), default=str)
    assert not [value for value in real if value in kept]


def test_a_platform_that_is_away_is_rehearsed_later(noticing: Noticing) -> None:
    """Nothing is kept; the clock tries again, and one rehearsal of a notice runs at a time."""
    notice = noticing.announce()
    here = noticing.city.deployment
    noticing.city.deployment = replace(here, resolve=lambda _: "postgresql://u:p@127.0.0.1:1/x")
    with pytest.raises(PlatformUnavailable, match="not rehearsed: 〔2026〕第1号"):
        rehearse.due(noticing.deployment)
    assert noticing.city.ask("select count(*) from gateway.rehearsal") == [(0,)]
    noticing.city.deployment = here
    noticing.city.ask("select pg_advisory_lock(hashtextextended('gateway.rehearsal ' || %s, 0))", (notice.notice,))
    with pytest.raises(RehearsalBusy, match="is being rehearsed"):
        rehearse.rehearse(noticing.deployment, "〔2026〕第1号", who="tester")
    noticing.city.ask("select pg_advisory_unlock_all()")
    assert rehearse.due(noticing.deployment) == {"rehearsed": 1}


def test_a_killed_rehearsal_leaves_nothing_running(tmp_path: Path) -> None:
    """Its server ends and its folder goes, though nobody could end them in order."""
    program = "import time; from schemas import scratch\nwith scratch.throw_away() as s: print(s.pid(), s._folder, flush=True); time.sleep(60)"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    tmp_path.chmod(0o755)
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout
    pid, folder = child.stdout.readline().split(maxsplit=1)
    assert Path(f"/proc/{pid}").exists()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    deadline = time.monotonic() + 20
    while (Path(f"/proc/{pid}").exists() or Path(folder.strip()).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
    assert not Path(folder.strip()).exists()


def test_documents_are_rehearsed_with_the_newest_records_or_said_not_to_be(noticing: Noticing) -> None:
    """An interface's description has no records; it is told plainly."""
    body = {"platform": "pop", "dataset": "test.person", "reason": "接口升级", "origin": "documents", "kind": "openapi"}
    draft = lifecycle.draft(noticing.deployment, body, noticing.changes())
    found = results(rehearse.rehearse(noticing.deployment, str(draft), who="tester"))
    said = "test.person: documents of kind openapi have no records that could be judged"
    assert found == {"mzj": ("not_possible", said), "zjj": ("not_possible", said)}


def test_what_is_written_to_a_platform_is_rehearsed_with_the_newest_rows(
    noticing: Noticing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that demands more than the rows have refuses them on the stage; its own table is not touched."""
    city = noticing.city
    city.fill(12)
    carry.run(city.deployment, "person_in")
    target = f"share_{time.monotonic_ns()}"
    city.servers[1].create_database(target)
    dsn = city.servers[1].dsn(target)
    monkeypatch.setenv("GATEWAY_CONN_SHARE", dsn)
    with closing(psycopg2.connect(dsn)) as owner, owner, owner.cursor() as cursor:
        cursor.execute(CREATE)
    here = city.deployment
    share = here.catalog.routes["person_zjj"].peer
    city.deployment = replace(here, catalog=replace(here.catalog, platforms={**here.catalog.platforms, "zjj": share}))
    for script, expected in (
        ("alter table public.person add column remark text", "pass"),
        ("alter table public.person add column remark text not null", "fail"),
    ):
        changes = scratch.changes(city.deployment, share, script)
        body = {"platform": "zjj", "dataset": "test.person", "reason": "增列", "origin": script, "script": script}
        draft = lifecycle.draft(city.deployment, body, changes)
        found = rehearse.rehearse(city.deployment, str(draft), who="tester")
        (check,) = next(o for o in found.outcomes if o.unit == "gaj").checks
        assert (check.kind, check.rows, check.result) == ("write", 12, expected)
    with closing(psycopg2.connect(dsn)) as owner, owner.cursor() as cursor:
        cursor.execute("select count(*) from person")
        assert cursor.fetchone() == (0,)


def test_a_unit_that_reads_the_hub_by_itself_is_told_what_happens_to_its_columns(noticing: Noticing) -> None:
    """By the statement that it registered: the hub's table follows the platform's."""
    hub_use = RegisteredUse(
        "gxj_hub", "gxj", "hub", ("test.person",), "统计", sql="select id, sex from hub.test_person"
    )
    register(noticing, hub_use)
    notice = noticing.announce()
    own = noticing.told(notice)["gxj"]
    assert (own.impact, [known["name"] for known in own.uses[0]["by"]]) == ("info", ["gxj_hub"])
    register(noticing, replace(hub_use, sql="select name from hub.test_person where name like '王%'"))
    lifecycle.withdraw(noticing.deployment, str(notice.number), who="tester", why="改")
    assert noticing.told(noticing.announce())["gxj"].impact == "breaking"
    rows = noticing.city.ask("select source, columns from gateway.usage_profile where unit = 'gxj'")
    assert rows == [("sql", [
        {"relation": "", "column": "", "roles": ["read"]}, {"relation": "", "column": "name", "roles": ["filter", "read"]},
    ])]  # fmt: skip
