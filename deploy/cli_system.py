"""`roundtable up`, `demo`, `status`, `down`: the system of this machine."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from deploy import PORT_OFFSETS, CannotRunError
from deploy.home import LOOPBACK, this_home
from deploy.imports import many_imports
from deploy.programs import answers

if TYPE_CHECKING:  # loaded only by the commands that start something, so that `roundtable status` is fast
    from deploy.system import System

READY = "Ready after"
NOTHING_RUNS: dict[str, object] = {"processes": [], "postgres": {}, "nats": {}}


def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Come back once everything is ready.")] = False,
) -> None:
    """Start everything on this machine and keep it running until Ctrl-C.

    PostgreSQL, NATS, a token issuer, and an api and a worker for every service. What dies is started again. To use
    servers of your own, set ROUNDTABLE_DATABASE_URL and ROUNDTABLE_NATS_URL to their administrators' addresses.

    For instance: roundtable up --detach; roundtable status; roundtable down
    """
    if detach:
        _detach()
    else:
        _up()


def demo() -> None:
    """Start everything, bring in the referrals of the Wandsworth evaluation, and show where to look."""
    if this_home().supervisor():
        asyncio.run(_show())
    else:
        _up(_show)


def down() -> None:
    """Stop what runs on this machine, in order; nothing that was answered is lost."""
    home = this_home()
    supervisor = home.supervisor()
    if supervisor:
        os.kill(supervisor, 15)
        began = time.monotonic()
        while home.supervisor() == supervisor:
            if time.monotonic() - began > 90:  # noqa: PLR2004 - longer than everything's patience together
                _fail(f"Process {supervisor} has not stopped. See {home.logs}, then: kill -9 {supervisor}")
            time.sleep(0.05)
    from deploy.leftovers import end_leftovers  # noqa: PLC0415 - see the top

    left = end_leftovers(str(home.folder))
    home.processes_file.unlink(missing_ok=True)
    if left:
        typer.echo(f"Ended what a dead supervisor had left: {', '.join(left)}.")
    typer.echo("Stopped." if supervisor else "Nothing was running.")


def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As data, with the administrators' addresses.")] = False,
) -> None:
    """Show what runs on this machine, and whether it is ready. Exit code 1 when nothing runs."""
    home = this_home()
    running = home.noted() if home.supervisor() else {}
    if as_json:
        typer.echo(json.dumps(running or NOTHING_RUNS, indent=2))
    elif running:
        asyncio.run(_print_table(running["processes"]))
    else:
        typer.echo(f"Nothing runs in {home.folder}. Start it with: roundtable up")
    if not running:
        raise typer.Exit(1)


def serve(service: str) -> None:
    """Answer the HTTP requests of one service, or of the issuer; `up` does this for all."""
    _fail(f"There is no service {service}; there are {', '.join(PORT_OFFSETS)}.")


def work(service: str) -> None:
    """Do the background work of one service; `up` does this for all."""
    serve(service)


def version() -> None:
    """Print the version."""
    typer.echo(installed_version("roundtable"))


def _up(then: Callable[["System"], Awaitable[None]] | None = None) -> None:
    with many_imports():
        from pydantic import ValidationError  # noqa: PLC0415 - see the top

        from deploy.supervisor import up as supervise  # noqa: PLC0415
        from shared.settings import settings  # noqa: PLC0415
    try:
        chosen = settings()
    except ValidationError as wrong:
        told = (f"ROUNDTABLE_{error['loc'][0]!s}".upper() + f": {error['msg']}" for error in wrong.errors())
        raise CannotRunError("; ".join(told)) from None
    supervise(this_home().folder, chosen, _say, then)


async def _show(_: "System | None" = None) -> None:
    """Bring in the example and say where to look."""
    code = await (
        await asyncio.create_subprocess_exec(sys.executable, "-m", "deploy.cli", "import", "wandsworth")
    ).wait()
    if code != 0:
        return
    from shared.settings import settings  # noqa: PLC0415 - see the top

    port = settings().port_base + PORT_OFFSETS["reporting"]
    command = sys.argv[0] if sys.argv[0].endswith("roundtable") else "roundtable"
    typer.echo(f"""
Where the dashboard
will be:            http://{LOOPBACK}:{port}/  (now: what is measured, and how people are protected)
Every operation:    http://{LOOPBACK}:{port}/docs
Try:                curl -H "Authorization: Bearer $({command} token --scope reports:read)" \\
                      "http://{LOOPBACK}:{port}/v1/reports/referrals_received?from=2009-09&to=2011-08&by=ethnic_group&format=csv"
And then:           the five minutes with curl in README.md
What runs:          {command} status
Stop:               Ctrl-C, or {command} down
""")


def _detach() -> None:
    home = this_home()
    home.make()
    log = home.logs / "supervisor.log"
    with log.open("ab") as output, log.open() as lines:
        lines.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", "up"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        ready = False
        while not ready:
            ended = process.poll()
            for line in lines:
                typer.echo(line, nl=False)
                ready = ready or READY in line
            if ended is not None:
                raise typer.Exit(ended)
            time.sleep(0.05)
    typer.echo("It goes on in the background. Stop it with: roundtable down")


async def _print_table(processes: list[dict[str, Any]]) -> None:
    async def state(entry: dict[str, Any]) -> str:
        if entry["kind"] != "api":
            return "runs"
        return "ready" if await answers(LOOPBACK, entry["port"], "/health/ready") else "not ready"

    states = await asyncio.gather(*(state(entry) for entry in processes))
    for entry, what in zip(processes, states, strict=True):
        address = f"{LOOPBACK}:{entry['port']}" if "port" in entry else ""
        typer.echo(f"{entry['name']:18} {what:10} {entry['pid']:>8}  {address}")


def _say(text: str) -> None:
    """Tell the operator; a terminal that has gone away stops nothing."""
    try:
        sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {text}\n")
        sys.stdout.flush()
    except OSError:
        return


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
