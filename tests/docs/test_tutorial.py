"""Tutorial and how-to work: their own blocks are run, and what they show is what comes out."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest

from gateway.embedded import Server
from sandbox.backups import BackupReports
from sandbox.mailbox import Mailbox
from sandbox.maps import MapService
from sandbox.robot import Robot
from sandbox.superv import SupervisionSystem
from sandbox.supervision import FEEDBACK
from sandbox.web import WebSite
from tests.docs.pages import ROOT, Block, Shell, blocks, matches
from tests.integration.connectors.receiver import Receiver
from tests.integration.connectors.site import Reply, Seen, Site

PAGE = ROOT / "docs" / "tutorial" / "first-route.md"
REST = ROOT / "docs" / "how-to" / "connect-a-rest-api.md"
SOAP = ROOT / "docs" / "how-to" / "connect-a-soap-service.md"
OGC = ROOT / "docs" / "how-to" / "connect-an-ogc-server.md"
DELIVER = ROOT / "docs" / "how-to" / "deliver-to-a-platform.md"
PROVINCE = ROOT / "docs" / "how-to" / "report-to-the-province.md"
FILES = ROOT / "docs" / "how-to" / "exchange-files.md"
BY_REST = ROOT / "docs" / "how-to" / "deliver-by-rest.md"
NOTICES = ROOT / "docs" / "how-to" / "announce-a-change.md"
CARRY_OUT = ROOT / "docs" / "how-to" / "carry-out-a-change.md"
REHEARSE = ROOT / "docs" / "how-to" / "rehearse-a-change.md"
CHANNELS = ROOT / "docs" / "how-to" / "contacts-and-channels.md"
MINUTE = ROOT / "docs" / "how-to" / "recover-to-a-minute.md"
SECONDS = 600.0


@pytest.fixture
def shell() -> Iterator[Shell]:
    """Yield a shell with the installed programs on its PATH and none of our settings; no server outlives it.

    Its folder is not pytest's: pytest closes that to other users, and started as root the server is another user.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="gateway-docs-") as folder:
        opened = Shell(Path(folder), {**environment, "PATH": path, "COLUMNS": "140", "LC_ALL": "C.UTF-8"}, SECONDS)
        yield opened
        opened.run(f"cd '{folder}/city' && gateway embedded stop")
        opened.close()


def test_a_rest_interface_is_connected_by_yaml_alone(shell: Shell) -> None:
    """The how-to's files connect a strict HTTP server of somebody else: OAuth 2, cursors, declared totals, bad records."""
    with WebSite(posts=300, replies=10) as site:
        shell.run(f"gateway init city && cd city && export GATEWAY_CONN_WEB='{site.dsn}'")
        follow(shell, REST)


def test_a_soap_service_is_connected_by_yaml_alone(shell: Shell) -> None:
    """The how-to's files and a copy of the vendor's WSDL connect strict SOAP servers: one is read, another written to."""
    wsdl = ROOT / "catalog" / "wsdl" / "superv.wsdl"
    with SupervisionSystem(tasks=60, feedbacks=250) as system, SupervisionSystem(tasks=1, feedbacks=0) as district:
        shell.run(f"gateway init city && cd city && export GATEWAY_CONN_SUPERV='{system.dsn}'")
        shell.run(f"export GATEWAY_CONN_SUPERV_DISTRICT='{district.dsn}'")
        shell.run(f"mkdir -p catalog/wsdl && cp '{wsdl}' catalog/wsdl/")
        follow(shell, SOAP)
        sent = {(row["superv_id"], row["feedback_no"], row["content"]) for row in district.held(FEEDBACK)}
        told = {(row["superv_id"], str(row["feedback_no"]), row["content"]) for row in system.rows(FEEDBACK)}
        assert len(sent) > 200
        assert sent <= told


