"""What Alembic runs to apply migrations: on the connection that it is handed, in its transaction."""

from alembic import context

from langgraph_runner.engine.store.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
