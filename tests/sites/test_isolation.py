"""One site's caller sees and changes that site only; the database holds to it even where the service forgets."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, events, held, registered


async def test_a_callers_own_sites_are_all_there_is(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as everyone:
        own, foreign = await registered(everyone), await registered(everyone)
    async with sites.caller(BOTH, sites=[UUID(own["id"])]) as caller:
        assert [one["id"] for one in (await caller.get("/v1/sites")).json()["items"]] == [own["id"]]
        assert (await caller.get(f"/v1/sites/{own['id']}")).status_code == 200
        for path in (f"/v1/sites/{foreign['id']}", f"/v1/organisations/{foreign['organisation_id']}"):
            there, nowhere = await caller.get(path), await caller.get(f"/v1/sites/{uuid4()}")
            assert (there.status_code, nowhere.status_code) == (404, 404)
            assert there.json() | {"trace_id": ""} == nowhere.json() | {"trace_id": ""}
        listed = (await caller.get("/v1/organisations")).json()["items"]
        assert [one["id"] for one in listed] == [own["organisation_id"]]
        changed = await caller.patch(f"/v1/sites/{own['id']}", json={"status": "closed"}, headers=held(1))
        refused = await caller.patch(f"/v1/sites/{foreign['id']}", json={"status": "closed"}, headers=held(1))
        moved = await caller.patch(
            f"/v1/sites/{own['id']}", json={"organisation_id": foreign["organisation_id"]}, headers=held(2)
        )
        shared = await caller.patch(
            f"/v1/organisations/{own['organisation_id']}", json={"kind": "other"}, headers=held(1)
        )
    assert (changed.status_code, refused.status_code) == (200, 404)
    assert (moved.status_code, moved.json()["type"]) == (422, "/problems/organisation-unknown")
    assert (shared.status_code, shared.json()["type"]) == (403, "/problems/all-sites-only")
    assert len(await events(database, foreign["id"])) == 1


async def test_a_caller_of_no_sites_sees_nothing(sites: Door) -> None:
    async with sites.caller(BOTH) as everyone, sites.caller(BOTH, sites=[]) as nowhere:
        site = await registered(everyone)
        assert (await nowhere.get(f"/v1/sites/{site['id']}")).status_code == 404
        assert (await nowhere.get("/v1/sites")).json()["items"] == []
        assert (await nowhere.get("/v1/organisations")).json()["items"] == []
        assert len((await everyone.get("/v1/sites")).json()["items"]) == 1, "the pooled connection kept nothing"


@pytest.fixture
async def role(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """Connect as the service does, without the service."""
    connection = await asyncpg.connect(database.dsn("sites"))
    yield connection
    await connection.close()


async def test_the_database_itself_shows_and_changes_own_sites_only(
    sites: Door, role: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with sites.caller(BOTH) as everyone:
        own, foreign = [UUID((await registered(everyone))["id"]) for _ in range(2)]

    async def visible() -> set[UUID]:
        return {row["id"] for row in await role.fetch("SELECT id FROM sites")}

    assert await visible() == set(), "a context that was never set"
    for context, expected in (
        ("", set()),
        (str(own), {own}),
        (f"{own},{foreign}", {own, foreign}),
        ("*", {own, foreign}),
    ):
        await role.execute("SELECT set_config('app.sites', $1, false)", context)
        assert await visible() == expected
    await role.execute("SELECT set_config('app.sites', $1, false)", str(own))
    assert await role.fetchval("SELECT count(*) FROM organisations") == 1
    assert await role.execute("UPDATE sites SET name = 'x'") == "UPDATE 1"
    assert await role.execute("UPDATE sites SET name = 'x' WHERE id = $1", foreign) == "UPDATE 0"
    assert await role.execute("DELETE FROM sites WHERE id = $1", foreign) == "DELETE 0"
    for forbidden in (
        "UPDATE sites SET id = gen_random_uuid()",
        "UPDATE organisations SET name = 'x'",
        "INSERT INTO sites SELECT (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid()))).* FROM sites s",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute(forbidden)
    bypasses = await role.fetchval("SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = current_user")
    assert bypasses is False
