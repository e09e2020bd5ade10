"""The pages of backups, asked directly: who may see them, what is red, and what a record says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gateway_operator
import gateway_record
import pytest
from exchange_app import frame
from exchange_app.pages import app as pages
from exchange_app.pages import backups
from starlette.testclient import TestClient

from gateway.deployment import Deployment
from tests.integration.backup.conftest import PLAN
from tests.integration.conftest import City, city, prepared

__all__ = ["city", "prepared"]  # fixtures
BACKUP = "permits-20261126T020003Z-7f3a"
Enter = Callable[[str], TestClient]


@pytest.fixture
def enter(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Enter]:
    """Yield a function that returns a browser of somebody who is logged in with a role, in a city with one plan."""
    (tmp_path / "city" / "backups").mkdir(parents=True)
    (tmp_path / "city" / "backups" / "permits.yaml").write_text(PLAN, encoding="utf-8")
    found = city.deployment
    deployment = Deployment(replace(found.catalog, root=tmp_path / "city"), found.hub_dsn, found.keys)
    monkeypatch.setattr(frame, "_deployment", lambda _: deployment)
    who: dict[str, Any] = {}
    monkeypatch.setitem(pages.app.dependency_overrides, pages.get_user, lambda: who["user"])
    with TestClient(pages.app, headers={"accept": "text/html"}, follow_redirects=False) as client:

        def inner(role: str) -> TestClient:
            who["user"] = SimpleNamespace(
                get_name=lambda: "lisi", first_name="李四", roles=[SimpleNamespace(name=role)]
            )
            return client

        yield inner


def _stored(city: City, state: str, fault: str = "") -> None:
    """Let the ledger know a backup of an hour ago, and a drill of it unless it is only stored."""
    now = datetime.now(UTC)
    at = {"backup": BACKUP, "at": now - timedelta(hours=1), "end": now - timedelta(minutes=59), "state": state}
    city.ask("insert into gateway.backup (backup, plan, unit, state, started_at, finished_at, snapshot_at, bytes, rows, manifest) "
             "values (%(backup)s, 'permits', 'gaj', 'stored', %(at)s, %(end)s, %(at)s, 3400000, 2604, repeat('a', 64))", at)  # fmt: skip
    city.ask("insert into gateway.backup_copy (backup, repository, state, stored_at) values (%(backup)s, 'near', %(state)s, %(end)s)", at)  # fmt: skip
    if state != "stored":
        faults = f'["{fault}"]' if fault else "[]"
        city.ask("insert into gateway.drill (backup, repository, plan, began_at, passed, rto_ms, phases, faults, remarks, receipt_no) "
                 "values (%(backup)s, 'near', 'permits', %(end)s, %(passed)s, 65000, '{\"fetch\": 5000, \"restore\": 60000}', %(faults)s, '[]', 1)",
                 at | {"passed": not fault, "faults": faults})  # fmt: skip


def test_what_was_never_restored_is_red(enter: Enter, city: City) -> None:
    """A plan without a backup, and a backup without a drill, are no proof; whoever oversees sees it at once."""
    text = enter("Exchange Bureau").get("/backups").text
    assert '<span class="tag bad">从未备份' in text
    _stored(city, "stored")
    text = enter("Exchange Bureau").get("/backups").text
    assert '<span class="tag bad">从未恢复验证' in text
    assert "3.4 MB" in text
    text = enter("Exchange Auditor").get(f"/backups/{BACKUP}").text
    assert '<span class="tag bad">从未恢复验证' in text
    assert '<span class="tag warn">已存入，未证明' in text


def test_a_proven_plan_shows_promise_beside_measure(enter: Enter, city: City) -> None:
    """Rows and hashes compared, RPO and RTO promised and measured; the record tells each phase of the drill."""
    _stored(city, "proven")
    text = enter("Exchange Engineer").get("/backups").text
    for words in (
        '<span class="tag ok">已恢复证明',
        "2,604 行，行数与哈希一致",
        "1 天 0 小时／",
        "1 小时 00 分／1 分 05 秒",
    ):
        assert words in text
    text = enter("Exchange Engineer").get(f"/backups/{BACKUP}").text
    for words in ("✓ 通过", "RTO 1 分 05 秒", "恢复 <span", "a" * 64):
        assert words in text
    assert BACKUP in enter("Exchange Engineer").get("/backups/permits").text


def test_what_is_wrong_is_told_and_nothing_of_it_is_markup(enter: Enter, city: City, tmp_path: Path) -> None:
    """A failed drill with its faults, an open incident, a plan that cannot be used."""
    _stored(city, "suspect", "table <b>x</b> has 1 rows, not 2")
    city.ask("insert into gateway.backup_incident (plan, unit, kind, repository, said, opened_at) "
             "values ('permits', 'gaj', 'drill failed', 'near', 'x', now())")  # fmt: skip
    (tmp_path / "city" / "backups" / "odd.yaml").write_text("plan: odd\n", encoding="utf-8")
    text = enter("Exchange Bureau").get("/backups").text
    for words in ("最近演练未通过", "恢复演练未通过 <span", "计划文件有误", "odd.yaml:1"):
        assert words in text
    text = enter("Exchange Bureau").get(f"/backups/{BACKUP}").text
    assert "table &lt;b&gt;x&lt;/b&gt; has 1 rows" in text
    assert "可疑" in text


def test_a_unit_sees_none_and_an_unknown_backup_is_not_found(enter: Enter) -> None:
    """Backups are for those who oversee; a name that is none gets the page that says so."""
    assert enter("Exchange Unit").get("/backups").status_code == 403
    assert enter("Exchange Unit").get(f"/backups/{BACKUP}").status_code == 403
    assert enter("Exchange Bureau").get("/backups/<script>").status_code == 404
    assert "<script>" not in enter("Exchange Bureau").get("/backups/<script>").text


DAY = timedelta(days=1)
STATES = [  # run, stored, drill, proven: the state of a plan
    (None, None, None, None, "never backed up"),
    ("failed", DAY, True, DAY / 2, "the last run failed"),
    ("stored", DAY, True, 2 * DAY, "older than the promised RPO"),
    ("stored", DAY, True, None, "nothing is proven"),  # the proven copy was deleted by hand
    ("stored", DAY, False, DAY / 2, "the last drill failed"),
]


@pytest.mark.parametrize(("run", "stored", "drill", "proven", "english"), STATES)
def test_the_worst_is_shown(run: str | None, stored: Any, drill: bool | None, proven: Any, english: str) -> None:
    """One badge a plan."""
    now = datetime.now(UTC)
    row = {
        "run": run and {"state": run}, "stored": stored, "drill": None if drill is None else {"passed": drill},
        "proven": proven and {"snapshot_at": (now - proven).isoformat()},
    }  # fmt: skip
    assert backups._badge(SimpleNamespace(rpo=DAY), row, now)[2] == english  # type: ignore[arg-type]


def test_a_task_leads_to_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the backup that it returned, or to its plan's page when it returned none."""
    link, key = gateway_record.RecordLink(), SimpleNamespace(dag_id="drill__permits")
    for returned, path in (({"backup": BACKUP}, BACKUP), (None, "permits")):
        monkeypatch.setattr(gateway_record.XCom, "get_value", lambda returned=returned, **_: returned)
        assert link.get_link(None, ti_key=key) == gateway_operator.page("backups", path)  # type: ignore[arg-type]
