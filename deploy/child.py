"""A child process that is started again whenever it ends, for ever, until it is told to stop."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

from deploy.programs import NotReadyError, Program, arguments, tail

FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0  # seconds between an end and the next start
STEADY = 10.0  # seconds of life after which a program's delay is forgotten
HOPELESS = 5  # ends before it was ever ready


class Child:
    """One program, kept running; `changed` is called whenever its process ends or a new one begins."""

    def __init__(self, program: Program, log: Path, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self.program = program
        self.log = log
        self.ends = 0
        self._began = time.monotonic()
        self.process: asyncio.subprocess.Process | None = None
        self._say = say
        self._changed = changed
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._keep_running())

    async def _keep_running(self) -> None:
        delay = FIRST_DELAY
        while not self._stopping.is_set():
            began = time.monotonic()
            ending = await self._run_once()
            if self._stopping.is_set():
                return
            self.ends += 1
            if time.monotonic() - began > STEADY:
                delay = FIRST_DELAY
            self._say(f"{self.program.name} {ending}; starting it again in {delay:.1f} s")
            try:
                await asyncio.wait_for(self._stopping.wait(), delay)
            except TimeoutError:
                delay = min(2 * delay, LONGEST_DELAY)

    async def _run_once(self) -> str:
        try:
            self.program.prepare()
            with self.log.open("ab") as output:
                self.process = await asyncio.create_subprocess_exec(
                    *self.program.command, stdout=output, stderr=output, **arguments(self.program)
                )
        except OSError as problem:
            return f"could not be started ({problem.strerror})"
        self._changed()
        code = await self.process.wait()
        self._changed()
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    @property
    def pid(self) -> int | None:
        """The process id, while it lives."""
        return self.process.pid if self.process and self.process.returncode is None else None

    async def ready(self, within: float) -> float:
        """Wait until the program is ready and return the seconds it took; raise `NotReadyError` when hopeless."""
        while self.pid is None or not await self.program.ready():
            if self._task.done():
                self._task.result()
            if self.ends >= HOPELESS or time.monotonic() - self._began > within:
                raise NotReadyError(
                    f"{self.program.name} did not become ready. The end of {self.log}:\n{tail(self.log)}"
                )
            await asyncio.sleep(0.02)
        return time.monotonic() - self._began

    async def stop(self, within: float) -> None:
        """Ask the program to end, and make it end when it has not within so many seconds."""
        self._stopping.set()
        for sign, patience in ((self.program.stop, within), (self.program.orphaned, 5), (signal.SIGKILL, None)):
            self.send(sign)
            done, _ = await asyncio.wait({self._task}, timeout=patience)
            if done:
                return

    def send(self, sign: signal.Signals) -> None:
        """Send a signal, if there is a process to hear it."""
        if self.process and self.process.returncode is None:
            try:
                self.process.send_signal(sign)
            except ProcessLookupError:
                return
