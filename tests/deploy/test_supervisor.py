"""`roundtable up` starts everything, keeps it running, stops it in order, and survives its own death."""

import asyncio
import os
import shutil
import signal
import stat
import time
from pathlib import Path

import asyncpg
import nats as nats_client
import psutil
import pytest
from nats.js import JetStreamContext

from deploy import PORT_OFFSETS, SERVICES
from shared.events.event import STREAM
from tests.running_system import NAMES, RunningSystem, is_ready, roundtable, until


def test_every_service_is_ready_and_status_names_the_real_processes(running_system: RunningSystem) -> None:
    status = running_system.status()
    assert {entry["name"] for entry in status["processes"]} == NAMES
    for entry in status["processes"]:
        process = psutil.Process(entry["pid"])
        words = " ".join(process.cmdline())
        expected = {"postgres": "bin/postgres", "nats": "nats-server", "api": " serve ", "worker": " work "}
        assert expected.get(entry["kind"], " up") in words
        assert set(entry) - {"port"} == {"name", "kind", "service", "pid"}
    assert all(is_ready(running_system.url(service)) for service in PORT_OFFSETS)
    assert status["nats"]["stream"] == STREAM
    assert Path(status["nats"]["store_dir"]).is_dir()


async def test_the_administrators_addresses_open_everything(running_system: RunningSystem) -> None:
    status = running_system.status()
    connection = await asyncpg.connect(status["postgres"]["admin_dsn"])
    assert await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert await connection.fetchval(f"SHOW {setting}") == "on"
    await connection.close()
    bus = await nats_client.connect(status["nats"]["url"])
    assert {info.name for info in await bus.jetstream().consumers_info(STREAM)} == set(status["nats"]["durables"])
    await bus.close()


def test_what_is_private_is_closed_to_other_users(running_system: RunningSystem) -> None:
    for file in ("run/processes.json", "secrets.json", "keys/referrals.json"):
        assert stat.S_IMODE((running_system.home / file).stat().st_mode) == 0o600
    for folder in ("run", "keys", "logs", "postgres", "nats"):
        assert stat.S_IMODE((running_system.home / folder).stat().st_mode) == 0o700


def test_only_referrals_is_handed_the_keys_and_each_its_own_role(running_system: RunningSystem) -> None:
    for service in SERVICES:
        for kind in ("api", "worker"):
            environment = psutil.Process(running_system.pid(f"{service}-{kind}")).environ()
            assert ("ROUNDTABLE_KEY_FILE" in environment) is (service == "referrals")
            assert f"//roundtable_{service}:" in environment["ROUNDTABLE_DATABASE_URL"]
            assert f"//{service}:" in environment["ROUNDTABLE_NATS_URL"]


def test_a_second_supervisor_is_refused_with_the_way_to_stop_the_first(running_system: RunningSystem) -> None:
    refused = running_system.roundtable("up", check=False)
    assert refused.returncode == 1
    assert f"process {running_system.process.pid}" in refused.stderr
    assert "roundtable down" in refused.stderr


@pytest.mark.parametrize("name", ["sites-api", "sites-worker", "nats", "postgres", "issuer"])
def test_whatever_is_killed_is_back_in_seconds(running_system: RunningSystem, name: str) -> None:
    before = running_system.pid(name)
    os.kill(before, signal.SIGKILL)

    def is_back() -> bool:
        now: list[int] = [entry["pid"] for entry in running_system.status()["processes"] if entry["name"] == name]
        return now not in ([], [before])

    until(is_back, within=5)
    until(lambda: all(is_ready(running_system.url(service)) for service in PORT_OFFSETS), within=30)
    assert f"{name} was ended by SIGKILL; starting it again" in running_system.said()


async def exists(stream: JetStreamContext) -> bool:
    """Whether reporting's durable is there."""
    try:
        await stream.consumer_info(STREAM, "reporting")
    except nats_client.js.errors.Error:
        return False
    return True


@pytest.mark.parametrize("what", ["durable", "stream"])
async def test_a_deleted_stream_or_durable_is_declared_again(running_system: RunningSystem, what: str) -> None:
    bus = await nats_client.connect(running_system.status()["nats"]["url"])
    stream = bus.jetstream()
    await (stream.delete_stream(STREAM) if what == "stream" else stream.delete_consumer(STREAM, "reporting"))
    async with asyncio.timeout(10):
        while not await exists(stream):  # noqa: ASYNC110 - a server is asked
            await asyncio.sleep(0.1)
    await bus.close()


def test_a_store_that_was_removed_is_noticed_and_made_anew(running_system: RunningSystem) -> None:
    store = Path(running_system.status()["nats"]["store_dir"])
    Path(running_system.home, "store-that-was").mkdir()
    aside = running_system.home / "store-that-was" / store.name
    store.rename(aside)  # at once: a server that writes on would spoil removing it

    def is_whole() -> bool:
        return "declared the stream again" in running_system.said().partition("the files of the stream are gone")[2]

    until(is_whole, within=20)
    assert store.is_dir()
    shutil.rmtree(running_system.home / "store-that-was")


def test_status_is_quick(running_system: RunningSystem) -> None:
    began = time.monotonic()
    running_system.roundtable("version")
    between = time.monotonic()
    shown = running_system.roundtable("status")
    assert time.monotonic() - between < 4 * (between - began) + 1, (
        "beside a command that does nothing, in the same minute"
    )
    assert "postgres" in shown.stdout


def test_a_taken_port_is_refused_with_its_number(running_system: RunningSystem, tmp_path: Path) -> None:
    refused = roundtable(tmp_path, running_system.port_base, "up", check=False)
    assert refused.returncode == 1
    assert f"Port {running_system.port_base + 1}, meant for referrals, is used" in refused.stderr
