"""Pace: how fast each platform is asked, and how long it rests."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table of paces."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drop it: nothing in it is evidence."""
    op.get_bind().exec_driver_sql("drop table gateway.pace")
