"""The servers tests use: the real PostgreSQL and the real nats-server, one pair per test process."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from deploy import SERVICES
from deploy.embedded import Nats, Postgres
from deploy.home import NATS_USERS, free_port, new_password, service_dsn
from deploy.migrate import migrate
from deploy.programs import running
from tests.running_system import Groups, RunningSystem, start

MEMORY, ROOM = Path("/dev/shm"), 4 * 1024**3  # noqa: S108 - a file system, not a file
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests and fixtures of any scope on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder where this test process's servers live: in memory when there is room, else on disk."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        with tempfile.TemporaryDirectory(prefix="roundtable-", dir=MEMORY) as name:
            yield Path(name)
    else:
        yield tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def postgres_server(servers: Path) -> Iterator[Postgres]:
    """Run PostgreSQL without fsync; ask for it only to stop, break or inspect the server itself."""
    server = Postgres(servers / "postgres", free_port(), new_password(), FAST)
    with running(server.program(), servers / "postgres.log"):
        yield server


@pytest.fixture(scope="session")
def postgres(postgres_server: Postgres) -> str:
    """Return the superuser's address of a running PostgreSQL."""
    return postgres_server.dsn()


@pytest.fixture(scope="session")
def nats_server(servers: Path) -> Iterator[Nats]:
    """Run a nats-server; ask for it to connect as a service: `nats_server.url("reporting")`."""
    server = Nats(servers / "nats", free_port(), {user: new_password() for user in NATS_USERS})
    with running(server.program(), servers / "nats.log"):
        yield server


@pytest.fixture(scope="session")
def nats(nats_server: Nats) -> str:
    """Return the deployer's address of a running nats-server with JetStream."""
    return nats_server.url()


@dataclass(frozen=True)
class Database:
    """A migrated database of one test: the superuser's address, and that of each service's own role."""

    admin_dsn: str
    passwords: dict[str, str]

    def dsn(self, service: str) -> str:
        """Return the address for a service's own role, as its processes get it."""
        return service_dsn(self.admin_dsn, service, self.passwords[service])


@pytest.fixture(scope="session")
async def migrated(postgres_server: Postgres) -> Database:
    """Migrate the database that every test's own is copied from; nobody may be connected to it."""
    passwords = {service: new_password() for service in SERVICES}
    admin_dsn = postgres_server.dsn("roundtable")
    await migrate(admin_dsn, passwords)
    return Database(admin_dsn, passwords)


@pytest.fixture
async def database(postgres_server: Postgres, migrated: Database) -> AsyncIterator[Database]:
    """Give one test a freshly migrated database of its own."""
    name = f"test_{uuid4().hex}"
    server = await asyncpg.connect(postgres_server.dsn())
    await server.execute(f"CREATE DATABASE {name} TEMPLATE roundtable STRATEGY file_copy")
    await server.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    for service in SERVICES:
        await server.execute(f"GRANT CONNECT ON DATABASE {name} TO roundtable_{service}")
    yield Database(postgres_server.dsn(name), migrated.passwords)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


@pytest.fixture(scope="session")
def running_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Run everything, as `roundtable up` does; leave it running and as healthy as you found it."""
    with start(tmp_path_factory.mktemp("system")) as system:
        yield system


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """Let test processes share the work so that tests of one running system stay together."""
    return Groups(config, log)
