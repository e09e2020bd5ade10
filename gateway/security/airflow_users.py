"""Airflow's own commands for users and roles, run as one process: they go by its input, for one holds a password."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.errors import AirflowRefused

_SECONDS = 180
_RUN = """
import contextlib, io, json, sys
from airflow.__main__ import main
told = []
for command in json.load(sys.stdin):
    sys.argv, said = ["airflow", *command], io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            main()
        failed = None
    except SystemExit as end:
        failed = str(end.code) if end.code else None
    told.append([failed, said.getvalue()])
print("@@told " + json.dumps(told))
"""
_MARK = "@@told "


@dataclass(frozen=True, slots=True)
class Told:
    """What one command said; `failed` is why it gave up."""

    failed: str | None
    said: str


def run(commands: Iterable[Sequence[str]], *, program: Sequence[str] = (sys.executable, "-c", _RUN)) -> list[Told]:
    """Run commands of Airflow one after the other and return what each said; AirflowRefused when it cannot run at all."""
    try:
        done = subprocess.run(
            program,
            input=json.dumps([list(command) for command in commands]),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AirflowRefused(f"unable to run Airflow's commands: {type(error).__name__}", _HINT) from None
    line = next((line for line in done.stdout.splitlines() if line.startswith(_MARK)), None)
    if line is None:
        last = done.stderr.strip().splitlines()[-1:] or ["no word"]
        raise AirflowRefused(f"unable to run Airflow's commands: {last[0].split(':')[0]}", _HINT)
    return [Told(failed, said) for failed, said in json.loads(line.removeprefix(_MARK))]


_HINT = "Run it where Airflow runs, with Airflow's own settings (AIRFLOW_HOME and the rest) in the environment."
