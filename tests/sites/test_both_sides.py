"""Neither side speaks for the other, and a site sees what concerns it only."""

from uuid import UUID

import asyncpg
import pytest

from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, held
from tests.sites.together import a_goal, a_reflection, a_table, an_assessment, days_ago, in_force, posted, this_quarter

INSERTED = (
    "INSERT INTO questions SELECT (jsonb_populate_record(q, jsonb_build_object('id', gen_random_uuid()))).* "
    "FROM questions q WHERE id = $1"
)


async def test_the_community_cannot_sign_reflect_or_assess_as_the_statutory_side(sites: Door) -> None:
    async with a_table(sites) as table:
        goal = await in_force(table)
        path = f"/v1/goals/{goal['id']}"
        told = [
            await table.community.post(f"{path}/sign", json={"side": "statutory", "role": "manager"}),
            await table.community.post(f"{path}/reflections", json=a_reflection(side="statutory")),
            await table.community.post(
                "/v1/assessments-of-coproduction", json=an_assessment(table.offer, side="statutory")
            ),
            await table.community.put(
                f"/v1/sites/{table.site}/readiness",
                json={"on": days_ago(1), "levels": {"space": 1}, "side": "statutory"},
                headers={"If-None-Match": "*"},
            ),
        ]
    assert [(one.status_code, one.json()["type"]) for one in told] == [(403, "/problems/side-not-yours")] * 4


async def test_a_caller_of_all_sites_says_for_whom_it_speaks(sites: Door) -> None:
    async with a_table(sites) as table:
        goal = await in_force(table)
        unsaid = await table.statutory.post(f"/v1/goals/{goal['id']}/reflections", json=a_reflection())
    assert (unsaid.status_code, unsaid.json()["errors"][0]["pointer"]) == (422, "/side")


async def test_nobody_changes_the_others_words(sites: Door) -> None:
    async with a_table(sites) as table, sites.caller(BOTH, client="other", sites=[UUID(table.site)]) as neighbour:
        goal = await in_force(table)
        path = f"/v1/goals/{goal['id']}/reflections"
        ours = await posted(table.community, path, a_reflection())
        theirs = await posted(table.statutory, path, a_reflection(side="statutory"))
        async with sites.caller(BOTH, client="commissioner", sites=[UUID(table.site)]) as limited:
            told = [
                await table.statutory.patch(f"{path}/{ours['id']}", json={"words": "No"}, headers=held(1)),
                await table.community.patch(f"{path}/{theirs['id']}", json={"words": "No"}, headers=held(1)),
                await neighbour.patch(f"{path}/{ours['id']}", json={"words": "No"}),
                await limited.patch(f"{path}/{theirs['id']}", json={"words": "No"}, headers=held(1)),
            ]
        taken = await neighbour.post(path, json=a_reflection(words="Instead"))
        seen = (await table.community.get(f"/v1/goals/{goal['id']}")).json()["reflections"]
    assert [(one.status_code, one.json()["type"]) for one in told] == [(403, "/problems/reflection-not-yours")] * 4
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/reflection-differs")
    assert seen == [{"period": this_quarter(), "community": ours, "statutory": theirs}]


async def test_a_goal_of_two_sites_is_seen_by_both_and_each_moves_only_itself(sites: Door) -> None:
    async with a_table(sites) as table:
        shared = await posted(table.statutory, "/v1/goals", a_goal(sites=[table.site, table.other_site]))
        path = f"/v1/goals/{shared['id']}"
        assert (await table.elsewhere.get(path)).status_code == 200
        kept = await table.community.patch(path, json={"sites": [table.site]}, headers=held(1))
        left = await table.community.patch(path, json={"sites": [table.other_site]}, headers=held(1))
        foreign = await table.community.post("/v1/goals", json=a_goal(sites=[table.site, table.other_site]))
    assert (kept.status_code, kept.json()["type"]) == (404, "/problems/site-unknown")
    assert (left.status_code, left.json()["errors"][0]["code"]) == (422, "own_site_gone")
    assert foreign.status_code == 404


