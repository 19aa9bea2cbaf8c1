"""A site grows into delivering: people trained, readiness seen by both sides, a site that mentors another (S13)."""

from typing import Any
from uuid import uuid4

from services.sites.domain.together import DIMENSIONS
from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import deeds, events, held
from tests.sites.together import a_table, days_ago, posted

EARLIER = {"leadership": 1, "space": 3}
LATER = {"leadership": 3, "space": 4, "people_trained": 2}


def training(**changes: Any) -> dict[str, Any]:
    """Return training that is accepted from a caller of one site."""
    return {
        "on": days_ago(30),
        "course": "Listening skills, first part",
        "role": "community_counsellor",
        "people": 9,
        "hours_each": 6.5,
        "given_by": "statutory",
    } | changes


async def test_training_is_recorded_by_role_and_number_and_corrected(sites: Door, database: Database) -> None:
    async with a_table(sites) as table:
        made = await posted(table.community, "/v1/training", training())
        assert (made["site_id"], made["hours_each"], made["people"]) == (table.site, 6.5, 9)
        path = f"/v1/training/{made['id']}"
        changed = await table.community.patch(path, json={"people": 11, "hours_each": None}, headers=held(1))
        same = await table.community.patch(path, json={"people": 11}, headers=held(2))
        read = await table.statutory.get(path)
        listed = (await table.statutory.get("/v1/training", params={"role": "community_counsellor"})).json()["items"]
    assert (changed.status_code, changed.json()["hours_each"]) == (200, None)
    assert same.headers["ETag"] == read.headers["ETag"] == '"2"'
    assert listed == [read.json()]
    said = await events(database, made["id"])
    assert [(version, data["people"]) for _, version, data in said] == [(1, 9), (2, 11)]
    assert "course" not in said[0][2]
    assert (await deeds(database))[-1] == ("update", "training", "hours_each people")


async def test_training_names_nobody_and_happened(sites: Door) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"role": "Amina Yusuf"}, "/role"),
        ({"names": ["Amina Yusuf"]}, "/names"),
        ({"people": 0}, "/people"),
        ({"people": 2.5}, "/people"),
        ({"hours_each": -1}, "/hours_each"),
        ({"on": days_ago(-1)}, "/on"),
        ({"on": "1989-12-31"}, "/on"),
        ({"given_by": "somebody"}, "/given_by"),
    ]
    async with a_table(sites) as table:
        for change, place in wrong:
            told = await table.community.post("/v1/training", json=training(**change))
            assert (told.status_code, [each["pointer"] for each in told.json()["errors"]]) == (422, [place]), change
            assert "Amina" not in told.text
        unknown = await table.statutory.post("/v1/training", json=training(site_id=str(uuid4())))
        foreign = await table.community.post("/v1/training", json=training(site_id=table.other_site))
        unsaid = await table.statutory.post("/v1/training", json=training())
    assert [one.status_code for one in (unknown, foreign, unsaid)] == [404, 404, 422]


async def test_readiness_is_seen_by_each_side_on_its_days_and_its_history_stays(
    sites: Door, database: Database
) -> None:
    async with a_table(sites) as table:
        path = f"/v1/sites/{table.site}/readiness"
        empty = await table.community.get(path)
        assert (empty.headers["ETag"], empty.json()["current"], empty.json()["history"]) == ('"0"', None, [])
        assert [each["code"] for each in empty.json()["dimensions"]] == list(DIMENSIONS)
        first = {"on": days_ago(200), "levels": EARLIER}
        unnamed = await table.community.put(path, json=first)
        began = await table.community.put(path, json=first, headers={"If-None-Match": "*"})
        twice = await table.community.put(path, json=first, headers={"If-None-Match": "*"})
        later = {"on": days_ago(10), "levels": LATER, "side": "statutory"}
        grown = await table.statutory.put(path, json=later, headers=held(1))
        same = await table.statutory.put(path, json=later, headers=held(2))
        stale = await table.community.put(path, json=first, headers=held(1))
        corrected = await table.community.put(path, json=first | {"levels": {"space": 2}}, headers={"If-Match": "*"})
    assert [one.status_code for one in (unnamed, began, twice, grown, same, stale)] == [428, 200, 412, 200, 200, 412]
    assert grown.json() == same.json()
    assert (grown.json()["current"]["levels"], grown.json()["current"]["assessed_by"]) == (LATER, "statutory")
    assert [each["levels"] for each in grown.json()["history"]] == [EARLIER]
    assert (corrected.headers["ETag"], corrected.json()["current"]["levels"]) == ('"3"', LATER)
    assert [each["levels"] for each in corrected.json()["history"]] == [{"space": 2}]
    assessment = corrected.json()["history"][0]["id"]
    said = await events(database, assessment)
    assert [(version, data["levels"]) for _, version, data in said] == [(1, EARLIER), (2, {"space": 2})]


