"""Whoever tries secrets is held back, and nobody else."""

from __future__ import annotations

import pytest

from gateway.errors import NotFound, TooManyGuesses
from gateway.security.guesses import MOST, SECONDS, Guesses


class Clock:
    """Stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock()


@pytest.fixture
def guesses(clock: Clock) -> Guesses:
    """Return guesses of an address that has used up its tries, after one secret was good."""
    found = Guesses(clock)
    use(found, "good")
    for number in range(MOST):
        miss(found, f"guess {number}")
    return found


def use(guesses: Guesses, secret: str, address: str = "1.1.1.1") -> None:
    """Look up a secret that is known."""
    with guesses.counted(address, secret):
        pass


def miss(guesses: Guesses, secret: str) -> None:
    """Look up a secret that is not."""
    with pytest.raises(NotFound), guesses.counted("1.1.1.1", secret):
        raise NotFound("there is no such token", "x")


def test_a_further_guess_is_not_looked_up(guesses: Guesses) -> None:
    """Not even one that would be right."""
    with pytest.raises(TooManyGuesses):
        use(guesses, "right at last")


def test_a_secret_that_was_good_goes_on(guesses: Guesses) -> None:
    """Behind the same proxy."""
    use(guesses, "good")


def test_another_address_goes_on(guesses: Guesses) -> None:
    """The count is of one address."""
    use(guesses, "another", "2.2.2.2")


def test_after_a_minute_one_may_try_again(guesses: Guesses, clock: Clock) -> None:
    """As often as before."""
    clock.now = SECONDS
    use(guesses, "right at last")


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the number of addresses and of secrets."""
    monkeypatch.setattr("gateway.security.guesses._KEPT", 3)
    found = Guesses(clock)
    for number in range(9):
        use(found, f"good {number}")
        with pytest.raises(NotFound), found.counted(str(number), "guess"):
            raise NotFound("there is no such token", "x")
    assert (len(found._good), len(found._missed)) == (3, 3)
