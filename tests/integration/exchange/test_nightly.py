"""The comparison by night: every route, and each for itself."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from gateway.errors import PermanentError, RouteBusy
from gateway.exchange import nightly, reconcile, transfer
from gateway.ledger import ledger


def test_what_was_not_loaded_yet_is_left_out_and_what_agrees_is_named(city: Any) -> None:
    """A fresh deployment's first night ends well."""
    assert nightly.compare_all(city.deployment) == nightly.Night()
    city.fill(5)
    transfer.run(city.deployment, "person_in")
    assert nightly.compare_all(city.deployment).agreeing == ["person_in"]


def test_a_route_that_differs_fails_the_night_by_name(city: Any) -> None:
    """And the words say how to mend it."""
    city.fill(5)
    transfer.run(city.deployment, "person_in")
    city.ask("delete from hub.test_person where id = 'P00000001'")
    with pytest.raises(PermanentError, match="differing: person_in; not compared: none") as failed:
        nightly.compare_all(city.deployment)
    assert "reconcile ROUTE --repair" in failed.value.hint


def test_a_running_route_is_compared_after_the_others(city: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The night waits for nobody, and forgets nobody."""
    city.fill(5)
    transfer.run(city.deployment, "person_in")
    compare, turns = reconcile.run, list[str]()

    def once_busy(deployment: Any, name: str) -> Any:
        turns.append(name)
        if len(turns) == 1:
            raise RouteBusy("another run holds route person_in")
        return compare(deployment, name)

    monkeypatch.setattr(reconcile, "run", once_busy)
    assert nightly.compare_all(city.deployment).agreeing == ["person_in"]
    assert turns == ["person_in", "person_in"]


def test_a_route_that_is_still_running_is_left_to_a_later_try(city: Any) -> None:
    """RouteBusy is retryable: the clock tries again."""
    city.fill(5)
    transfer.run(city.deployment, "person_in")
    with closing(city.deployment.hub(name="another run", autocommit=True)) as other:
        ledger.take_locks(other, "person_in", "test.person")
        with pytest.raises(RouteBusy, match="still running: person_in"):
            nightly.compare_all(city.deployment)
