"""A referral entered in error: gone from everywhere, and kept for the audit."""

from uuid import uuid4

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import rows
from tests.referrals.pathways import ALL, a_contact, events, met, opened, said


async def test_what_was_entered_in_error_is_found_nowhere_and_kept(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path, other = await opened(caller), await opened(caller)
        contact = await met(caller, path)
        removed = await caller.delete(path)
        assert (removed.status_code, removed.content) == (204, b"")
        assert "content-type" not in removed.headers
        place = f"/v1/contacts/{contact['id']}"
        held = {"If-Match": "*"}
        attempts = [
            await caller.get(path),
            await caller.get(f"{path}/contacts"),
            await caller.get(place),
            await caller.put(place, json=a_contact(attendance="3"), headers=held),
            await caller.delete(place),
            await caller.post(f"{path}/contacts", json=a_contact()),
            await caller.patch(path, json={"source": "A1"}, headers=held),
            await caller.post(f"{path}/triage", json={"decision": "accepted", "on": "2026-03-09"}),
            await caller.post(f"{path}/discharge", json={"on": "2026-05-01"}),
            await caller.post(f"{path}/reopen", json={"reason": "By mistake."}),
        ]
        assert [one.status_code for one in attempts] == [404] * len(attempts)
        listed = (await caller.get("/v1/referrals")).json()["items"]
        assert [one["id"] for one in listed] == [other.rpartition("/")[2]]
    assert [name for name, _ in await events(database, path)] == ["received", "contact_recorded", "removed"]
    assert len(await rows(database, "referrals")) == 2
    deed = (await rows(database, "audit", "WHERE action = 'delete'"))[0]
    assert (deed["resource"], deed["resource_id"]) == ("referral", path.rpartition("/")[2])


async def test_removing_it_again_is_safe_and_what_never_was_is_not_found(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        stale = await caller.delete(path, headers={"If-Match": '"9"'})
        first = await caller.delete(path, headers={"If-Match": '"1"'})
        again = await caller.delete(path, headers={"If-Match": '"1"'})
        nothing = await caller.delete(f"/v1/referrals/{uuid4()}")
    assert [one.status_code for one in (stale, first, again, nothing)] == [412, 204, 204, 404]
    assert len(await events(database, path)) == 2


async def test_a_pathway_that_has_ended_can_be_removed_too(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        await said(caller, path, "discharge", on="2026-05-01")
        assert (await caller.delete(path)).status_code == 204


async def test_a_site_removes_its_own_only(referrals: Door) -> None:
    here, there = uuid4(), uuid4()
    async with referrals.caller(ALL, sites=[here]) as mine, referrals.caller(ALL, sites=[there]) as theirs:
        path = await opened(mine)
        assert (await theirs.delete(path)).status_code == 404
        assert (await mine.get(path)).status_code == 200
        assert (await mine.delete(path)).status_code == 204
        assert (await theirs.delete(path)).status_code == 404
