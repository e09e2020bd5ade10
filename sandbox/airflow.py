"""Airflow's components as processes that start together, report healthy, and stop without leaving anything.

`airflow standalone` is not used: it forces another login manager and leaves processes behind when it is stopped.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import requests

ROOT = Path(__file__).parent.parent
_PAGE = 100  # Airflow gives no more at once
_STOP_SECONDS = 60.0
_PATIENCE = 180.0  # seconds for an answer: the scheduler holds a DAG while it makes runs of a hundred
_RUN = """
import json, sys
from airflow.__main__ import main
for command in json.load(sys.stdin):
    sys.argv = ["airflow", *command]
    main()
"""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Component:
    """One process of Airflow: the command behind `airflow`, and the settings that are its own."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


COMPONENTS = (
    Component("api-server", ("api-server", "--workers", "1")),
    Component("scheduler", ("scheduler",)),
    Component("dag-processor", ("dag-processor",)),
    Component("triggerer", ("triggerer",)),
)


def celery_worker(name: str, slots: int) -> Component:
    """Return a worker of CeleryExecutor; each has its own log server."""
    options = ("-q", "default", "-c", str(slots), "-H", f"{name}@localhost", "--without-mingle", "--without-gossip")
    ports = {"AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port())}
    return Component(f"worker-{name}", ("celery", "worker", *options), ports)


class AirflowStack:
    """One Airflow in a folder of its own, on one machine, behind one port of 127.0.0.1."""

    def __init__(
        self, home: Path, database: str, environment: Mapping[str, str], more: Sequence[Component] = ()
    ) -> None:
        """Take the folder, the database URI (postgresql://…), settings that win over the stack's own, more components."""
        self._home, self._database, self._more = home, database, dict(environment)
        self._components = (*COMPONENTS, *more)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.port = free_port()
        self._logs = (free_port(), free_port())

    @property
    def url(self) -> str:
        """Return the address of the user interface."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def password(self) -> str:
        """Return the administrator's password, made once per folder."""
        return self._secret("admin-password", 15)

    def password_of(self, login: str) -> str:
        """Return the password of another user, made once per folder."""
        return self._secret(f"password-{login}", 15)

    def add_environment(self, environment: Mapping[str, str]) -> None:
        """Add what tasks need in their environment; before `start`."""
        self._more.update(environment)

    def prepare(self, *more: list[str]) -> None:
        """Migrate Airflow's database, make the administrator, then run more commands; a second time changes nothing.

        A stack that an earlier parent left behind when it was killed is stopped first.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        self._stop_stale()
        person = ["-f", "Gateway", "-l", "Admin", "-e", "admin@example.invalid"]
        secret = f"--password={self.password}"  # one word: a password may begin with the sign of an option
        user = ["users", "create", "-u", "admin", "-r", "Admin", secret, *person]
        self._checked(["db", "migrate"], user, *more)

    def start(self) -> None:
        """Start the components, each in a process group of its own."""
        for part in self._components:
            with (self._home / f"{part.name}.log").open("ab") as log:
                self._processes[part.name] = subprocess.Popen(
                    [sys.executable, "-m", "airflow", *part.command],
                    env={**self.environment(), **part.environment},
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    cwd=ROOT,
                )
        self._note.write_text(
            json.dumps([[p.pid, psutil.Process(p.pid).create_time()] for p in self._processes.values()])
        )

    def wait_healthy(self, seconds: float) -> None:
        """Wait until every component reports healthy; RuntimeError names what does not, or who died."""
        deadline, state = time.monotonic() + seconds, "no answer yet"
        while time.monotonic() < deadline:
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}; see {self._home.name}/{name}.log")
            try:
                health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
            except (requests.RequestException, ValueError):
                time.sleep(0.3)
                continue
            parts = {n: h.get("status") for n, h in health.items()}
            if all(parts.get(n) == "healthy" for n in ("metadatabase", "scheduler", "dag_processor", "triggerer")):
                return
            state = str(parts)
            time.sleep(0.3)
        raise RuntimeError(f"Airflow is not healthy after {seconds:.0f} s: {state}")

    def stop(self) -> None:
        """Stop every group: TERM, wait, KILL; returns when no process is left.

        The API server is the last: a task that is ending tells it so, and waits for it when it is gone.
        """
        for last in (False, True):
            _stop_groups([p.pid for name, p in self._processes.items() if (name == "api-server") == last])
        for process in self._processes.values():
            process.wait()
        self._processes.clear()
        self._note.unlink(missing_ok=True)

    def _stop_stale(self) -> None:
        """Stop the components noted by a parent that never came to stop them; a number used anew is left alone."""
        noted = json.loads(self._note.read_text()) if self._note.exists() else []
        _stop_groups(
            [pid for pid, began in noted if any(p.pid == pid and p.create_time() == began for p in family(pid))]
        )
        self._note.unlink(missing_ok=True)

    @property
    def _note(self) -> Path:
        return self._home / "processes.json"

    def pids(self) -> list[int]:
        """Return the components' process numbers."""
        return [p.pid for p in self._processes.values()]

    def environment(self) -> dict[str, str]:
        """Return the environment of every component."""
        core, api = "AIRFLOW__CORE__", "AIRFLOW__API__"
        # Each task is a process of its own: forbidden to keep bytecode, every one of them would compile the gateway anew.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW_", "GATEWAY_", "PYTHONDONTWRITE"))}
        return {
            **kept,
            "AIRFLOW_HOME": str(self._home),
            "PYTHONUNBUFFERED": "1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
            f"{core}LOAD_EXAMPLES": "False",
            f"{core}DAGS_FOLDER": str(ROOT / "dags"),
            f"{core}PLUGINS_FOLDER": str(ROOT / "plugins"),
            f"{core}EXECUTOR": "LocalExecutor",
            f"{core}PARALLELISM": "4",
            f"{core}FERNET_KEY": self._fernet(),
            f"{core}AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
            f"{core}EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            f"{core}DEFAULT_TIMEZONE": "Asia/Shanghai",
            f"{core}TEST_CONNECTION": "Disabled",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self._database.replace("postgresql://", "postgresql+psycopg2://"),
            f"{api}SECRET_KEY": self._secret("api-secret", 48),
            f"{api}HOST": "127.0.0.1",
            f"{api}PORT": str(self.port),
            f"{api}BASE_URL": self.url,
            f"{api}EXPOSE_CONFIG": "False",
            "AIRFLOW__API_AUTH__JWT_SECRET": self._secret("jwt-secret", 64),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "AIRFLOW__SCHEDULER__MAX_DAGRUNS_TO_CREATE_PER_LOOP": "100",
            "AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "100",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self._logs[0]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self._logs[1]),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            **self._more,
        }

    def api(self) -> Api:
        """Return a client of the REST API, logged in as the administrator."""
        return Api(self.url, "admin", self.password)

    def token(self, role: str) -> str:
        """Return the login token of a user who has one of Airflow's roles; made when there is none.

        `Public` may log in and do nothing else.
        """
        user, password = role.lower(), self._secret(f"{role.lower()}-password", 15)
        self.api().make_user(user, password, role)
        return login(self.url, user, password)

    def _checked(self, *commands: list[str]) -> None:
        """Run commands of Airflow one after the other in one process; they go by its input, for one holds a password."""
        log = self._home / "prepare.log"
        with log.open("ab") as out:
            done = subprocess.run(
                [sys.executable, "-c", _RUN],
                input=json.dumps(commands).encode(),
                env=self.environment(),
                stdout=out,
                stderr=out,
                check=False,
                cwd=ROOT,
            )
        if done.returncode:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
            raise RuntimeError(
                f"airflow {' or '.join(command[0] for command in commands)} ended with {done.returncode}:\n{last}"
            )

    def _fernet(self) -> str:
        return base64.urlsafe_b64encode(self._secret("fernet-seed", 32).encode()[:32]).decode()

    def _secret(self, name: str, size: int) -> str:
        path = self._home / name
        if not path.exists():
            self._home.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(size))
        return path.read_text()


