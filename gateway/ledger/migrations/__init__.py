"""Alembic migrations of the ledger; each revision's SQL stands in a file beside it."""
