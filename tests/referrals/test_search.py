"""Looking people up: exactly, by what cannot be guessed, and only one's own."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows

ALL = "referrals:write referrals:read people:read people:write"
SEARCH = "/v1/people/search"
ADA: dict[str, Any] = {
    "nhs_number": "9434765919",
    "local_patient_id": "LP 77",
    "family_name": "Ó Súilleabháin",
    "given_name": "Ada",
    "birth_date": "1980-05-17",
    "postcode": "SW17 0QT",
}


async def recorded(caller: httpx.AsyncClient, **person: Any) -> str:
    told = await caller.post("/v1/referrals", json=a_referral(person=person))
    assert told.status_code == 201, told.text
    return str(told.json()["person_id"])


async def found(caller: httpx.AsyncClient, **search: Any) -> list[str]:
    told = await caller.post(SEARCH, json=search)
    assert told.status_code == 200, told.text
    return [each["id"] for each in told.json()["items"]]


FINDS: list[dict[str, Any]] = [
    {"nhs_number": "943 476 5919"},
    {"local_patient_id": "lp77"},
    {"family_name": "O SUILLEABHAIN", "birth_date": "1980-05-17"},
    {"family_name": "Ó Súilleabháin", "birth_date": "1980-05-17", "given_name": "ada", "postcode": "sw170qt"},
    {"nhs_number": "9434765919", "family_name": "ó súilleabháin"},
]
MISSES: list[dict[str, Any]] = [
    {"nhs_number": "9990548609"},
    {"local_patient_id": "LP 7"},
    {"family_name": "Ó Súilleabháin", "birth_date": "1980-05-18"},
    {"family_name": "Ó Súilleabháin", "birth_date": "1980-05-17", "given_name": "Bea"},
    {"nhs_number": "9434765919", "postcode": "ZE1 9QX"},
    {"nhs_number": "9434765919", "family_name": "Okafor"},
    {"family_name": "unknown", "birth_date": "1980-05-17"},
]


async def test_people_are_found_by_exact_values_however_they_are_spelled(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        ada = await recorded(caller, **ADA)
        await recorded(caller, family_name="Okafor", birth_date="1980-05-17")
        for search in FINDS:
            assert await found(caller, **search) == [ada], search
        for search in MISSES:
            assert await found(caller, **search) == [], search
        (shown,) = (await caller.post(SEARCH, json=FINDS[0])).json()["items"]
    assert shown["identity"]["family_name"] == ADA["family_name"]
    assert (shown["site_id"], shown["version"], shown["restricted"]) == (None, 1, False)


async def test_a_correction_is_found_at_once_and_what_was_before_no_more(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        ada = await recorded(caller, **ADA)
        change = {"family_name": "Okafor", "local_patient_id": None, "nhs_number": None}
        await caller.patch(f"/v1/people/{ada}/demographics", json=change, headers={"If-Match": "*"})
        assert await found(caller, family_name="Okafor", birth_date="1980-05-17") == [ada]
        for search in FINDS:
            assert await found(caller, **search) == []


@pytest.mark.parametrize(
    "search",
    [
        {},
        {"family_name": "Okafor"},
        {"birth_date": "1980-05-17", "given_name": "Ada", "postcode": "SW17 0QT"},
        {"family_name": "Okafor", "given_name": "Ada"},
    ],
)
async def test_nobody_is_found_by_guessing(referrals: Door, search: dict[str, Any]) -> None:
    async with referrals.caller(ALL) as caller:
        refused = await caller.post(SEARCH, json=search)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "too_little")
    assert not any(value in refused.text for value in search.values())


async def test_a_site_finds_its_own_people_only(referrals: Door) -> None:
    here, there = uuid4(), uuid4()
    async with (
        referrals.caller(ALL, sites=[here]) as one,
        referrals.caller(ALL, sites=[there]) as other,
        referrals.caller(ALL) as everywhere,
    ):
        own, foreign, nobodys = [await recorded(caller, **ADA) for caller in (one, other, everywhere)]
        for search in FINDS:
            assert await found(one, **search) == [own]
            assert await found(other, **search) == [foreign]
            assert await found(everywhere, **search) == [own, foreign, nobodys]


async def test_long_lists_come_in_pages(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        ids = [await recorded(caller, local_patient_id="7", given_name=f"P{letter}") for letter in "ABCDE"]
        seen, cursor = [], None
        for _ in range(3):
            page = (await caller.post(SEARCH, json={"local_patient_id": "7", "limit": 2, "cursor": cursor})).json()
            seen += [each["id"] for each in page["items"]]
            cursor = page["next"]
    assert (seen, cursor) == (ids, None)


async def test_a_search_is_logged_by_its_shape_and_by_whom_it_showed(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        ada = await recorded(caller, **ADA)
        await found(caller, family_name=ADA["family_name"], birth_date=ADA["birth_date"])
        await caller.post(SEARCH, json={"nhs_number": "9990548609"}, headers={"Idempotency-Key": "k-1"})
    deeds = await rows(database, "audit", "WHERE action = 'read' ORDER BY id")
    assert [(deed["resource"], deed["detail"], deed["person_id"] and str(deed["person_id"])) for deed in deeds] == [
        ("people", "search by=family_name,birth_date found=1", None),
        ("person", "found by a search", ada),
        ("people", "search by=nhs_number found=0", None),
    ]
    assert await rows(database, "idempotency_keys") == [], "no answer that names people is kept"
