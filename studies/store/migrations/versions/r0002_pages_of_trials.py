"""Clips that are heard and answered together: pairs, best-worst sets, MUSHRA. What was there stays as it is."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("trial", sa.Column("page", sa.Integer(), nullable=True))
