"""A person's record: who they are, what was answered and by whom, corrected and never overwritten."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from shared.days import today
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows

ALL = "referrals:write referrals:read people:read people:write"
NUMBER, OTHER_NUMBER = "9434765919", "9990548609"


async def recorded(caller: httpx.AsyncClient, **person: Any) -> str:
    """Record a referral of a person; return the path of their record."""
    told = await caller.post("/v1/referrals", json=a_referral(person=person))
    assert told.status_code == 201, told.text
    return f"/v1/people/{told.json()['person_id']}"


async def corrected(caller: httpx.AsyncClient, path: str, version: object = "*", **change: Any) -> httpx.Response:
    """Correct a person at the version held."""
    held = version if version == "*" else f'"{version}"'
    return await caller.patch(f"{path}/demographics", json=change, headers={"If-Match": str(held)})


async def test_a_field_is_recorded_not_stated_not_known_or_missing(referrals: Door) -> None:
    said = {
        "gender_identity": "X",  # not known
        "ethnic_category": "Z",  # not stated
        "employment_status": "01",
        "interpreter_required": False,
        "disabilities": ["ZZ"],
        "long_term_conditions": [],
        "imd_decile": 3,
    }
    async with referrals.caller(ALL) as caller:
        path = await recorded(caller, **said)
        read = await caller.get(path)
    answers = read.json()["demographics"]
    assert read.headers["ETag"] == '"1"'
    assert {name: answers[name]["value"] for name in said} == said
    assert {name: answer["state"] for name, answer in answers.items()} == {
        "gender_identity": "not_known",
        "gender_same_at_birth": "missing",
        "ethnic_category": "not_stated",
        "language": "missing",
        "interpreter_required": "recorded",
        "religion": "missing",
        "sexual_orientation": "missing",
        "disabilities": "not_stated",
        "employment_status": "recorded",
        "ex_armed_forces": "missing",
        "long_term_conditions": "missing",
        "imd_decile": "recorded",
    }
    assert answers["ethnic_category"]["answered_by"] == "iaptus"
    assert answers["ethnic_category"]["answered_at"] is not None
    assert answers["religion"] == {"value": None, "state": "missing", "answered_at": None, "answered_by": None}


async def test_a_correction_keeps_what_was_and_announces_what_is(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller, referrals.caller("people:write", client="desk") as desk:
        path = await recorded(
            caller, family_name="Okafor", postcode="SW17 0QT", birth_date="1980-05-17", ethnic_category="N"
        )
        told = await corrected(
            desk, path, 1, family_name="Okafor-Bright", postcode=None, ethnic_category=None, language="ig"
        )
        record = (await caller.get(path)).json()
        history = (await caller.get(f"{path}/history")).json()["items"]
    assert (told.status_code, told.headers["ETag"]) == (200, '"2"'), told.text
    assert told.json() == {"id": record["id"], "version": 2}, "nothing of it names anybody"
    assert record["identity"]["family_name"] == "Okafor-Bright"
    assert (record["identity"]["postcode"], record["identity"]["birth_date"]) == (None, "1980-05-17")
    taken_back = record["demographics"]["ethnic_category"]
    assert (taken_back["value"], taken_back["state"], taken_back["answered_by"]) == (None, "missing", "desk")
    assert [(each["version"], each["by"]) for each in history] == [(1, "iaptus"), (2, "desk")]
    assert history[0]["answered"] == {"ethnic_category": "N"}
    assert history[1]["answered"] == {"ethnic_category": None, "language": "ig"}
    assert history[1]["corrected"] == [
        {"field": "family_name", "was": "Okafor"},
        {"field": "postcode", "was": "SW17 0QT"},
    ]
    *_, last = [
        event for event in await rows(database, "outbox", "ORDER BY id") if event["subject"].startswith("people")
    ]
    assert (last["version"], last["data"].get("ethnic_category"), last["data"]["language"]) == (2, None, "ig")
    assert last["data"]["birth_month"] == "1980-05"
    (person,) = await rows(database, "people")
    assert (person["announced"], person["examined_at"]) == (2, None), "the matcher looks again"
    *_, deed = await rows(database, "audit", "WHERE action = 'update' ORDER BY id")
    assert (deed["client"], deed["detail"]) == ("desk", "identity=family_name,postcode demographics=2")


async def test_the_same_answer_again_is_an_answer_and_the_same_name_again_is_none(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller, referrals.caller(ALL, client="desk") as desk:
        path = await recorded(caller, family_name="Okafor", ethnic_category="N")
        nothing = await corrected(desk, path, family_name="Okafor")
        empty = await corrected(desk, path)
        asked_again = await corrected(desk, path, ethnic_category="N")
        record = (await caller.get(path)).json()
    assert [answer.json()["version"] for answer in (nothing, empty, asked_again)] == [1, 1, 2]
    assert record["demographics"]["ethnic_category"]["answered_by"] == "desk"


async def test_a_correction_is_of_the_version_that_was_read(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        path = await recorded(caller, family_name="Okafor")
        blind = await caller.patch(f"{path}/demographics", json={"given_name": "Ada"})
        unseen = await caller.patch(f"{path}/demographics", json={"nonsense": 1})
        both = await asyncio.gather(*(corrected(caller, path, 1, given_name=name) for name in ("Ada", "Adaeze")))
        stale = await corrected(caller, path, 1, given_name="Adanna")
        nobody = await corrected(caller, f"/v1/people/{uuid4()}", 1, nonsense=1)
    assert (blind.status_code, unseen.status_code) == (428, 428)
    assert sorted(answer.status_code for answer in both) == [200, 412]
    assert (stale.status_code, nobody.status_code) == (412, 404)


async def test_a_retried_correction_takes_effect_once(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await recorded(caller, family_name="Okafor")
        headers = {"If-Match": '"1"', "Idempotency-Key": "k-1"}
        told = [
            await caller.patch(f"{path}/demographics", json={"family_name": "Bright"}, headers=headers)
            for _ in range(2)
        ]
    assert [answer.status_code for answer in told] == [200, 200]
    assert told[0].content == told[1].content
    assert told[1].headers["Idempotent-Replayed"] == "true"
    assert len(await rows(database, "corrections")) == 1
    assert b"Bright" not in (await rows(database, "idempotency_keys"))[0]["body"]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"birth_date": "1899-12-31"}, "/birth_date", "implausible"),
    ({"birth_date": "2026-03-15"}, "/birth_date", "implausible"),  # after the referral
    ({"birth_date": (today() + timedelta(days=1)).isoformat()}, "/birth_date", "implausible"),
    ({"nhs_number": "9434765918"}, "/nhs_number", "nhs_number_invalid"),
    ({"ethnic_category": "Q"}, "/ethnic_category", "code_unknown"),
    ({"postcode": "NOWHERE"}, "/postcode", "postcode_invalid"),
    ({"site_id": str(uuid4())}, "/site_id", "extra_forbidden"),
]


@pytest.mark.parametrize(("change", "where", "code"), WRONG)
async def test_what_cannot_be_is_refused_without_being_repeated(
    referrals: Door, database: Database, change: dict[str, Any], where: str, code: str
) -> None:
    async with referrals.caller(ALL) as caller:
        path = await recorded(caller, family_name="Okafor")
        refused = await corrected(caller, path, 1, **change)
    assert refused.status_code == 422, refused.text
    (error,) = refused.json()["errors"]
    assert (error["pointer"], error["code"]) == (where, code)
    assert str(next(iter(change.values()))) not in refused.text
    assert await rows(database, "corrections") == []


async def test_a_number_is_one_persons_within_a_site(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        one, other = await recorded(caller, nhs_number=NUMBER), await recorded(caller, family_name="Okafor")
        taken = await corrected(caller, other, 1, nhs_number=NUMBER)
        own = await corrected(caller, one, 1, nhs_number=NUMBER)
        free = await corrected(caller, other, 1, nhs_number=OTHER_NUMBER)
        found = await caller.post("/v1/referrals", json=a_referral(person={"nhs_number": OTHER_NUMBER}))
        given_up = await corrected(caller, one, 1, nhs_number=None)
        then = await corrected(caller, other, nhs_number=NUMBER)
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/number-in-use")
    assert f"/v1/people/{taken.json()['person_id']}" == one
    assert (own.status_code, own.json()["version"]) == (200, 1)
    assert free.status_code == given_up.status_code == then.status_code == 200
    assert f"/v1/people/{found.json()['person_id']}" == other, "the next referral finds whom the number was given to"


async def test_two_people_are_never_given_one_number_at_the_same_time(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        paths = [await recorded(caller, family_name=f"Person {letter}") for letter in "ABCD"]
        answers = await asyncio.gather(*(corrected(caller, path, 1, nhs_number=NUMBER) for path in paths))
    assert [answer.status_code for answer in answers].count(200) == 1
    assert {answer.status_code for answer in answers} <= {200, 409, 503}
    assert len([person for person in await rows(database, "people") if person["nhs_number_index"]]) == 1


async def test_a_restricted_record_is_withheld_and_not_changed(referrals: Door) -> None:
    async with referrals.caller(ALL) as keeper, referrals.caller("people:read") as reader:
        path = await recorded(keeper, nhs_number=NUMBER, family_name="Okafor", ethnic_category="N")
        await corrected(keeper, path, 1, family_name="Bright")
        restricted = await keeper.post(f"{path}/restrict", json={"reason": "Contested."})
        assert restricted.status_code == 200, restricted.text
        kept, seen = (await keeper.get(path)).json(), (await reader.get(path)).json()
        history = (await reader.get(f"{path}/history")).json()["items"]
        (found,) = (await reader.post("/v1/people/search", json={"nhs_number": NUMBER})).json()["items"]
        refused = await corrected(keeper, path, family_name="Okafor")
    assert kept["restricted"] is seen["restricted"] is True
    assert kept["identity"]["family_name"] == "Bright"
    assert set(seen["identity"].values()) == {None}
    assert seen["demographics"] is None
    assert {each["answered"] is None for each in history} == {True}
    assert [each["corrected"] for each in history] == [[], [{"field": "family_name", "was": None}]]
    assert set(found["identity"].values()) == {None}
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/person-restricted")


async def test_whoever_read_or_changed_somebody_stands_in_the_report(referrals: Door) -> None:
    async with (
        referrals.caller(ALL) as caller,
        referrals.caller("people:read", client="desk") as desk,
        referrals.caller("people:read", client="auditor") as auditor,
    ):
        path = await recorded(caller, nhs_number=NUMBER)
        await recorded(caller, family_name="Somebody else")
        await corrected(caller, path, 1, family_name="Okafor")
        await desk.get(path)
        await desk.get(f"{path}/history")
        await desk.post("/v1/people/search", json={"nhs_number": NUMBER})
        whole = (await auditor.get(f"{path}/audit")).json()
        paged, cursor = [], ""
        while True:
            page = (await auditor.get(f"{path}/audit?limit=2{cursor}")).json()
            paged += page["items"]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
    told = [(each["client"], each["action"], each["resource"], each["detail"]) for each in whole["items"]]
    assert told == [
        ("iaptus", "create", "referral", None),
        ("iaptus", "update", "person", "identity=family_name demographics=0"),
        ("desk", "read", "person", "identified"),
        ("desk", "read", "person", "history"),
        ("desk", "read", "person", "found by a search"),
        ("auditor", "read", "person", "audit trail"),
    ]
    assert paged[:6] == whole["items"]
    assert {(each["client"], each["detail"]) for each in paged[6:]} == {("auditor", "audit trail")}


async def test_no_log_no_answer(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await recorded(caller, nhs_number=NUMBER)
        admin = await asyncpg.connect(database.admin_dsn)
        await admin.execute("REVOKE INSERT ON referrals.audit FROM roundtable_referrals")
        await admin.close()
        answers = [
            await caller.get(path),
            await caller.get(f"{path}/history"),
            await caller.get(f"{path}/audit"),
            await caller.post("/v1/people/search", json={"nhs_number": NUMBER}),
            await corrected(caller, path, 1, family_name="Okafor"),
        ]
    assert [answer.status_code for answer in answers] == [500] * 5
    assert (await rows(database, "people"))[0]["version"] == 1
