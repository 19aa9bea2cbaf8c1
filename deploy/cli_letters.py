"""`roundtable dead-letters` and `roundtable audit`: what was set aside, and whether the access log is whole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import AsyncSession

from deploy import SERVICES
from deploy.admin import admin_dsn
from shared import audit as trail
from shared.db import connect, sessions
from shared.inbox import DeadLetter, Subscriber

letters = typer.Typer(no_args_is_help=True, help="Events that could not be applied and were set aside.")
audit = typer.Typer(no_args_is_help=True, help="The access log: who did what to whom.")

Service = Annotated[str, typer.Option(help="Whose dead letters.")]


@letters.command("list")
def list_letters(*, service: Service = "reporting") -> None:
    """List what was set aside, oldest first: why, how often it was tried, and what waits behind it."""
    asyncio.run(_list(service))


@letters.command("retry")
def retry(
    aggregate: Annotated[str | None, typer.Argument(help="The aggregate to retry; leave out for all.")] = None,
    *,
    service: Service = "reporting",
) -> None:
    """Try what was set aside again, in its order; what fails again stays. Do this once the cause is mended."""
    asyncio.run(_retry(service, aggregate))


@letters.command("skip")
def skip(
    event: Annotated[UUID, typer.Argument(help="The event to leave out.")], *, service: Service = "reporting"
) -> None:
    """Leave one event out for good, and let those held behind it take effect."""
    asyncio.run(_skip(service, event))


@audit.command("verify")
def verify() -> None:
    """Walk every service's access log and check that nothing in it was changed, removed or put in between."""
    raise typer.Exit(0 if asyncio.run(_verify()) else 1)


@asynccontextmanager
async def _as_admin(service: str) -> AsyncIterator[AsyncSession]:
    """Open a transaction in a service's schema, committed at the end."""
    if service not in SERVICES:
        typer.echo(f"There is no service {service}; there are {', '.join(SERVICES)}.", err=True)
        raise typer.Exit(1)
    engine = connect(admin_dsn(), pool=1, statement_timeout_ms=600_000, search_path=service, name="roundtable command")
    try:
        async with sessions(engine).begin() as session:
            yield session
    finally:
        await engine.dispose()


def _subscriber(service: str) -> Subscriber:
    try:
        found: Subscriber = import_module(f"services.{service}.projections").subscriber
    except ModuleNotFoundError:
        typer.echo(f"{service} listens to nothing.", err=True)
        raise typer.Exit(1) from None
    return found


async def _list(service: str) -> None:
    async with _as_admin(service) as session:
        found = (await session.scalars(select(DeadLetter).order_by(DeadLetter.parked_at, DeadLetter.version))).all()
    for letter in found:
        typer.echo(
            f"{letter.parked_at:%Y-%m-%d %H:%M:%S}  {letter.state:8} event {letter.event_id}  {letter.subject}"
            f"  aggregate {letter.aggregate_id} version {letter.version}  tries {letter.tries}: {letter.reason}"
        )
    typer.echo(f"{len(found)} set aside." if found else "Nothing is set aside.")


async def _retry(service: str, aggregate: str | None) -> None:
    subscriber = _subscriber(service)
    async with _as_admin(service) as session:
        query = select(DeadLetter.aggregate_id).distinct()
        wanted = [aggregate] if aggregate else list(await session.scalars(query))
    for each in wanted:
        try:
            async with _as_admin(service) as session:
                typer.echo(f"{each}: {await subscriber.retry(session, each)} applied")
        except Exception as problem:  # noqa: BLE001 - said by its class; the letters stay where they are
            typer.echo(f"{each}: failed again ({type(problem).__name__})", err=True)


async def _skip(service: str, event: UUID) -> None:
    subscriber = _subscriber(service)
    try:
        async with _as_admin(service) as session:
            typer.echo(f"Skipped; {await subscriber.skip(session, event)} behind it applied.")
    except NoResultFound:
        typer.echo("No such event is set aside. See: roundtable dead-letters list", err=True)
        raise typer.Exit(1) from None


async def _verify() -> bool:
    whole = True
    for service in SERVICES:
        async with _as_admin(service) as session:
            held, broken_at = await trail.verify(session)
            waiting = await trail.unsealed(session)
        whole &= broken_at is None
        verdict = "whole" if broken_at is None else f"BROKEN at position {broken_at}"
        typer.echo(f"{service:10} {verdict}: {held} deeds verified, {waiting} not sealed yet")
    return whole
