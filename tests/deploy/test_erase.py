"""`roundtable erase`: who was erased, and that nobody comes back with a backup."""

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.cli_erase import erase_again, erased_pseudonyms
from deploy.embedded import Nats, Postgres
from shared.bus import Bus
from shared.crypto import keyring
from tests.canary import find
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows
from tests.referrals.lives import ALL, BORN, administrator, at_rest, erased, lived, noted, well
from tests.running_system import ROUNDTABLE
from tests.test_canary import dumped

KEPT_AS_THEY_ARE = ("audit", "alembic_version")


@asynccontextmanager
async def restored_afterwards(database: Database) -> AsyncIterator[None]:
    """Keep a copy of every row of referrals, and put the copies in the place of the rows at the end."""
    async with administrator(database) as connection:
        tables = [
            row["tablename"]
            for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'referrals'")
            if row["tablename"] not in KEPT_AS_THEY_ARE
        ]
        await connection.execute("CREATE SCHEMA backup")
        for table in tables:
            await connection.execute(f"CREATE TABLE backup.{table} AS TABLE referrals.{table}")
        yield
        await connection.execute("SET session_replication_role = replica")
        for table in tables:
            await connection.execute(f"DELETE FROM referrals.{table}")  # noqa: S608 - our own names
            await connection.execute(
                f"INSERT INTO referrals.{table} OVERRIDING SYSTEM VALUE SELECT * FROM backup.{table}"  # noqa: S608 - ours
            )
        await connection.execute("DROP SCHEMA backup CASCADE")


def roundtable(database: Database, nats: str, *words: str, keys: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as the operator does."""
    environment = {
        "PATH": os.defpath,
        "ROUNDTABLE_DATABASE_URL": database.admin_dsn,
        "ROUNDTABLE_NATS_URL": nats,
        "ROUNDTABLE_KEY_FILE": keys,
    }
    command = (*ROUNDTABLE, "erase", *words)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - ours


async def test_whoever_comes_back_with_a_backup_is_erased_again_and_nobody_else(
    referrals: Door, database: Database, stream: Bus, postgres_server: Postgres, nats_server: Nats, tmp_path: Path
) -> None:
    keys, nats = str(tmp_path / "referrals.json"), nats_server.url()
    async with referrals.caller(ALL) as caller:
        bystander = well(await caller.post("/v1/referrals", json=a_referral()))["person_id"]
        life = await lived(referrals, database)
        await at_rest(database, stream)
        await noted(database, life)
        assert "Nobody was erased" in roundtable(database, nats, "list", keys=keys).stdout
        async with restored_afterwards(database):
            await erased(referrals, life)
            assert f"{life.person}  open, 3 messages" in roundtable(database, nats, "list", keys=keys).stdout
            await at_rest(database, stream)
            assert f"{life.person}  finished" in roundtable(database, nats, "list", keys=keys).stdout
        assert well(await caller.get(life.path))["identity"]["family_name"], "the backup brought the person back"
        first = roundtable(database, nats, "again", keys=keys)
        second = roundtable(database, nats, "again", keys=keys)
        assert (first.stdout, first.returncode) == ("1 came back and were erased again.\n", 0), first.stderr
        assert second.stdout == "Nobody came back.\n"
        assert (await caller.get(life.path)).status_code == 404
        assert well(await caller.get(f"/v1/people/{bystander}"))["identity"]["family_name"] == "Okafor"
        await at_rest(database, stream)
        report = await erased(referrals, life)
    assert report["stream_cleaned"] is True
    assert find(life.secrets | {"born": BORN}, [("", dumped(postgres_server, database))]) == []
    assert not (find({"born": BORN}, [("", path.read_bytes()) for path in nats_server.folder.rglob("*.blk")]))
    sent = await rows(database, "outbox", f"WHERE aggregate_id = '{life.key}' ORDER BY version")
    assert [row["version"] for row in sent] == list(range(1, len(sent) + 1))
    (erasure,) = await rows(database, "erasures")
    assert "came back" in keyring().open("erasure", erasure["id"], erasure["decision"])


async def test_what_came_back_in_part_goes_again(referrals: Door, database: Database, stream: Bus) -> None:
    life = await lived(referrals, database)
    async with administrator(database) as connection:
        await connection.execute("CREATE SCHEMA backup")
        await connection.execute("CREATE TABLE backup.person_keys AS TABLE referrals.person_keys")
        await erased(referrals, life)
        await at_rest(database, stream)
        await connection.execute("INSERT INTO referrals.person_keys SELECT * FROM backup.person_keys")
        again = await erase_again(database.admin_dsn, keyring(), await erased_pseudonyms(stream))
    assert again == [life.person]
    assert await rows(database, "person_keys") == []
    assert len(await rows(database, "outbox", "WHERE subject = 'people.erased.v1'")) == 1


async def test_without_the_key_file_it_says_so(database: Database, nats: str, tmp_path: Path) -> None:
    told = roundtable(database, nats, "again", keys=str(tmp_path / "nowhere.json"))
    assert told.returncode == 1
    assert "key file" in told.stderr
    assert "Traceback" not in told.stderr
