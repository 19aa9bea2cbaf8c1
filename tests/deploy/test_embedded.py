"""The embedded servers keep what they acknowledge, run for root too, and tell their logs nothing of anybody."""

import json
import os
import stat
from pathlib import Path

import asyncpg
import nats as nats_client
import pytest

from deploy.embedded import Nats, Postgres
from deploy.home import free_port, new_password
from deploy.programs import running
from deploy.unprivileged import Identity, identity_for, ways
from tests.conftest import FAST
from tests.databases import Database

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


async def test_postgres_is_version_18_and_nats_has_jetstream(postgres: str, nats: str) -> None:
    connection = await asyncpg.connect(postgres)
    assert connection.get_server_version().major == 18
    await connection.close()
    bus = await nats_client.connect(nats)
    assert (await bus.jetstream().account_info()).limits.max_streams == -1
    await bus.close()


async def test_nats_syncs_every_write_before_it_acknowledges(nats_server: Nats) -> None:
    system = await nats_client.connect(nats_server.url("system"))
    answer = await system.request("$SYS.REQ.SERVER.PING.VARZ", b"", timeout=5)
    assert json.loads(answer.data)["data"]["jetstream"]["config"]["sync_always"] is True
    await system.close()


@pytest.fixture
def closed_folder(tmp_path: Path) -> Path:
    """Give a folder that only its owner may pass."""
    tmp_path.chmod(0o700)
    folder = tmp_path / "postgres"
    folder.mkdir(mode=0o700)
    return folder


@needs_root
def test_a_folder_that_others_cannot_pass_is_reached_without_opening_it(closed_folder: Path) -> None:
    server = Postgres(closed_folder, free_port(), new_password(), FAST)
    with running(server.program(), closed_folder.parent / "log") as process:
        assert stat.S_IMODE(closed_folder.parent.stat().st_mode) == 0o700
        assert Path(f"/proc/{process.pid}/comm").read_text().strip() == "postgres"
    assert stat.S_IMODE((closed_folder / "data").stat().st_mode) == 0o700


@needs_root
@pytest.mark.parametrize("way", range(1, 3), ids=["in a user namespace", "passing closed folders"])
def test_each_way_round_a_closed_folder_runs_postgres(closed_folder: Path, way: int) -> None:
    server = Postgres(closed_folder, free_port(), new_password(), FAST)
    identity = server.identity = ways()[way]
    os.chown(closed_folder, identity.owner, -1)
    with running(server.program(), closed_folder.parent / "log") as process:
        status = Path(f"/proc/{process.pid}/status").read_text()
        powers = int(status.split("CapEff:")[1].split()[0], base=16)
        assert powers in {0, 1 << 1}  # none of root's, or only that of passing folders
        assert (server.data / "PG_VERSION").stat().st_uid == identity.owner


@needs_root
def test_the_data_follows_when_the_way_changes(closed_folder: Path) -> None:
    (closed_folder / "data").mkdir()
    os.chown(closed_folder / "data", 1, 1)
    os.chown(closed_folder, 1, 1)
    chosen: Identity = identity_for(Postgres(closed_folder, 0, "").binaries / "postgres", closed_folder)
    assert (closed_folder / "data").stat().st_uid == closed_folder.stat().st_uid == chosen.owner


async def test_a_lock_file_whose_process_id_now_belongs_to_another_is_forgotten(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", free_port(), new_password(), FAST)
    server.prepare()
    lock = server.data / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{server.data}\n")
    server.prepare()
    assert not lock.exists()


async def test_failing_statements_leave_no_data_in_the_log(servers: Path, database: Database) -> None:
    canary = "Kanarienvogel"
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute("CREATE TABLE public.people (name text PRIMARY KEY)")
    await connection.execute("INSERT INTO public.people VALUES ($1)", canary)
    for statement in (
        "INSERT INTO public.people VALUES ($1)",
        "SELECT $1::text::uuid",
        "SELECT nothing FROM x WHERE y = $1",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute(statement, canary)
    with pytest.raises(asyncpg.PostgresError):
        await connection.execute(f"SELECT 1/0 AS {canary}")
    await connection.close()
    log = (servers / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert canary not in log
