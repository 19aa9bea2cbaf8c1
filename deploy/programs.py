"""A program to run as a child process, and one way to start it."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from deploy import CannotRunError

Kind = Literal["api", "worker", "postgres", "nats", "supervisor"]
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Program:
    """One process: what to execute, how to tell that it is ready, and which signals end it.

    `prepare` is called before every start, `become` in the child just before it turns into the program.
    """

    name: str
    kind: Kind
    command: tuple[str, ...]
    ready: Callable[[], Awaitable[bool]]
    service: str | None = None
    port: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    stop: signal.Signals = signal.SIGTERM
    orphaned: signal.Signals = signal.SIGTERM
    become: Callable[[], None] = lambda: None
    prepare: Callable[[], None] = lambda: None

    def marked(self, name: str, value: str) -> "Program":
        """Return the same program with one more variable in its environment."""
        return replace(self, environment={**self.environment, name: value})


class NotReadyError(CannotRunError):
    """A program ended, or did not answer in time; the end of its log says why."""


def arguments(program: Program) -> dict[str, Any]:
    """Return how to start a child, for `subprocess` or asyncio: in its own session, ending when its parent does."""
    parent = os.getpid()

    def enter() -> None:
        program.become()
        if sys.platform == "linux":
            _libc.prctl(PR_SET_PDEATHSIG, int(program.orphaned), 0, 0, 0)  # last: a change of user clears it
            if os.getppid() != parent:
                os._exit(1)

    return {
        "env": dict(program.environment),
        "stdin": subprocess.DEVNULL,
        "preexec_fn": enter,
        "start_new_session": True,
    }


@contextmanager
def running(program: Program, log: Path, within: float = 30) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, yield it once it is ready, stop it afterwards; for tests and one-off work."""
    program.prepare()
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            program.command, stdout=output, stderr=output, **arguments(program)
        )
    try:
        asyncio.run(_until_ready(program, process, log, within))
        yield process
    finally:
        process.send_signal(program.stop)
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _until_ready(program: Program, process: subprocess.Popen[bytes], log: Path, within: float) -> None:
    deadline = time.monotonic() + within
    while not await program.ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotReadyError(f"{program.name} did not become ready:\n{tail(log)}")
        await asyncio.sleep(0.02)


async def answers(host: str, port: int | None, path: str) -> bool:
    """Whether a path of a local api answers 200; a worker, which has no port, is judged by its service's api."""
    if port is None:
        return True
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return status.split()[1:2] == [b"200"]


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"
