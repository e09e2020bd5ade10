"""Sessions of a MySQL or MariaDB server: pinned settings, values as text, and the server's errors as the gateway's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pymysql
from pymysql.constants import CR, ER, FIELD_TYPE
from pymysql.converters import escape_bool, escape_string
from pymysql.cursors import Cursor, SSCursor

from gateway.errors import AccessDenied, GatewayError, PlatformUnavailable, SchemaMismatch
from gateway.mysql_address import Address
from gateway.ports import UNDECODABLE

CONNECT_SECONDS, READ_SECONDS, WRITE_SECONDS = 10, 300, 60  # a sort of a large table is silent until it ends
OFFSET = "+08:00"  # of the session: what the server shows of a TIMESTAMP is at this offset, whatever its own zone
# Nothing is cut, rounded to a default or turned into zero in silence, whatever the server's configuration.
_MODES = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_SETTINGS = (
    f"set session sql_mode = '{_MODES}', time_zone = '{OFFSET}', innodb_lock_wait_timeout = 30, "
    "net_write_timeout = 600, wait_timeout = 3600"  # neither side is hurried while the other is slow
)
_DENIED = {
    ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR,
    ER.SPECIFIC_ACCESS_DENIED_ERROR, ER.OPTION_PREVENTS_STATEMENT, 1698, 1045, 3118, 4151,
}  # fmt: skip
_UNLIKE = {ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR, ER.BAD_DB_ERROR, ER.CANT_AGGREGATE_2COLLATIONS}
_UNFIT = {
    ER.DATA_TOO_LONG, ER.TRUNCATED_WRONG_VALUE_FOR_FIELD, ER.TRUNCATED_WRONG_VALUE, ER.WARN_DATA_OUT_OF_RANGE,
    ER.BAD_NULL_ERROR, ER.NO_DEFAULT_FOR_FIELD, ER.DUP_ENTRY, ER.NO_REFERENCED_ROW, ER.NO_REFERENCED_ROW_2,
    ER.WARN_DATA_TRUNCATED, ER.DATETIME_FUNCTION_OVERFLOW, ER.NET_PACKET_TOO_LARGE, ER.TOO_BIG_ROWSIZE, 4025, 3819, 1644,
}  # fmt: skip
# What the server says may quote a value of a row, so that only the name of its error is passed on.
_NAMES = {number: name for name, number in [*vars(CR).items(), *vars(ER).items()] if isinstance(number, int)}


def connect(address: Address) -> pymysql.Connection[Any]:
    """Open a session in which every value arrives as text and nothing is committed unless asked for."""
    connection = pymysql.connect(
        host=address.host, port=address.port, user=address.user, password=address.password.encode(),
        database=address.database, charset="utf8mb4", autocommit=False, connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS, write_timeout=WRITE_SECONDS, conv=_AS_TEXT, ssl=address.tls,
        ssl_disabled=address.tls is None,
    )  # fmt: skip
    try:
        run(connection, _SETTINGS)
    except BaseException:
        close(connection)
        raise
    return connection


def close(connection: pymysql.Connection[Any]) -> None:
    """Drop a session at once, whatever it was doing; may be called twice."""
    cast("Any", connection)._force_close()  # noqa: SLF001 - close() would talk to a server that may not answer


@contextmanager
def platform_errors(platform: str, doing: str) -> Iterator[None]:
    """Turn the server's errors into the gateway's: `doing` completes "unable to …"."""
    try:
        yield
    except GatewayError:
        raise
    except pymysql.Error as error:
        raise _told(platform, doing, error) from None  # the server's own words may hold values of rows


def _told(platform: str, doing: str, error: Exception) -> GatewayError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    said = f"unable to {doing} ({platform}): {_NAMES.get(number, type(error).__name__)}"
    if number in _DENIED:
        return AccessDenied(said, f"Check user and password of the connection of platform {platform}, and its rights.")
    if number in _UNLIKE:
        return SchemaMismatch(said, "Compare the contract with the platform's table.")
    if number in _UNFIT:
        return SchemaMismatch(
            said, "A value does not fit its type or a constraint there; the platform's owner has to look."
        )
    if "CERTIFICATE_VERIFY_FAILED" in str(error) or "SSL is required" in str(error):
        return AccessDenied(
            f"unable to {doing} ({platform}): its server cannot be verified",
            "Ask its owner which certificate it shows, and name a file with it as ca in the connection.",
        )
    return PlatformUnavailable(said, f"Check that platform {platform} is up; the run is repeated.")


def rows(connection: pymysql.Connection[Any], statement: str) -> Sequence[Any]:
    """Run a statement and return all its rows."""
    with connection.cursor(Cursor) as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def run(connection: pymysql.Connection[Any], statement: str) -> int:
    """Run a statement and return the number of rows it touched."""
    with connection.cursor(Cursor) as cursor:
        return int(cursor.execute(statement))


def streamed(connection: pymysql.Connection[Any], statement: str) -> Iterator[Any]:
    """Yield the rows of a statement as they come; leaving early drops the session, which would read them all first."""
    cursor = connection.cursor(_Stream)
    ended = False
    try:
        cursor.execute(statement)
        yield from iter(cursor.fetchone, None)
        ended = True
    finally:
        if not ended:
            cursor.abandon()
            close(connection)
        cursor.close()


class _Stream(SSCursor):
    """A cursor that can be left before its last row."""

    _result: Any

    def abandon(self) -> None:
        """Forget what has not come yet; it would be read, even when the cursor is only collected."""
        if self._result is not None:
            self._result.unbuffered_active = False
        self._result = None


def name(identifier: str, of: str = "") -> str:
    """Return an identifier as SQL needs it, behind `of.` when given."""
    quoted = f"`{identifier.replace('`', '``')}`"
    return f"{of}.{quoted}" if of else quoted


def names(identifiers: Sequence[str], of: str = "") -> str:
    """Return a comma-separated list of identifiers."""
    return ", ".join(name(i, of) for i in identifiers)


def literal(text: str | None) -> str:
    """Return a value as SQL needs it; the modes of the session let a backslash escape."""
    return "null" if text is None else f"'{escape_string(text)}'"


def _bits(value: bytes) -> str:
    return str(int.from_bytes(value, "big"))


def _moment(value: str) -> str:
    return value + OFFSET


def _bytes_too(value: str | bytes) -> str:
    return value if isinstance(value, str) else UNDECODABLE + value.hex()


_TEXTS = (
    FIELD_TYPE.VARCHAR, FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING, FIELD_TYPE.BLOB, FIELD_TYPE.TINY_BLOB,
    FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.LONG_BLOB, FIELD_TYPE.GEOMETRY,
)  # fmt: skip
_AS_TEXT: dict[Any, Any] = {
    FIELD_TYPE.BIT: _bits, FIELD_TYPE.TIMESTAMP: _moment, **dict.fromkeys(_TEXTS, _bytes_too), bool: escape_bool,
}  # fmt: skip
