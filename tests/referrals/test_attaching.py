"""A later referral of somebody the site knows finds them: by NHS number, once, however many come at the same time."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx

from shared.crypto import keyring
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows

ALL = "referrals:write referrals:read people:read people:write"
NUMBER = "9434765919"
BULK = "/v1/referrals/bulk"


def someone(**fields: Any) -> dict[str, Any]:
    """Return a referral of a person with these fields and an NHS number."""
    return a_referral(person={"nhs_number": NUMBER} | fields)


async def sent(caller: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """Record a referral of a person with these fields; return it."""
    told = await caller.post("/v1/referrals", json=someone(**fields))
    assert told.status_code == 201, told.text
    body: dict[str, Any] = told.json()
    return body


async def read(caller: httpx.AsyncClient, person_id: str) -> dict[str, Any]:
    body: dict[str, Any] = (await caller.get(f"/v1/people/{person_id}")).json()
    return body


async def events_of(database: Database, person_id: str) -> list[dict[str, Any]]:
    """Return what was announced of a person, in order."""
    found = await rows(database, "outbox", "ORDER BY id")
    return [event for event in found if event["aggregate_id"] == pseudonym(person_id)]


def pseudonym(person_id: str) -> str:
    return keyring().person_key(UUID(person_id))


async def test_what_a_later_referral_leaves_out_stays_and_what_it_says_replaces(
    referrals: Door, database: Database
) -> None:
    async with referrals.caller(ALL) as caller, referrals.caller(ALL, client="temple") as other:
        first = await sent(caller, family_name="Okafor", phone="020 7946 0000", ethnic_category="N", religion=None)
        second = await sent(other, phone="020 7946 0999", language="ig")
        found = await read(caller, first["person_id"])
        noted = (await caller.get(f"/v1/referrals/{second['id']}")).json()
    assert second["person_id"] == first["person_id"]
    assert found["referral_ids"] == sorted([first["id"], second["id"]])
    assert (found["identity"]["family_name"], found["identity"]["phone"]) == ("Okafor", "020 7946 0999")
    assert found["version"] == 2
    ethnic, language = found["demographics"]["ethnic_category"], found["demographics"]["language"]
    assert (ethnic["value"], ethnic["answered_by"]) == ("N", "iaptus")
    assert (language["value"], language["answered_by"]) == ("ig", "temple")
    assert noted["note"].startswith("Prefers the evening"), "its note is sealed under the key of whom it found"
    told = await events_of(database, first["person_id"])
    assert [(event["subject"], event["version"]) for event in told] == [
        ("people.demographics_recorded.v1", 1),
        ("people.demographics_recorded.v1", 2),
    ]
    assert (told[1]["data"]["ethnic_category"], told[1]["data"]["language"]) == ("N", "ig"), "the whole picture"
    received = [
        e["data"] for e in await rows(database, "outbox", "ORDER BY id") if e["subject"].startswith("referrals")
    ]
    assert [event["person_key"] for event in received] == [pseudonym(first["person_id"])] * 2
    (person,) = await rows(database, "people")
    assert (person["version"], person["announced"], person["examined_at"]) == (2, 2, None)
    (old,) = await rows(database, "corrections")
    assert (old["field"], old["version"], old["corrected_by"]) == ("phone", 2, "temple")


async def test_identities_that_contradict_each_other_make_two_people(referrals: Door, database: Database) -> None:
    """A mistyped number must not mix two people's records; the matcher asks about them."""
    async with referrals.caller(ALL) as caller:
        first = await sent(caller, family_name="Okafor", birth_date="1980-05-17")
        married = await sent(caller, family_name="Whitfield", birth_date="1980-05-17")
        stranger = await sent(caller, family_name="Zhang", birth_date="1991-12-02")
        again = await sent(caller, family_name="Zhang", birth_date="1991-12-02")
        unnamed = await sent(caller)
    assert married["person_id"] == first["person_id"], "a name may change"
    assert stranger["person_id"] != first["person_id"]
    assert again["person_id"] == stranger["person_id"]
    assert unnamed["person_id"] == first["person_id"], "who is known longest"
    assert len(await rows(database, "people")) == 2


