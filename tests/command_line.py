"""The command line as tests call it: built once for a worker, since building it takes longer than most commands."""

from __future__ import annotations

from functools import cache
from typing import Any

import typer
from click.testing import CliRunner, Result

from gateway.cli.app import whole


@cache
def top() -> Any:
    """Return the command `gateway` with the groups of all packages."""
    return typer.main.get_command(whole())


def invoke(*arguments: str, **more: Any) -> Result:
    """Run `gateway` with these words in this process."""
    return CliRunner().invoke(top(), list(arguments), prog_name="gateway", **more)
