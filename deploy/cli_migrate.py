"""`roundtable migrate` and `draft-migration`: the tables of the services."""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from deploy import SERVICES
from deploy import migrate as migrations
from deploy.admin import admin_dsn, admin_nats
from deploy.embedded import Postgres
from deploy.home import free_port, new_password, this_home
from deploy.programs import running
from shared import bus
from shared.settings import settings


def migrate() -> None:
    """Bring database and stream up to date: roles, schemas, tables, stream, consumers. `up` does it too; twice does no harm.

    Works on ROUNDTABLE_DATABASE_URL and ROUNDTABLE_NATS_URL (the administrators' addresses) when they are set, else on what
    runs on this machine. Makes the keys of referrals in ROUNDTABLE_HOME when there are none yet.
    """
    address, nats, home = admin_dsn(), admin_nats(), this_home()
    home.make()
    home.key_file()
    given = {service: password.get_secret_value() for service, password in settings().service_passwords.items()}
    passwords = {service: home.passwords()["postgres"][service] for service in SERVICES} | given
    for applied in asyncio.run(migrations.migrate(address, passwords)):
        typer.echo(f"migrated {applied}")
    asyncio.run(asyncio.wait_for(bus.declare(nats), timeout=20))
    typer.echo("Database and stream are up to date.")


def draft_migration(
    service: Annotated[str, typer.Argument(help="The service whose tables changed.")],
    says: Annotated[str, typer.Argument(help="What the migration does, in a few words: 'add end codes'.")],
) -> None:
    """Write the next migration of a service from what its tables.py says now; read it before you keep it.

    Uses a PostgreSQL of its own, for a moment. For instance: roundtable draft-migration sites "add readiness"
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Postgres(folder / "postgres", free_port(), new_password(), {"fsync": "off"})
        with running(server.program(), folder / "log"):
            path = asyncio.run(_draft(server.dsn("roundtable"), service, says))
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", path], check=False)  # noqa: S603 - our own tool
    typer.echo(path)


async def _draft(admin_dsn: str, service: str, says: str) -> Path:
    await migrations.migrate(admin_dsn, {})
    return await migrations.draft(admin_dsn, service, says)