class Api:
    """The few calls of Airflow's REST API that the demo and the tests need."""

    def __init__(self, url: str, user: str, password: str) -> None:
        """Log in."""
        self._url = url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {login(url, user, password)}"

    def dags(self) -> dict[str, bool]:
        """Return which DAGs Airflow can run, and whether each is paused; it lists one before it has kept all of it."""
        kept = {version["dag_id"] for version in self._all("dags/~/dagVersions", "dag_versions", version_number=1)}
        return {
            dag["dag_id"]: dag["is_paused"]
            for dag in self._all("dags", "dags", order_by="dag_id")
            if dag["dag_id"] in kept
        }

    def import_errors(self) -> list[str]:
        """Return what Airflow could not import."""
        return [e["stack_trace"] for e in self._get("importErrors")["import_errors"]]

    def unpause(self, dag: str, *, paused: bool = False) -> None:
        """Let a DAG run, or stop it."""
        answer = self._session.patch(f"{self._url}/api/v2/dags/{dag}", json={"is_paused": paused}, timeout=_PATIENCE)
        answer.raise_for_status()

    def trigger(self, dag: str) -> str:
        """Start a run and return its id."""
        answer = self._session.post(
            f"{self._url}/api/v2/dags/{dag}/dagRuns", json={"logical_date": None}, timeout=_PATIENCE
        )
        answer.raise_for_status()
        return str(answer.json()["dag_run_id"])

    def fail(self, dag: str, run: str) -> None:
        """End a run as failed, whatever of it is still to come."""
        answer = self._session.patch(
            f"{self._url}/api/v2/dags/{dag}/dagRuns/{run}", json={"state": "failed"}, timeout=_PATIENCE
        )
        answer.raise_for_status()

    def make_user(self, user: str, password: str, *roles: str, name: str = "") -> None:
        """Make a user who has some roles, unless there is one of that login."""
        person = {"username": user, "password": password, "roles": [{"name": role} for role in roles], "first_name": name or user,
                  "last_name": roles[0], "email": f"{user}@example.invalid"}  # fmt: skip
        answer = self._session.post(f"{self._url}/auth/fab/v1/users", json=person, timeout=_PATIENCE)
        if answer.status_code != requests.codes.conflict:
            answer.raise_for_status()

    def make_pools(self, pools: Mapping[str, int]) -> None:
        """Make one pool per platform, of as many slots as the catalog grants."""
        entities = [{"name": name, "slots": n, "description": "exchange-gateway"} for name, n in pools.items()]
        actions = [{"action": "create", "action_on_existence": "overwrite", "entities": entities}]
        answer = self._session.patch(f"{self._url}/api/v2/pools", json={"actions": actions}, timeout=_PATIENCE)
        answer.raise_for_status()

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """Return the newest runs of a DAG, newest first."""
        found: list[dict[str, Any]] = self._get(f"dags/{dag}/dagRuns", limit=20, order_by="-run_after")["dag_runs"]
        return found

    def ended(self, began: datetime, since: datetime) -> list[dict[str, Any]]:
        """Return the runs of all DAGs that began after one moment and ended after another, in the order of their ends."""
        moments = {"start_date_gte": began.isoformat(), "end_date_gte": since.isoformat()}
        return self._all("dags/~/dagRuns", "dag_runs", order_by="end_date", state=["success", "failed"], **moments)

    def asked(self, dag: str) -> list[dict[str, Any]]:
        """Return what runs of a DAG ask of people and have no answer to, newest first."""
        return self._all(
            f"dags/{dag}/dagRuns/~/hitlDetails", "hitl_details", response_received=False, order_by="-created_at"
        )

    def answer(self, asked: Mapping[str, Any], option: str, **said: str) -> None:
        """Answer what a task asks, as the page of required actions does."""
        where = asked["task_instance"]
        path = f"dags/{where['dag_id']}/dagRuns/{where['dag_run_id']}/taskInstances/{where['task_id']}/{where['map_index']}/hitlDetails"
        body = {"chosen_options": [option], "params_input": said}
        self._session.patch(f"{self._url}/api/v2/{path}", json=body, timeout=_PATIENCE).raise_for_status()

    def task(self, dag: str, run: str, task: str) -> dict[str, Any]:
        """Return the newest try of a task."""
        found: dict[str, Any] = self._get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}")
        return found

    def log(self, dag: str, run: str, task: str, attempt: int) -> str:
        """Return the log of a try as text, exceptions included."""
        lines = self._get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/{attempt}", full_content=True)["content"]
        return "\n".join(
            f"{line['event']} {json.dumps(line.get('error_detail', ''), ensure_ascii=False)}" for line in lines
        )

    def xcom(self, dag: str, run: str, task: str, key: str) -> Any:
        """Return what a task handed to Airflow under a key."""
        return self._get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/{key}")["value"]

    def links(self, dag: str, run: str, task: str) -> dict[str, str | None]:
        """Return the extra links of a task by name."""
        found: dict[str, str | None] = self._get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/links")["extra_links"]
        return found

    def connection_types(self) -> list[dict[str, Any]]:
        """Return the connection types that the form offers."""
        answer = self._session.get(f"{self._url}/ui/connections/hook_meta", timeout=_PATIENCE)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def make_connection(self, name: str, kind: str, **fields: Any) -> None:
        """Keep a connection in Airflow."""
        body = {"connection_id": name, "conn_type": kind, **fields}
        self._session.post(f"{self._url}/api/v2/connections", json=body, timeout=_PATIENCE).raise_for_status()

    def remove_connection(self, name: str) -> None:
        """Remove a connection from Airflow."""
        self._session.delete(f"{self._url}/api/v2/connections/{name}", timeout=_PATIENCE).raise_for_status()

    def _all(self, path: str, kind: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return every page of a list."""
        found: list[dict[str, Any]] = []
        while page := self._get(path, limit=_PAGE, offset=len(found), **parameters)[kind]:
            found += page
            if len(page) < _PAGE:
                break
        return found

    def _get(self, path: str, **parameters: Any) -> Any:
        answer = self._session.get(f"{self._url}/api/v2/{path}", params=parameters, timeout=_PATIENCE)
        answer.raise_for_status()
        return answer.json()


def living(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Return those processes that have not ended; one that only waits for its parent to notice has."""
    return [p for p in processes if _runs(p)]


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def listening(processes: Sequence[psutil.Process]) -> set[int]:
    """Return the TCP ports that processes listen on; one that has ended meanwhile listens on none."""
    found: set[int] = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found |= {k.laddr.port for k in process.net_connections("tcp") if k.status == psutil.CONN_LISTEN}
    return found


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def login(url: str, user: str, password: str) -> str:
    """Return the token of a login."""
    answer = requests.post(f"{url}/auth/token", json={"username": user, "password": password}, timeout=_PATIENCE)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all it started; nothing when it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _stop_groups(leaders: Sequence[int]) -> None:
    """Stop process groups and what their members started: TERM, wait, KILL."""
    members = [child for leader in leaders for child in family(leader)]
    for leader in leaders:
        _signal_group(leader, signal.SIGTERM)
    _, alive = psutil.wait_procs(members, timeout=_STOP_SECONDS)
    for leader in leaders:
        _signal_group(leader, signal.SIGKILL)
    for member in alive:
        if member.is_running():
            member.kill()
    psutil.wait_procs(members, timeout=10)


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
