"""The stand-in licences: every one keeps the contract's rules, and each case that ended with a licence has its own."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

from gateway import contracts
from gateway.exchange import rules
from sandbox import cases, city, licences
from sandbox.messages import Row

CONTRACT = contracts.load(Path(__file__).parents[3] / "schemas" / "contracts" / "licence.data.odcs.yaml")
TODAY = date(2026, 11, 25)
ACCEPTED = datetime(2026, 10, 9, 9, 30)  # noqa: DTZ001 - sources hold naive times


def earlier() -> list[Row]:
    """Return licences of the earlier years."""
    return [licences.licence(number, city.SEED, city.CERT_KEY) for number in range(600)]


def decided() -> list[Row]:
    """Return acceptance and result of the cases that ended with a licence, as one row each."""
    found = []
    for number in range(60):
        rows = {e.dataset: e.row for e in cases.case(number, ACCEPTED, city.SEED, city.CERT_KEY)}
        if "case.result" in rows:
            found.append(rows["case.accept"] | rows["case.result"])
    return found


def told(row: Row) -> dict[str, Any]:
    """Return a row as it would arrive in JSON."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}


def test_good_licences_keep_every_rule() -> None:
    """None is refused, every column of the contract is there, and no two are the same licence."""
    judge = rules.judge(CONTRACT, TODAY)
    made = [*earlier(), *(licences.of_case(row, n, city.SEED) for n, row in enumerate(decided()))]
    assert [(row, judge(told(row))) for row in made if judge(told(row))] == []
    assert {frozenset(row) for row in made} == {frozenset(CONTRACT.columns)}
    for key in (("certificate_source_id",), ("certificate_type_code", "certificate_number", "version")):
        assert len({tuple(row[k] for k in key) for row in made}) == len(made)


def test_a_case_has_its_licence() -> None:
    """Number, kind, holder and day are those of the case."""
    ended = decided()
    assert len(ended) > 20
    for number, case in enumerate(ended):
        row = licences.of_case(case, number, city.SEED)
        assert (row["certificate_number"], row["certificate_name"]) == (
            case["result_cetr_no"],
            case["result_cetr_name"],
        )
        assert (row["certificate_holder"], row["certificate_holder_code"]) == (case["applyer_name"], case["applyer_page_code"])  # fmt: skip
        assert row["issue_date"] == f"{case['result_date']:%Y%m%d}"


def test_earlier_licences_stand_as_old_ones_do() -> None:
    """Most are valid, some were revoked with date and reason, some do not end, written in three ways."""
    made = earlier()
    by_status = {status: [row for row in made if row["status"] == status] for status in "123"}
    assert len(by_status["1"]) > 500
    assert len(by_status["3"]) > 0
    assert len(by_status["2"]) > 20
    assert all(row["revoked_on"] and row["revoke_reason"] for row in by_status["2"])
    assert {None, "长期", "99991231"} < {row["validate_end"] for row in made}
    assert all(row["cd_time"].date() <= date(2026, 6, 30) for row in made)
