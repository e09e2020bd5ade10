"""Who is spoken to: with a ca, a MariaDB server proves itself before it hears anything; and rights are told as such."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import mysql_session
from connectors.frontend_mysql_target import MysqlFrontendTarget
from gateway.errors import AccessDenied, PlatformUnavailable, SchemaMismatch
from gateway.mysql_address import address
from tests.conformance.mariadb import PASSWORD, MariaDb
from tests.integration.connectors.mysql_front import PERSON, Front, batch, many
from tests.integration.proxy import Proxy

pytestmark = pytest.mark.system


@pytest.fixture
def secure(mariadb: MariaDb, certificates: Path) -> Iterator[Front]:
    """Yield a front end whose server shows a certificate of `certificates`."""
    for name in ("server.pem", "server.key"):
        shutil.copy(certificates / name, mariadb.folder / name)
        (mariadb.folder / name).chmod(0o644)
    mariadb.kill()
    mariadb.start(f"--ssl-cert={mariadb.folder}/server.pem", f"--ssl-key={mariadb.folder}/server.key")
    yield Front(mariadb)
    mariadb.kill()
    mariadb.start()


def test_server_that_proves_itself_is_spoken_to_by_tls(secure: Front, certificates: Path) -> None:
    """The session is enciphered when a ca is named; on this machine it need not be."""
    asked = "show session status like 'ssl_cipher'"
    for query, enciphered in ((f"?ca={certificates}/ca.pem", True), ("", False)):
        dsn = secure.dsn(query=query).replace("127.0.0.1", "localhost")
        connection = mysql_session.connect(address("peer", dsn))
        ((_, cipher),) = mysql_session.rows(connection, asked)
        mysql_session.close(connection)
        assert bool(cipher) == enciphered


@pytest.mark.parametrize(
    ("host", "ca"),
    [
        ("127.0.0.1", "ca.pem"),  # the certificate is another name's
        ("localhost", "stranger.pem"),  # another authority's
    ],
)
def test_server_that_cannot_be_verified_is_refused(secure: Front, certificates: Path, host: str, ca: str) -> None:
    """A wrong certificate needs a person, not a repetition."""
    dsn = secure.dsn(query=f"?ca={certificates}/{ca}").replace("127.0.0.1", host)
    with pytest.raises(AccessDenied, match="cannot be verified"):
        MysqlFrontendTarget(secure.persons_platform, dsn)


def test_server_without_tls_hears_nothing(mariadb: MariaDb, certificates: Path) -> None:
    """Where a ca is named, a server that offers no TLS is told neither user nor password."""
    front, heard = Front(mariadb), bytearray()

    def watch(to_server: bool, data: bytes) -> str:
        heard.extend(data if to_server else b"")
        return "pass"

    with (
        Proxy(front.dsn(query=f"?ca={certificates}/ca.pem"), watch) as proxy,
        pytest.raises(AccessDenied, match="cannot be verified"),
    ):
        MysqlFrontendTarget(front.persons_platform, proxy.dsn)
    assert not heard


@pytest.mark.parametrize(
    ("right", "error"),
    [
        ("select, update", AccessDenied),  # no insert
        ("insert", AccessDenied),  # no select
        ("select, insert", None),  # all that is needed
    ],
)
def test_rights_are_told_as_rights(mariadb: MariaDb, right: str, error: Any) -> None:
    """An account that may not write is refused for that; nothing else is asked of it."""
    front = Front(mariadb)
    front.table()
    front.run("drop user if exists limited")
    front.run(f"create user limited identified by '{PASSWORD}'")
    front.run(f"grant {right} on front.up_person to limited")
    target = MysqlFrontendTarget(front.persons_platform, front.dsn(user="limited"))
    if error is None:
        assert target.write(PERSON, batch(1, many(2))).inserted == 2
    else:
        with pytest.raises(error) as told:
            target.write(PERSON, batch(1, many(2)))
        assert PASSWORD not in f"{told.value!r}"


def test_row_that_somebody_locks_is_waited_for_only_so_long(mariadb: MariaDb, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner who locks the table stops the batch for now, and it may be repeated."""
    front = Front(mariadb)
    front.table()
    monkeypatch.setattr(mysql_session, "_SETTINGS", f"{mysql_session._SETTINGS}, lock_wait_timeout = 1")
    with front.server.owner("front") as owner, owner.cursor() as cursor:
        cursor.execute("lock tables up_person write")
        with pytest.raises(PlatformUnavailable, match="LOCK_WAIT_TIMEOUT"):
            front.up().write(PERSON, batch(1, many(2)))
        cursor.execute("unlock tables")
    assert front.persons() == []


def test_missing_table_is_told_before_anything_is_written(mariadb: MariaDb) -> None:
    """The name of the table stands in the error, and which option to mend."""
    with pytest.raises(SchemaMismatch, match="up_person") as error:
        Front(mariadb).up().describe(PERSON)
    assert "options.resources.test.person.up" in error.value.hint
