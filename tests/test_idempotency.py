"""Idempotency keys: a retry is answered as the first was, and takes effect once, whatever happened in between."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows
from tests.streams import eventually
from tests.tiny import Held, tiny_app

WRITE = "referrals:write"
KEY = {"Idempotency-Key": "k-1"}
REFUSE_AT_COMMIT = """
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused at commit'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION public.refuse();
"""


@asynccontextmanager
async def administrator(database: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database.admin_dsn, server_settings={"search_path": "referrals"})
    try:
        yield connection
    finally:
        await connection.close()


def replayed(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("Idempotent-Replayed") == "true")


async def test_a_retry_is_answered_alike_whatever_its_spacing_and_order_of_fields(
    tiny: Door, database: Database
) -> None:
    headers = KEY | {"Content-Type": "application/json"}
    async with tiny.caller(WRITE) as caller:
        first = await caller.post("/v1/notes", content=b'{"name":"n","more":{"a":1,"b":[2]}}', headers=headers)
        again = await caller.post(
            "/v1/notes", content=b'{ "more" : {"b": [ 2 ], "a": 1},\n "name": "\\u006e" }', headers=headers
        )
        other = await caller.post("/v1/notes", content=b'{"name":"n","more":{"a":1,"b":[3]}}', headers=headers)
        elsewhere = await caller.post("/v1/held-notes", content=b'{"name":"n","more":{"a":1,"b":[2]}}', headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert (first.content, first.headers["Location"]) == (again.content, again.headers["Location"])
    assert (replayed(first), replayed(again)) == (False, True)
    assert other.json()["type"] == elsewhere.json()["type"] == "/problems/key-reused"
    assert [row["name"] for row in await rows(database, "worker_signs")] == ["n"]


async def test_a_key_belongs_to_the_client_who_sent_it(tiny: Door, database: Database) -> None:
    async with tiny.caller(WRITE) as mine, tiny.caller(WRITE, client="other") as others:
        await mine.post("/v1/notes", json={"name": "mine"}, headers=KEY)
        theirs = await others.post("/v1/notes", json={"name": "theirs"}, headers=KEY)
    assert (theirs.status_code, replayed(theirs)) == (201, False)
    assert sorted(row["name"] for row in await rows(database, "worker_signs")) == ["mine", "theirs"]


async def test_while_the_first_is_worked_on_a_retry_is_asked_to_wait(
    tiny: Door, database: Database, held: Held
) -> None:
    async with asyncio.timeout(10), tiny.caller(WRITE) as caller:
        first = asyncio.create_task(caller.post("/v1/held-notes", json={"name": "n"}, headers=KEY))
        await held.come.acquire()
        waiting = await caller.post("/v1/held-notes", json={"name": "n"}, headers=KEY)
        held.let_go.set()
        assert (await first).status_code == 201
        afterwards = await caller.post("/v1/held-notes", json={"name": "n"}, headers=KEY)
    assert (waiting.status_code, waiting.json()["type"]) == (409, "/problems/request-in-progress")
    assert int(waiting.headers["Retry-After"]) >= 1
    assert (afterwards.status_code, replayed(afterwards)) == (201, True)
    assert len(await rows(database, "worker_signs")) == 1


async def test_key_and_effect_are_saved_together_or_not_at_all(tiny: Door, database: Database) -> None:
    async with tiny.caller(WRITE) as caller, administrator(database) as admin:
        await admin.execute(REFUSE_AT_COMMIT.format(table="worker_signs"))
        failed = await caller.post("/v1/notes", json={"name": "n"}, headers=KEY)
        assert failed.status_code == 500
        assert await rows(database, "idempotency_keys") == []
        await admin.execute("DROP TRIGGER refuse ON worker_signs")
        retried = await caller.post("/v1/notes", json={"name": "n"}, headers=KEY)
    assert (retried.status_code, replayed(retried)) == (201, False)


async def test_a_referral_and_its_key_are_saved_together_or_not_at_all(referrals: Door, database: Database) -> None:
    sent = a_referral()
    async with referrals.caller(WRITE) as caller, administrator(database) as admin:
        await admin.execute(REFUSE_AT_COMMIT.format(table="referrals"))
        assert (await caller.post("/v1/referrals", json=sent, headers=KEY)).status_code == 500
        assert await rows(database, "idempotency_keys") == await rows(database, "outbox") == []
        await admin.execute("DROP TRIGGER refuse ON referrals")
        retried = await caller.post("/v1/referrals", json=sent, headers=KEY)
    assert (retried.status_code, replayed(retried)) == (201, False)


async def test_a_refusal_is_not_kept_so_that_a_corrected_request_may_use_the_key(tiny: Door) -> None:
    async with tiny.caller(WRITE) as caller:
        assert (await caller.post("/v1/notes", json={"nome": "n"}, headers=KEY)).status_code == 422
        corrected = await caller.post("/v1/notes", json={"name": "n"}, headers=KEY)
    assert (corrected.status_code, replayed(corrected)) == (201, False)


@pytest.mark.parametrize("path", ["/v1/notes", "/v1/referrals", "/v1/referrals/bulk"])
async def test_a_key_is_forgotten_after_its_day_even_before_it_is_cleared_away(
    referrals: Door, database: Database, path: str
) -> None:
    def body(name: str) -> object:
        return {"name": name} if "notes" in path else [a_referral()] if "bulk" in path else a_referral()

    if "notes" in path:
        referrals.app = tiny_app()
    async with referrals.caller(WRITE) as caller, administrator(database) as admin:
        await caller.post(path, json=body("one"), headers=KEY)
        await admin.execute("UPDATE idempotency_keys SET expires_at = now() - interval '1 second'")
        later = await caller.post(path, json=body("two"), headers=KEY)
        again = await caller.post(path, json=body("three"), headers=KEY)
    assert later.is_success, later.text
    assert not replayed(later)
    assert again.json()["type"] == "/problems/key-reused", "the new use is kept"


async def test_a_referral_still_being_recorded_is_not_recorded_twice(referrals: Door, database: Database) -> None:
    sent = a_referral()
    async with referrals.caller(WRITE) as caller, administrator(database) as admin:
        async with blocked(admin, sent["source_id"]):
            first = asyncio.create_task(caller.post("/v1/referrals", json=sent, headers=KEY))
            await eventually(lambda: somebody_waits(admin))
            waiting = await caller.post("/v1/referrals", json=sent, headers=KEY)
        assert (await first).status_code == 201
        afterwards = await caller.post("/v1/referrals", json=sent, headers=KEY)
    assert (waiting.status_code, waiting.json()["type"]) == (409, "/problems/request-in-progress")
    assert "Retry-After" in waiting.headers
    assert replayed(afterwards)


async def test_two_processes_that_got_the_same_key_record_one(referrals: Door, database: Database) -> None:
    """The other process holds the key in a transaction of its own: whoever comes second records nothing."""
    async with referrals.caller(WRITE) as caller, administrator(database) as admin:
        async with admin.transaction():
            await admin.execute(
                "INSERT INTO idempotency_keys VALUES ('iaptus', 'k-1', '', 201, '{}', '', now() + interval '1 day')"
            )
            second = asyncio.create_task(caller.post("/v1/referrals", json=a_referral(), headers=KEY))
            await eventually(lambda: somebody_waits(admin))
        assert ((await second).status_code, (await second).json()["type"]) == (409, "/problems/request-in-progress")
    assert await rows(database, "referrals") == []


async def test_an_answer_kept_holds_no_identifiers(referrals: Door, database: Database) -> None:
    async with referrals.caller("referrals:write referrals:read people:read") as caller:
        await caller.post("/v1/referrals", json=a_referral(), headers=KEY)
    (kept,) = await rows(database, "idempotency_keys")
    told = json.loads(kept["body"])
    assert "person" not in told
    assert "note" not in told
    assert kept["expires_at"].timestamp() > 86_000


@asynccontextmanager
async def blocked(admin: "asyncpg.Connection[asyncpg.Record]", source_id: str) -> AsyncIterator[None]:
    """Keep a natural key in doubt: whoever wants it waits until this transaction is gone."""
    person = uuid4()
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute("INSERT INTO people (id, version, announced) VALUES ($1, 1, 1)", person)
    await admin.execute(
        "INSERT INTO referrals (id, person_id, client, source_system, source_id, content_digest, received_on, source,"
        " pathway, programme, status, version, created_at) VALUES (gen_random_uuid(), $1, 'iaptus', 'iaptus', $2, '',"
        " '2026-01-01', 'B1', 'triage', 'x', 'received', 1, now())",
        person,
        source_id,
    )
    yield
    await transaction.rollback()


async def somebody_waits(admin: "asyncpg.Connection[asyncpg.Record]") -> bool:
    return bool(await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
