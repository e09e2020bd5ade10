"""Notices: contacts, what is announced, what is answered, and what is sent."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0006"


def upgrade() -> None:
    """Create the tables of notices and of the outbox."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("what was announced cannot be undone; restore a backup instead")
