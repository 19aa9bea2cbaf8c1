"""A whole system as `roundtable up` starts it, in a home of its own, for tests that need all of it."""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psutil
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from deploy import PORT_OFFSETS, SERVICES
from deploy.home import free_port
from deploy.leftovers import MARK
from deploy.programs import Program, running

ROUNDTABLE = (sys.executable, "-m", "deploy.cli")
NAMES = {"supervisor", "postgres", "nats", "issuer"} | {
    f"{name}-{kind}" for name in SERVICES for kind in ("api", "worker")
}
OFFSETS = (*PORT_OFFSETS.values(), 22, 32)
HOUR = "3600"


@dataclass
class RunningSystem:
    """A system that is ready: where its state is, how to call its services, and its supervisor's process."""

    home: Path
    port_base: int
    process: "subprocess.Popen[bytes]"
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)

    def url(self, service: str) -> str:
        """Return the address of a service's api."""
        return f"http://127.0.0.1:{self.port_base + PORT_OFFSETS[service]}"

    def token(self, scope: str) -> str:
        """Return a bearer token for scopes separated by spaces, for all sites."""
        if scope not in self._tokens:
            made = self.roundtable("token", "--scope", scope, "--ttl", HOUR)
            self._tokens[scope] = made.stdout.strip()
        return self._tokens[scope]

    def headers(self, scope: str) -> dict[str, str]:
        """Return the header that carries a token for scopes separated by spaces."""
        return {"Authorization": f"Bearer {self.token(scope)}"}

    def status(self) -> dict[str, Any]:
        """Return what runs, as the supervisor noted it."""
        noted: dict[str, Any] = json.loads((self.home / "run" / "processes.json").read_text())
        return noted

    def pid(self, name: str) -> int:
        """Return the process id of a process by its name."""
        return next(int(entry["pid"]) for entry in self.status()["processes"] if entry["name"] == name)

    def said(self) -> str:
        """Return what the supervisor has told its operator."""
        return (self.home.parent / "up.log").read_text()

    def roundtable(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a `roundtable` command on this system."""
        return roundtable(self.home, self.port_base, *words, check=check)


def roundtable(home: Path, port_base: int, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run a `roundtable` command for a home."""
    return subprocess.run(  # noqa: S603 - our own program
        (*ROUNDTABLE, *words),
        env=environment_of(home, port_base),
        capture_output=True,
        text=True,
        check=check,
        timeout=120,
    )


def environment_of(home: Path, port_base: int) -> dict[str, str]:
    """Return the environment of commands for a home."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ROUNDTABLE_")}
    return {**ours, "ROUNDTABLE_HOME": str(home), "ROUNDTABLE_PORT_BASE": str(port_base)}


def free_port_base() -> int:
    """Return a base from which every port of a system is free now."""
    while True:
        base = random.randrange(20_000, 32_000, 50)  # noqa: S311 - no secret; below the ports that the kernel gives away
        if all(free_port(base + offset) == base + offset for offset in OFFSETS):
            return base


@contextmanager
def start(folder: Path, home: Path | None = None, settings: Mapping[str, str] | None = None) -> Iterator[RunningSystem]:
    """Start a system with its home in `folder`, yield it when it is ready, stop it."""
    home = home or folder / "home"
    port_base, log = free_port_base(), home.parent / "up.log"

    async def ready() -> bool:
        return log.exists() and "Ready after" in log.read_text()

    log.unlink(missing_ok=True)
    environment = environment_of(home, port_base) | dict(settings or {})
    program = Program(name="up", kind="supervisor", command=(*ROUNDTABLE, "up"), environment=environment, ready=ready)
    with running(program, log, within=90) as process:
        yield RunningSystem(home, port_base, process)


def until(true: Callable[[], bool], within: float) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "not within the time promised"
        time.sleep(0.02)


def is_ready(address: str) -> bool:
    """Whether an api says that it is ready."""
    try:
        return httpx.get(f"{address}/health/ready").status_code == HTTPStatus.OK
    except httpx.TransportError:
        return False


def children(home: Path) -> list[psutil.Process]:
    """Return the processes that belong to a home, by their mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """Gives every test to a process that is free, but keeps together what shares a whole system.

    Together stay all files with the same `pytestmark = pytest.mark.xdist_group("name")`, and all that use the fixture
    `running_system`. xdist's own groups are silently lost with pytest 9.2 (pytest-xdist issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return self._group(nodeid.partition("::")[0]) or nodeid

    @cache  # noqa: B019 - one scheduler lives as long as the tests
    def _group(self, file: str) -> str | None:
        text = (self.config.rootpath / file).read_text()
        named = re.search(r'^pytestmark = .*xdist_group\("(\w+)"\)', text, re.MULTILINE)
        return named[1] if named else "running system" if "running_system: " in text else None
