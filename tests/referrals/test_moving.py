"""A referral whose site is corrected takes its person's record along, or leaves it; neither site learns of the other."""

from typing import Any
from uuid import UUID, uuid4

import httpx

from shared.crypto import keyring
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows

ALL = "referrals:write referrals:read people:read people:write"
HERE, THERE = uuid4(), uuid4()
NUMBER = "9434765919"


async def sent(caller: httpx.AsyncClient, site: UUID, **changes: Any) -> dict[str, Any]:
    told = await caller.post("/v1/referrals", json=a_referral(site_id=str(site), **changes))
    assert told.status_code == 201, told.text
    body: dict[str, Any] = told.json()
    return body


async def moved(caller: httpx.AsyncClient, referral: dict[str, Any], site: UUID | None) -> dict[str, Any]:
    """Correct a referral's site; return it as it is then."""
    change = {"site_id": site and str(site)}
    told = await caller.patch(f"/v1/referrals/{referral['id']}", json=change, headers={"If-Match": "*"})
    assert told.status_code == 200, told.text
    body: dict[str, Any] = told.json()
    return body


async def test_the_record_goes_along_with_its_only_referral(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller, referrals.caller(ALL, sites=[THERE]) as there:
        referral = await sent(caller, HERE)
        person = f"/v1/people/{referral['person_id']}"
        await caller.patch(f"{person}/demographics", json={"phone": None}, headers={"If-Match": "*"})
        assert (await there.get(person)).status_code == 404
        after = await moved(caller, referral, THERE)
        record = (await there.get(person)).json()
        history = (await there.get(f"{person}/history")).json()["items"]
        seen = (await there.get(f"/v1/referrals/{referral['id']}")).json()
    assert (after["person_id"], after["site_id"]) == (referral["person_id"], str(THERE))
    assert (record["site_id"], record["version"]) == (str(THERE), 3)
    assert record["identity"]["family_name"] == seen["person"]["family_name"] == "Okafor"
    assert [each["corrected"] for each in history] == [[], [{"field": "phone", "was": "020 7946 0000"}]]
    for table in ("people", "person_keys", "demographics", "corrections"):
        assert {row["site_id"] for row in await rows(database, table)} == {THERE}, table


async def test_a_person_with_other_referrals_stays_and_the_referral_gets_a_copy(
    referrals: Door, database: Database
) -> None:
    async with (
        referrals.caller(ALL) as caller,
        referrals.caller(ALL, sites=[HERE]) as here,
        referrals.caller(ALL, sites=[THERE]) as there,
    ):
        stays, goes = await sent(caller, HERE), await sent(caller, HERE)
        triage = {"decision": "accepted", "on": "2026-03-15", "reason": "Wants to come in the evening."}
        assert (await caller.post(f"/v1/referrals/{goes['id']}/triage", json=triage)).status_code == 200
        await caller.patch(
            f"/v1/people/{goes['person_id']}/demographics", json={"phone": None}, headers={"If-Match": "*"}
        )
        after = await moved(caller, goes, THERE)
        copy, old = f"/v1/people/{after['person_id']}", f"/v1/people/{stays['person_id']}"
        record, seen = (await there.get(copy)).json(), (await there.get(f"/v1/referrals/{goes['id']}")).json()
        history = (await there.get(f"{copy}/history")).json()["items"]
        trail = (await there.get(f"{copy}/audit")).json()["items"]
        kept = (await here.get(old)).json()
        hidden = [await here.get(copy), await there.get(old), await here.get(f"/v1/referrals/{goes['id']}")]
    assert after["person_id"] != stays["person_id"]
    assert [answer.status_code for answer in hidden] == [404] * 3
    assert (record["version"], record["site_id"], record["referral_ids"]) == (1, str(THERE), [goes["id"]])
    assert kept["referral_ids"] == [stays["id"]]
    assert record["identity"] == kept["identity"]
    assert record["demographics"]["ethnic_category"]["value"] == "N"
    assert (len(history), history[0]["corrected"]) == (1, []), "its history begins here"
    assert (seen["note"], seen["triage_reason"]) == (a_referral()["note"], triage["reason"]), "under the new key"
    about = f"{trail}{record}{history}"
    assert stays["person_id"] not in about
    assert stays["id"] not in about
    pseudonym = keyring().person_key(UUID(after["person_id"]))
    told = await rows(database, "outbox", "ORDER BY id")
    (announced,) = [event for event in told if event["aggregate_id"] == pseudonym]
    assert (announced["version"], announced["data"]["birth_month"]) == (1, "1980-05")
    (correction,) = [event for event in told if event["subject"] == "referrals.corrected.v1"]
    assert correction["data"]["person_key"] == pseudonym
    people = await rows(database, "people")
    assert [person["examined_at"] for person in people] == [None, None], "the matcher ties the two"
    first, second = (await rows(database, "person_keys"))[:2]
    assert first["wrapped"] != second["wrapped"]


async def test_the_site_that_knows_the_person_already_keeps_its_own_record(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        known = await sent(caller, THERE, person={"nhs_number": NUMBER, "phone": "020 7946 0111"})
        stays, goes = await sent(caller, HERE), await sent(caller, HERE)
        after = await moved(caller, goes, THERE)
        record = (await caller.get(f"/v1/people/{known['person_id']}")).json()
        seen = (await caller.get(f"/v1/referrals/{goes['id']}")).json()
    assert after["person_id"] == known["person_id"] != stays["person_id"]
    assert set(record["referral_ids"]) == {known["id"], goes["id"]}
    assert (record["identity"]["family_name"], record["identity"]["phone"]) == (None, "020 7946 0111")
    assert seen["note"] == a_referral()["note"]
    assert len(await rows(database, "people")) == 2


async def test_somebody_else_with_the_same_number_there_is_not_mixed_up(referrals: Door, database: Database) -> None:
    other = {"nhs_number": NUMBER, "family_name": "Zhang", "birth_date": "1991-12-02"}
    async with referrals.caller(ALL) as caller:
        stranger = await sent(caller, THERE, person=other)
        await sent(caller, HERE)
        after = await moved(caller, await sent(caller, HERE), THERE)
    assert after["person_id"] != stranger["person_id"]
    assert len(await rows(database, "people")) == 3


async def test_to_nobodys_site_and_back(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        await sent(caller, HERE)
        goes = await sent(caller, HERE)
        away = await moved(caller, goes, None)
        back = await moved(caller, goes, HERE)
        read = (await caller.get(f"/v1/referrals/{goes['id']}")).json()
    assert away["person_id"] != goes["person_id"]
    assert back["person_id"] == away["person_id"], "it takes along the record that nobody else needs"
    assert (read["note"], read["person"]["family_name"]) == (a_referral()["note"], "Okafor")


async def test_a_caller_of_one_site_cannot_move_a_referral_to_another(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL, sites=[HERE]) as caller:
        referral = await sent(caller, HERE)
        told = await caller.patch(
            f"/v1/referrals/{referral['id']}", json={"site_id": str(THERE)}, headers={"If-Match": "*"}
        )
    assert (told.status_code, told.json()["type"]) == (404, "/problems/site-unknown")
    assert {row["site_id"] for row in await rows(database, "people")} == {HERE}
