"""What a SOAP platform sends back later: asked for by the catalog's declaration, named by task and batch, never half."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors import soap
from connectors.soap_target import SoapTarget
from gateway import catalog, registry
from gateway.errors import CatalogInvalid, SchemaMismatch
from gateway.model import Platform
from gateway.ports import Outgoing, Returning
from gateway.records import lines
from sandbox import supervision
from sandbox.superv import SupervisionSystem
from sandbox.supervision import TASK

CITY = catalog.load(Path(__file__).parents[3] / "catalog")
PLATFORM, DATASET = CITY.platforms["superv"], CITY.datasets[TASK]
LEFT = datetime(2026, 11, 24, 4, tzinfo=UTC)
TASKS = 600


@pytest.fixture(scope="module")
def superv() -> Iterator[SupervisionSystem]:
    """Yield a system to which tasks were pushed in batch 7."""
    with SupervisionSystem(tasks=1, feedbacks=0) as system:
        target = opened(system)
        assert isinstance(target, SoapTarget)
        done = target.write(DATASET, Outgoing("a hub", 7, LEFT, _tasks, lambda _: 0))
        target.close()
        assert done.inserted + len(done.refused) == TASKS
        yield system


def opened(system: SupervisionSystem, platform: Platform = PLATFORM) -> SoapTarget:
    """Return the connector as the registry would open it."""
    return soap.connect_target(platform, system.dsn)


def _tasks(out: Any) -> int:
    text = dict.fromkeys(DATASET.columns, "x") | {
        "pushed_at": "2026-11-24 12:00:00+08",
        "claim_due": "2026-11-26 12:00:00+08",
    }
    text |= dict.fromkeys(("claimed_at", "next_check_on", "claimed_by", "return_reason"))  # type: ignore[arg-type]
    text |= {"updated_at": "2026-11-24 12:00:00+08"}
    for number in range(TASKS):
        row = [{**text, "superv_id": supervision.superv_id(number, 1)}[c] for c in DATASET.columns]
        out.write(lines([(None, row)]).removeprefix(rb"\N" + b"\t"))
    return TASKS


def changed(**changes: Any) -> Platform:
    """Return the platform with another declaration of verdicts."""
    options = deepcopy(dict(PLATFORM.options))
    options["resources"][TASK]["verdicts"] |= changes
    return replace(PLATFORM, options=options)


def test_what_was_sent_back_names_its_task_and_its_batch(superv: SupervisionSystem) -> None:
    """Each verdict comes once under its own name, with code, words and time, over many pages."""
    target = opened(
        superv, changed(paging={"kind": "page", "argument": "PageNo", "size_argument": "PageSize", "size": 2})
    )
    assert isinstance(target, Returning)
    assert registry.returns(PLATFORM)
    found = list(target.verdicts(DATASET, None))
    held = {row["superv_id"] for row in superv.held(TASK)}
    assert len({v.id for v in found}) == len(found) > 3
    assert {v.key["superv_id"] for v in found} < held
    assert {(v.number, v.error, v.words) for v in found} == {(7, "E305", "不属本单位监管范围")}
    assert all(abs((v.at - datetime.now(UTC)).total_seconds()) < 600 for v in found)
    assert list(target.verdicts(DATASET, datetime(2090, 1, 1, tzinfo=UTC))) == []
    target.close()


def test_a_verdict_without_a_time_is_no_verdict(superv: SupervisionSystem) -> None:
    """What stands where the time is declared must be one."""
    target = opened(superv, changed(at="Code", code="Reason", words="JudgedAt"))
    with pytest.raises(SchemaMismatch, match="a verdict without a time"):
        list(target.verdicts(DATASET, None))
    target.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"operation": "GetNothing"}, "GetNothing"),  # the WSDL has none of that name
        ({"arguments": {}}, "verdicts"),  # the WSDL demands the region
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused_before_anything_is_sent(
    superv: SupervisionSystem, changes: dict[str, Any], words: str
) -> None:
    """It would otherwise fail after the rows have left."""
    with pytest.raises(CatalogInvalid, match=words):
        opened(superv, changed(**changes))


def test_two_values_of_one_element_are_refused(superv: SupervisionSystem) -> None:
    """Only one of them can be meant."""
    target = opened(superv, changed(words="Code"))
    with pytest.raises(CatalogInvalid, match="Code is read twice"):
        list(target.verdicts(DATASET, None))
    target.close()
