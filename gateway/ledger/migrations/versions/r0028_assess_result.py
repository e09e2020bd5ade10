"""What frozen issues say of each route, as rows that the assessment system is sent."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0028"
down_revision = "0026"


def upgrade() -> None:
    """Create the view of results."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("results that were sent cannot be taken back; restore a backup instead")
