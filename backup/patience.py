"""A repository that breaks off is asked again: what it holds already is gone on with, so that a cut costs no new dump."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from gateway.errors import RepositoryUnavailable

T = TypeVar("T")
_TRIES = 4
_WAIT = wait_random_exponential(multiplier=2, max=10)


def patiently(call: Callable[[], T]) -> T:
    """Make a call that may be repeated; RepositoryUnavailable when a repository stays away for a quarter of a minute."""
    away = retry_if_exception_type(RepositoryUnavailable)
    return Retrying(retry=away, stop=stop_after_attempt(_TRIES), wait=_WAIT, reraise=True)(call)
