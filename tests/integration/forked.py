"""Processes that a test may kill: forked from one that has loaded the engine, since loading takes longer than most runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from backup import drill, prune
from backup import run as backing_up
from backup.plans import Plan
from gateway.deployment import Deployment
from gateway.errors import GatewayError
from gateway.exchange import carry
from gateway.notify import outbox
from gateway.security.crypto import Keys
from tests.integration.conftest import City

_FORKS = get_context("forkserver")
_LOADED = (
    "backup.run",
    "backup.drill",
    "backup.prune",
    "gateway.exchange.carry",
    "gateway.notify.outbox",
    "connectors.files",
    "connectors.postgres",
)
_FORKS.set_forkserver_preload([*_LOADED])


def route(deployment: Deployment, name: str) -> None:
    """Run a route once."""
    print(carry.run(deployment, name).as_dict())


def deliveries(deployment: Deployment) -> None:
    """Send what the outbox holds."""
    print(outbox.deliver(deployment).as_dict())


def a_backup(deployment: Deployment, plan: Plan) -> None:
    """Make a backup of a plan."""
    print(backing_up.run(deployment, plan).backup)


def a_drill(deployment: Deployment, plan: Plan) -> None:
    """Drill the newest backup of a plan."""
    print(drill.drill(deployment, plan).passed)


def a_prune(deployment: Deployment, plan: Plan) -> None:
    """Let go what no rule of a plan keeps."""
    print(prune.prune(deployment, plan, dry_run=False))


@dataclass
class Forked:
    """A process that runs, and the files that take what it says."""

    process: BaseProcess
    said: tuple[Path, Path]

    def wait(self, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Wait for the end; return its exit code, negative for a signal, and what it said."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, "it still runs"
        out, errors = (path.read_text(encoding="utf-8") for path in self.said)
        return subprocess.CompletedProcess([], self.process.exitcode, out, errors)


def start(call: Callable[..., None], city: City, *more: Any, failpoint: str = "") -> Forked:
    """Start a call in a process of its own, for a city and with the environment as they are now."""
    folder = Path(tempfile.mkdtemp(dir=city.home))
    said = folder / "out", folder / "errors"
    portable = replace(city.deployment, keys=Keys(city.home / "keys"))  # opened keys do not travel
    environment = {**os.environ, "GATEWAY_FAILPOINT": failpoint}
    process = _FORKS.Process(target=_called, args=(said, environment, call, portable, *more))
    process.start()
    return Forked(process, said)


def run(call: Callable[..., None], city: City, *more: Any, failpoint: str = "") -> subprocess.CompletedProcess[str]:
    """Make a call in a process of its own and wait for its end."""
    return start(call, city, *more, failpoint=failpoint).wait()


def _called(
    said: tuple[Path, Path], environment: Mapping[str, str], call: Callable[..., None], *arguments: Any
) -> None:
    for number, path in enumerate(said, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.environ.clear()
    os.environ.update(environment)
    try:
        call(*arguments)
    except GatewayError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
