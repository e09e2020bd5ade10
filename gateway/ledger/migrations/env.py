"""Alembic's entry: run the ledger's revisions on the connection handed over by `gateway.ledger.migrate`."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table_schema="gateway")
with context.begin_transaction():
    context.run_migrations()
