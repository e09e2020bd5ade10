"""Connections to PostgreSQL: pinned session settings, and the server's errors as the gateway's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import parse_dsn
from psycopg2.extras import RealDictCursor

from gateway.errors import (
    AccessDenied,
    GatewayError,
    HubUnavailable,
    PermanentError,
    PlatformUnavailable,
    SchemaMismatch,
    SettingMissing,
)

# Text forms and hashes must not depend on a server's configuration; JIT costs more than these statements.
_PINNED = (
    "-c timezone=UTC -c datestyle=ISO,YMD -c intervalstyle=postgres -c extra_float_digits=3 -c bytea_output=hex "
    "-c jit=off -c row_security=off"
)
_PASSING = (
    errors.LockNotAvailable,
    errors.DiskFull,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.OutOfMemory,
    errors.QueryCanceled,
)
# A failed connect carries no SQLSTATE, and libpq's words may repeat parts of a malformed address, password included:
# only these phrases are passed on.
_REFUSED = ("password authentication failed", "no pg_hba.conf entry", "is not permitted to log in")
_KNOWN_WORDS = (
    *_REFUSED, "Connection refused", "timeout expired", "could not translate host name", "No route to host",
    "server closed the connection unexpectedly", "the database system is starting up", "the database system is shutting down",
    "too many clients", "does not exist", "connection already closed", "SSL", "No space left on device",
)  # fmt: skip
# Of these classes the server's first line may quote a value of a row: data exceptions, and what triggers say. A trigger may
# give its words any other class; that a function spoke is told by the context.
_QUOTING = ("22", "P0")
# The table is there, but not as the contract says: also without the key that an upsert needs.
_UNLIKE = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.InvalidCatalogName,
    errors.InvalidColumnReference,
    errors.DatatypeMismatch,
)
_TOO_LARGE = (errors.ProgramLimitExceeded, errors.StatementTooComplex, errors.TooManyColumns, errors.TooManyArguments)
_ENCODING = (errors.CharacterNotInRepertoire, errors.UntranslatableCharacter)


def connect(dsn: str, *, name: str, autocommit: bool = False, lock_timeout: str = "0") -> Connection:
    """Open a connection that gives up after 10 s, notices a dead peer within a minute and has pinned settings.

    SettingMissing when the address cannot be read; the error never repeats any of it.
    """
    _refuse_malformed(dsn)
    connection: Connection = psycopg2.connect(
        dsn,
        connect_timeout=10,
        keepalives_idle=20,
        keepalives_interval=10,
        keepalives_count=3,
        tcp_user_timeout=60_000,
        client_encoding="UTF8",
        application_name=name[:63],
        options=f"{_PINNED} -c lock_timeout={lock_timeout}",
    )
    connection.autocommit = autocommit
    return connection


def _refuse_malformed(dsn: str) -> None:
    """Refuse an address in which an unescaped character of the password moved the parts."""
    try:
        parts = parse_dsn(dsn)
    except psycopg2.ProgrammingError:
        parts = {"host": "@"}
    if "@" in parts.get("host", "") or not all(p.isdigit() for p in parts.get("port", "0").split(",")):
        raise SettingMissing(
            "the address of a database cannot be read",
            "Write postgresql://user:password@host:port/database; in user and password write @ : / % as %40 %3A %2F %25.",
        )


def where(dsn: str) -> str:
    """Return host, port and database of a DSN, for error texts: never user or password."""
    parts = parse_dsn(dsn)
    return f"{parts.get('host', 'local')}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"


@contextmanager
def platform_errors(platform: str, doing: str) -> Iterator[None]:
    """Turn a source server's errors into the gateway's: `doing` completes "unable to …"."""
    try:
        yield
    except GatewayError:
        raise
    except (
        errors.InvalidPassword,
        errors.InvalidAuthorizationSpecification,
        errors.InsufficientPrivilege,
        errors.ReadOnlySqlTransaction,
    ) as error:
        raise AccessDenied(
            _text(doing, platform, error), "Ask the platform's owner for the right to do this."
        ) from error
    except _UNLIKE as error:
        raise SchemaMismatch(
            _text(doing, platform, error), "Compare the contract with the platform's table."
        ) from error
    except _ENCODING as error:
        raise PermanentError(
            _text(doing, platform, error), "Declare the source's encoding or mend the text."
        ) from error
    except (errors.DataError, errors.IntegrityError, errors.RaiseException) as error:
        hint = "A value does not fit its type or a constraint there; the platform's owner has to look."
        raise SchemaMismatch(_text(doing, platform, error), hint) from error
    except psycopg2.Error as error:
        if any(words in str(error) for words in _REFUSED):
            hint = f"Check the user and password of the connection of platform {platform}."
            raise AccessDenied(_text(doing, platform, error), hint) from error
        raise PlatformUnavailable(
            _text(doing, platform, error), f"Check that platform {platform} is up; the run is repeated."
        ) from error


@contextmanager
def hub_errors(doing: str) -> Iterator[None]:
    """Turn the hub's errors into the gateway's; what may pass by itself is retryable."""
    try:
        yield
    except GatewayError:
        raise
    except _TOO_LARGE as error:
        hint = "The hub cannot hold such a table or key: shorten the key, or split the data set."
        raise PermanentError(_text(doing, "hub", error), hint) from error
    except (psycopg2.OperationalError, psycopg2.InterfaceError, *_PASSING) as error:
        hint = "Free space on the hub's disk." if isinstance(error, errors.DiskFull) else "The run is repeated."
        raise HubUnavailable(_text(doing, "hub", error), hint) from error
    except psycopg2.Error as error:
        raise PermanentError(_text(doing, "hub", error), "Run `gateway doctor`; see the hub's log.") from error


def names(columns: tuple[str, ...] | list[str], prefix: str | None = None) -> sql.Composed:
    """Return a comma-separated list of quoted column names, each behind `prefix.` when given."""
    quoted = [sql.Identifier(prefix, c) if prefix else sql.Identifier(c) for c in columns]
    return sql.SQL(", ").join(quoted)


def one(connection: Connection, statement: Any, values: Any = None) -> Any:
    """Run a statement and return its first row, or None."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()


def dicts(connection: Connection, statement: Any, values: Any = None) -> list[dict[str, Any]]:
    """Return every row of a statement by its columns."""
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(statement, values)
        return [dict(row) for row in cursor.fetchall()]


def run(connection: Connection, statement: Any, values: Any = None) -> int:
    """Run a statement and return the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def _text(doing: str, where_: str, error: psycopg2.Error) -> str:
    """Word an error without anything that may carry a value of a row or a part of an address."""
    said = (error.diag.message_primary if error.diag else None) or ""
    raised = error.diag is not None and " function " in (error.diag.context or "")
    if raised or (error.pgcode or "")[:2] in _QUOTING:
        said = ""
    elif not said:
        said = next((words for words in _KNOWN_WORDS if words in str(error)), "")
    return f"unable to {doing} ({where_}): {said or type(error).__name__}"
