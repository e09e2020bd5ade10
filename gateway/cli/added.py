"""What packages above the core add to `gateway check`, `doctor` and `alarm`: modules `checks` and `alarms` beside their commands."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, cast

from gateway.alarms.alarm import Look
from gateway.deployment import Deployment
from gateway.model import Catalog

if TYPE_CHECKING:
    from gateway.cli.finding import Finding


class Checks(Protocol):
    """What such a module has."""

    def faults(self, city: Catalog) -> Iterator[str]:
        """Yield what is declared wrongly, by file and line; nothing is connected to."""
        ...

    def connection_faults(self, deployment: Deployment) -> Iterator[str]:
        """Yield what is not configured or cannot be reached."""
        ...

    def findings(self, deployment: Deployment) -> Iterator[Finding]:
        """Yield what was looked at of a deployment."""
        ...


def checks() -> Iterator[Checks]:
    """Yield the module of each package that brings commands and has one."""
    for module in _modules("checks"):
        yield cast("Checks", module)


def looks() -> Iterator[Look]:
    """Yield what such packages look at for alarms."""
    for module in _modules("alarms"):
        yield from module.LOOKS


def _modules(name: str) -> Iterator[Any]:
    for package in sorted({entry.module.partition(".")[0] for entry in entry_points(group="gateway.commands")}):
        if find_spec(f"{package}.{name}"):
            yield EntryPoint(name, f"{package}.{name}", "gateway.added").load()
