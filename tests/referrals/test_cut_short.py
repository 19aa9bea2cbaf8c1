"""A database that goes away in the middle: 503 is for what surely did not happen, and nothing else is called so."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from services.referrals.commands.reception import CHUNK, BulkUnfinished, take_in_all
from shared.auth import Caller
from shared.db import OutcomeUnknown, commit, insert_rows, is_away, session_maker
from shared.idempotency import IdempotencyKey
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows

CALLER = Caller("iaptus", frozenset({"referrals:write"}))


async def cut_off(database: Database) -> None:
    """End every connection of the service, as a database that is killed does."""
    administrator = await asyncpg.connect(database.admin_dsn)
    await administrator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'roundtable_referrals'"
    )
    await administrator.close()


async def test_a_connection_that_breaks_at_the_commit_leaves_the_outcome_unknown(
    referrals: Door, database: Database
) -> None:
    del referrals
    async with session_maker()() as session:
        await insert_rows(
            session,
            IdempotencyKey,
            [
                {
                    "client": "c",
                    "key": "k",
                    "request_hash": b"",
                    "status": 201,
                    "headers": {},
                    "body": b"",
                    "expires_at": "2999-01-01T00:00:00Z",
                }
            ],
        )
        await cut_off(database)
        with pytest.raises(OutcomeUnknown) as raised:
            await commit(session)
    assert raised.value.status == 500
    assert not is_away(raised.value), "503 would say that nothing happened"


@pytest.mark.parametrize(("whole_chunks", "told"), [(0, None), (1, BulkUnfinished)])
async def test_a_bulk_cut_short_says_whether_anything_was_recorded(
    referrals: Door, database: Database, whole_chunks: int, told: type[Exception] | None
) -> None:
    """Send all of it again then: what was recorded is recognised."""
    del referrals
    sent = [a_referral(person={}) for _ in range(CHUNK * (whole_chunks + 1))]

    async def coming(*, broken: bool) -> AsyncIterator[Any]:
        for place, one in enumerate(sent):
            if broken and place == CHUNK * (whole_chunks + 1) - 1:
                async with session_maker()() as session:  # so that there is a connection to cut
                    await session.connection()
                await cut_off(database)
            yield one

    with pytest.raises(Exception) as raised:  # noqa: PT011 - which one is the question
        await take_in_all(CALLER, coming(broken=True), dry_run=False)
    assert isinstance(raised.value, told) if told else is_away(raised.value)
    assert len(await rows(database, "referrals")) == CHUNK * whole_chunks
    again = await take_in_all(CALLER, coming(broken=False), dry_run=False)
    assert (again.accepted, again.replayed, again.rejected) == (CHUNK, CHUNK * whole_chunks, 0)
