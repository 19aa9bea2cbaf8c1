"""`ROUNDTABLE_HOME`: where one machine keeps its state, its passwords, its keys, and the note of what runs."""

import base64
import fcntl
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from deploy import SERVICES, CannotRunError

LOOPBACK = "127.0.0.1"
NATS_USERS = ("admin", "system", *SERVICES)
POSTGRES_OFFSET, NATS_OFFSET = 32, 22


class AlreadyRunningError(CannotRunError):
    """Another live supervisor works in this home."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(f"Roundtable is running here already (process {pid}). Stop it with: roundtable down")
        self.pid = pid


def this_home() -> "Home":
    """Return the home that the environment names."""
    return Home(Path(os.environ.get("ROUNDTABLE_HOME", ".roundtable")))


class Home:
    """The folder of one machine's state; what is private in it is closed to other users."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.logs = self.folder / "logs"
        self.processes_file = self.folder / "run" / "processes.json"
        self.lock_file = self.folder / "run" / "supervisor.lock"

    def make(self) -> None:
        """Make the folders."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("logs", "run", "keys"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the one supervisor of this home; the kernel lets go when this process ends, however it ends."""
        with self.lock_file.open("a+") as lock:
            for _ in range(20):  # somebody who only looks holds it for a moment too
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if (pid := self.supervisor()) is not None:
                        raise AlreadyRunningError(pid) from None
                    time.sleep(0.05)
            else:
                raise AlreadyRunningError(None)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                lock.truncate(0)

    def supervisor(self) -> int | None:
        """Return the process id of the live supervisor, if there is one."""
        try:
            with self.lock_file.open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            text = self.lock_file.read_text().strip()
            return int(text) if text.isdigit() else None
        return None

    def passwords(self) -> dict[str, dict[str, str]]:
        """Return the passwords of PostgreSQL's roles and of NATS's users, made at first use."""
        known = _read(self.folder / "secrets.json")
        made = {
            "postgres": {name: new_password() for name in ("postgres", *SERVICES)} | known.get("postgres", {}),
            "nats": {name: new_password() for name in NATS_USERS} | known.get("nats", {}),
        }
        if made != known:
            _write(self.folder / "secrets.json", made)
        return made

    def ports(self, port_base: int) -> dict[str, int]:
        """Return the ports of PostgreSQL and NATS: those of last time when still free, else ones near `port_base`."""
        known = _read(self.folder / "ports.json")
        chosen = {
            "postgres": free_port(known.get("postgres", port_base + POSTGRES_OFFSET)),
            "nats": free_port(known.get("nats", port_base + NATS_OFFSET)),
        }
        if chosen != known:
            _write(self.folder / "ports.json", chosen)
        return chosen

    def key_file(self) -> Path:
        """Return the file of keys only referrals may hold, made at first use; losing it loses every identifier."""
        path = self.folder / "keys" / "referrals.json"
        if not path.exists():
            keys = {"kek": {"1": _key()}, "current": "1", "blind_index": _key(), "pseudonym": _key()}
            _write(path, keys)
        return path

    def note(self, running: Mapping[str, Any]) -> None:
        """Write down what runs, all or nothing."""
        _write(self.processes_file, running)

    def noted(self) -> dict[str, Any]:
        """Return what was written down last; empty when nothing was."""
        return _read(self.processes_file)


def free_port(preferred: int = 0) -> int:
    """Return the preferred port if nobody listens on it, else any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, preferred))
        except OSError:
            probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def new_password() -> str:
    """Return a random password that is safe in addresses and configuration files."""
    return f"p{secrets.token_hex(24)}"


def service_dsn(admin_dsn: str, service: str, password: str) -> str:
    """Return the address of the same database for a service's own role."""
    parts = urlsplit(admin_dsn)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"roundtable_{service}:{password}@{host}"))


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return content


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a private file as a whole: readers see the old or the new, a crash leaves one of them."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