async def test_a_first_profile_takes_any_version(sites: Door) -> None:
    async with a_table(sites) as table:
        for site, caller, header in (
            (table.site, table.community, {"If-Match": "*"}),
            (table.other_site, table.elsewhere, {"If-Match": '"0"'}),
        ):
            told = await caller.put(
                f"/v1/sites/{site}/readiness", json={"on": days_ago(1), "levels": LATER}, headers=header
            )
            assert (told.status_code, told.headers["ETag"]) == (200, '"1"')


async def test_readiness_has_known_dimensions_and_levels(sites: Door) -> None:
    levels: list[Any] = [{}, {"amina": 1}, {"space": 5}, {"space": True}, {"space": "4"}, [], None]
    async with a_table(sites) as table:
        for wrong in levels:
            told = await table.community.put(
                f"/v1/sites/{table.site}/readiness",
                json={"on": days_ago(1), "levels": wrong},
                headers={"If-Match": "*"},
            )
            assert told.status_code == 422, wrong
            assert told.json()["errors"][0]["pointer"].startswith("/levels")
            assert "amina" not in told.text


async def test_one_site_mentors_another_from_a_day_to_a_day(sites: Door, database: Database) -> None:
    async with a_table(sites) as table:
        pair = {"mentor_site_id": table.site, "mentee_site_id": table.other_site, "began_on": days_ago(90)}
        made = await posted(table.community, "/v1/mentorships", pair | {"focus": "Receiving drop-ins"})
        path = f"/v1/mentorships/{made['id']}"
        assert (await table.elsewhere.get(path)).json() == made, "the site that is mentored sees it too"
        ended = await table.elsewhere.patch(path, json={"ended_on": days_ago(2)}, headers=held(1))
        early = await table.elsewhere.patch(path, json={"ended_on": days_ago(91)}, headers=held(2))
        for ended_too, expected in ((True, 1), (False, 0)):
            query: dict[str, str | bool] = {"ended": ended_too, "site_id": table.other_site}
            assert len((await table.statutory.get("/v1/mentorships", params=query)).json()["items"]) == expected
        itself = await table.community.post("/v1/mentorships", json=pair | {"focus": "x", "mentee_site_id": table.site})
        others = {"mentor_site_id": str(uuid4()), "mentee_site_id": table.other_site}
        foreign = await table.community.post("/v1/mentorships", json=pair | others | {"focus": "x"})
        nobody = await table.community.post(
            "/v1/mentorships", json=pair | {"focus": "x", "mentee_site_id": str(uuid4())}
        )
    assert (ended.status_code, ended.json()["ended_on"], early.status_code) == (200, days_ago(2), 422)
    assert (itself.status_code, itself.json()["errors"][0]["pointer"]) == (422, "/mentee_site_id")
    assert [(one.status_code, one.json()["type"]) for one in (foreign, nobody)] == [(404, "/problems/site-unknown")] * 2
    said = await events(database, made["id"])
    assert [(version, data.get("ended_on")) for _, version, data in said] == [(1, None), (2, days_ago(2))]
    assert "focus" not in said[0][2]
