"""Circulars and dockets at the desk: who sees which issue, whether its file is what was published, who files and who rules."""

from __future__ import annotations

import io
import tempfile
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from exchange_app import rights
from httpx import Response
from starlette.testclient import TestClient

from gateway import fonts
from gateway.ledger import chain
from gateway.settings import CHINA
from gateway.sla import agreements, dockets, evidence, issues
from gateway.sla.periods import Period
from tests.acceptance.desk import AUDITOR, BUREAU, ENGINEER, UNIT, Enter, desk, enter, send
from tests.integration.conftest import City, prepared

__all__ = ["desk", "enter", "prepared"]  # fixtures
PERIOD = Period.around(datetime.now(CHINA).date()).before
needs_fonts = pytest.mark.skipif(not fonts.find().files, reason="no Chinese font is installed (fonts-noto-cjk)")


@pytest.fixture(scope="module", autouse=True)
def judged(desk: City) -> datetime:
    """Let the route promise its slots since the period began; return the first of tomorrow's."""
    with desk.deployment.hub() as hub:
        agreements.sync(hub, desk.deployment.catalog, PERIOD.begins)
    return datetime.now(CHINA).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=1)


def test_a_draft_is_for_who_oversees_and_a_reviewer_notes_it(desk: City, enter: Enter) -> None:
    """A unit learns nothing of it; the bureau downloads it with its mark and says that it was read; an engineer cannot."""
    issues.draft(desk.deployment, PERIOD)
    assert PERIOD.name not in enter(UNIT).get("/circulars").text
    assert enter(UNIT).get(f"/circulars/{PERIOD.name}/csv").status_code == 404
    assert "已审阅" not in enter(ENGINEER).get("/circulars").text
    csv = enter(BUREAU).get(f"/circulars/{PERIOD.name}/csv")
    assert (csv.headers["content-disposition"], csv.content[:3]) == (
        f'attachment; filename="units-{PERIOD.name}.csv"',
        b"\xef\xbb\xbf",
    )
    assert send(enter(BUREAU, login="wanggang"), "/circulars", f"/circulars/{PERIOD.name}/review").status_code == 303
    assert "审阅 wanggang" in enter(BUREAU).get("/circulars").text
    assert issues.get(desk.deployment, PERIOD)["state"] == "reviewed"


@needs_fonts
def test_a_published_issue_is_for_everybody_and_proves(desk: City, enter: Enter) -> None:
    """Its file is the one that the chain names; a file that was changed is told and not given out."""
    issues.draft(desk.deployment, PERIOD)
    issues.freeze(desk.deployment, PERIOD)
    issues.publish(desk.deployment, PERIOD, who="wanggang")
    assert "✓ 签名与文件相符" in enter(UNIT).get("/circulars").text
    kept = issues.folder_of(PERIOD) / f"circular-{PERIOD.name}.pdf"
    assert enter(UNIT).get(f"/circulars/{PERIOD.name}/pdf").content == kept.read_bytes()
    kept.write_bytes(kept.read_bytes() + b" ")
    assert "✗ 文件缺失或被改动" in enter(UNIT).get("/circulars").text
    assert enter(UNIT).get(f"/circulars/{PERIOD.name}/pdf").status_code == 404


def take(client: TestClient, period: str) -> Response:
    """Press the button that hands out the evidence of a period."""
    return send(client, "/circulars", f"/circulars/{period}/evidence")


