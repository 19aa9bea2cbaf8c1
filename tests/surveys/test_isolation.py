"""A response belongs to the site that collected it; the database holds to it even where the service forgets."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.databases import Database
from tests.doors import Door
from tests.surveys.builders import BOTH, a_response, recorded

HERE, THERE = uuid4(), uuid4()


async def test_a_site_sees_what_it_collected_and_nothing_else(surveys: Door) -> None:
    pathway = str(uuid4())
    async with surveys.caller(BOTH) as everyone, surveys.caller(BOTH, sites=[HERE], client="hall") as hall:
        own = await recorded(hall, a_response(referral_id=pathway))
        foreign = await recorded(everyone, a_response(referral_id=pathway, site_id=str(THERE)))
        clinic = await recorded(everyone, a_response(referral_id=pathway))
        assert own["site_id"] == str(HERE), "a caller of one site means its own"
        path = f"/v1/referrals/{pathway}/scores"
        assert (await hall.get(path)).json()["items"] == [own]
        assert len((await everyone.get(path)).json()["items"]) == 3
        assert (await hall.get(f"/v1/responses/{own['id']}")).status_code == 200
        for hidden in (foreign, clinic):
            assert (await hall.get(f"/v1/responses/{hidden['id']}")).status_code == 404
        taken = await hall.post("/v1/responses", json=a_response(id=foreign["id"]))
        elsewhere = await hall.post("/v1/responses", json=a_response(site_id=str(THERE)))
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/response-differs")
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (404, "/problems/site-unknown")


async def test_a_caller_of_several_sites_says_which(surveys: Door) -> None:
    async with surveys.caller(BOTH, sites=[HERE, THERE]) as caller:
        unsaid = await caller.post("/v1/responses", json=a_response())
        said = await recorded(caller, a_response(site_id=str(THERE)))
    assert (unsaid.status_code, unsaid.json()["type"]) == (422, "/problems/site-required")
    assert said["site_id"] == str(THERE)


async def test_the_database_itself_shows_and_takes_own_sites_only(surveys: Door, database: Database) -> None:
    async with surveys.caller(BOTH) as everyone:
        bodies = [await recorded(everyone, a_response(site_id=site and str(site))) for site in (HERE, THERE, None)]
    here, there, nowhere = (UUID(body["id"]) for body in bodies)
    role = await asyncpg.connect(database.dsn("surveys"))
    try:
        assert await role.fetch("SELECT id FROM responses") == [], "a context that was never set"
        for context, expected in (
            ("", set()),
            (str(HERE), {here}),
            (f"{HERE},{THERE}", {here, there}),
            ("*", {here, there, nowhere}),
        ):
            await role.execute("SELECT set_config('app.sites', $1, false)", context)
            assert {row["id"] for row in await role.fetch("SELECT id FROM responses")} == expected
        await role.execute("SELECT set_config('app.sites', $1, false)", str(HERE))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute("UPDATE responses SET site_id = $1", THERE)
        assert await role.execute("DELETE FROM responses WHERE id = $1", there) == "DELETE 0"
    finally:
        await role.close()
