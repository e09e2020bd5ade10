"""Exemptions and disputes change figures by being joined, and by nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from psycopg2.extras import Json

from gateway.errors import DocketRefused
from gateway.exchange import carry
from gateway.model import SlaTerm
from gateway.sla import agreements, dockets, evidence, figures
from gateway.sla.periods import Period
from tests.integration.conftest import City

TERM = SlaTerm("hourly", "每小时", 70, 9000)


def _late(city: City) -> tuple[City, datetime]:
    """Return a city whose slot half an hour ago came late by the gateway, and that slot."""
    now = datetime.now(UTC)
    slot = (now - timedelta(minutes=30)).replace(second=0, microsecond=0)
    city = city.with_route(sla=TERM, schedule=f"{slot.minute} * * * *")
    with city.deployment.hub() as hub:
        agreements.sync(hub, city.deployment.catalog, slot - timedelta(minutes=1))
    city.fill(3)
    carry.run(city.deployment, "person_in")
    return city, slot


def _totals(city: City) -> dict[str, Any]:
    now = datetime.now(UTC) + timedelta(seconds=1)
    return dict(figures.report(city.deployment, Period.around((now + timedelta(hours=8)).date()), now)["totals"]["all"])


def test_a_granted_exemption_takes_an_occurrence_out_and_its_withdrawal_brings_it_back(city: City) -> None:
    """Filed and refused it changes nothing; the occurrence's row is the same throughout."""
    city, slot = _late(city)
    assert _totals(city)["late"] == 1
    before = city.ask("select * from gateway.sla_event where slot = %s", (slot,))
    told = {"reason": "third_party", "words": "运营商光缆中断", "who": "tester"}
    no = dockets.file(city.deployment, "exempt", "person_in", slot, slot + timedelta(minutes=1), **told)
    assert no.startswith("MK-")
    assert no.endswith("-001")
    assert _totals(city)["late"] == 1
    dockets.rule(city.deployment, no, granted=True, words="属实", who="reviewer")
    assert (_totals(city)["late"], _totals(city)["exempt"]) == (0, 1)
    with pytest.raises(DocketRefused, match="ruled on already"):
        dockets.rule(city.deployment, no, granted=False, words="再议", who="another")
    dockets.withdraw(city.deployment, no, words="撤回", who="tester")
    assert (_totals(city)["late"], _totals(city)["exempt"]) == (1, 0)
    assert city.ask("select * from gateway.sla_event where slot = %s", (slot,)) == before
    assert [d["occurrences"] for d in dockets.listing(city.hub, "gaj")] == [1]
    assert len(city.ask("select 1 from gateway.receipt where body like '%%docket%%'")) == 3


def test_a_dispute_moves_the_blame_and_the_evidence_agrees(city: City, tmp_path: Any) -> None:
    """The unit's own rate changes with the ruling, and the verifier comes to the same."""
    city, slot = _late(city)
    told = {"reason": "blame", "words": "平台检修", "who": "tester", "effect": "source"}
    no = dockets.file(city.deployment, "dispute", "person_in", slot, slot + timedelta(minutes=1), **told)
    dockets.rule(city.deployment, no, granted=True, words="属实", who="reviewer")
    totals = _totals(city)
    assert (totals["late_hub"], totals["late_source"]) == (0, 1)
    now = datetime.now(UTC) + timedelta(seconds=1)
    period, path = Period.around((now + timedelta(hours=8)).date()), tmp_path / "evidence.zip"
    evidence.export(city.deployment, period, path, now)
    assert evidence.verify(city.deployment, path, period)[0] is None


REFUSED = [
    # kind, reason, effect, what is said
    ("exempt", "maintenance", "exempt", "before it begins"),
    ("exempt", "blame", "exempt", "no reason of this kind"),
    ("exempt", "disaster", "source", "cannot be asked for"),
    ("dispute", "disaster", "hub", "no reason of this kind"),
    ("dispute", "blame", "moon", "cannot be asked for"),
]