@pytest.mark.parametrize("role", [BUREAU, AUDITOR, "Admin"])
def test_evidence_is_handed_out_and_who_took_it_is_chained(
    desk: City, enter: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    """Of the period that runs as of now; it recomputes, and nothing of it stays on the machine."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    running = Period.around(datetime.now(CHINA).date())
    answer = take(enter(role, login="wanggang"), running.name)
    assert answer.headers["content-disposition"] == f'attachment; filename="evidence-{running.name}.zip"'
    assert list(tmp_path.iterdir()) == []
    file = tmp_path / "taken.zip"
    file.write_bytes(answer.content)
    assert evidence.verify(desk.deployment, file, running)[0] is None
    told = chain.listing(desk.hub, limit=1)[0]["body"]
    assert (told["what"], told["who"], told["period"]) == ("evidence export", "wanggang", running.name)
    assert (told["root"], told["count"] > 0) == (evidence.head(file), True)
    assert "下载考核证据" in enter(AUDITOR).get("/audit?who=wanggang").text


@pytest.mark.parametrize("role", [ENGINEER, UNIT, "Viewer"])
def test_evidence_is_for_nobody_else(desk: City, enter: Enter, role: str) -> None:
    """There is no button, and the address refuses a form that is well made."""
    client = enter(role)
    assert "/evidence" not in client.get("/circulars").text
    given = rights.token(rights.Visitor("lisi", "", frozenset()))
    before = chain.listing(desk.hub, limit=1)
    assert client.post(f"/circulars/{PERIOD.name}/evidence", data={"token": given}).status_code == 403
    assert chain.listing(desk.hub, limit=1) == before


def test_evidence_of_a_frozen_issue_is_what_was_kept(desk: City, enter: Enter) -> None:
    """Byte for byte; a file that was changed, cut off or lost is told, and is handed to nobody."""
    if PERIOD.name not in {row["period"] for row in issues.listing(desk.hub) if row["frozen_at"]}:
        issues.draft(desk.deployment, PERIOD)
        issues.freeze(desk.deployment, PERIOD)
    kept = issues.folder_of(PERIOD) / f"evidence-{PERIOD.name}.zip"
    whole = kept.read_bytes()
    assert take(enter(AUDITOR), PERIOD.name).content == whole
    other = io.BytesIO()
    with zipfile.ZipFile(kept) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.split(b"\n", 1)[1] if name == "occurrences.jsonl" else data)
    for damaged in (other.getvalue(), whole[: len(whole) // 2], None):
        kept.unlink() if damaged is None else kept.write_bytes(damaged)
        answer = take(enter(AUDITOR), PERIOD.name)
        assert (answer.status_code, "GW-862" in answer.text) == (409, True)
    kept.write_bytes(whole)


def test_evidence_of_a_period_without_promises_is_told(
    enter: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was expected: the page says so, and no file is left behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    answer = take(enter(BUREAU), "2020-01A")
    assert (answer.status_code, "GW-862" in answer.text, list(tmp_path.iterdir())) == (409, True, [])


@pytest.mark.parametrize(
    "path",
    ["/circulars/2026-13A/pdf", "/circulars/2020-01A/pdf", "/circulars/2020-01A/exe", "/circulars/..%2f..%2fkeys/pdf"],
)
def test_an_issue_that_is_none_is_not_found(enter: Enter, path: str) -> None:
    """No address leads out of the folder of circulars, nor to an error of the server."""
    assert enter(BUREAU).get(path).status_code == 404


def fields(since: datetime, **more: str) -> dict[str, str]:
    """Return a form for three hours of maintenance."""
    ends = since + timedelta(hours=3)
    form = {
        "route": "person_in",
        "reason": "maintenance",
        "words": "机房割接",
        "begins": f"{since:%Y-%m-%dT%H:%M}",
        "ends": f"{ends:%Y-%m-%dT%H:%M}",
    }
    return form | more


def test_a_unit_files_and_the_bureau_rules(desk: City, enter: Enter, judged: datetime) -> None:
    """The unit sees its docket with the ruling; neither can do the other's part; all of it is in the chain."""
    assert send(enter(UNIT), "/dockets", "/dockets", **fields(judged)).status_code == 303
    (no,) = [row["no"] for row in dockets.listing(desk.hub, "gaj")]
    assert "待裁定" in enter(UNIT).get("/dockets").text
    ruling = {"ruling": "granted", "words": "公告在先，准予"}
    assert send(enter(UNIT), "/dockets", f"/dockets/{no}/rule", **ruling).status_code == 403
    assert send(enter(BUREAU, login="wanggang"), "/dockets", f"/dockets/{no}/rule", **ruling).status_code == 303
    text = enter(UNIT).get("/dockets").text
    assert all(words in text for words in (no, "✓ 准予", "wanggang", "公告在先，准予", "3 次"))
    assert chain.listing(desk.hub, limit=1)[0]["body"]["what"] == "docket rule"


def test_a_unit_sees_and_withdraws_its_own_dockets_alone(desk: City, enter: Enter, judged: datetime) -> None:
    """Another unit finds an empty list, no route to file about, and no docket to take back."""
    send(enter(UNIT), "/dockets", "/dockets", **fields(judged + timedelta(hours=6)))
    no = dockets.listing(desk.hub, "gaj")[0]["no"]
    stranger = enter(UNIT, login="zhaoliu")
    assert no not in stranger.get("/dockets").text
    assert "没有考核本单位的链路" in stranger.get("/dockets").text
    given = rights.token(rights.Visitor("zhaoliu", "", frozenset()))
    assert stranger.post(f"/dockets/{no}/withdraw", data={"token": given, "words": "改期"}).status_code == 404
    assert send(enter(UNIT), "/dockets", f"/dockets/{no}/withdraw", words="改期").status_code == 303
    assert dockets.listing(desk.hub, "gaj")[0]["withdrawn_why"] == "改期"


REFUSED = [
    ({"route": "other_in"}, "none by which your unit is judged"),  # of another unit, or none
    ({"begins": "yesterday"}, "a moment is missing or none"),
    ({"ends": "2030-01-01T00:00"}, "longer than 31 days"),
    ({"words": " "}, "the reason is missing"),
    ({"begins": "2026-01-01T00:00", "ends": "2026-01-01T03:00"}, "before it begins"),  # maintenance is announced
]


@pytest.mark.parametrize(("wrong", "said"), REFUSED)
def test_what_cannot_be_filed_is_told_at_the_form(
    enter: Enter, judged: datetime, wrong: dict[str, str], said: str
) -> None:
    """What was filled in stays there."""
    answer = send(enter(UNIT), "/dockets", "/dockets", **fields(judged, **wrong))
    assert (answer.status_code, said in answer.text) == (409, True)
    assert f'value="{fields(judged, **wrong)["ends"]}"' in answer.text
