"""Days that are over, counted once; and a receipt's times kept as it is written."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0022"


def upgrade() -> None:
    """Create the tallies, fill what receipts already tell, and have each new receipt tell it by itself."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("what was counted cannot be undone; restore a backup instead")
