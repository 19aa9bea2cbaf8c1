"""A site's caller meets its own people only; the database holds to it where the service forgets."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral

ALL = "referrals:write referrals:read people:read"
TABLES = {"referrals": "id", "people": "id", "person_keys": "person_id", "demographics": "person_id"}
HERE, THERE = uuid4(), uuid4()


@pytest.fixture
async def role(database: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Connect as the service does, without the service and its filters."""
    connection = await asyncpg.connect(database.dsn("referrals"))
    yield connection
    await connection.close()


async def recorded(door: Door, site: UUID | None) -> dict[str, Any]:
    async with door.caller(ALL) as caller:
        answer = await caller.post("/v1/referrals", json=a_referral(site_id=None if site is None else str(site)))
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told


async def test_a_site_reads_its_own_and_nothing_tells_it_that_others_exist(referrals: Door) -> None:
    own, foreign, nobodys = [await recorded(referrals, site) for site in (HERE, THERE, None)]
    async with referrals.caller(ALL, sites=[HERE]) as caller:
        assert (await caller.get(f"/v1/referrals/{own['id']}")).json()["person"]["family_name"] == "Okafor"
        nowhere = await caller.get(f"/v1/referrals/{uuid4()}")
        for hidden in (foreign, nobodys):
            there = await caller.get(f"/v1/referrals/{hidden['id']}")
            assert (there.status_code, nowhere.status_code) == (404, 404)
            assert there.json() | {"trace_id": ""} == nowhere.json() | {"trace_id": ""}
        for query in ("", f"?site_id={THERE}", f"?site_id={HERE}"):
            listed = (await caller.get(f"/v1/referrals{query}")).json()["items"]
            assert [one["id"] for one in listed] == ([] if str(THERE) in query else [own["id"]])


async def test_a_site_records_for_itself_only(referrals: Door) -> None:
    async with referrals.caller(ALL, sites=[HERE]) as one, referrals.caller(ALL, sites=[HERE, THERE]) as two:
        meant = await one.post("/v1/referrals", json=a_referral())
        refused = await one.post("/v1/referrals", json=a_referral(site_id=str(THERE)))
        unclear = await two.post("/v1/referrals", json=a_referral())
        bulk = await one.post("/v1/referrals/bulk", json=[a_referral(site_id=str(THERE)), a_referral()])
    assert (meant.status_code, meant.json()["site_id"]) == (201, str(HERE))
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/site-unknown")
    assert (unclear.status_code, unclear.json()["type"]) == (422, "/problems/site-required")
    assert [result["status"] for result in bulk.json()["results"]] == ["rejected", "created"]


async def test_two_sites_that_know_the_same_person_do_not_learn_of_each_other(referrals: Door) -> None:
    """The NHS number's index is not unique across sites: a refusal would tell one that another knows the person."""
    async with referrals.caller(ALL, sites=[HERE]) as one, referrals.caller(ALL, sites=[THERE]) as other:
        first = await one.post("/v1/referrals", json=a_referral())
        second = await other.post("/v1/referrals", json=a_referral())
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["person_id"] != second.json()["person_id"]


async def test_the_database_itself_shows_own_rows_only(
    referrals: Door, role: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    own, foreign, nobodys = [await recorded(referrals, site) for site in (HERE, THERE, None)]
    contexts: list[tuple[str | None, list[dict[str, Any]]]] = [
        (None, []),
        ("", []),
        (str(uuid4()), []),
        (str(HERE), [own]),
        (f"{HERE},{THERE}", [own, foreign]),
        ("*", [own, foreign, nobodys]),
    ]
    for context, seen in contexts:
        if context is not None:
            await role.execute("SELECT set_config('app.sites', $1, false)", context)
        for table, column in TABLES.items():
            found = {str(row[0]) for row in await role.fetch(f"SELECT {column} FROM {table}")}  # noqa: S608 - ours
            expected = {one["id" if table == "referrals" else "person_id"] for one in seen}
            assert found == expected, (table, context)


async def test_the_database_itself_takes_and_changes_own_rows_only(
    referrals: Door, role: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    own, foreign = [await recorded(referrals, site) for site in (HERE, THERE)]
    await role.execute("SELECT set_config('app.sites', $1, false)", str(HERE))
    assert await role.execute("UPDATE referrals SET status = 'x'") == "UPDATE 1"
    assert await role.execute("UPDATE people SET phone = NULL") == "UPDATE 1"
    assert await role.execute("DELETE FROM person_keys WHERE person_id = $1", UUID(foreign["person_id"])) == "DELETE 0"
    copied = "INSERT INTO referrals SELECT (jsonb_populate_record(r, $1::jsonb)).* FROM referrals r"
    for forbidden, arguments in (
        ("UPDATE referrals SET site_id = $1", [THERE]),
        ("UPDATE referrals SET site_id = NULL", []),
        (copied, [f'{{"id": "{uuid4()}", "source_id": "x", "site_id": "{THERE}"}}']),
        ("UPDATE demographics SET person_id = $1", [UUID(foreign["person_id"])]),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await role.execute(forbidden, *arguments)
    assert await role.execute(copied, f'{{"id": "{uuid4()}", "source_id": "x", "site_id": "{HERE}"}}') == "INSERT 0 1"
    assert own["id"] in {str(row["id"]) for row in await role.fetch("SELECT id FROM referrals")}


async def test_the_service_cannot_lift_its_own_limits(role: "asyncpg.Connection[asyncpg.Record]") -> None:
    for forbidden in (
        "SET ROLE roundtable_owner",
        "SET SESSION AUTHORIZATION postgres",
        "ALTER TABLE referrals NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY by_site ON referrals",
        "CREATE TABLE mine (x int)",
        "SELECT * FROM sites.sites",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute(forbidden)
    await role.execute("SET row_security = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await role.fetch("SELECT * FROM referrals")
