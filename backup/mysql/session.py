"""Sessions of a MariaDB server, and its errors as the gateway's own; its words are not repeated, for they may quote a row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import pymysql
from pymysql.constants import CR, ER
from pymysql.cursors import Cursor, DictCursor

from gateway.errors import AccessDenied, BackupFailed, GatewayError, PlatformUnavailable
from gateway.mysql_address import Address

Session: TypeAlias = "pymysql.Connection[Any]"
_CONNECT_SECONDS = 10
_DENIED = {ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR,
           ER.SPECIFIC_ACCESS_DENIED_ERROR, ER.VIEW_SELECT_TMPTABLE, 1698, 1142}  # fmt: skip
LOCK_TIMEOUT, TOO_LONG, DEFINITION_CHANGED = 1205, 1969, 1412
NAMES = {number: name for name, number in [*vars(CR).items(), *vars(ER).items()] if isinstance(number, int)}
_SETTINGS = (
    "set session sql_mode = '', time_zone = '+00:00', lock_wait_timeout = 5, wait_timeout = 86400, net_write_timeout = 600, "
    "max_statement_time = {seconds}"
)
_GRANTS = "grant select, lock tables, show view, trigger, event on the database, and select on mysql.proc, to the backup account"


def connect(address: Address | str, database: str | None = None, seconds: float = 0) -> Session:
    """Open a session at a server, or at the socket of one, that shows every time at UTC; a query may take so many seconds."""
    if isinstance(address, str):
        place: dict[str, Any] = {"unix_socket": address, "user": "root", "ssl_disabled": True}
    else:
        database = database or address.database
        place = {
            "host": address.host, "port": address.port, "user": address.user, "password": address.password.encode(),
            "ssl": address.tls, "ssl_disabled": address.tls is None,
        }  # fmt: skip
    session = pymysql.connect(
        **place, database=database, charset="utf8mb4", autocommit=True, connect_timeout=_CONNECT_SECONDS
    )
    try:
        run(session, _SETTINGS.format(seconds=max(round(seconds, 3), 0)))
    except BaseException:
        session.close()
        raise
    return session


def run(session: Session, statement: str, values: Any = None) -> int:
    """Run a statement and return the number of rows it touched."""
    with session.cursor(Cursor) as cursor:
        return int(cursor.execute(statement, values))


def rows(session: Session, statement: str, values: Any = None) -> list[dict[str, Any]]:
    """Run a statement and return its rows."""
    with session.cursor(DictCursor) as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def quoted(name: str) -> str:
    """Return an identifier as SQL needs it."""
    return "`" + name.replace("`", "``") + "`"


@contextmanager
def platform_errors(where: str, doing: str) -> Iterator[None]:
    """Turn the server's errors into the gateway's: `doing` completes "unable to …"."""
    try:
        yield
    except GatewayError:
        raise
    except pymysql.Error as error:
        raise told(where, doing, number_of(error)) from None


def number_of(error: pymysql.Error) -> int:
    """Return the server's number of an error, or 0."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def told(where: str, doing: str, number: int) -> GatewayError:
    """Return the gateway's error for a number of the server's."""
    if number == TOO_LONG:
        return BackupFailed(f"unable to {doing}: it took longer than it may", "Raise max_minutes of the plan.")
    said = f"unable to {doing} ({where}): {NAMES.get(number, number or 'the connection broke off')}"
    if number in _DENIED:
        return AccessDenied(said, f"Check user and password of connection {where}; {_GRANTS}.")
    if number == DEFINITION_CHANGED:
        return BackupFailed(said, "The structure of a table was changed meanwhile; the run is repeated.")
    return PlatformUnavailable(said, f"Check that the server of {where} is up; the run is repeated.")
