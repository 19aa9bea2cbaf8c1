"""A whole system as `roundtable up` starts it, in a home of its own, for tests that need all of it."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy import PORT_OFFSETS
from deploy.home import free_port
from deploy.programs import Program, running

ROUNDTABLE = (sys.executable, "-m", "deploy.cli")
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
