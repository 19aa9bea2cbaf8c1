"""Who answers for what at a site is agreed by role and side, and looked at again in time (S21)."""

from typing import Any
from uuid import uuid4

from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import deeds, events, held
from tests.sites.together import a_table, days_ago, moved, posted

ROLES = [
    {"responsibility": "Clinical supervision", "side": "statutory", "role": "clinical_lead"},
    {"responsibility": "Keys, rooms and welcome", "side": "community", "role": "site_coordinator"},
]


def agreement(**changes: Any) -> dict[str, Any]:
    """Return an agreement that is accepted from a caller of one site."""
    return {
        "title": "Talking therapies at the hall",
        "roles": ROLES,
        "agreed_on": days_ago(300),
        "review_on": days_ago(-60),
    } | changes


async def test_an_agreement_says_who_answers_for_what_and_is_reviewed(sites: Door, database: Database) -> None:
    async with a_table(sites) as table:
        made = await posted(table.statutory, "/v1/agreements", agreement(site_id=table.site))
        path = f"/v1/agreements/{made['id']}"
        assert (await table.community.get(path)).json() == made, "the community sees who answers for what"
        assert (made["roles"], made["overdue"], made["reviewed_on"]) == (ROLES, False, None)
        await moved(database, "UPDATE agreements SET review_on = $1", 1)
        late = (await table.community.get("/v1/agreements", params={"overdue": True})).json()["items"]
        assert [(each["id"], each["overdue"]) for each in late] == [(made["id"], True)]
        review = {"on": days_ago(0), "next_review_on": days_ago(-365)}
        reviewed = await posted(table.community, f"{path}/reviewed", review, 200)
        again = await posted(table.community, f"{path}/reviewed", review, 200)
        in_time = (await table.community.get("/v1/agreements", params={"overdue": False})).json()["items"]
    assert (reviewed["overdue"], reviewed["reviewed_on"], reviewed["review_on"]) == (False, days_ago(0), days_ago(-365))
    assert again == reviewed
    assert [each["id"] for each in in_time] == [made["id"]]
    said = await events(database, made["id"])
    assert [(version, data.get("reviewed_on")) for _, version, data in said] == [(1, None), (2, days_ago(0))]
    assert not {"title", "roles"} & said[0][2].keys()
    done = [deed for deed in await deeds(database) if deed[1] == "agreement"]
    assert done == [("create", "agreement", None), ("update", "agreement", "review_on reviewed_on")]


async def test_an_agreement_that_ended_is_never_overdue_and_not_reviewed(sites: Door, database: Database) -> None:
    async with a_table(sites) as table:
        made = await posted(table.community, "/v1/agreements", agreement())
        path = f"/v1/agreements/{made['id']}"
        await moved(database, "UPDATE agreements SET review_on = $1", 1)
        ended = await table.community.patch(path, json={"ended_on": days_ago(0)}, headers=held(1))
        refused = await table.community.post(
            f"{path}/reviewed", json={"on": days_ago(0), "next_review_on": days_ago(-9)}
        )
        late = (await table.community.get("/v1/agreements", params={"overdue": True})).json()["items"]
    assert (ended.status_code, ended.json()["overdue"], late) == (200, False, [])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/agreement-ended")


async def test_an_agreement_names_roles_and_its_days_follow_each_other(sites: Door) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"roles": []}, "/roles"),
        ({"roles": [ROLES[0] | {"role": "Dr Amina Yusuf"}]}, "/roles/0/role"),
        ({"roles": [ROLES[0] | {"name": "Amina Yusuf"}]}, "/roles/0/name"),
        ({"agreed_on": days_ago(-1)}, "/agreed_on"),
        ({"review_on": days_ago(300)}, "/review_on"),
        ({"ended_on": days_ago(301)}, "/ended_on"),
    ]
    named = agreement(id=str(uuid4()))
    async with a_table(sites) as table:
        for change, place in wrong:
            told = await table.community.post("/v1/agreements", json=agreement(**change))
            assert (told.status_code, [each["pointer"] for each in told.json()["errors"]]) == (422, [place]), change
            assert "Amina" not in told.text
        first = await table.community.post("/v1/agreements", json=named)
        again = await table.community.post("/v1/agreements", json=named)
        other = await table.community.post("/v1/agreements", json=named | {"title": "Else"})
        path = f"/v1/agreements/{named['id']}"
        before = await table.community.post(
            f"{path}/reviewed", json={"on": days_ago(301), "next_review_on": days_ago(-1)}
        )
        backwards = await table.community.post(
            f"{path}/reviewed", json={"on": days_ago(1), "next_review_on": days_ago(1)}
        )
    assert [one.status_code for one in (first, again, other)] == [201, 200, 409]
    assert [one.json()["errors"][0]["pointer"] for one in (before, backwards)] == ["/on", "/next_review_on"]
