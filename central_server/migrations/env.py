"""Run by Alembic: one step after the other on the connection that `migrate` was given."""

from alembic import context

from central_server.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