async def test_without_a_number_nobody_is_attached(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        for _ in range(2):
            await caller.post(
                "/v1/referrals", json=a_referral(person={"family_name": "Okafor", "birth_date": "1980-05-17"})
            )
    assert len(await rows(database, "people")) == 2


async def test_simultaneous_referrals_of_one_new_person_make_one_person(referrals: Door, database: Database) -> None:
    """Each from a client of its own, so that no two share a transaction."""
    clients = [referrals.caller(ALL, client=f"client-{number}") for number in range(6)]
    try:
        for phone in ("020 7946 0001", "020 7946 0002", "020 7946 0003"):
            bodies = [a_referral(person={"nhs_number": NUMBER, "phone": phone}) for _ in clients]
            answers = await asyncio.gather(
                *(caller.post("/v1/referrals", json=body) for caller, body in zip(clients, bodies, strict=True))
            )
            assert [answer.status_code for answer in answers] == [201] * 6
    finally:
        for caller in clients:
            await caller.aclose()
    (person,) = await rows(database, "people")
    assert person["version"] == person["announced"] == 18
    said = await rows(database, "demographics", "ORDER BY version")
    assert [version["version"] for version in said] == list(range(1, 19))
    told = await events_of(database, str(person["id"]))
    assert [event["version"] for event in told] == list(range(1, 19)), "in order and without gaps"
    assert len(await rows(database, "person_keys")) == 1


async def test_one_bulk_may_bring_a_new_person_several_times_and_the_known_ones_too(
    referrals: Door, database: Database
) -> None:
    async with referrals.caller(ALL) as caller:
        known = await sent(caller, given_name="Ada")
        new = "9990548609"
        lines = [
            a_referral(person={"nhs_number": new, "given_name": "Bea"}),
            someone(family_name="Okafor"),
            a_referral(person={"nhs_number": new, "family_name": "Quill", "language": "ig"}),
            a_referral(person={"nhs_number": new, "given_name": "Beatrice"}),
            a_referral(person={}),
        ]
        dry = await caller.post(f"{BULK}?dry_run=true", json=lines)
        assert len(await rows(database, "people")) == 1
        told = await caller.post(BULK, json=lines)
        again = await caller.post(BULK, json=lines)
        ids = [result["id"] for result in told.json()["results"]]
        people = [(await caller.get(f"/v1/referrals/{one}")).json() for one in ids]
        notes = {one["note"] for one in people}
        assert [result["status"] for result in dry.json()["results"]] == ["created"] * 5
        assert again.json()["replayed"] == 5
        assert people[0]["person_id"] == people[2]["person_id"] == people[3]["person_id"]
        assert people[1]["person_id"] == known["person_id"]
        found = await read(caller, people[0]["person_id"])
    assert (found["identity"]["given_name"], found["identity"]["family_name"]) == ("Beatrice", "Quill")
    assert (found["version"], found["demographics"]["language"]["value"]) == (3, "ig")
    assert notes == {a_referral()["note"]}
    assert len(await rows(database, "people")) == 3
    assert [event["version"] for event in await events_of(database, people[0]["person_id"])] == [1, 2, 3]


async def test_a_repeated_referral_changes_nothing(referrals: Door, database: Database) -> None:
    one, two = someone(family_name="Okafor"), someone(family_name="Okafor-Bright")
    tables = ("people", "demographics", "corrections", "outbox", "audit")
    async with referrals.caller(ALL) as caller:
        for each in (one, two):
            await caller.post("/v1/referrals", json=each)
        before = {table: await rows(database, table) for table in tables}
        told = [await caller.post("/v1/referrals", json=each) for each in (one, two, one)]
        after = {table: await rows(database, table) for table in tables}
    assert [answer.status_code for answer in told] == [200] * 3
    assert after == before


async def test_each_site_keeps_a_record_of_its_own(referrals: Door, database: Database) -> None:
    here, there = uuid4(), uuid4()
    async with referrals.caller(ALL) as everywhere:
        ids = [
            (await everywhere.post("/v1/referrals", json=someone() | {"site_id": site and str(site)})).json()[
                "person_id"
            ]
            for site in (here, there, None, here, there, None)
        ]
    assert len(set(ids)) == 3
    assert ids[:3] == ids[3:]
    assert {person["site_id"] for person in await rows(database, "people")} == {here, there, None}


async def test_a_restricted_persons_new_referral_is_not_lost(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        first = await sent(caller, family_name="Okafor")
        restricted = await caller.post(f"/v1/people/{first['person_id']}/restrict", json={"reason": "Contested."})
        assert restricted.status_code == 200, restricted.text
        second = await sent(caller, phone="020 7946 0999")
        found = await read(caller, first["person_id"])
    assert second["person_id"] == first["person_id"]
    assert (found["restricted"], found["identity"]["phone"]) == (True, "020 7946 0999")


async def test_a_removed_referral_and_an_erased_person_do_not_come_back(referrals: Door) -> None:
    scopes = f"{ALL} people:erase"
    removed, erased = a_referral(person={"family_name": "Okafor"}), someone()
    async with referrals.caller(scopes) as caller:
        place = (await caller.post("/v1/referrals", json=removed)).headers["Location"]
        gone = await caller.request("DELETE", place, json={"reason": "Entered in error."})
        assert gone.status_code < 300, gone.text
        person_id = (await caller.post("/v1/referrals", json=erased)).json()["person_id"]
        decision = {"reason": "Asked.", "decided_by": "A guardian"}
        assert (await caller.request("DELETE", f"/v1/people/{person_id}", json=decision)).status_code == 200
        again = [await caller.post("/v1/referrals", json=each) for each in (removed, erased)]
        bulk = (await caller.post(BULK, json=[removed, erased])).json()["results"]
        anew = await sent(caller)
    problems = [(409, "/problems/referral-removed"), (410, "/problems/person-erased")]
    assert [(answer.status_code, answer.json()["type"]) for answer in again] == problems
    assert [(line["problem"]["status"], line["problem"]["type"]) for line in bulk] == problems
    assert anew["person_id"] != person_id, "a new referral is of somebody new"
