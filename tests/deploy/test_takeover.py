"""A supervisor that was killed leaves nothing behind that stops the next one; servers of the operator are used."""

import os
import signal
from pathlib import Path

import pytest

from deploy import PORT_OFFSETS
from deploy.embedded import Nats, Postgres
from deploy.home import NATS_USERS, free_port, new_password
from deploy.programs import running
from tests.running_system import NAMES, children, is_ready, start, until


def test_a_killed_supervisor_takes_its_children_along_and_the_next_one_starts(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)  # as when the checkout lies in a closed folder
    home = tmp_path / "home"
    with start(tmp_path) as system:
        os.kill(system.process.pid, signal.SIGKILL)
        until(lambda: not children(home), within=5)
    with start(tmp_path) as system:
        assert {entry["name"] for entry in system.status()["processes"]} == NAMES
        system.process.send_signal(signal.SIGTERM)
        assert system.process.wait(30) == 0
        assert children(home) == []
        assert not (home / "run" / "processes.json").exists()
        assert system.roundtable("status", check=False).returncode == 1
        assert system.roundtable("down").stdout.strip() == "Nothing was running."


@pytest.mark.slow
def test_servers_of_the_operator_are_used_and_left_running(tmp_path: Path, postgres_server: Postgres) -> None:
    bus = Nats(tmp_path / "nats", free_port(), {user: new_password() for user in NATS_USERS})
    theirs = {"ROUNDTABLE_DATABASE_URL": postgres_server.dsn("theirs"), "ROUNDTABLE_NATS_URL": bus.url()}
    with running(bus.program(), tmp_path / "nats.log"), start(tmp_path, settings=theirs) as system:
        status = system.status()
        assert {entry["kind"] for entry in status["processes"]} == {"supervisor", "api", "worker"}
        assert status["postgres"] == {"admin_dsn": postgres_server.dsn("theirs"), "external": True}
        assert status["nats"]["url"] == bus.url()
        assert not (system.home / "postgres").exists()
        assert all(is_ready(system.url(service)) for service in PORT_OFFSETS)
