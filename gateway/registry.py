"""Finds a connector by its name and wraps it; the one dynamic import of the gateway."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from gateway.errors import CatalogInvalid, PlatformUnavailable
from gateway.model import Platform
from gateway.ports import Source

T = TypeVar("T")


def source(platform: Platform, dsn: str) -> Source:
    """Return the platform's connector as a source; its small calls are repeated three times when it is away."""
    connected: Source = _connect(platform)(platform, dsn)
    return connected


def _connect(platform: Platform) -> Callable[[Platform, str], Source]:
    """Return the function that every connector's module has; CatalogInvalid when there is no such connector."""
    name = f"connectors.{platform.connector}"
    if re.fullmatch(r"[a-z_]+", platform.connector) and importlib.util.find_spec(name):
        found: Callable[[Platform, str], Source] | None = getattr(importlib.import_module(name), "connect", None)
        if found is not None:
            return found
    raise CatalogInvalid(
        f"platform {platform.platform}: there is no connector {platform.connector!r}",
        "Use one of the manual's page Connectors, such as postgres.",
    )


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
