"""Alembic's entry point; runs on the connection (and in the transaction) that `migrate` was given."""

from alembic import context
from sqlmodel import SQLModel

import storage.models  # noqa: F401  (fills the metadata)
from storage.migrations import is_ours

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    compare_type=True,
    include_name=is_ours,
)
context.run_migrations()
