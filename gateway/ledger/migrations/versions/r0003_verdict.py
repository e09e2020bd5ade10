"""Verdicts: what targets refused after they had taken it."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table of verdicts and what goes with it."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("what was judged cannot be undone; restore a backup instead")
