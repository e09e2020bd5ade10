"""What platforms are told of the gateway itself: its data sets as resources, and what was returned of the rows they brought."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Create table and views, and keep with what is returned whose it was."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("what platforms were told cannot be taken back; restore a backup instead")
