"""A deployment as `gateway init` makes it, with one platform, one contract and one route written in YAML alone."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from click.testing import Result
from psycopg2.extensions import connection as Connection

from gateway.embedded import Server
from tests.command_line import invoke
from tests.conftest import wait_for_disk

FILES = {
    "catalog/platforms/pop.yaml": "platform: pop\nname: 人口库\nconnector: postgres\nconnection: POP\nunit: gxj\n",
    "catalog/routes/person_in.yaml": 'route: person_in\ndataset: test.person\nfrom: pop\nto: hub\nmode: incremental\nschedule: "0 2 * * *"\nsla: daily\n',
    "catalog/contracts/test.person.odcs.yaml": """\
apiVersion: v3.1.0
kind: DataContract
id: test.person
version: 1.0.0
status: active
name: test.person
schema:
  - name: person
    physicalName: person
    businessName: 测试人员
    properties:
      - {name: id, businessName: 编号, logicalType: string, physicalType: varchar(18), required: true, primaryKey: true, primaryKeyPosition: 1, classification: L4}
      - {name: name, businessName: 姓名, logicalType: string, physicalType: varchar(20), required: true, classification: L3}
      - name: sex
        businessName: 性别
        logicalType: string
        physicalType: varchar(1)
        classification: L3
        quality:
          - id: T-01
            type: library
            metric: invalidValues
            arguments: {validValues: ["1", "2"]}
            mustBe: 0
            severity: error
            description: 性别代码无效
            customProperties: [{property: gatewayEnglish, value: bad sex}]
      - name: updated_at
        businessName: 更新时间
        logicalType: timestamp
        physicalType: timestamp(0)
        required: true
        classification: L2
        logicalTypeOptions: {timezone: false, defaultTimezone: Asia/Shanghai}
customProperties:
  - {property: gatewayOwner, value: gxj}
  - {property: gatewayCursor, value: updated_at}
  - {property: gatewayDeleteLimit, value: {count: 2, ratio_bp: 0}}
""",
}
SECRETS = ("13080219900101", "王小明", "欧阳雪")  # what no screen may show


@dataclass
class Desk:
    """An operator's desk: the command line on one deployment, and the source behind it."""

    folder: Path
    source: Connection
    hub: Connection
    passwords: tuple[str, ...]

    def run(self, *arguments: str, code: int = 0) -> Result:
        """Run a command as a user does; its exit code is checked, and that its output gives nothing away."""
        result = invoke("--dir", str(self.folder), *arguments)
        said = result.stdout + result.stderr
        assert code == result.exit_code, f"gateway {' '.join(arguments)}: {said}{result.exception!r}"
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert not [secret for secret in (*SECRETS, *self.passwords) if secret in said], said
        return result

    def read(self, *arguments: str, code: int = 0) -> Any:
        """Run a command with --json and return what it printed, parsed."""
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def fill(self, rows: int, *, bad: int = 0, start: int = 0) -> None:
        """Insert people at the source; the first `bad` of them have an impossible sex."""
        self.ask(
            "insert into person select '13080219900101' || lpad((g + %s)::text, 4, '0'), case when g %% 2 = 0 then '王小明' else '欧阳雪' end, "
            "case when g <= %s then '7' else '1' end, localtimestamp - interval '1 hour' from generate_series(1, %s) g",
            start,
            bad,
            rows,
        )

    def ask(self, statement: str, *values: Any) -> None:
        """Run a statement at the source."""
        with self.source.cursor() as cursor:
            cursor.execute(statement, values or None)

    def change(self, file: str, old: str, new: str) -> None:
        """Edit a file of the deployment."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture(scope="module", autouse=True)
def _lasting(servers: tuple[Server, Server]) -> Iterator[None]:
    """Let the hub wait for its disk: `gateway doctor` asks."""
    wait_for_disk(servers[0], on=True)
    yield
    wait_for_disk(servers[0], on=False)


@pytest.fixture(scope="session")
def made(servers: tuple[Server, Server], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return folder and hub database of a deployment made by the command, with its YAML files added."""
    folder = tmp_path_factory.mktemp("cli") / "deployment"
    return folder, _make(folder, servers[0], servers[1].dsn("postgres"))


@pytest.fixture
def desk(
    made: tuple[Path, str], servers: tuple[Server, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """Yield a copy of that deployment, with an empty table at the source."""
    folder, template = made
    name = f"cli_{uuid.uuid4().hex[:8]}"
    with closing(psycopg2.connect(servers[0].dsn())) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute(f"create database {name} template {template}")
    shutil.copytree(folder, tmp_path / "deployment")
    with _at(tmp_path / "deployment", servers[0], servers[1], name, monkeypatch) as found:
        yield found


@pytest.fixture
def desk_of_16(
    server16: Server, servers: tuple[Server, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """Yield a deployment whose hub is a database on PostgreSQL 16 that the gateway did not start."""
    name = _make(tmp_path / "deployment", server16, servers[1].dsn("postgres"))
    with _at(tmp_path / "deployment", server16, servers[1], name, monkeypatch) as found:
        yield found


def _make(folder: Path, hub: Server, source_dsn: str) -> str:
    """Make a deployment as an operator does, and return the name of its hub database."""
    name = f"cli_{uuid.uuid4().hex[:8]}"
    hub.create_database(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWAY_CATALOG", "")
        patch.setenv("GATEWAY_HUB_DSN", hub.dsn(name))
        patch.setenv("GATEWAY_CONN_POP", source_dsn)
        result = invoke("init", str(folder))
        assert result.exit_code == 0, result.output
        for file, text in FILES.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text, encoding="utf-8")
        invoke("--dir", str(folder), "check")  # prepares the hub for the route
    return name


@contextmanager
def _at(folder: Path, hub: Server, source: Server, name: str, patch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Sit down at a deployment: its settings in the environment, both sides open, an empty table at the source."""
    source.create_database(name)
    patch.setenv("GATEWAY_CATALOG", "")
    patch.setenv("GATEWAY_HUB_DSN", hub.dsn(name))
    patch.setenv("GATEWAY_CONN_POP", source.dsn(name))
    with (
        closing(psycopg2.connect(source.dsn(name), options="-c timezone=Asia/Shanghai")) as there,
        closing(psycopg2.connect(hub.dsn(name))) as here,
    ):
        there.autocommit = here.autocommit = True
        found = Desk(folder, there, here, (hub.password, source.password))
        found.ask(
            "create table person (id varchar(18) primary key, name varchar(20), sex varchar(1), updated_at timestamp(0))"
        )
        yield found
