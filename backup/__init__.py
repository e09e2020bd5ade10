"""Backups that are proven: nothing lives here yet; the ledger and the hub are plain PostgreSQL databases."""
