"""Both sides agree what counts, sign it, and look back on it, each in its own words (S15)."""

import asyncio
from typing import Any
from uuid import uuid4

from shared.days import today
from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import deeds, events, held, rows
from tests.sites.together import a_goal, a_reflection, a_table, days_ago, in_force, posted, this_quarter


async def test_a_goal_goes_from_words_to_both_signatures_to_reflections_to_met(sites: Door, database: Database) -> None:
    async with a_table(sites) as table:
        goal = await posted(table.community, "/v1/goals", a_goal(target=75.5))
        path = f"/v1/goals/{goal['id']}"
        assert (goal["in_force"], goal["signatures"], goal["reflections"]) == (False, [], [])
        assert (goal["target"], goal["sites"], goal["period"]["label"]) == (75.5, [table.site], this_quarter())
        one = await posted(table.community, f"{path}/sign", {"role": "trustee", "on": days_ago(3)}, 200)
        assert (one["in_force"], [each["side"] for each in one["signatures"]]) == (False, ["community"])
        both = await posted(table.statutory, f"{path}/sign", {"side": "statutory", "role": "service_manager"}, 200)
        assert both["in_force"] is True
        await posted(table.community, f"{path}/reflections", a_reflection())
        theirs = a_reflection(side="statutory", words="Referrals arrive sooner.", progress="at_risk")
        await posted(table.statutory, f"{path}/reflections", theirs)
        seen = (await table.community.get(path)).json()
        assert [(each["period"], each["community"]["progress"]) for each in seen["reflections"]] == [
            (this_quarter(), "on_track")
        ]
        assert seen["reflections"][0]["statutory"]["words"] == "Referrals arrive sooner."
        closed = await posted(table.statutory, f"{path}/close", {"outcome": "met"}, 200)
        assert (closed["outcome"], closed["closed_on"], closed["in_force"]) == ("met", str(today()), False)
        listed = (await table.community.get("/v1/goals", params={"closed": True})).json()["items"]
        assert [each["id"] for each in listed] == [goal["id"]]
    said = await events(database, goal["id"])
    assert [(subject.split(".")[1], version) for subject, version, _ in said] == [
        ("goal_signed", 1),
        ("goal_signed", 2),
        ("goal_reflected", 3),
        ("goal_reflected", 4),
        ("goal_closed", 5),
    ]
    assert [data["in_force"] for _, _, data in said[:2]] == [False, True]
    assert said[0][2]["site_ids"] == [table.site]
    assert "words" not in said[2][2]
    done = [(action, resource) for action, resource, _ in await deeds(database) if resource in {"goal", "reflection"}]
    assert done == [
        ("create", "goal"),
        ("execute", "goal"),
        ("execute", "goal"),
        ("create", "reflection"),
        ("create", "reflection"),
        ("execute", "goal"),
    ]


async def test_other_words_need_new_signatures(sites: Door, database: Database) -> None:
    changes: list[dict[str, Any]] = [
        {"title": "Something else"},
        {"measure_id": None},
        {"target": 80},
        {"period": {"start": "2026-01-01", "end": "2027-12-31"}},
    ]
    async with a_table(sites) as table:
        goal = await in_force(table)
        path = f"/v1/goals/{goal['id']}"
        for change in changes:
            same = await table.community.patch(path, json={"title": goal["title"]}, headers=held(goal["version"]))
            assert (same.status_code, same.json()["in_force"]) == (200, True), "the same words keep their signatures"
            told = await table.community.patch(path, json=change, headers=held(goal["version"]))
            assert (told.status_code, told.json()["in_force"], told.json()["signatures"]) == (200, False, [])
            assert told.json()["unsigned_at"] is not None
            refused = await table.community.post(f"{path}/reflections", json=a_reflection())
            assert (refused.status_code, refused.json()["type"]) == (409, "/problems/goal-not-in-force")
            await posted(table.community, f"{path}/sign", {"role": "trustee"}, 200)
            goal = await posted(table.statutory, f"{path}/sign", {"side": "statutory", "role": "manager"}, 200)
            assert (goal["in_force"], goal["unsigned_at"]) == (True, None)
    versions = [version for _, version, _ in await events(database, goal["id"])]
    assert versions == list(range(1, 15)), "each fall of signatures is announced, and no change leaves a gap"
    fell = [detail for action, resource, detail in await deeds(database) if (action, resource) == ("update", "goal")]
    assert fell[0] == "title; signatures fell: community statutory"


async def test_signing_twice_is_signing_once(sites: Door, database: Database) -> None:
    async with a_table(sites) as table:
        goal = await posted(table.community, "/v1/goals", a_goal())
        path = f"/v1/goals/{goal['id']}/sign"
        answers = await asyncio.gather(*(table.community.post(path, json={"role": "trustee"}) for _ in range(4)))
        later = await table.community.post(path, json={"role": "coordinator"})
        stale = await table.statutory.post(path, json={"side": "statutory", "role": "manager"}, headers=held(1))
    assert [one.status_code for one in (*answers, later)] == [200] * 5
    assert [each["role"] for each in later.json()["signatures"]] == ["trustee"]
    assert (stale.status_code, stale.headers["ETag"]) == (412, '"2"')
    assert len(await events(database, goal["id"])) == 1


