"""S12: phase zero. What both sides said, gave and brought before there was any service, and who may say so."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, READ, WRITE, deeds, events, held, registered
from tests.sites.doings import an_engagement, recorded

BROUGHT = [
    {"side": "community", "kind": "material", "description": "The hall, and a meal for everybody."},
    {"side": "community", "kind": "material", "description": "Chairs."},
    {"side": "statutory", "kind": "relational", "description": "The clinical lead came in person."},
    {"side": "community", "kind": "symbolic", "description": "The elders opened the meeting."},
]


async def test_a_conversation_years_before_any_site_becomes_part_of_the_sites_story(
    sites: Door, database: Database
) -> None:
    """S12: logged when there was no site to name, and given to the site that grew out of it."""
    async with sites.caller(BOTH) as everyone:
        first = an_engagement(topics=["trust", "what we mean by therapy"], resources=BROUGHT, notes="Meet again.")
        conversation = await recorded(everyone, "/v1/engagements", first)
        assert conversation["site_ids"] == []
        assert conversation["hours"] == 2.5
        site = await registered(everyone)
        path = f"/v1/engagements/{conversation['id']}"
        async with sites.caller(BOTH, sites=[UUID(site["id"])]) as hall:
            assert (await hall.get(path)).status_code == 404, "of no site yet: for callers of all sites only"
            assert (await hall.get("/v1/engagements")).json()["items"] == []
            joined = await everyone.patch(path, json={"site_ids": [site["id"]]}, headers=held(1))
            assert joined.status_code == 200, joined.text
            seen = await hall.get(path)
            assert seen.json() == joined.json()
            assert seen.json()["resources"] == BROUGHT
            assert seen.json()["topics"] == ["trust", "what we mean by therapy"]
            told = {"people_by_side": {"statutory": 4}, "notes": None}
            corrected = await hall.patch(path, json=told, headers=held(2))
            assert corrected.json()["people_by_side"] == {"community": 11, "statutory": 4}
            assert corrected.json()["notes"] is None
    story = await events(database, conversation["id"])
    assert [(subject, version) for subject, version, _ in story] == [
        ("sites.engagement_logged.v1", version) for version in (1, 2, 3)
    ]
    assert story[-1][2] == {
        "engagement_id": conversation["id"],
        "on": "2024-03-12",
        "kind": "conversation",
        "site_ids": [site["id"]],
        "space": "community",
        "hours": 2.5,
        "people_by_side": {"community": 11, "statutory": 4},
        "resources": {"community": {"material": 2, "symbolic": 1}, "statutory": {"relational": 1}},
    }, "counts by side and kind, in no words"
    assert (await deeds(database))[-1] == ("update", "engagement", "notes people_by_side")


async def test_a_conference_of_two_sites_is_seen_by_both_and_changed_by_neither_alone(
    sites: Door, database: Database
) -> None:
    async with sites.caller(BOTH) as everyone:
        one, two, third = [UUID((await registered(everyone))["id"]) for _ in range(3)]
        conference = an_engagement(str(two), str(one), str(two), kind="conference", space="statutory", hours=7)
        body = await recorded(everyone, "/v1/engagements", conference)
    assert sorted(body["site_ids"]) == sorted([str(one), str(two)])
    path = f"/v1/engagements/{body['id']}"
    for site in (one, two):
        async with sites.caller(BOTH, sites=[site]) as caller:
            assert (await caller.get(path)).json() == body
            assert (await caller.get("/v1/engagements")).json()["items"] == [body]
            alone = await caller.patch(path, json={"notes": "Ours alone."}, headers=held(1))
            assert (alone.status_code, alone.json()["type"]) == (403, "/problems/others-took-part")
    async with sites.caller(BOTH, sites=[third]) as caller:
        assert (await caller.get(path)).status_code == 404
        assert (await caller.get("/v1/engagements")).json()["items"] == []
        assert (await caller.patch(path, json={"notes": "Mine."}, headers=held(1))).status_code == 404
        foreign = await caller.post("/v1/engagements", json=an_engagement(str(third), str(one)))
        assert (foreign.status_code, foreign.json()["type"]) == (404, "/problems/site-unknown")
        mine = await recorded(caller, "/v1/engagements", an_engagement())
        assert mine["site_ids"] == [str(third)], "its only site is meant"
    async with sites.caller(BOTH, sites=[one, two]) as both:
        shared = await both.patch(path, json={"hours": 6.5}, headers=held(1))
        assert (shared.status_code, shared.json()["hours"]) == (200, 6.5)
        given_away = await both.patch(path, json={"site_ids": [str(third)]}, headers=held(2))
        assert given_away.status_code == 404
        which = await both.post("/v1/engagements", json=an_engagement())
        assert [error["pointer"] for error in which.json()["errors"]] == ["/site_ids"]
    assert [version for _, version, _ in await events(database, body["id"])] == [1, 2]


async def test_an_engagement_logged_twice_is_one_and_a_change_names_its_version(
    sites: Door, database: Database
) -> None:
    async with sites.caller(BOTH) as caller:
        site = (await registered(caller))["id"]
        new = an_engagement(site, id=str(uuid4()), hours=2)
        first = await recorded(caller, "/v1/engagements", new)
        again = await caller.post("/v1/engagements", json=new | {"hours": 2.0, "site_ids": [site, site]})
        assert (again.status_code, again.json()) == (200, first)
        differs = await caller.post("/v1/engagements", json=new | {"hours": 3})
        assert (differs.status_code, differs.json()["type"]) == (409, "/problems/engagement-differs")
        path = f"/v1/engagements/{first['id']}"
        assert (await caller.patch(path, json={"hours": 3})).status_code == 428
        assert (await caller.patch(path, json={"hours": 3}, headers=held(2))).status_code == 412
        assert (await caller.patch(f"/v1/engagements/{uuid4()}", json={})).status_code == 404
        key = held(1) | {"Idempotency-Key": "correct-1"}
        changed, replayed = [await caller.patch(path, json={"hours": 3}, headers=key) for _ in range(2)]
        assert (changed.status_code, replayed.status_code) == (200, 200)
        assert replayed.headers["Idempotent-Replayed"] == "true"
        same = await caller.patch(path, json={"hours": 3.0, "people_by_side": {"community": 11}}, headers=held(2))
        assert (same.status_code, same.headers["ETag"]) == (200, '"2"')
        assert (await caller.get(path)).headers["ETag"] == '"2"'
    assert [version for _, version, _ in await events(database, first["id"])] == [1, 2]


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"on": "1989-12-31"}, "/on", "date_out_of_range"),
        ({"on": "2099-01-01"}, "/on", "date_out_of_range"),
        ({"hours": 0}, "/hours", "greater_than"),
        ({"hours": 1.005}, "/hours", "decimal_max_places"),
        ({"hours": 10001}, "/hours", "less_than_equal"),
        ({"hours": "2.5"}, "/hours", "hours_invalid"),
        ({"hours": True}, "/hours", "hours_invalid"),
        ({"hours": None}, "/hours", "hours_invalid"),
        ({"people_by_side": {"jane": 1}}, "/people_by_side/jane", "extra_forbidden"),
        ({"people_by_side": {"community": -1}}, "/people_by_side/community", "greater_than_equal"),
        ({"kind": "quarrel"}, "/kind", "literal_error"),
        ({"space": "pub"}, "/space", "literal_error"),
        ({"topics": ["x" * 61]}, "/topics/0", "string_too_long"),
        ({"topics": ["two\nlines"]}, "/topics/0", "string_pattern_mismatch"),
        (
            {"resources": [{"side": "both", "kind": "material", "description": "x"}]},
            "/resources/0/side",
            "literal_error",
        ),
        ({"notes": " "}, "/notes", "string_too_short"),
    ],
)
async def test_what_cannot_have_been_is_refused(sites: Door, change: dict[str, Any], pointer: str, code: str) -> None:
    async with sites.caller(WRITE) as caller:
        answer = await caller.post("/v1/engagements", json=an_engagement() | change)
        assert answer.status_code == 422, answer.text
        assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
        unknown = await caller.post("/v1/engagements", json=an_engagement(str(uuid4())))
        assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/site-unknown")


async def test_lists_are_limited_by_all_their_filters(sites: Door) -> None:
    async with sites.caller(BOTH) as caller, sites.caller(READ) as reader:
        site = (await registered(caller))["id"]
        first = await recorded(caller, "/v1/engagements", an_engagement())
        second = await recorded(caller, "/v1/engagements", an_engagement(site, on="2025-05-01", kind="forum"))
        third = await recorded(caller, "/v1/engagements", an_engagement(site, on="2025-05-02", space="online"))

        async def found(**filters: str) -> list[str]:
            page = await reader.get("/v1/engagements", params=filters)
            assert page.status_code == 200, page.text
            return [one["id"] for one in page.json()["items"]]

        assert await found() == [first["id"], second["id"], third["id"]]
        assert await found(site_id=site) == [second["id"], third["id"]]
        assert await found(site_id=site, kind="forum") == [second["id"]]
        assert await found(space="online") == [third["id"]]
        assert await found(**{"from": "2024-03-12", "to": "2025-05-01"}) == [first["id"], second["id"]]
        await caller.patch(f"/v1/engagements/{first['id']}", json={"hours": 4}, headers=held(1))
        assert await found(modified_after=second["modified_at"]) == [third["id"], first["id"]]
