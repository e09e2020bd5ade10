"""Routes that a person ended for good."""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0028"


def upgrade() -> None:
    """Note when a route was retired."""
    op.execute("alter table gateway.route_state add column retired_at timestamptz")


def downgrade() -> None:
    """Refuse: a ledger is evidence and is not unmade."""
    raise RuntimeError("who retired which route cannot be undone; restore a backup instead")
