"""What is owed to platforms and by them: receipts to be written back."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the table of what platforms brought; let deliveries be presumed accepted."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("what was told cannot be undone; restore a backup instead")
