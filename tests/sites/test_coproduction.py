"""Each side says how co-produced an offer is, and both are compared over time (S17)."""

from typing import Any
from uuid import uuid4

from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import events
from tests.sites.together import a_table, an_assessment, days_ago, posted

PATH = "/v1/assessments-of-coproduction"


async def test_both_sides_say_how_co_produced_an_offer_is_and_are_compared(sites: Door, database: Database) -> None:
    async with a_table(sites) as table:
        compared = f"/v1/offers/{table.offer}/coproduction"
        empty = (await table.community.get(compared)).json()
        assert (empty["latest"]["gaps"], empty["over_time"]) == (None, [])
        first = an_assessment(table.offer, on="2025-02-01", rung="doing_for", principles={"mutuality": 0})
        early = await posted(table.community, PATH, first)
        half = (await table.community.get(compared)).json()["latest"]
        assert (half["community"]["id"], half["statutory"], half["gaps"]) == (early["id"], None, None)
        theirs = an_assessment(table.offer, on="2025-03-31", side="statutory", principles={"networks": 1})
        await posted(table.statutory, PATH, theirs)
        latest = await posted(table.community, PATH, an_assessment(table.offer))
        told = (await table.statutory.get(compared)).json()
        listed = (await table.community.get(PATH, params={"side": "community"})).json()["items"]
    quarter = told["over_time"][0]
    assert quarter["period"] == "2025-Q1"
    assert (quarter["gaps"]["mutuality"], quarter["gaps"]["networks"], quarter["gaps"]["assets"]) == (-2, 3, 0)
    assert quarter["same_rung"] is False
    assert (told["latest"]["community"]["id"], told["latest"]["same_rung"]) == (latest["id"], True)
    assert told["latest"]["gaps"]["networks"] == 3
    assert told["over_time"][-1]["statutory"] is None, "a quarter in which one side only has said"
    assert [each["id"] for each in listed] == [early["id"], latest["id"]]
    [(subject, version, data)] = await events(database, early["id"])
    assert (subject, version) == ("sites.coproduction_assessed.v1", 1)
    assert (data["site_id"], data["side"], data["rung"]) == (table.site, "community", "doing_for")
    assert data["principles"]["mutuality"] == 0


async def test_an_assessment_names_all_six_principles_from_0_to_4(sites: Door) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"principles": {"assets": 5}}, "/principles/assets"),
        ({"principles": {"assets": None}}, "/principles/assets"),
        ({"principles": {"kindness": 3}}, "/principles/kindness"),
        ({"rung": "doing_without"}, "/rung"),
        ({"designed_by": "us"}, "/designed_by"),
        ({"on": days_ago(-1)}, "/on"),
    ]
    async with a_table(sites) as table:
        for change, place in wrong:
            told = await table.community.post(PATH, json=an_assessment(table.offer, **change))
            assert (told.status_code, [each["pointer"] for each in told.json()["errors"]]) == (422, [place]), change
        named = an_assessment(table.offer, id=str(uuid4()))
        codes = [
            (await table.community.post(PATH, json=body)).status_code
            for body in (named, named, named | {"rung": "doing_to"})
        ]
        lost = await table.statutory.post(PATH, json=an_assessment(str(uuid4()), side="statutory"))
        nowhere = await table.statutory.get(f"/v1/offers/{uuid4()}/coproduction")
    assert codes == [201, 200, 409]
    assert (lost.status_code, lost.json()["errors"][0]["pointer"]) == (422, "/offer_id")
    assert nowhere.status_code == 404
