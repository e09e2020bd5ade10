"""The first ledger: state, batches, receipts, quarantine, holds, reconciliations, calendar and code lists."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every object of the ledger and the roles that may use them."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("the ledger's first revision cannot be undone; restore a backup instead")
