"""A site walks its own pathways only: by the database's rules, and by the application's where the database would forget."""

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral
from tests.referrals.pathways import ALL, a_contact, events, met, opened, said

HERE, THERE = str(uuid4()), str(uuid4())
DECISIONS: list[tuple[str, dict[str, Any]]] = [
    ("triage", {"decision": "accepted", "on": "2026-03-09"}),
    ("discharge", {"on": "2026-05-01"}),
    ("reopen", {"reason": "By mistake."}),
    ("contacts", a_contact()),
]


@pytest.fixture(params=["database", "application"])
async def watchman(request: pytest.FixtureRequest, database: Database) -> str:
    """Leave it to one of the two that enforce the sites claim; the database's is switched off by its administrator."""
    if request.param == "application":
        connection = await asyncpg.connect(database.admin_dsn)
        for table in ("referrals", "contacts", "people", "person_keys", "demographics"):
            await connection.execute(f"ALTER TABLE referrals.{table} DISABLE ROW LEVEL SECURITY")
        await connection.close()
    return str(request.param)


@pytest.mark.usefixtures("watchman")
async def test_no_site_sees_or_moves_anothers_pathway(referrals: Door, database: Database) -> None:
    """By either of the two alone, and nobody's pathways are only for callers of all sites."""
    async with (
        referrals.caller(ALL) as caller,
        referrals.caller(ALL, sites=[UUID(HERE)]) as mine,
        referrals.caller(ALL, sites=[UUID(THERE)]) as theirs,
    ):
        path, nobodys = await opened(mine), await opened(caller)
        for one in (path, nobodys):
            contact = await met(caller, one)
            place, held = f"/v1/contacts/{contact['id']}", {"If-Match": "*"}
            attempts = [await theirs.post(f"{one}/{move}", json=body) for move, body in DECISIONS]
            attempts += [
                await theirs.get(one),
                await theirs.get(f"{one}/contacts"),
                await theirs.patch(one, json={"source": "A1"}, headers=held),
                await theirs.delete(one),
                await theirs.get(place),
                await theirs.put(place, json=a_contact(attendance="3"), headers=held),
                await theirs.delete(place),
            ]
            assert [each.status_code for each in attempts] == [404] * 11
            assert len(await events(database, one)) == 2
        assert (await theirs.get("/v1/referrals")).json() == {"items": [], "next": None}
        assert [each["id"] for each in (await mine.get("/v1/referrals")).json()["items"]] == [path.rpartition("/")[2]]
        assert len((await caller.get("/v1/referrals")).json()["items"]) == 2


async def test_a_correction_of_the_site_is_announced_and_seen_by_the_other_site(
    referrals: Door, database: Database
) -> None:
    async with (
        referrals.caller(ALL) as caller,
        referrals.caller(ALL, sites=[UUID(HERE)]) as here,
        referrals.caller(ALL, sites=[UUID(THERE)]) as there,
    ):
        path = await opened(caller, site_id=HERE, person=a_referral()["person"])
        await said(caller, path, "triage", decision="accepted", on="2026-03-09", reason="Near her mother.")
        beyond = await here.patch(path, json={"site_id": THERE}, headers={"If-Match": "*"})
        assert (beyond.status_code, beyond.json()["type"]) == (404, "/problems/site-unknown")
        told = await caller.patch(path, json={"site_id": THERE}, headers={"If-Match": '"2"'})
        assert (told.status_code, told.json()["site_id"]) == (200, THERE), told.text
        assert ((await here.get(path)).status_code, (await there.get(path)).status_code) == (404, 200)
        read = (await there.get(path)).json()
        assert (read["person"]["family_name"], read["triage_reason"]) == ("Okafor", "Near her mother.")
        assert read["note"] == a_referral()["note"]
        nobodys = await caller.patch(path, json={"site_id": None}, headers={"If-Match": "*"})
        assert (nobodys.status_code, nobodys.json()["site_id"]) == (200, None)
    assert [data.get("site_id") for _, data in (await events(database, path))[2:]] == [THERE, None]


async def test_a_site_records_for_itself_on_its_own_pathways_only(referrals: Door) -> None:
    here, there = UUID(HERE), UUID(THERE)
    async with (
        referrals.caller(ALL) as caller,
        referrals.caller(ALL, sites=[here]) as mine,
        referrals.caller(ALL, sites=[there]) as theirs,
        referrals.caller(ALL, sites=[here, there]) as both,
    ):
        path = await opened(caller, site_id=HERE)
        own = await mine.post(f"{path}/contacts", json=a_contact())
        assert (own.status_code, own.json()["site_id"]) == (201, HERE)
        foreign = await mine.post(f"{path}/contacts", json=a_contact(site_id=THERE))
        assert (foreign.status_code, foreign.json()["type"]) == (404, "/problems/site-unknown")
        unclear = await both.post(f"{path}/contacts", json=a_contact())
        assert (unclear.status_code, unclear.json()["type"]) == (422, "/problems/site-required")
        elsewhere = await both.post(f"{path}/contacts", json=a_contact(site_id=THERE))
        assert elsewhere.status_code == 201, "where it happened need not be where the person came from"
        place = elsewhere.headers["Location"]
        assert (await mine.get(place)).json()["site_id"] == THERE, "a contact is seen with its pathway"
        kept = await mine.put(place, json=a_contact(site_id=THERE, attendance="3"), headers={"If-Match": '"1"'})
        assert kept.status_code == 200, "a site that was there stays there"
        moved = await mine.put(own.headers["Location"], json=a_contact(site_id=THERE), headers={"If-Match": '"1"'})
        assert moved.status_code == 404
        attempts = [
            await theirs.post(f"{path}/contacts", json=a_contact()),
            await theirs.get(f"{path}/contacts"),
            await theirs.get(place),
            await theirs.put(place, json=a_contact(), headers={"If-Match": "*"}),
            await theirs.delete(place),
        ]
        assert [one.status_code for one in attempts] == [404] * 5
        same_id = await theirs.post("/v1/referrals", json=a_referral(received_on="2026-03-02"))
        taken = await theirs.post(
            f"{same_id.headers['Location']}/contacts", json=a_contact(id=place.rpartition("/")[2])
        )
        assert (taken.status_code, taken.json()["type"]) == (409, "/problems/id-taken")
