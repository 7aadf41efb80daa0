"""Alembic's folder: how the tables of studies came to be what they are, one file per revision."""
