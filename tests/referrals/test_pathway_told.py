"""Who hears of a pathway: its sender is told of each change of where it stands, once, in the change's own transaction."""

from typing import Any
from uuid import uuid4

import asyncpg

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import rows
from tests.referrals.pathways import ALL, a_contact, met, opened, said

KINDS = ("triaged", "in_treatment", "discharged", "reopened", "removed", "corrected")


async def listen(database: Database, client: str = "iaptus") -> None:
    """Register an address for everything that is said of a client's referrals."""
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute(
        "INSERT INTO referrals.webhook_endpoints (id, client, url, kinds, secret, version, created_at) "
        "VALUES ($1, $2, 'https://example.org/hook', $3, '', 1, now())",
        uuid4(),
        client,
        [f"referral.{kind}" for kind in KINDS],
    )
    await connection.close()


async def told(database: Database) -> list[tuple[str, str, str | None]]:
    """Return what was said: its kind, the status it tells, and the day."""
    found: list[dict[str, Any]] = await rows(
        database, "webhook_deliveries", "ORDER BY (payload->'data'->>'version')::int"
    )
    return [
        (row["kind"].removeprefix("referral."), row["payload"]["data"]["status"], row["payload"]["data"]["on"])
        for row in found
    ]


async def test_the_sender_is_told_of_every_change_of_where_a_pathway_stands(
    referrals: Door, database: Database
) -> None:
    await listen(database)
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        await said(caller, path, "triage", decision="accepted", on="2026-03-09")
        await said(caller, path, "triage", decision="accepted", on="2026-03-09")
        await met(caller, path, on="2026-03-12", appointment_type="01")
        first = await met(caller, path, on="2026-03-20")
        await met(caller, path, on="2026-03-27")
        await said(caller, path, "discharge", on="2026-05-01", end_code="46")
        await caller.post(f"{path}/discharge", json={"on": "2026-05-02"})
        await caller.put(f"/v1/contacts/{first['id']}", json=a_contact(attendance="3"), headers={"If-Match": "*"})
        await said(caller, path, "reopen", reason="By mistake.")
        await caller.patch(path, json={"source": "A1"}, headers={"If-Match": "*"})
        await caller.delete(path)
        await caller.delete(path)
    assert await told(database) == [
        ("triaged", "accepted", "2026-03-09"),
        ("in_treatment", "in_treatment", "2026-03-20"),
        ("discharged", "discharged", "2026-05-01"),
        ("reopened", "in_treatment", None),
        ("corrected", "in_treatment", None),
        ("removed", "in_treatment", None),
    ]


async def test_nobody_else_is_told(referrals: Door, database: Database) -> None:
    await listen(database, client="other")
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        await said(caller, path, "discharge", on="2026-05-01")
    assert await told(database) == []