def test_an_ogc_server_is_connected_by_yaml_alone(shell: Shell) -> None:
    """The how-to's files connect a real pygeoapi: agreed reference system, pages by links, swapped axes, crossing outlines."""
    with MapService() as maps:
        shell.run(f"gateway init city && cd city && export GATEWAY_CONN_MAPS='{maps.dsn}'")
        follow(shell, OGC)


def test_files_are_exchanged_by_yaml_alone(shell: Shell, tmp_path: Path) -> None:
    """The how-to's files take a department's CSV in GB18030: manifests, Chinese headers, bad rows."""
    reports = BackupReports(tmp_path)
    shell.run(f"gateway init city && cd city && export GATEWAY_CONN_SELF_ZJJ='{reports.dsn}'")
    follow(shell, FILES)


def test_contacts_are_added_and_reached(shell: Shell, tmp_path: Path) -> None:
    """The how-to's commands add a person and a robot, and both hear of it."""
    with Mailbox(tmp_path) as mailbox, Robot() as robot:
        shell.run(f"gateway init city && cd city && export GATEWAY_CONN_NOTIFY_MAIL='{mailbox.dsn}'")
        shell.run(f"export GATEWAY_CONN_ROBOT_GXJ='{robot.connections['ROBOT']}'")
        follow(shell, CHANNELS)
        assert (mailbox.count(), len(robot.taken("robot"))) == (1, 1)


