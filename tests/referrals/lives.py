"""Somebody whose life with us leaves something in every store, and the search for it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from services.referrals.commands.cleaning import clean
from services.referrals.commands.matcher import match_people
from shared.bus import Bus
from shared.crypto import keyring
from shared.db import sessions
from shared.events.event import STREAM
from shared.relay import Relay
from tests.canary import CANARY, a_canary
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import rows
from tests.streams import doing, engine_of, eventually

ALL = "referrals:write referrals:read people:read people:write people:erase"
DECISION = {"reason": "Asked for by the person's solicitor, Ms Quillfeather.", "decided_by": "Dr Bartholomew Gate"}
BORN = CANARY["birth_date"][:7]  # what events tell of it: nobody else's
OF_A_PERSON = {
    "people": "id = '{0}'",
    "person_keys": "person_id = '{0}'",
    "corrections": "person_id = '{0}'",
    "match_keys": "person_id = '{0}'",
    "messages": "person_id = '{0}'",
    "referrals": "person_id = '{0}'",
    "merges": "'{0}' IN (person_id, into_id)",
}


@dataclass
class Life:
    """A person's ids, and everything secret that was found of them anywhere."""

    person: UUID
    referrals: list[UUID]
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The pseudonym."""
        return keyring().person_key(self.person)

    @property
    def path(self) -> str:
        """Where the person is."""
        return f"/v1/people/{self.person}"


async def lived(door: Door, database: Database, **referral: Any) -> Life:
    """Record somebody in every way there is; note every ciphertext and keyed hash that this made."""
    async with administrator(database) as connection:
        await connection.execute(
            "INSERT INTO referrals.webhook_endpoints (id, client, url, kinds, secret, version, created_at)"
            " VALUES (gen_random_uuid(), 'iaptus', 'https://example.org/hook', '{referral.triaged}', '', 1, now())"
        )
    async with door.caller(ALL) as caller:
        sent = a_canary(**referral)
        first = well(await caller.post("/v1/referrals", json=sent, headers={"Idempotency-Key": f"post-{uuid4()}"}))
        second = well(await caller.post("/v1/referrals", json=sent | {"source_id": f"{sent['source_id']}-again"}))
        assert first["person_id"] == second["person_id"]
        life = Life(UUID(first["person_id"]), [UUID(each["id"]) for each in (first, second)])
        path = f"/v1/referrals/{first['id']}"
        words = {"on": "2026-03-20", "reason": "Bartholomew barks at strangers."}
        well(
            await caller.post(
                f"{path}/triage", json={"decision": "accepted", **words}, headers={"Idempotency-Key": "t"}
            )
        )
        well(
            await caller.post(
                f"{path}/contacts", json={"on": "2026-04-01", "appointment_type": "01", "attendance": "5"}
            )
        )
        well(await caller.post(f"{path}/discharge", json={"on": "2026-05-01", "end_code": "46"}))
        change = {"phone": "07700 900999", "ethnic_category": "P"}
        headers = {"If-Match": "*", "Idempotency-Key": "d"}
        well(await caller.patch(f"{life.path}/demographics", json=change, headers=headers))
        for restricted in (True, False):
            well(
                await caller.post(
                    f"{life.path}/restrict", json={"restricted": restricted, "reason": "Quillfeather says"}
                )
            )
    async with administrator(database) as connection:
        await connection.execute(
            "INSERT INTO referrals.messages"
            " (id, client, request_id, correlation_id, referral_id, person_id, kind, raw, received_at)"
            " SELECT gen_random_uuid(), 'bars', gen_random_uuid(), gen_random_uuid(), id, person_id, 'new',"
            " sha256(convert_to(id::text, 'UTF8')), now() FROM referrals.referrals WHERE person_id = $1",
            life.person,
        )
    return life


async def noted(database: Database, life: Life) -> Life:
    """Note every ciphertext and keyed hash there is of a person."""
    for table, which in OF_A_PERSON.items():
        for row in await rows(database, table, f"WHERE {which.format(life.person)}"):
            found = {name: value.hex() for name, value in row.items() if isinstance(value, bytes)}
            life.secrets |= {f"{table}.{name} {value[:8]}": value for name, value in found.items()}
    return life


def well(answer: httpx.Response) -> dict[str, Any]:
    """Return an answer that is no refusal."""
    assert answer.status_code in {200, 201}, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def erased(door: Door, life: Life, **headers: str) -> dict[str, Any]:
    """Erase somebody; return the report."""
    async with door.caller(ALL) as caller:
        return well(await caller.request("DELETE", life.path, json=DECISION, headers=headers))


@asynccontextmanager
async def administrator(database: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Connect as the superuser."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def at_rest(database: Database, bus: Bus, within: float = 20) -> None:
    """Let the worker of referrals do all there is to do: match, clean, relay."""
    engine = engine_of(database, "referrals")
    try:
        async with doing(Relay("referrals", engine, bus).run()):
            await eventually(lambda: _rests(database, engine, bus), within)
    finally:
        await engine.dispose()


async def _rests(database: Database, engine: Any, bus: Bus) -> bool:
    await match_people(sessions(engine), bus)
    await clean(sessions(engine), bus)
    async with administrator(database) as connection:
        left = await connection.fetchval(
            "SELECT (SELECT count(*) FROM referrals.outbox WHERE published_at IS NULL)"
            " + (SELECT count(*) FROM referrals.people WHERE examined_at IS NULL)"
            " + (SELECT count(*) FROM referrals.erasures WHERE finished_at IS NULL)"
        )
    return bool(left == 0)


async def streamed(bus: Bus) -> list[dict[str, Any]]:
    """Return every event that is in the stream, in order; those taken out are not."""
    state = (await bus.ask(f"STREAM.INFO.{STREAM}"))["state"]
    found = []
    for sequence in range(state["first_seq"], state["last_seq"] + 1):
        reply = await bus.connection.request(
            f"$JS.API.DIRECT.GET.{STREAM}", json.dumps({"seq": sequence}).encode(), timeout=5
        )
        if reply.data:
            found.append(json.loads(reply.data))
    return found
