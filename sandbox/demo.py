"""`make demo`: a whole city on one machine, exchanging for real, watched through Airflow.

Two PostgreSQL servers (hub, ledger and Airflow's database on one; the stand-in platforms on the other), the platforms
that speak other protocols as servers of this process, Airflow's four components, every route run once through Airflow,
then a table of what happened. Ctrl-C stops everything.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.errors import GatewayError
from gateway.exchange import hub as hub_tables
from gateway.exchange import proof
from gateway.exchange.proof import Proof
from gateway.ledger import migrate
from gateway.security.crypto import Keys
from sandbox import approval, assessed, city, drills, ending, logins, returns
from sandbox.airflow import AirflowStack
from sandbox.changes import Changes
from sandbox.first_round import FirstRound, Row
from sandbox.mailbox import Mailbox
from sandbox.robot import Robot
from sandbox.standins import Standins

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build"
HOME = BUILD / "demo"
_HEALTHY_SECONDS = 600.0
_MESSAGE_SECONDS = 60.0
_MARKS = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: "–"}  # None: the platform shows nobody what it holds
_SETTINGS = {"shared_buffers": "96MB", "max_wal_size": "1GB"}
# A log file or a narrow terminal must not lose columns of the table.
say = Console(highlight=False, width=max(160, Console().width))


class Stopped(Exception):
    """Raised in the main thread when the user or the system asks the demo to stop."""


@dataclass
class Demo:
    """The parts that run, and what they have shown so far."""

    scale: float
    began: float = field(default_factory=time.monotonic)
    peak_mb: float = 0.0

    def run(self, *, once: bool) -> bool:
        """Start everything, show every route, stop everything; return whether all was well."""
        with ExitStack() as running:
            hub, platforms = self._servers(running)
            stack = AirflowStack(HOME / "airflow", hub.dsn("airflow"), {})
            running.enter_context(self._watching_memory(stack, hub, platforms))
            # It takes longest: everything else is made beside it.
            migration = _Background(lambda: stack.prepare(logins.ROLES_COMMAND))
            standins = self._standins(running)
            connections = (
                city.accounts(platforms.dsn()) | standins.connections | drills.prepare(platforms, HOME / "backups")
            )
            filling = _Background(lambda: city.fill(platforms.dsn(), scale=self.scale, progress=self.step))
            mailbox = running.enter_context(Mailbox(HOME / "mails"))
            robot = running.enter_context(Robot(HOME / "robot.sqlite"))
            connections |= {"NOTIFY_MAIL": mailbox.dsn, "EXCHANGE": hub.dsn("gateway"), **robot.connections}
            deployment = self._deployment(hub, connections, stack)
            migration.result()
            self.step("Airflow's database is ready")
            running.callback(self._stop_airflow, stack)
            self._start_airflow(stack, deployment)
            filling.result()
            well = self._show(stack, deployment, connections, mailbox)
            if not once:
                self._stay(stack, connections, standins)
        return well

    def step(self, text: str) -> None:
        """Tell what happens now, with the seconds since the start."""
        say.print(f"[dim]{time.monotonic() - self.began:6.1f} s[/dim]  {text}")

    def _servers(self, running: ExitStack) -> tuple[Server, Server]:
        """Start both PostgreSQL servers and make the databases of hub and Airflow."""
        hub, platforms = Server(HOME / "hub", _SETTINGS), Server(HOME / "platforms", _SETTINGS)
        for server in (hub, platforms):
            running.callback(server.stop)
            server.start()
        hub.create_database("gateway")
        hub.create_database("airflow")
        self.step(f"two PostgreSQL 18 servers run: hub on port {hub.port}, platforms on port {platforms.port}")
        return hub, platforms

    def _standins(self, running: ExitStack) -> Standins:
        """Start the platforms that are no databases; their threads are a part of this process and of its memory."""
        standins = running.enter_context(Standins(HOME / "standins"))
        for line in standins.told():
            self.step(line)
        return standins

    def _deployment(self, hub: Server, connections: dict[str, str], stack: AirflowStack) -> Deployment:
        """Make keys, ledger and hub tables, and hand their settings to Airflow."""
        environment = {
            "GATEWAY_HOME": str(HOME / "gateway"),
            "GATEWAY_CATALOG": str(ROOT / "catalog"),
            "GATEWAY_HUB_DSN": hub.dsn("gateway"),
            **{f"GATEWAY_CONN_{name}": dsn for name, dsn in connections.items()},
        }
        os.environ.update(environment)
        stack.add_environment(environment)
        Keys.create(HOME / "gateway" / "keys", hash_key=city.CERT_KEY)
        migrate.upgrade(environment["GATEWAY_HUB_DSN"])
        deployment = Deployment.open()
        hub_tables.prepare(deployment)
        ending.promise(deployment)
        assessed.freeze(deployment)
        self.step(
            f"ledger migrated, hub tables of {len(deployment.catalog.datasets)} data sets made from their contracts"
        )
        return deployment

    def _start_airflow(self, stack: AirflowStack, deployment: Deployment) -> None:
        stack.start()
        self.step("Airflow starts (api-server, scheduler, dag-processor, triggerer)")
        stack.wait_healthy(_HEALTHY_SECONDS)
        stack.api().make_pools({f"platform.{p.platform}": p.slots for p in deployment.catalog.platforms.values()})
        self.step(f"Airflow is healthy at {stack.url}")

    def _show(self, stack: AirflowStack, deployment: Deployment, connections: dict[str, str], mailbox: Mailbox) -> bool:
        """Run every route through Airflow, reconcile, verify, print the table and write build/demo.json."""
        first = FirstRound(stack.api(), deployment, self.step).run()
        self._tell(next(first), deployment)
        seconds_to_table = self._seconds()
        rows = next(first)
        seconds_of_round = self._seconds()
        sent_back = returns.show(stack.api(), deployment, connections, self.step)
        changes = Changes(stack.api(), stack.url, deployment, mailbox, HOME / "changes", self.step).show(connections)
        backups = drills.Drills(deployment, HOME / "backups", self.step).show()
        proven = self._tell(rows, deployment)
        BUILD.mkdir(exist_ok=True)
        sla = ending.sla(deployment, BUILD)
        people = logins.make(stack, deployment)
        seconds = self._seconds()
        report = {"routes": rows, "first_table_seconds": seconds_to_table, "first_round_seconds": seconds_of_round, "returns": sent_back, "changes": changes, "backups": backups, "sla": sla, "chain": proven.as_dict(), "seconds": seconds, "peak_rss_mb": round(self.peak_mb),
                  "memory": "sum of proportional set sizes of all processes of the demo"}  # fmt: skip
        (BUILD / "demo.json").write_text(json.dumps(report, ensure_ascii=False, indent=2, default=str))
        say.print(_backups(backups))
        say.print(f"receipts: {proven.checked} records chained and signed, "
                  f"{'verified' if proven.ok else 'BROKEN: ' + str(proven.first_fault)}; "
                  f"{seconds} s, at most {self.peak_mb:.0f} MB")  # fmt: skip
        say.print(f"时效 time limits, {sla['period']}: {sla['on_time']} of {sla['expected']} on time so far; "
                  f"the circular as a draft: build/{sla['circular']}")  # fmt: skip
        for table in ending.pages(stack.url, people):
            say.print(table)
        say.print(f"Airflow: {stack.url}")
        return (
            proven.ok
            and not any(change["lost_rows"] for change in changes)
            and all(backup["proven"] and backup["tampered_copy_refused"] for backup in backups)
            and all(row["state"] == "success" and row["reconciled"] is not False for row in rows)
        )

    def _tell(self, rows: list[Row], deployment: Deployment) -> Proof:
        """Print the table of routes, and prove the receipts behind it."""
        proven = proof.verify(deployment)
        for row in rows:
            row["chain_ok"] = proven.ok
        say.print(_table(rows, deployment))
        return proven

    def _seconds(self) -> float:
        return round(time.monotonic() - self.began, 1)

    def _stay(self, stack: AirflowStack, connections: dict[str, str], standins: Standins) -> None:
        """Let the city live on until the user stops the demo."""
        due = 0.0
        with approval.Producer(connections["APPROVAL_ADMIN"], per_second=2):
            say.print("cases, citizens' messages and supervision tasks keep coming; press Ctrl-C to stop everything")
            while all(psutil.pid_exists(pid) for pid in stack.pids()):
                if (now := time.monotonic()) >= due:
                    due = now + _MESSAGE_SECONDS
                    standins.live()
                time.sleep(0.5)

    def _stop_airflow(self, stack: AirflowStack) -> None:
        self.step("Airflow stops")
        stack.stop()

    @contextmanager
    def _watching_memory(self, stack: AirflowStack, *servers: Server) -> Iterator[None]:
        """Sample once a second what all processes of the demo really use (shared pages counted once)."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(1.0):
                roots = [os.getpid(), *stack.pids(), *(s.pid() for s in servers if s.running())]
                self.peak_mb = max(self.peak_mb, _used_mb(roots))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


