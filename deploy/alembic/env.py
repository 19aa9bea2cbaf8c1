"""Where a service's migrations run: `deploy.migrate` hands over a connection that sees only that service's schema."""  # noqa: INP001 - alembic loads it by path

from alembic import context
from sqlalchemy import Connection

from deploy.migrate import metadata
from shared.db import naming

service: str = context.config.attributes["service"]
connection: Connection = context.config.attributes["connection"]

# The models are wanted only to compare or to draft a migration; bringing a database up to date needs none of them,
# only the names that constraints get.
models = metadata(service) if context.config.attributes["compare"] else naming()

context.configure(
    connection=connection,
    target_metadata=models,
    compare_server_default=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
