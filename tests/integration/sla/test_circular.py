"""The circular of a half month: drafted, frozen with its evidence, printed, sent, and corrected in the next issue."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from docx import Document

from gateway import fonts
from gateway.errors import DocumentRefused, IssueRefused, PeriodInvalid
from gateway.exchange import carry
from gateway.model import SlaTerm
from gateway.notify import contacts
from gateway.settings import CHINA
from gateway.sla import agreements, dockets, evidence, issues
from gateway.sla.calendar import Calendar
from gateway.sla.periods import Period
from tests.integration.conftest import City

TERM = SlaTerm("hourly", "每小时", 70, 9000)


@pytest.fixture
def over(city: City, monkeypatch: pytest.MonkeyPatch) -> tuple[City, Period]:
    """Return a city whose period is over, with one late occurrence in it, and two that nobody looked at."""
    now = datetime.now(UTC)
    slot = (now - timedelta(minutes=30)).replace(second=0, microsecond=0)
    city = city.with_route(sla=TERM, schedule=f"{slot.minute} * * * *")
    catalog = replace(city.deployment.catalog, bureau="gaj")
    city = replace(city, deployment=replace(city.deployment, catalog=catalog))
    with city.deployment.hub() as hub:
        agreements.sync(hub, catalog, slot - timedelta(minutes=121))
    city.fill(12, bad=2)
    carry.run(city.deployment, "person_in")
    period = Period.around(now.astimezone(CHINA).date())
    monkeypatch.setenv("GATEWAY_NOW", (period.ends + timedelta(days=5)).isoformat())
    return city, period


def test_an_issue_is_drafted_frozen_published_and_proved(
    over: tuple[City, Period], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files say the same numbers, its evidence proves them, and a later ruling appears in the next issue."""
    if not fonts.find().files:
        pytest.skip("no Chinese font is installed (fonts-noto-cjk)")
    city, period = over
    monkeypatch.setenv("GATEWAY_CONN_NOTIFY_MAIL", "smtp://127.0.0.1:9?from=gateway@city.gov.cn")
    contacts.add(city.deployment, "gaj", "张三", "mail", "zhangsan@city.gov.cn", who="tester")
    assert issues.draft(city.deployment, period)["state"] == "draft"
    issues.review(city.deployment, period, who="reviewer")
    frozen = issues.freeze(city.deployment, period)
    assert (frozen["state"], frozen["issue_no"]) == ("frozen", 1)
    with pytest.raises(IssueRefused, match="is frozen"):
        issues.freeze(city.deployment, period)
    with pytest.raises(IssueRefused, match="is frozen"):
        issues.draft(city.deployment, period)
    files = {path.name: path for path in issues.publish(city.deployment, period, who="reviewer")}
    total = frozen["figures"]["totals"]["all"]
    rate = f"按时{total['on_time']}次，迟到{total['late']}次"
    assert any(rate in p.text for p in Document(str(files[f"circular-{period.name}.docx"])).paragraphs)
    assert files[f"circular-{period.name}.pdf"].read_bytes().startswith(b"%PDF")
    book = openpyxl.load_workbook(files[f"annex-{period.name}.xlsx"])
    assert book.worksheets[2].max_row - 1 == total["late"] + total["exempt"] + total["unmeasured"]
    proof = issues.folder_of(period) / f"evidence-{period.name}.zip"
    fault, said = evidence.verify(city.deployment, proof, period)
    assert fault is None
    assert frozen["evidence_root"] in said[0]
    assert city.ask("select count(*) from gateway.outbox where topic = %s", (f"circular {period.name}",)) == [(1,)]


def test_a_ruling_after_the_freeze_is_a_correction_of_the_next_issue(
    over: tuple[City, Period], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frozen figures stay; the next draft names the ruling and what the rate was before."""
    city, period = over
    issues.draft(city.deployment, period)
    frozen = issues.freeze(city.deployment, period)["figures"]
    route, begins, ends = "person_in", period.begins, period.ends
    no = dockets.file(city.deployment, "exempt", route, begins, ends, reason="third_party", words="光缆中断", who="t")
    monkeypatch.setenv("GATEWAY_NOW", (period.ends + timedelta(days=20)).isoformat())
    dockets.rule(city.deployment, no, granted=True, words="属实", who="r")
    assert issues.get(city.deployment, period)["figures"] == frozen
    following = Period.around(period.last + timedelta(days=1))
    drafted = issues.draft(city.deployment, following)["figures"]
    assert [row["no"] for row in drafted["corrections"]] == [no]
    assert drafted["before"]["rate_bp"] == frozen["totals"]["all"]["rate_bp"]


def test_the_days_of_an_issue_come_by_themselves(over: tuple[City, Period], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing before the first working day, a draft on it, and the rest on the second at 17:00."""
    if not fonts.find().files:
        pytest.skip("no Chinese font is installed (fonts-noto-cjk)")
    city, period = over
    monkeypatch.delenv("GATEWAY_NOW")
    first, second = period.publishing(Calendar())
    for day, hour, state in (
        (first, 9, "draft"),
        (second, 16, "draft"),
        (second, 17, "published"),
        (second, 18, "published"),
    ):
        monkeypatch.setenv("GATEWAY_NOW", datetime(day.year, day.month, day.day, hour, 5, tzinfo=CHINA).isoformat())
        assert issues.advance(city.deployment) == {"period": period.name, "state": state}


def test_what_has_no_circular_is_refused(city: City) -> None:
    """A month, a period that is not over, and one that was never drafted."""
    now = datetime.now(UTC).astimezone(CHINA).date()
    with pytest.raises(PeriodInvalid, match="no circular"):
        issues.draft(city.deployment, Period.of("2026-01"))
    with pytest.raises(PeriodInvalid, match="not over"):
        issues.draft(city.deployment, Period.around(now))
    with pytest.raises(IssueRefused, match="no issue"):
        issues.freeze(city.deployment, Period.of("2026-01A"))


def test_names_are_text_and_characters_that_no_font_draws_stop_the_paper(over: tuple[City, Period]) -> None:
    """A unit called like a formula stays text in the workbook and guarded in CSV; a private character is named."""
    if not fonts.find().files:
        pytest.skip("no Chinese font is installed (fonts-noto-cjk)")
    city, period = over
    issue = issues.draft(city.deployment, period)
    issue["figures"]["units"][0]["name"] = '=HYPERLINK("http://x")'
    made = issues.documents(city.deployment, issue)
    sheet = openpyxl.load_workbook(io.BytesIO(made[f"annex-{period.name}.xlsx"])).worksheets[0]
    assert sheet["D2"].data_type == "s"
    assert "'=HYPERLINK" in made[f"units-{period.name}.csv"].decode("utf-8-sig")
    with zipfile.ZipFile(io.BytesIO(made[f"annex-{period.name}.xlsx"])) as book:
        assert not any(
            "hyperlink" in book.read(n).decode(errors="ignore").lower() for n in book.namelist() if "rels" in n
        )
    issue["figures"]["units"][0]["name"] = "市公安局\ue000"
    with pytest.raises(DocumentRefused, match=r"U\+E000.*市公安局"):
        issues.documents(city.deployment, issue)
    assert Path(issues.folder_of(period)).name == period.name


def test_a_period_before_the_first_promise_has_no_circular(city: City) -> None:
    """A deployment that is younger than the period reports nothing of it, and is not in error."""
    assert issues.advance(city.deployment)["state"] == ""
    assert issues.listing(city.hub) == []
