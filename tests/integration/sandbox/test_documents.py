"""The stand-in documents: good ones keep every rule, and each bad one breaks the rule it names."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway import contracts
from gateway.exchange import rules
from sandbox import city, documents
from sandbox.documents import KEYS, META
from sandbox.messages import CHINA, Row

CONTRACT = contracts.load(Path(__file__).parents[3] / "schemas" / "contracts" / "document.meta.odcs.yaml")
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=CHINA)
SEED = 7


@pytest.fixture(scope="module")
def good() -> list[Row]:
    """Return good records."""
    return list(documents.documents(NOW, SEED, city.CERT_KEY))


def test_good_records_keep_every_rule(good: list[Row]) -> None:
    """None is refused, every field of the contract is there, keys are unique, and nothing was changed in the future."""
    judge = rules.judge(CONTRACT, NOW.date())
    assert [(row, judge(row)) for row in good if judge(row)] == []
    assert {frozenset(row) for row in good} == {frozenset(CONTRACT.columns)}
    assert CONTRACT.key == KEYS[META]
    assert len({tuple(row[k] for k in KEYS[META]) for row in good}) == len(good)
    assert all(datetime.fromisoformat(row["updated_at"]) <= NOW for row in good)


def test_there_are_documents_of_every_sort(good: list[Row]) -> None:
    """All grades of trust, owners of both sorts, second versions, revoked ones, and open ends in both spellings."""
    assert {row["trust"] for row in good} == set("ABCD")
    assert {row["owner_kind"] for row in good} == {"1", "2"}
    assert sum(row["version"] == 2 for row in good) == documents.DOCUMENTS // 10
    assert 5 < sum(row["revoked_at"] is not None for row in good) < 80
    assert {None, "9999-12-31"} < {row["valid_to"] for row in good}


@pytest.mark.parametrize("rule", documents.breakable())
def test_a_bad_record_breaks_the_rule_it_names(good: list[Row], rule: str) -> None:
    """It is the first that the judge finds, in whatever good record."""
    judge = rules.judge(CONTRACT, NOW.date())
    alone = {r.id for r in CONTRACT.rules if r.check in rules.SET_CHECKS}  # bad beside another only
    assert {judge(documents.broken(rule, row)) for row in good[:80]} == {None if rule in alone else rule}


def test_every_rule_that_rejects_is_broken_by_somebody() -> None:
    """A rule added to the contract needs a bad record; one that sleeps does not."""
    rejecting = {r.id for r in CONTRACT.rules if r.severity == "error" and r.needs is None}
    assert rejecting - set(documents.breakable()) == set()


def test_documents_are_the_same_for_a_seed() -> None:
    """Two fills with one seed differ only in what hangs on their moments."""
    first, later = (documents.document(3, 1, NOW + timedelta(days), SEED, city.CERT_KEY) for days in (0, 7))
    moments = {"source_project_no", "valid_to", "created_at", "revoked_at", "updated_at"}
    assert {k for k in first if first[k] != later[k]} <= moments
    assert first["created_at"] != later["created_at"]