async def test_what_is_another_sites_is_not_there(sites: Door) -> None:
    async with a_table(sites) as table:
        goal = await in_force(table)
        reflection = await posted(table.community, f"/v1/goals/{goal['id']}/reflections", a_reflection())
        training = await posted(
            table.community,
            "/v1/training",
            {"on": days_ago(5), "course": "Listening", "role": "volunteer", "people": 4, "given_by": "statutory"},
        )
        agreement = await posted(
            table.community,
            "/v1/agreements",
            {
                "title": "Rooms",
                "roles": [{"responsibility": "Keys", "side": "community", "role": "caretaker"}],
                "agreed_on": days_ago(5),
                "review_on": days_ago(-5),
            },
        )
        question = await posted(
            table.community, "/v1/questions", {"to_organisation": table.trust, "text": "When?", "public": False}
        )
        assessment = await posted(table.community, "/v1/assessments-of-coproduction", an_assessment(table.offer))
        paths = [
            f"/v1/goals/{goal['id']}",
            f"/v1/goals/{goal['id']}/reflections",
            f"/v1/goals/{goal['id']}/reflections/{reflection['id']}",
            f"/v1/training/{training['id']}",
            f"/v1/agreements/{agreement['id']}",
            f"/v1/questions/{question['id']}",
            f"/v1/assessments-of-coproduction/{assessment['id']}",
            f"/v1/offers/{table.offer}/coproduction",
            f"/v1/sites/{table.site}/readiness",
        ]
        for path in paths:
            assert (await table.community.get(path)).status_code == 200, path
            assert (await table.elsewhere.get(path)).status_code == 404, path
        for name in ("goals", "training", "agreements", "questions", "assessments-of-coproduction", "mentorships"):
            assert (await table.elsewhere.get(f"/v1/{name}")).json()["items"] == [], name
        writes = [
            await table.elsewhere.post(f"/v1/goals/{goal['id']}/sign", json={"role": "trustee"}),
            await table.elsewhere.patch(f"/v1/training/{training['id']}", json={"people": 1}, headers=held(1)),
            await table.elsewhere.post(
                f"/v1/agreements/{agreement['id']}/reviewed", json={"on": days_ago(1), "next_review_on": days_ago(-9)}
            ),
            await table.elsewhere.post(f"/v1/questions/{question['id']}/answer", json={"answer": "Never."}),
            await table.elsewhere.put(
                f"/v1/sites/{table.site}/readiness", json={"on": days_ago(1), "levels": {"space": 1}}
            ),
        ]
        assert [one.status_code for one in writes] == [404] * 5
        unknown = await table.elsewhere.post("/v1/assessments-of-coproduction", json=an_assessment(table.offer))
        assert (unknown.status_code, unknown.json()["type"]) == (422, "/problems/offer-unknown")


async def test_the_database_itself_holds_to_it(sites: Door, database: Database) -> None:
    async with a_table(sites) as table:
        goal = await in_force(table)
        await posted(table.community, f"/v1/goals/{goal['id']}/reflections", a_reflection())
        hidden = {"to_organisation": table.trust, "text": "When?", "public": False}
        await posted(table.community, "/v1/questions", hidden)
        shown = await posted(table.community, "/v1/questions", hidden | {"public": True})
    role = await asyncpg.connect(database.dsn("sites"))
    try:
        for context, goals, questions in ((table.site, 1, 2), (table.other_site, 0, 1), ("", 0, 1), ("*", 1, 2)):
            await role.execute("SELECT set_config('app.sites', $1, false)", context)
            for name, expected in (
                ("goals", goals),
                ("goal_signatures", 2 * goals),
                ("goal_reflections", goals),
                ("questions", questions),
            ):
                assert await role.fetchval(f"SELECT count(*) FROM {name}") == expected, (context, name)  # noqa: S608
        await role.execute("SELECT set_config('app.sites', $1, false)", table.other_site)
        assert await role.execute("UPDATE questions SET answer = 'x'") == "UPDATE 0", "seen, and not theirs to answer"
        assert await role.execute("DELETE FROM questions") == "DELETE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute(INSERTED, UUID(shown["id"]))
    finally:
        await role.close()
