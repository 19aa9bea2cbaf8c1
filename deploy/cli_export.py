"""`roundtable export`: what leaves the system for others, in files."""

import asyncio
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from deploy.admin import admin_dsn
from deploy.home import this_home
from deploy.national_return.layout import TABLES
from deploy.national_return.reading import Month, Return, read
from deploy.national_return.writing import write
from shared.crypto import Keyring
from shared.db import connect, sessions
from shared.settings import settings

exporting = typer.Typer(no_args_is_help=True, help="Write what others ask for into files.")

MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
DECEMBER = 12


@exporting.callback()
def about() -> None:
    """Write what others ask for into files."""


@exporting.command("iapt")
def export_iapt(
    period: Annotated[str, typer.Option(help="The month, such as 2026-09.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the files; default: iapt-<period>.")] = None,
    provider: Annotated[str | None, typer.Option(help="ODS code of the provider.")] = None,
    commissioner: Annotated[str | None, typer.Option(help="ODS code of the commissioner.")] = None,
) -> None:
    """Write the national monthly return: IAPT v2.1-shaped tables, a manifest, and the data quality of every field.

    The files identify people: only you can read them, keep them so. Everybody in them gets a line in the access log.
    For instance: roundtable export iapt --period 2026-09 --provider RQY
    """
    if not MONTH.fullmatch(period):
        typer.echo("--period is a month such as 2026-09.", err=True)
        raise typer.Exit(2)
    year, number = int(period[:4]), int(period[5:])
    after = date(year + number // DECEMBER, number % DECEMBER + 1, 1)
    month = Month(date(year, number, 1), after - timedelta(days=1), provider, commissioner)
    console, folder = Console(), out or Path(f"iapt-{period}")
    with console.status(f"Reading {period} …"):
        told = asyncio.run(_read(month))
    manifest = write(folder, month, told)
    table = Table(title=f"{period}, in {folder}", title_justify="left", box=SIMPLE, pad_edge=False)
    for heading in ("table", "rows", "valid", "default", "invalid", "missing", "mandatory missing"):
        table.add_column(heading, justify="left" if heading == "table" else "right", no_wrap=heading == "table")
    for each in TABLES:
        fields = [line for line in manifest["data_quality"]["fields"] if line["table"] == each.name]
        sums = [str(sum(line[name] for line in fields)) for name in ("valid", "default", "invalid", "missing")]
        gaps = sum(line["missing"] for line in fields if line["mandatory"] == "M")
        table.add_row(each.name, str(manifest["tables"][each.name]["rows"]), *sums, str(gaps))
    console.print(table)
    for reason, count in told.left_out.items():
        console.print(f"Left out: {count} {reason}.")
    if provider is None:
        console.print("No --provider was given: the header has no organisation, and cannot be submitted so.")


async def _read(month: Month) -> Return:
    """Read as the administrator; the access log is written in the same transaction as the reading."""
    keys = Keyring.load(settings().key_file or this_home().key_file())
    engines = [
        connect(admin_dsn(), pool=1, statement_timeout_ms=600_000, search_path=service, name="roundtable export")
        for service in ("referrals", "surveys")
    ]
    try:
        async with sessions(engines[0]).begin() as referrals, sessions(engines[1])() as surveys:
            return await read(referrals, surveys, keys, month)
    finally:
        for engine in engines:
            await engine.dispose()
