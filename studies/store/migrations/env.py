"""Run by Alembic: migrations on the connection that `undertone.studies.store.migrate` opened."""

from alembic import context

from undertone.studies.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a column by copying the table
    transactional_ddl=True,  # all revisions or none, on SQLite too
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