def test_what_cannot_be_filed_is_refused_with_a_reason(city: City) -> None:
    """Maintenance afterwards, reasons that do not fit, and a time in which nothing is expected."""
    now = datetime.now(UTC)
    for kind, reason, effect, said in REFUSED:
        with pytest.raises(DocketRefused, match=said):
            dockets.file(
                city.deployment,
                kind,
                "person_in",
                now - timedelta(hours=1),
                now,
                reason=reason,
                words="x",
                who="t",
                effect=effect,
            )
    with pytest.raises(DocketRefused, match="nothing was or is expected"):
        dockets.file(
            city.deployment, "exempt", "person_in", now - timedelta(hours=1), now, reason="disaster", words="x", who="t"
        )


def _verdict(city: City, times: dict[str, datetime | None], *, measured: bool = True) -> tuple[str, str | None]:
    """Return verdict and blame of one occurrence with these times."""
    slot = datetime(2026, 11, 3, 2, tzinfo=UTC)
    values = {
        "seen_at": None,
        "handed_at": None,
        "confirmed_at": None,
        "absent_until": None,
        **times,
        "measured": measured,
    }
    city.ask("delete from gateway.sla_event")
    city.ask("delete from gateway.agreement")
    city.ask(
        "insert into gateway.agreement (route, dataset, unit, outbound, kind, schedule, days, source_s, hub_s, target_s, target_bp, valid_from) "
        "values ('r', 'd', 'u', true, 'scheduled', '0 2 * * *', 'all', 0, 600, 300, 9500, %s)",
        (slot,),
    )
    city.ask(
        "insert into gateway.sla_event (agreement, slot, until, source_due, due, seen_at, handed_at, confirmed_at, absent_until, measured) "
        "select agreement, %s, %s, %s, %s, %s, %s, %s, %s, %s from gateway.agreement",
        (slot, slot + timedelta(days=1), slot, slot + timedelta(minutes=15), *(values[n] for n in ("seen_at", "handed_at", "confirmed_at", "absent_until", "measured"))),
    )  # fmt: skip
    return city.ask(
        "select verdict, blame from gateway.sla_verdicts(%s, %s, %s)",
        (slot, slot + timedelta(days=1), slot + timedelta(days=2)),
    )[0]


def test_verdict_and_blame_of_the_eight_cases(city: City) -> None:
    """Each clock in turn is too slow; what nobody saw is the gateway's."""

    def at(minutes: int) -> datetime:
        return datetime(2026, 11, 3, 2, tzinfo=UTC) + timedelta(minutes=minutes)

    cases = [
        # times, verdict
        ({"seen_at": at(1), "handed_at": at(2), "confirmed_at": at(3)}, ("on_time", None)),
        ({"absent_until": at(9), "seen_at": at(10), "handed_at": at(16), "confirmed_at": at(16)}, ("late", "source")),
        ({"seen_at": at(1), "handed_at": at(14), "confirmed_at": at(16)}, ("late", "hub")),
        ({"seen_at": at(1), "handed_at": at(9), "confirmed_at": at(16)}, ("late", "target")),
        ({"confirmed_at": at(16), "handed_at": at(16)}, ("late", "hub")),  # nobody saw when it came
        ({}, ("late", "hub")),
        ({"absent_until": at(600)}, ("late", "source")),  # it never came
    ]
    for times, verdict in cases:
        assert _verdict(city, times) == verdict
    assert _verdict(city, {"confirmed_at": at(3)}, measured=False) == ("unmeasured", None)


def test_a_frozen_issue_cannot_be_changed_removed_or_thawed(city: City) -> None:
    """Not even by who may write the table; truncation has a guard of its own."""
    city.ask(
        "insert into gateway.issue (period, state, issue_no, figures, evidence_root, drafted_at, frozen_at) "
        "values ('2026-11A', 'frozen', 22, %s, 'aa', now(), now())",
        (Json({"a": 1}),),
    )
    for statement in (
        "update gateway.issue set figures = '{}'",
        "update gateway.issue set state = 'draft'",
        "update gateway.issue set issue_no = 23",
        "delete from gateway.issue",
        "truncate gateway.issue",
    ):
        with pytest.raises(psycopg2.errors.RaiseException, match=r"frozen|evidence"):
            city.ask(statement)
    city.ask("update gateway.issue set state = 'published', published_at = now()")
    with pytest.raises(psycopg2.errors.RaiseException, match="frozen"):
        city.ask("update gateway.issue set published_at = null")
