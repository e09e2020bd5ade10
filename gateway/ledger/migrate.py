"""Brings the ledger's schema to the newest revision."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from gateway import pg
from gateway.sql import queries

_SQL = queries(__file__)
_FOLDER = Path(__file__).parent / "migrations"


def upgrade(dsn: str) -> str:
    """Apply the missing revisions in one transaction and return the head revision; HubUnavailable when it is away."""
    engine = create_engine(
        "postgresql+psycopg2://", creator=lambda: pg.connect(dsn, name="gateway migrate"), poolclass=NullPool
    )
    with pg.hub_errors("migrate the ledger"), engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(hashtextextended('gateway.migrate', 0))"))
        connection.execute(text("create schema if not exists gateway"))
        command.upgrade(_config(connection), "head")
        # Each time: an account that may make roles only now repairs what an earlier migration could not.
        connection.exec_driver_sql(_SQL["grant"].replace("%", "%%"))
        return head()


def current(dsn: str) -> str | None:
    """Return the revision the ledger stands at, or None when there is no ledger."""
    engine = create_engine(
        "postgresql+psycopg2://", creator=lambda: pg.connect(dsn, name="gateway doctor"), poolclass=NullPool
    )
    with pg.hub_errors("read the ledger's revision"), engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": "gateway"})
        return context.get_current_revision()


def head() -> str:
    """Return the newest revision this version knows."""
    return ScriptDirectory(str(_FOLDER)).get_current_head() or ""


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config
