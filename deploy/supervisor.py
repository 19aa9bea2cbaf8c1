"""`roundtable up`: start everything in order, keep it running, stop it in order."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy import PORT_OFFSETS, SERVICES, CannotRunError
from deploy.child import Child
from deploy.embedded import Nats, Postgres
from deploy.home import Home, free_port
from deploy.leftovers import end_leftovers
from deploy.programs import Program
from deploy.system import System
from shared import bus
from shared.events.event import STREAM
from shared.settings import Settings

SERVERS_WITHIN, SERVICES_WITHIN = 120.0, 60.0  # seconds to become ready; a database may have to recover first
DECLARED_WITHIN = 20.0
WATCH_SECONDS = 2.0
LARGEST_LOG = 64 * 1024 * 1024  # bytes
STOP_WITHIN = {"api": 20.0, "worker": 12.0, "nats": 10.0, "postgres": 30.0}
STOP_ORDER = ("api", "worker", "nats", "postgres")

Say = Callable[[str], None]


class PortTakenError(CannotRunError):
    """A port that a service needs is used by another program."""


def assemble(home: Home, settings: Settings) -> System:
    """Return the system of one home: servers of its own, unless the operator named others."""
    home.make()
    passwords, ports = home.passwords(), home.ports(settings.port_base)
    postgres = Postgres(home.folder / "postgres", ports["postgres"], passwords["postgres"]["postgres"])
    nats = Nats(home.folder / "nats", ports["nats"], passwords["nats"])
    return System(
        home,
        settings,
        postgres=None if settings.database_url else postgres,
        nats=None if settings.nats_url else nats,
        passwords=passwords,
    )


class Supervisor:
    """Runs one home's system until told to stop."""

    def __init__(self, system: System, say: Say) -> None:
        self.system = system
        self.say = say
        self.children: list[Child] = []
        self._began = time.monotonic()
        self._stop = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()

    async def run(self, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Start everything, do `then`, and stay until SIGINT or SIGTERM; whatever happens, stop what was started."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(sign, self._asked_to_stop)
        stopping = asyncio.create_task(self._stop.wait())
        starting = asyncio.create_task(self._start(then))
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
        finally:
            starting.cancel()
            stopping.cancel()
            await asyncio.wait({starting, stopping})
            await self._stop_everything()

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            self.say("Stopping at once.")
            for child in self.children:
                child.send(child.program.orphaned)
        self._stop.set()

    async def _start(self, then: Callable[[], Awaitable[None]] | None) -> None:
        self._check_ports()
        issuer = self._run(self.system.issuer())
        await asyncio.gather(
            *(self._until_ready(self._run(program), SERVERS_WITHIN) for program in self.system.servers())
        )
        await asyncio.gather(self._migrate(), self._declare())
        services = [self._run(program) for program in await self.system.services()]
        await asyncio.gather(*(self._until_ready(child, SERVICES_WITHIN) for child in (*services, issuer)))
        self._in_background(self._watch_stream())
        self._in_background(self._trim_logs())
        self.say(f"Ready after {time.monotonic() - self._began:.1f} s.")
        for service in PORT_OFFSETS:
            self.say(f"  {service:10} {self.system.url(service)}")
        if then:
            await then()

    def _check_ports(self) -> None:
        for service, offset in PORT_OFFSETS.items():
            port = self.system.settings.port_base + offset
            if free_port(port) != port:
                raise PortTakenError(
                    f"Port {port}, meant for {service}, is used by another program. "
                    f"Choose others, for instance: ROUNDTABLE_PORT_BASE={self.system.settings.port_base + 100}"
                )

    def _run(self, program: Program) -> Child:
        log = self.system.home.logs / f"{program.name}.log"
        child = Child(program, log, self.say, self._note)
        self.children.append(child)
        return child

    async def _until_ready(self, child: Child, within: float) -> None:
        took = await child.ready(within)
        if child.program.kind != "worker":
            self.say(f"  {child.program.name:18} ready after {took:.1f} s")

    async def _migrate(self) -> None:
        from deploy.migrate import migrate  # noqa: PLC0415 - read while the servers start

        began = time.monotonic()
        passwords = self.system.passwords["postgres"]
        applied = await migrate(self.system.admin_dsn, {service: passwords[service] for service in SERVICES})
        for migration in applied:
            self.say(f"  migrated {migration}")
        self.say(f"  {'database':18} up to date after {time.monotonic() - began:.1f} s")

    async def _declare(self) -> None:
        try:
            async with asyncio.timeout(DECLARED_WITHIN):
                await bus.declare(self.system.nats_url)
        except TimeoutError:
            host = urlsplit(self.system.nats_url).hostname
            raise CannotRunError(f"NATS at {host} does not let the deployer in, or does not answer.") from None

    def _in_background(self, work: Any) -> None:  # noqa: ANN401 - a coroutine
        self._background.add(asyncio.create_task(work))

    async def _watch_stream(self) -> None:
        """Be the deployer of this machine: whatever becomes of the stream, declare it again."""
        async with bus.connect(self.system.nats_url, name="supervisor") as connection:
            while True:
                try:
                    await connection.state()
                    for durable in bus.CONSUMERS:
                        await connection.consumer(durable)
                    self._miss_lost_store()
                except bus.StreamProblem as problem:
                    await self._declare_again(problem)
                except Exception as problem:  # noqa: BLE001 - a server that is away is started again by its child
                    self.say(f"nats: {type(problem).__name__}")
                await asyncio.sleep(WATCH_SECONDS)

    async def _declare_again(self, problem: bus.StreamProblem) -> None:
        try:
            await self._declare()
        except (bus.StreamProblem, CannotRunError):
            return  # the server is away; asked again in a moment
        self.say(f"declared the stream again: {problem}")

    def _miss_lost_store(self) -> None:
        """End a nats-server whose files were removed: it would go on from memory and lose all at its next start."""
        server = self.system.nats
        if server and not any(server.store.glob(f"*/streams/{STREAM}/meta.inf")):
            self.say("the files of the stream are gone; starting nats again")
            for child in self.children:
                if child.program.kind == "nats":
                    child.send(signal.SIGKILL)

    async def _trim_logs(self) -> None:
        """Keep no log beyond its size: the past goes to one older file."""
        while True:
            for log in self.system.home.logs.glob("*.log"):
                if log.stat().st_size > LARGEST_LOG:
                    shutil.copyfile(log, log.with_suffix(".log.1"))
                    os.truncate(log, 0)
            await asyncio.sleep(60)

    async def _stop_everything(self) -> None:
        began = time.monotonic()
        self.say("Stopping.")
        for task in self._background:
            task.cancel()
        for kind in STOP_ORDER:
            of_kind = [child for child in self.children if child.program.kind == kind]
            await asyncio.gather(*(child.stop(STOP_WITHIN[kind]) for child in of_kind))
        self.system.home.processes_file.unlink(missing_ok=True)
        self.say(f"Stopped after {time.monotonic() - began:.1f} s.")

    def _note(self) -> None:
        self.system.home.note(describe(self.system, self.children))


def describe(system: System, children: Iterable[Child]) -> dict[str, Any]:
    """Return what runs, as `roundtable status --json` prints it."""
    processes: list[dict[str, Any]] = [
        {"name": "supervisor", "kind": "supervisor", "service": None, "pid": os.getpid()},
    ]
    for child in children:
        if child.pid is not None:
            program = child.program
            entry = {"name": program.name, "kind": program.kind, "service": program.service, "pid": child.pid}
            processes.append(entry | ({"port": program.port} if program.port else {}))
    postgres: dict[str, Any] = {"admin_dsn": system.admin_dsn}
    nats: dict[str, Any] = {
        "url": system.nats_url,
        "store_dir": str(system.nats.store) if system.nats else None,
        "stream": STREAM,
        "durables": list(bus.CONSUMERS),
    }
    if system.postgres is None:
        postgres["external"] = True
    if system.nats is None:
        nats["external"] = True
    return {"processes": processes, "postgres": postgres, "nats": nats}


def up(folder: Path, settings: Settings, say: Say, then: Callable[[System], Awaitable[None]] | None = None) -> None:
    """Be the supervisor of a home until told to stop; raises `AlreadyRunningError` when it has one."""
    home = Home(folder)
    home.make()
    with home.held():
        left: Sequence[str] = end_leftovers(str(home.folder))
        if left:
            say(f"Ended what was left of an earlier run: {', '.join(left)}.")
        say(f"Starting Roundtable in {home.folder}")
        system = assemble(home, settings)
        asyncio.run(Supervisor(system, say).run((lambda: then(system)) if then else None))
