"""A line on standard error that says how far a long command is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from gateway.cli.frame import err


@contextmanager
def telling(what: str) -> Iterator[Callable[[str, int], None]]:
    """Yield what a long call tells its stages and counts to; the line is gone at the end."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(f"{what}: connect")
        yield lambda stage, count: bar.update(task, description=f"{what}: {stage}{f' {count:,}' if count else ''}")
