"""A person whom an admin leaves out of the analysis, and why."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add when, why and by whom a participant was left out."""
    op.add_column("participant", sa.Column("excluded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("participant", sa.Column("excluded_because", sa.String(), nullable=True))
    op.add_column("participant", sa.Column("excluded_by", sa.String(), nullable=True))
