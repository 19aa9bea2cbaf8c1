"""`roundtable logs`: what the processes of this machine say."""

import os
import time
from typing import Annotated, TextIO

import typer

from deploy.home import this_home
from deploy.programs import tail


def logs(
    name: Annotated[str | None, typer.Argument(help="A process as `status` names it; left out: all of them.")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines of the past.")] = 20,
) -> None:
    """Show the end of the logs. No log ever holds a name, a number or a date of birth of anybody.

    For instance: roundtable logs referrals-api -f
    """
    folder = this_home().logs
    files = sorted(folder.glob(f"{name or '*'}.log"))
    if not files:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.log"))) or "none yet"
        typer.echo(f"There is no such log in {folder}; there are: {known}.", err=True)
        raise typer.Exit(1)
    prefixes = {file: f"{file.stem:18} " if len(files) > 1 else "" for file in files}
    for file in files:
        for line in tail(file, lines).splitlines() if lines else ():
            typer.echo(prefixes[file] + line)
    if follow:
        opened = {file: file.open(errors="replace") for file in files}
        for stream in opened.values():
            stream.seek(0, os.SEEK_END)
        while True:
            for file, stream in opened.items():
                _print_new(stream, prefixes[file])
            time.sleep(0.2)


def _print_new(stream: TextIO, prefix: str) -> None:
    if os.fstat(stream.fileno()).st_size < stream.tell():  # trimmed meanwhile
        stream.seek(0)
    for line in stream:
        typer.echo(prefix + line.rstrip("\n"))
