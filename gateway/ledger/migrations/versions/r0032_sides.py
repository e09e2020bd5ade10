"""Days of a half month that are counted side by side: what is written is written in one place, and judged once."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Change the index of the occurrences, and let a count judge each of them once."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("what was counted meanwhile cannot be uncounted; restore a backup instead")
