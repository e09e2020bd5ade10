"""Indexes of what the pages of quarantine and decisions ask for, and tokens of programs that watch the gateway."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0022"
down_revision = "0019"


def upgrade() -> None:
    """Create the indexes, and allow the purpose."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("the ledger is not unmade; restore a backup instead")
