"""Alembic's entry: migrates the connection that `db.migrating` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from db.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter columns; batch mode rebuilds the table
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
