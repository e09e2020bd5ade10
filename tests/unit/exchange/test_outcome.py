"""An outcome tells all that its run did."""

from __future__ import annotations

from dataclasses import replace

from gateway.exchange.outcome import Outcome

ONE = Outcome("r", "d", "delivery", 1, 1, 10, 5, 0, 0, 0, 5, 0, 0.1, {"PV-01": 3, "peer.E1": 2}, {"W-01": 1})


def test_a_run_of_two_deliveries_tells_the_reasons_of_both() -> None:
    """What was sent again and what was new had rows rejected: the reasons add up to the number."""
    found = replace(ONE, batch=2, rejected=1, rejects={"peer.E1": 1}, warnings={}).after(ONE)
    assert (found.batch, found.rejected) == (2, 6)
    assert found.rejects == {"PV-01": 3, "peer.E1": 3}
    assert found.warnings == {"W-01": 1}