def test_a_change_is_announced_answered_and_taken_back(
    shell: Shell, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    """For the city's own catalog: the legal-person library renames a field that three units receive."""
    servers[1].create_database("legal_notices")
    dsn = servers[1].dsn("legal_notices")
    with closing(psycopg2.connect(dsn)) as legal, legal, legal.cursor() as cursor:
        cursor.execute(
            "create table dn_legal_market_entity (uscc varchar(18) primary key, name text, address varchar(200))"
        )
    with Mailbox(tmp_path / "mails") as mailbox:
        shell.run(
            f"gateway init city && cd city && export GATEWAY_CONN_NOTIFY_MAIL='{mailbox.dsn}' GATEWAY_CONN_LEGAL='{dsn}'"
        )
        shell.run(f"export GATEWAY_CATALOG='{ROOT / 'catalog'}'")
        follow(shell, NOTICES)


def test_a_change_is_carried_out_by_its_gate(shell: Shell, servers: tuple[Server, Server], tmp_path: Path) -> None:
    """What stands in the way, the script of the old-shape view, an emergency, and a guard that is put up and taken away."""
    servers[1].create_database("legal_carried_out")
    dsn = servers[1].dsn("legal_carried_out")
    with closing(psycopg2.connect(dsn)) as legal, legal, legal.cursor() as cursor:
        cursor.execute(
            "create table dn_legal_market_entity (uscc varchar(18) primary key, name text, address varchar(200))"
        )
    with Mailbox(tmp_path / "mails") as mailbox:
        shell.run(
            f"gateway init city && cd city && export GATEWAY_CONN_NOTIFY_MAIL='{mailbox.dsn}' GATEWAY_CONN_LEGAL='{dsn}'"
        )
        shell.run(f"export GATEWAY_CATALOG='{ROOT / 'catalog'}'")
        follow(shell, CARRY_OUT)
        said, _ = shell.run('gateway notice view "$NUMBER" --for zjj=share_zjj --ddl --sql')
    with closing(psycopg2.connect(dsn)) as legal, legal.cursor() as cursor:
        cursor.execute(f"create role share_zjj; grant select on dn_legal_market_entity to share_zjj; {said}")
        cursor.execute("set role share_zjj; select uscc, name, address from share_v1.dn_legal_market_entity")
        assert cursor.fetchall() == []
        cursor.execute("reset role; drop owned by share_zjj; drop role share_zjj")


def test_a_change_is_rehearsed_before_it_is_announced(shell: Shell, servers: tuple[Server, Server]) -> None:
    """For the city's own catalog: the statement that a unit registered fails on the renamed field."""
    servers[1].create_database("legal_rehearsals")
    dsn = servers[1].dsn("legal_rehearsals")
    with closing(psycopg2.connect(dsn)) as legal, legal, legal.cursor() as cursor:
        cursor.execute(
            "create table dn_legal_market_entity (uscc varchar(18) primary key, ent_name text, address varchar(200), "
            "status varchar(2), approved_on date)"
        )
    shell.run(f"gateway init city && cd city && export GATEWAY_CONN_LEGAL='{dsn}' GATEWAY_CATALOG='{ROOT / 'catalog'}'")
    follow(shell, REHEARSE)


def test_the_tutorial_and_the_deliveries_after_it_do_what_they_show(shell: Shell) -> None:
    """Every file is written, every command and query run in order; each shown output is compared with the real one.

    What the tutorial brought in goes to another database, to an HTTP server of somebody else that refuses two rows, and up to
    a front end whose returns are answered.
    """
    follow(shell, PAGE)
    follow(shell, DELIVER)
    with _app() as (dsn, receiver):
        shell.run(f"export GATEWAY_CONN_APP='{dsn}'")
        follow(shell, BY_REST)
    assert sorted(receiver.held) == [("JY11308020001",), ("JY11308020004",)]
    follow(shell, PROVINCE)


@contextmanager
def _app() -> Iterator[tuple[str, Receiver]]:
    """Yield the address of an app that refuses canteens at once and one licence later, and what it takes."""
    site = Site()
    receiver = Receiver(site, ("licenceNo",))
    receiver.wrong = lambda item: "不在APP展示范围" if item["kind"] == 3 else None
    later = {
        "id": "v1", "licenceNo": "JY11308020001", "batch": None, "error": "E9", "reason": "店名待核",
        "judged": "2026-11-24T13:00:00+08:00",
    }  # fmt: skip

    def answer(seen: Seen) -> Reply:
        asked = sum(one.path.endswith("verdicts") for one in site.seen)
        return receiver.answer(seen) if seen.method == "POST" else Reply({"items": [later] if asked > 1 else []})

    site.script = answer
    try:
        yield site.dsn("client:secret@", "/api"), receiver
    finally:
        site.close()


def test_the_hub_is_recovered_to_a_minute_before_an_accident(shell: Shell) -> None:
    """A new engineer follows the page alone: set up, prove, lose a table, and have it back."""
    follow(shell, MINUTE)


def follow(shell: Shell, page: Path) -> None:
    """Do what a page says, block by block."""
    said, code, last = "", 0, Block("sh", None, "", 0)
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.language == "text":
            assert matches(block.text, said), f"{where}: the page shows\n{block.text}\nbut this came out\n{said}"
            said, code = "", 0
            continue
        assert code == 0, f"{page.name}:{last.line} ended with {code}:\n{said}"
        if block.language in {"sh", "sql", "yaml"}:
            said, code = shell.run(_commands(block, page))
            last = block
    assert code == 0, f"{page.name}:{last.line} ended with {code}:\n{said}"


def _commands(block: Block, page: Path) -> str:
    if block.language == "sh":
        return block.text
    if block.language == "sql":
        return f"psql -qX -v ON_ERROR_STOP=1 \"$MARKET\" <<'END_OF_SQL'\n{block.text}END_OF_SQL"
    assert block.file, f"{page.name}:{block.line}: no file is named above this block"
    return f"mkdir -p \"$(dirname {block.file})\" && cat > {block.file} <<'END_OF_FILE'\n{block.text}END_OF_FILE"


def test_a_changed_output_is_noticed() -> None:
    """The comparison is not blind: a figure, a line more and a line less make a difference."""
    shown = "route: 3 read (… s)\n│ a │ b │\n"
    assert matches(shown, "route: 3 read (0.2 s)\n┏━━┓\n┃ a  ┃ b ┃\n")
    for other in ("route: 4 read (0.2 s)\na b\n", "route: 3 read (0.2 s)\na b\nmore\n", "route: 3 read (0.2 s)\n"):
        assert not matches(shown, other)
