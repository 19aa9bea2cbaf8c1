"""What a benchmark runs on: real servers in a home of their own, and the service processes it asks for."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy import SERVICES
from deploy.home import Home, free_port, service_dsn
from deploy.migrate import migrate
from deploy.programs import running
from deploy.supervisor import assemble
from deploy.system import System
from shared import bus
from shared.settings import Settings

HOUR = "3600"
PORTS = 40  # a system keeps its ports within so many of its base


@dataclass
class Rig:
    """Servers that are ready, migrated and declared; services are started when they are asked for."""

    system: System
    _open: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def service(self, name: str) -> Iterator[int]:
        """Run one process of a service, such as `referrals-api`; give its process id."""
        program = next(each for each in asyncio.run(self.system.services()) if each.name == name)
        with running(program, self.system.home.logs / f"{name}.log") as process:
            yield process.pid

    def dsn(self, service: str) -> str:
        """Return the database's address for a service's own role."""
        return service_dsn(self.system.admin_dsn, service, self.system.passwords["postgres"][service])

    def token(self, scope: str) -> str:
        """Return a bearer token for scopes separated by spaces, for all sites."""
        words = (sys.executable, "-m", "deploy.cli", "token", "--scope", scope, "--ttl", HOUR)
        environment = dict(self.system.issuer().environment)
        made = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - ours
        return made.stdout.strip()


def free_base() -> int:
    """Return a base from which a system's ports are free."""
    base = 20_000
    while any(free_port(base + offset) != base + offset for offset in range(PORTS)):
        base += PORTS
    return base


@contextmanager
def rig() -> Iterator[Rig]:
    """Run PostgreSQL, NATS and the issuer as `roundtable up` would, in a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="roundtable-bench-") as folder, ExitStack() as stack:
        home = Home(Path(folder) / "home")
        system = assemble(home, Settings(home=home.folder, port_base=free_base()))
        for program in (*system.servers(), system.issuer()):
            stack.enter_context(running(program, home.logs / f"{program.name}.log", within=60))
        passwords = system.passwords["postgres"]
        asyncio.run(migrate(system.admin_dsn, {service: passwords[service] for service in SERVICES}))
        asyncio.run(bus.declare(system.nats_url))
        yield Rig(system)