async def test_a_goal_that_is_not_in_force_can_only_be_dropped(sites: Door) -> None:
    async with a_table(sites) as table:
        goal = await posted(table.community, "/v1/goals", a_goal())
        path = f"/v1/goals/{goal['id']}"
        early = await table.community.post(f"{path}/close", json={"outcome": "met"})
        dropped = await posted(table.community, f"{path}/close", {"outcome": "dropped", "on": days_ago(1)}, 200)
        again = await table.community.post(f"{path}/close", json={"outcome": "dropped"})
        otherwise = await table.community.post(f"{path}/close", json={"outcome": "dropped", "on": days_ago(0)})
        changed = await table.community.patch(path, json={"target": 1}, headers={"If-Match": "*"})
        signed = await table.community.post(f"{path}/sign", json={"role": "trustee"})
    assert (early.status_code, early.json()["type"]) == (409, "/problems/goal-not-in-force")
    assert dropped["closed_on"] == days_ago(1)
    assert again.status_code == 200
    assert [one.json()["type"] for one in (otherwise, changed, signed)] == ["/problems/goal-ended"] * 3


async def test_a_side_reflects_once_a_quarter_of_the_goals_period(sites: Door, database: Database) -> None:
    async with a_table(sites) as table:
        goal = await in_force(table)
        path = f"/v1/goals/{goal['id']}/reflections"
        first = await posted(table.community, path, a_reflection())
        again = await table.community.post(path, json=a_reflection())
        otherwise = await table.community.post(path, json=a_reflection(progress="met"))
        elsewhen = await table.community.post(path, json=a_reflection(period="2019-Q1"))
        own = await table.community.get(f"{path}/{first['id']}")
        changed = await table.community.patch(f"{path}/{first['id']}", json={"progress": "met"}, headers=held(1))
        unnamed = await table.community.patch(f"{path}/{first['id']}", json={"progress": "met"})
        listed = (await table.statutory.get(path, params={"side": "community"})).json()["items"]
    assert (again.status_code, again.json()) == (200, first)
    assert (otherwise.status_code, otherwise.json()["type"]) == (409, "/problems/reflection-differs")
    assert (elsewhen.status_code, elsewhen.json()["errors"][0]["pointer"]) == (422, "/period")
    assert (own.json(), own.headers["ETag"]) == (first, '"1"')
    assert (changed.status_code, changed.json()["version"], unnamed.status_code) == (200, 2, 428)
    assert listed == [changed.json()]
    said = [data for subject, _, data in await events(database, goal["id"]) if "reflected" in subject]
    assert [each["progress"] for each in said] == ["on_track", "met"]


async def test_a_goal_is_set_once_under_its_senders_own_id(sites: Door) -> None:
    named = a_goal(id=str(uuid4()))
    async with a_table(sites) as table:
        first = await table.community.post("/v1/goals", json=named)
        again = await table.community.post("/v1/goals", json=named)
        other = await table.community.post("/v1/goals", json=named | {"target": 3})
        foreign = await table.elsewhere.post("/v1/goals", json=named)
    assert [one.status_code for one in (first, again, other, foreign)] == [201, 200, 409, 409]
    assert first.json() == again.json()
    assert foreign.json()["type"] == "/problems/goal-differs"


async def test_what_cannot_be_is_refused_without_being_repeated(sites: Door, database: Database) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"title": " "}, "/title"),
        ({"period": "2026-Q5"}, "/period"),
        ({"period": {"start": "2026-03-01", "end": "2026-02-01"}}, "/period"),
        ({"target": "75"}, "/target"),
        ({"target": True}, "/target"),
        ({"target": 1.234}, "/target"),
        ({"measure_id": "Not a slug"}, "/measure_id"),
        ({"sites": []}, "/sites"),
        ({"signatures": []}, "/signatures"),
    ]
    async with a_table(sites) as table:
        for change, place in wrong:
            told = await table.community.post("/v1/goals", json=a_goal(**change))
            assert told.status_code == 422, change
            assert told.json()["errors"][0]["pointer"].startswith(place), change
            assert "Not a slug" not in told.text
        nowhere = await table.statutory.post("/v1/goals", json=a_goal())
        unknown = await table.statutory.post("/v1/goals", json=a_goal(sites=[str(uuid4())]))
        goal = await posted(table.community, "/v1/goals", a_goal())
        future = await table.community.post(
            f"/v1/goals/{goal['id']}/sign", json={"role": "trustee", "on": days_ago(-1)}
        )
    assert (nowhere.status_code, nowhere.json()["errors"][0]["pointer"]) == (422, "/sites")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/site-unknown")
    assert (future.status_code, future.json()["errors"][0]["pointer"]) == (422, "/on")
    assert len(await rows(database, "goals")) == 1
