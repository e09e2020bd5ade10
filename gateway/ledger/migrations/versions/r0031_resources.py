"""What the gateway's own data sets are to the catalogue of resources, as rows that the sharing platform is sent."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Create table and view."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("what the sharing platform was told cannot be taken back; restore a backup instead")
