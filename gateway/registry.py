"""Finds a connector by its name and wraps it, and what watches structures; the one place of dynamic imports."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from gateway.errors import CatalogInvalid, PlatformUnavailable
from gateway.exchange.pace import Pace
from gateway.exchange.spared import Spared, SparedReceipting
from gateway.model import Dataset, Platform
from gateway.ports import Receipting, Requesting, Source, Target, Verdict
from gateway.security.signing import Signer

T = TypeVar("T")


def source(platform: Platform, dsn: str, pace: Pace | None = None) -> Source:
    """Return the platform's connector as a source that keeps its rate; closing it closes the pace."""
    connected: Source = _entry(platform, "connect")(platform, dsn)
    if pace is None:
        return connected
    _have_wait(platform, connected, pace)
    if not platform.rate.rows_per_second:
        return connected
    return (SparedReceipting if isinstance(connected, Receipting) else Spared)(connected, pace)


def target(platform: Platform, dsn: str, pace: Pace | None = None) -> Target:
    """Return the platform's connector as a target; CatalogInvalid when its connector only reads.

    Its requests keep the rate; that of rows is kept by what sends them.
    """
    entry = _entry(platform, "connect_target")
    connected: Target = entry(platform, dsn)
    if pace is not None:
        _have_wait(platform, connected, pace)
    return connected


def _have_wait(platform: Platform, connected: object, pace: Pace) -> None:
    if platform.rate.requests_per_minute and isinstance(connected, Requesting):
        connected.take(pace)


def returns(platform: Platform) -> bool:
    """Tell whether the platform, as a target, judges rows after it has taken them."""
    says = getattr(_module(platform), "returns", None)
    return says is not None and bool(says(platform))


def callback_signers(platform: Platform, resolve: Callable[[str], str | None]) -> Sequence[Signer]:
    """Return the keys that the platform's calls may be signed with; none when it makes none."""
    found = getattr(_module(platform), "callback_signers", None)
    return found(platform, resolve) if found else ()


def callback_verdicts(platform: Platform, dataset: Dataset, body: bytes) -> Sequence[Verdict]:
    """Return what a proven call of the platform tells; SchemaMismatch when it is something else."""
    found: Sequence[Verdict] = _module(platform).callback_verdicts(platform, dataset, body)
    return found


def watcher() -> Any:
    """Return what compares structures with what they were: `look`, `accept` and `keep`; it stands above the core."""
    return importlib.import_module("schemas.drift")


def _module(platform: Platform) -> Any:
    """Return the connector's module, or None when there is no such connector."""
    path = f"connectors.{platform.connector}"
    module = None
    if re.fullmatch(r"[a-z_]+", platform.connector) and importlib.util.find_spec(path):
        module = importlib.import_module(path)
    return module if hasattr(module, "connect") else None  # modules beside the connectors serve them


def _entry(platform: Platform, name: str) -> Callable[[Platform, str], Any]:
    """Return a function of the connector's module; CatalogInvalid when there is no such connector, or it cannot do this."""
    module = _module(platform)
    if module is None:
        raise CatalogInvalid(
            f"platform {platform.platform}: there is no connector {platform.connector!r}",
            "Use one of the manual's page Connectors, such as postgres.",
        )
    if not hasattr(module, name):
        raise CatalogInvalid(
            f"platform {platform.platform}: connector {platform.connector} reads and does not write",
            "Deliver to a platform whose connector writes; the manual's page Connectors tells which do.",
        )
    found: Callable[[Platform, str], Any] = getattr(module, name)
    return found


def patiently(call: Callable[[], T]) -> T:
    """Call a small, repeatable request of a peer; try three times within about ten seconds when it is away.

    Bulk copies are never repeated here: a run that broke off is repeated as a whole.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(PlatformUnavailable),
        stop=stop_after_attempt(3),
        wait=wait_random_exponential(multiplier=0.5, max=5),
        reraise=True,
    )
    return retrying(call)
