"""Deliveries: what left the hub, and what the target confirmed of it."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of deliveries."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("what was delivered cannot be undone; restore a backup instead")
