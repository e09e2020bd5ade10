"""Finds a connector by its name and wraps it; the one dynamic import of the gateway."""

from __future__ import annotations

import importlib
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
    if not re.fullmatch(r"[a-z_]+", platform.connector):
        raise CatalogInvalid(
            f"platform {platform.platform}: connector {platform.connector!r} is not a connector's name",
            "Use the name of a module in connectors/, such as postgres.",
        )
    module = importlib.import_module(f"connectors.{platform.connector}")
    connected: Source = module.connect(platform, dsn)
    return connected


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
