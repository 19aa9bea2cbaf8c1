"""Which care contacts can be: attendance against planning and days, codes against the contact's own day."""

from typing import Any

import pytest

from tests.databases import Database
from tests.doors import Door
from tests.referrals.pathways import ALL, a_contact, day, events, met, opened

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"planned": False, "attendance": "3"}, "/attendance", "not_for_unplanned"),
    ({"planned": False, "attendance": "7"}, "/attendance", "not_for_unplanned"),
    ({"planned": False, "attendance": "2"}, "/attendance", "not_for_unplanned"),
    ({"planned": False, "attendance": "4"}, "/attendance", "not_for_unplanned"),
    ({"planned": False, "attendance": "0"}, "/attendance", "not_for_unplanned"),
    ({"planned": False, "attendance": None, "on": day(1)}, "/on", "in_the_future"),
    ({"planned": False, "attendance": "5", "on": day(1)}, "/on", "in_the_future"),
    ({"attendance": "5", "on": day(1)}, "/attendance", "in_the_future"),
    ({"attendance": "6", "on": day(1)}, "/attendance", "in_the_future"),
    ({"attendance": "7", "on": day(1)}, "/attendance", "in_the_future"),
    ({"attendance": "3", "on": day(1)}, "/attendance", "in_the_future"),
    ({"attendance": "0", "on": day(-1)}, "/attendance", "in_the_past"),
    ({"on": "2026-03-01"}, "/on", "before_referral"),
    ({"mechanism": "03"}, "/mechanism", "code_retired"),
    ({"mechanism": "07"}, "/mechanism", "code_unknown"),
    ({"attendance": "1"}, "/attendance", "code_unknown"),
    ({"appointment_type": "08"}, "/appointment_type", "code_unknown"),
    ({"appointment_type": None}, "/appointment_type", "code_unknown"),
    ({"therapy_types": ["304891004", "1"]}, "/therapy_types/1", "code_unknown"),
    ({"interpreter": "6"}, "/interpreter", "code_unknown"),
    ({"language": "zz"}, "/language", "code_unknown"),
    ({"at": "25:00"}, "/at", "time_parsing"),
    ({"at": "18:30Z"}, "/at", "time_parsing"),
    ({"at": 1830}, "/at", "time_parsing"),
    ({"duration_minutes": -1}, "/duration_minutes", "greater_than_equal"),
    ({"duration_minutes": 1441}, "/duration_minutes", "less_than_equal"),
    ({"planned": "yes"}, "/planned", "bool_type"),
    ({"notes": "x"}, "/notes", "extra_forbidden"),
]


@pytest.mark.parametrize(("changes", "where", "code"), WRONG)
async def test_what_cannot_be_is_refused_by_its_place(
    referrals: Door, database: Database, changes: dict[str, Any], where: str, code: str
) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        good = await met(caller, path)
        posted = await caller.post(f"{path}/contacts", json=a_contact(**changes))
        put = await caller.put(f"/v1/contacts/{good['id']}", json=a_contact(**changes), headers={"If-Match": '"1"'})
    for refused in (posted, put):
        assert refused.status_code == 422, refused.text
        assert (refused.json()["errors"][0]["pointer"], refused.json()["errors"][0]["code"]) == (where, code)
    assert len(await events(database, path)) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"on": day(0)},
        {"on": day(0), "attendance": "0"},
        {"on": day(400), "attendance": "0"},
        {"on": day(30), "attendance": None},
        {"on": day(30), "attendance": "2"},
        {"on": day(30), "attendance": "4"},
        {"on": day(-1), "attendance": None},
        {"on": day(0), "planned": False, "attendance": None},
        {"planned": False, "attendance": "6"},
        {"on": "2026-03-02"},
        {"duration_minutes": 0},
    ],
)
async def test_what_can_be_is_recorded(referrals: Door, changes: dict[str, Any]) -> None:
    async with referrals.caller(ALL) as caller:
        await met(caller, await opened(caller), **changes)


async def test_a_mechanism_is_judged_by_the_day_of_the_contact(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller, received_on="2022-01-03")
        await met(caller, path, on="2022-03-31", mechanism="03")
        await met(caller, path, on="2022-04-01", mechanism="11")
        early = await caller.post(f"{path}/contacts", json=a_contact(on="2022-03-31", mechanism="11"))
        late = await caller.post(f"{path}/contacts", json=a_contact(on="2022-04-01", mechanism="03"))
    for refused in (early, late):
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "code_retired")


async def test_a_contact_sent_back_with_its_id_is_itself_and_with_anothers_is_refused(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        mine, other = await met(caller, path), await met(caller, path)
        place, held = f"/v1/contacts/{mine['id']}", {"If-Match": "*"}
        kept = await caller.put(place, json=a_contact(id=mine["id"], attendance="3"), headers=held)
        refused = await caller.put(place, json=a_contact(id=other["id"]), headers=held)
    assert (kept.status_code, kept.json()["attendance"]) == (200, "3")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/id")
