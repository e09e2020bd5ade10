"""What all commands share: printing for people or machines, opening the deployment, and exit codes."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import typer
from psycopg2.extensions import connection as Connection
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import BackupBusy, GateClosed, GatewayError, NotNow, RouteBusy, RouteHeld
from gateway.settings import CHINA

DONE, FAILED, USAGE, REJECTS, HELD, BUSY = range(6)
_WIDE = 200  # columns of a file or a pipe, where nobody folds lines by hand


def _console(*, stderr: bool = False) -> Console:
    folded = (sys.stderr if stderr else sys.stdout).isatty() or "COLUMNS" in os.environ
    return Console(stderr=stderr, highlight=False, width=None if folded else _WIDE)


out, err = _console(), _console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]
Why = Annotated[str, typer.Option("--why", help="The reason; it is kept in the chain of receipts.")]
Who = Annotated[
    str,
    typer.Option("--who", help="Who decides; the logged-in user unless named.", default_factory=getpass.getuser),
]


def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], *, as_json: bool, title: str = "") -> None:
    """Print rows as a table of some columns, or all of them as JSON."""
    if as_json:
        print_json(rows)
        return
    table = Table(title=title or None)
    for place, column in enumerate(columns):  # the first one names the row
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(_shown(row.get(c)) for c in columns))
    out.print(table)


def show_one(thing: dict[str, Any], *, as_json: bool) -> None:
    """Print one thing as lines of name and value, or as JSON."""
    if as_json:
        print_json(thing)
        return
    for name, value in thing.items():
        out.print(f"[bold]{name}[/bold]  {_shown(value)}", soft_wrap=True)


def _shown(value: Any) -> str:
    """Return a value as a person reads it: times in China to the second, brackets that are text and not mark-up."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, dict | list):
        return escape(json.dumps(value, ensure_ascii=False, default=str))
    return escape(str(value))


def print_json(value: Any) -> None:
    """Print JSON on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def print_line(text: str) -> None:
    """Print one line as it is, whatever signs it holds."""
    out.print(escape(text), soft_wrap=True)


@contextmanager
def hub(deployment: Deployment) -> Iterator[Connection]:
    """Yield a reading connection to the hub."""
    connection = deployment.hub(name="gateway cli", autocommit=True)
    try:
        with pg.hub_errors("read the ledger"):
            yield connection
    finally:
        connection.close()


def guarded(call: Callable[[], int | None]) -> int:
    """Run a command and return its exit code; the gateway's errors become words on standard error."""
    try:
        return call() or DONE
    except (RouteBusy, BackupBusy) as error:
        return _say(error, BUSY)
    except (RouteHeld, NotNow, GateClosed) as error:
        return _say(error, HELD)
    except GatewayError as error:
        return _say(error, FAILED)
    except OSError as error:
        lost = GatewayError(f"unable to use {error.filename}: {error.strerror}", "Check the path and who may use it.")
        return _say(lost, FAILED)


def _say(error: GatewayError, code: int) -> int:
    err.print(f"[red]{error.chinese}[/red] [bold]{error.code}[/bold] {escape(error.message)}", soft_wrap=True)
    if error.hint:
        err.print(f"HINT: {escape(error.hint)}", soft_wrap=True)
    return code
