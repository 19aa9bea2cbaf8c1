"""The servers tests use: the real PostgreSQL and the real nats-server, one pair per test process."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from deploy import SERVICES
from deploy.embedded import Nats, Postgres
from deploy.home import NATS_USERS, free_port, new_password
from deploy.migrate import migrate
from deploy.programs import running
from shared.bus import Bus
from tests.databases import Database
from tests.doors import Door, open_door
from tests.running_system import Groups, RunningSystem, start
from tests.streams import fresh_stream
from tests.tiny import Held, tiny_app

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


@pytest.fixture
async def stream(nats: str) -> AsyncIterator[Bus]:
    """Give a test an empty stream, by the deployer's connection to it."""
    async with fresh_stream(nats) as bus:
        yield bus


@pytest.fixture
async def referrals(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    """Open the door of the referrals service."""
    async with open_door("referrals", database, tmp_path, monkeypatch) as door:
        yield door


@pytest.fixture
def held() -> Held:
    """Return what holds a request of the tiny app back until a test lets it go."""
    return Held()


@pytest.fixture
async def tiny(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: Held) -> AsyncIterator[Door]:
    """Open the door of an app that goes wrong on purpose."""
    async with open_door("referrals", database, tmp_path, monkeypatch) as door:
        door.app = tiny_app(held)
        yield door


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """Let test processes share the work so that tests of one running system stay together."""
    return Groups(config, log)
