"""What runs on one machine: two servers, an issuer, and an api and a worker for every service."""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import nats

from deploy import PORT_OFFSETS, SERVICES
from deploy.embedded import ONE_TRY, Nats, Postgres
from deploy.home import LOOPBACK, Home, service_dsn
from deploy.leftovers import MARK
from deploy.programs import Kind, Program, answers
from shared.settings import Settings

DATABASE = "roundtable"
OURS_ALONE = {"ROUNDTABLE_DATABASE_URL", "ROUNDTABLE_NATS_URL", "ROUNDTABLE_KEY_FILE", "ROUNDTABLE_HOME"}


@dataclass(frozen=True)
class System:
    """The parts of one machine, and the addresses at which they find each other."""

    home: Home
    settings: Settings
    postgres: Postgres | None
    nats: Nats | None
    passwords: Mapping[str, Mapping[str, str]]

    @property
    def admin_dsn(self) -> str:
        """The database, for its administrator."""
        return self.postgres.dsn(DATABASE) if self.postgres else str(self.settings.database_url)

    @property
    def nats_url(self) -> str:
        """The bus, for the deployer."""
        return self.nats.url() if self.nats else str(self.settings.nats_url)

    def servers(self) -> list[Program]:
        """Return the servers that are ours to run."""
        return [self._marked(server.program()) for server in (self.postgres, self.nats) if server]

    def issuer(self) -> Program:
        """Return the token issuer; it needs neither server."""
        return self._python("issuer", "api", {"ROUNDTABLE_HOME": str(self.home.folder)})

    async def services(self) -> list[Program]:
        """Return an api and a worker for every service, each with its own role, NATS user and nothing else."""
        bus = self.nats_url if self.nats is None and not await self._knows_our_users() else None
        programs = []
        for service in SERVICES:
            environment = {
                "ROUNDTABLE_DATABASE_URL": service_dsn(self.admin_dsn, service, self.passwords["postgres"][service]),
                "ROUNDTABLE_NATS_URL": bus or self._nats_url(service),
            }
            if service == "referrals":
                environment["ROUNDTABLE_KEY_FILE"] = str(self.settings.key_file or self.home.key_file())
            programs += [self._python(service, "api", environment), self._python(service, "worker", environment)]
        return programs

    def port(self, service: str) -> int:
        """Return the port of a service's api."""
        return self.settings.port_base + PORT_OFFSETS[service]

    def url(self, service: str) -> str:
        """Return the address of a service's api, from this machine."""
        return f"http://{self._host}:{self.port(service)}"

    @property
    def _host(self) -> str:
        return LOOPBACK if self.settings.bind in {"0.0.0.0", "::"} else self.settings.bind  # noqa: S104 - compared only

    def _nats_url(self, user: str) -> str:
        parts = urlsplit(self.nats_url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{user}:{quote(self.passwords['nats'][user])}@{host}"))

    async def _knows_our_users(self) -> bool:
        """Whether the operator's NATS has the users of `secrets.json`; if not, services share the operator's."""
        try:
            connection = await nats.connect(self._nats_url(SERVICES[0]), **ONE_TRY)
        except (OSError, nats.errors.Error, TimeoutError):
            return False
        await connection.close()
        return True

    def _python(self, service: str, kind: Kind, environment: Mapping[str, str]) -> Program:
        port, host = self.port(service) if kind == "api" else None, self._host
        inherited = {name: value for name, value in os.environ.items() if name not in OURS_ALONE}
        program = Program(
            name="issuer" if service == "issuer" else f"{service}-{kind}",
            kind=kind,
            service=service,
            command=(sys.executable, "-m", "deploy.cli", {"api": "serve", "worker": "work"}[kind], service),
            environment={
                **inherited,
                "ROUNDTABLE_PORT_BASE": str(self.settings.port_base),
                "PYTHONUNBUFFERED": "1",
                **environment,
            },
            port=port,
            ready=lambda: answers(host, port, "/health/ready"),
            orphaned=signal.SIGKILL,  # what it had not finished it had not promised
        )
        return self._marked(program)

    def _marked(self, program: Program) -> Program:
        return program.marked(MARK, str(self.home.folder))
