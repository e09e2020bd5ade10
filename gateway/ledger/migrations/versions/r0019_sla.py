"""What is promised, what was expected when, what came of it, and the issues that say so."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Create the tables of agreements, occurrences, dockets and issues, and the verdict on an occurrence."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("what was promised and judged cannot be undone; restore a backup instead")