class _Background(threading.Thread):
    """A call that runs beside the main thread; its error is raised where its end is waited for."""

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Make the call and keep its error."""
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001 - raised again in result()
            self._error = error

    def result(self) -> None:
        """Wait for the end and raise what went wrong."""
        self.join()
        if self._error is not None:
            raise self._error


def _table(rows: list[Row], deployment: Deployment) -> Table:
    table = Table(
        title=f"{deployment.catalog.city} · 交换结果 what was exchanged",
        caption="各链路首次装载的数字 · figures of each route's first load",
    )
    for heading in ("链路 route", "数据集 dataset", "从 from", "到 to"):
        table.add_column(heading, no_wrap=True)
    for heading in ("读取 read", "到达 landed", "隔离 rejected", "批次 batches", "秒 s"):
        table.add_column(heading, justify="right")
    for heading in ("回执链 chain", "对账 reconciled", "结果 run"):
        table.add_column(heading, justify="center")
    for row in rows:
        numbers = [f"{row[k]:,}" for k in ("read", "landed", "rejected", "batches")]
        marks = [_MARKS[row[k]] for k in ("chain_ok", "reconciled")]
        ends = (row["from"], row["to"])
        table.add_row(row["route"], row["dataset"], *ends, *numbers, str(row["seconds"]), *marks, row["state"])
    return table


def _backups(lines: list[Row]) -> Table:
    table = Table(title="备份与恢复演练 backups and drills")
    table.add_column("计划 plan", no_wrap=True)
    for heading in ("行 rows", "字节 bytes", "秒 s", "RPO s", "RTO s"):
        table.add_column(heading, justify="right")
    for heading in ("演练通过 proven", "篡改被拒 tampered copy refused"):
        table.add_column(heading, justify="center")
    for line in lines:
        numbers = [f"{line[k]:,}" for k in ("rows", "bytes", "seconds", "rpo_s", "rto_s")]
        table.add_row(line["plan"], *numbers, *(_MARKS[line[k]] for k in ("proven", "tampered_copy_refused")))
    return table


def _used_mb(roots: list[int]) -> float:
    total, seen = 0, set()
    for root in roots:
        try:
            process = psutil.Process(root)
            for member in [process, *process.children(recursive=True)]:
                if member.pid not in seen:
                    seen.add(member.pid)
                    total += _proportional_kb(member.pid)
        except psutil.Error:
            continue
    return total / 1024


def _proportional_kb(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def main() -> int:
    """Run the demo and return its exit code."""
    options = argparse.ArgumentParser(prog="python -m sandbox.demo", description=__doc__)
    options.add_argument("--once", action="store_true", help="show every route once, then stop and exit")
    options.add_argument("--scale", type=float, default=1.0, help="1 = 100,000 persons (default), 20 = 2,000,000")
    options.add_argument("--clean", action="store_true", help="remove the demo's data and exit")
    chosen = options.parse_args()
    if chosen.clean:
        _clean()
        return 0
    HOME.mkdir(parents=True, exist_ok=True)
    only = (HOME / "lock").open("w")
    try:
        fcntl.flock(only, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say.print("another demo of this checkout runs, or is still stopping: wait for its end")
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        return 0 if Demo(chosen.scale).run(once=chosen.once) else 1
    except GatewayError as error:
        say.print(str(error), markup=False)
        return 1
    except Stopped:
        say.print("stopped: no process is left")
        return 0 if not chosen.once else 130


def _stop(number: int, frame: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the stopping
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped(number, frame)


def _clean() -> None:
    for name in ("hub", "platforms"):
        server = Server(HOME / name)
        server.stop()
    shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
