"""Runs migrations for Alembic, on the given connection and in its transaction."""

from alembic import context

from langgraph_runner.engine.store.migrating import VERSION_TABLE
from langgraph_runner.engine.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE
)
context.run_migrations()
