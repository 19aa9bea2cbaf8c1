"""`roundtable erase`: which people were erased, and erasing them again after a backup was restored."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import typer
from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from deploy import CannotRunError
from deploy.admin import admin_dsn, admin_nats
from deploy.home import this_home
from services.referrals.commands.erasing import erase, person_to_erase
from services.referrals.schemas.erasure import ErasureDecision
from services.referrals.tables import Erasure, Person, PersonKeyRow
from shared import bus as buses
from shared.auth import Caller
from shared.bus import Bus
from shared.crypto import KeyFileMissing, Keyring
from shared.db import connect, limit_to, sessions
from shared.events.event import PREFIX, STREAM
from shared.events.people import PersonErased
from shared.inbox import read
from shared.settings import settings

BATCH = 1000
OPERATOR = Caller("roundtable erase again", frozenset())
DECISION = ErasureDecision(
    reason="Erased before; came back with a backup.", decided_by="Whoever decided the first time."
)

erasures = typer.Typer(no_args_is_help=True, help="People who were erased.")


@erasures.command("list")
def list_erasures() -> None:
    """List erasures, oldest first, by ids alone: which are finished, and how many messages of the others are in the stream."""
    asyncio.run(_list())


@erasures.command("again")
def again() -> None:
    """Erase again whoever came back with a restored backup of the database. Run it before anybody may read; twice does no harm.

    The stream remembers who was erased, under pseudonyms; the key file finds them. What the stream holds of them is taken out by
    the worker of referrals as soon as it runs.
    """
    came_back = asyncio.run(_again())
    typer.echo(f"{len(came_back)} came back and were erased again." if came_back else "Nobody came back.")


async def _list() -> None:
    async with _referrals(admin_dsn()) as session:
        found = (await session.scalars(select(Erasure).order_by(Erasure.decided_at, Erasure.id))).all()
    for one in found:
        left = "finished" if one.finished_at else f"open, {len(one.messages)} messages to take out of the stream"
        typer.echo(f"{one.decided_at:%Y-%m-%d %H:%M:%S}  person {one.person_id}  {left}")
    unfinished = sum(one.finished_at is None for one in found)
    typer.echo(f"{len(found)} erased, {unfinished} of them not finished." if found else "Nobody was erased.")


async def _again() -> list[UUID]:
    path = settings().key_file or this_home().folder / "keys" / "referrals.json"
    try:
        keys = Keyring.load(path)
    except KeyFileMissing:
        raise CannotRunError(f"The key file of referrals is needed: {path} is not there.") from None
    async with buses.connect(admin_nats(), name="roundtable erase again") as bus:
        pseudonyms = await erased_pseudonyms(bus)
    return await erase_again(admin_dsn(), keys, pseudonyms)


async def erased_pseudonyms(bus: Bus) -> set[str]:
    """Return the pseudonym of everybody who was ever erased, as the stream has it."""
    connection, found = bus.connection, set()
    inbox = connection.new_inbox()
    subscription = await connection.subscribe(inbox)
    first, more = 1, True
    try:
        while more:
            request = {"seq": first, "batch": BATCH, "next_by_subj": f"{PREFIX}{PersonErased.subject}"}
            await connection.publish(f"$JS.API.DIRECT.GET.{STREAM}", json.dumps(request).encode(), reply=inbox)
            more = False
            while "Nats-Sequence" in (headers := (message := await subscription.next_msg(timeout=10)).headers or {}):
                found.add(read(headers["Nats-Subject"], message.data).aggregate_id)
                first, more = int(headers["Nats-Sequence"]) + 1, True
    finally:
        await subscription.unsubscribe()
    return found


async def erase_again(dsn: str, keys: Keyring, pseudonyms: set[str]) -> list[UUID]:
    """Erase those of these people who are there with anything that erasing removes; return them. Each in its own transaction."""
    there = or_(Person.erased_at.is_(None), exists().where(PersonKeyRow.person_id == Person.id))
    async with _referrals(dsn) as session:
        people = await session.stream_scalars(select(Person.id).where(there).execution_options(yield_per=BATCH))
        came_back = [one async for one in people if keys.person_key(one) in pseudonyms]
    for one in came_back:
        async with _referrals(dsn) as session:
            await erase(session, keys, OPERATOR, await person_to_erase(session, OPERATOR, one), DECISION)
    return came_back


@asynccontextmanager
async def _referrals(dsn: str) -> AsyncIterator[AsyncSession]:
    """Open a transaction in the schema of referrals, as the administrator and for people of all sites; committed at the end."""
    engine = connect(dsn, pool=1, statement_timeout_ms=600_000, search_path="referrals", name="roundtable command")
    try:
        async with sessions(engine).begin() as session:
            limit_to(session, None)
            yield session
    finally:
        await engine.dispose()
