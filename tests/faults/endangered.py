"""A whole system that is about to be ill-treated: any of its processes may be killed, the supervisor too, and all come back."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import psutil

from bench.oracle import Oracle
from deploy import PORT_OFFSETS
from deploy.child import Child
from deploy.leftovers import MARK
from deploy.programs import Program, answers
from tests.running_system import HOUR, ROUNDTABLE, environment_of, free_port_base, roundtable

HOST = "127.0.0.1"
EVERY_KIND = (
    "referrals-api",
    "referrals-worker",
    "reporting-api",
    "reporting-worker",
    "issuer",
    "nats",
    "postgres",
    "supervisor",
)


@dataclass
class Endangered:
    """One system, kept up by a supervisor that is itself started again."""

    home: Path
    port_base: int
    killed: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def port(self, service: str) -> int:
        """Return the port of a service's api."""
        return self.port_base + PORT_OFFSETS[service]

    def status(self) -> dict[str, Any]:
        """Return what runs, as the supervisor noted it."""
        noted: dict[str, Any] = json.loads((self.home / "run" / "processes.json").read_text())
        return noted

    def oracle(self) -> Oracle:
        """Return whoever can look into all of it."""
        status = self.status()
        return Oracle(status["postgres"]["admin_dsn"], status["nats"]["url"])

    def token(self, scope: str) -> str:
        """Return a bearer token for scopes separated by spaces."""
        return roundtable(self.home, self.port_base, "token", "--scope", scope, "--ttl", HOUR).stdout.strip()

    async def kill(self, name: str) -> None:
        """End a process with SIGKILL once it lives: no warning, no goodbye."""
        (await self.alive(name)).kill()
        self.killed.append(name)

    async def alive(self, name: str) -> psutil.Process:
        """Return a process by its name once it lives."""
        async with asyncio.timeout(60):
            while True:
                if (found := self._find(name)) is not None:
                    return found
                await asyncio.sleep(0.02)

    def _find(self, name: str) -> psutil.Process | None:
        """Return a noted process if it is still ours: process ids are used again."""
        try:
            pid = next(entry["pid"] for entry in self.status()["processes"] if entry["name"] == name)
            process = psutil.Process(pid)
            environment = process.environ()
        except (StopIteration, FileNotFoundError, psutil.Error):
            return None
        ours = environment.get("ROUNDTABLE_HOME" if name == "supervisor" else MARK) == str(self.home)
        return process if ours else None

    async def ready(self) -> bool:
        """Whether every service says that it is ready."""
        ports = [self.port(service) for service in PORT_OFFSETS]
        return all(await asyncio.gather(*(answers(HOST, port, "/health/ready") for port in ports)))

    async def is_ready(self, service: str) -> bool:
        """Whether one service says that it is ready."""
        return await answers(HOST, self.port(service), "/health/ready")

    async def lose_the_stream(self) -> None:
        """Kill nats-server and remove what it had stored, before it can be started again."""
        nats = await self.alive("nats")
        nats.suspend()
        shutil.rmtree(self.status()["nats"]["store_dir"])
        nats.kill()
        self.killed.append("nats")

    async def eventually_ready(self, within: float = 60) -> float:
        """Wait until all are ready; return the seconds it took."""
        began = monotonic()
        async with asyncio.timeout(within):
            while not await self.ready():  # noqa: ASYNC110 - other processes become ready
                await asyncio.sleep(0.05)
        return monotonic() - began


@asynccontextmanager
async def endangered(folder: Path) -> AsyncIterator[Endangered]:
    """Start a system in a home of its own, give it when all is ready, stop it afterwards."""
    system = Endangered((folder / "home").resolve(), free_port_base())
    program = Program(
        name="up",
        kind="supervisor",
        command=(*ROUNDTABLE, "up"),
        environment=environment_of(system.home, system.port_base),
        ready=system.ready,
    )
    child = Child(program, folder / "up.log", system.said.append, lambda: None)
    try:
        await child.ready(within=90)
        yield system
    finally:
        await child.stop(within=60)
