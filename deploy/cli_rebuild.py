"""`roundtable rebuild`: reporting's facts made again from events."""

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from deploy.admin import admin_dsn, admin_nats
from deploy.rebuild import Outcome, rebuild_from_outboxes, rebuild_from_stream


class Origin(StrEnum):
    """Where the events are read from."""

    OUTBOXES = "outboxes"
    STREAM = "stream"


def rebuild(
    *,
    origin: Annotated[Origin, typer.Option("--from", help="Where the events are read from.")] = Origin.OUTBOXES,
    check: Annotated[bool, typer.Option("--check", help="Only compare; leave the live tables as they are.")] = False,
) -> None:
    """Make reporting's facts again beside the live ones, compare the two, and put the new ones in place.

    Reads go on meanwhile; new events wait a moment at the end. With --check, exit code 1 says that rows differ.
    """
    outcome = asyncio.run(_rebuild(origin, check=check))
    rate = outcome.events / outcome.seconds if outcome.seconds else 0
    typer.echo(f"{outcome.events:,} events in {outcome.seconds:.1f} s ({rate:,.0f} a second).")
    if outcome.left_over:
        typer.echo(f"{outcome.left_over:,} events wait for an earlier one that is nowhere.", err=True)
    if outcome.swapped:
        equal = "They equal the old ones." if outcome.equal else "The old ones were not as they should have been."
        typer.echo(f"The new facts are in place. {equal}")
    else:
        typer.echo(
            "Equal, row for row." if outcome.equal else "NOT EQUAL. To put the new ones in place: roundtable rebuild"
        )
    raise typer.Exit(1 if check and not outcome.equal else 0)


async def _rebuild(origin: Origin, *, check: bool) -> Outcome:
    if origin is Origin.STREAM:
        return await rebuild_from_stream(admin_dsn(), admin_nats(), check=check, say=typer.echo)
    return await rebuild_from_outboxes(admin_dsn(), check=check, say=typer.echo)
