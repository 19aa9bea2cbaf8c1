"""Receiving referrals, one at a time."""

import asyncio
from typing import Any
from uuid import uuid4

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows

WRITE = "referrals:write"
ALL = "referrals:write referrals:read people:read"


async def test_a_referral_is_recorded_and_read_back_as_sent(referrals: Door) -> None:
    sent = a_referral()
    async with referrals.caller(ALL) as caller:
        answered = await caller.post("/v1/referrals", json=sent)
        assert answered.status_code == 201, answered.text
        told = answered.json()
        assert answered.headers["Location"] == f"/v1/referrals/{told['id']}"
        assert answered.headers["ETag"] == '"1"'
        read = await caller.get(answered.headers["Location"])
    found = read.json()
    assert read.headers["ETag"] == '"1"'
    assert {name: found[name] for name in told} == told
    assert {name: value for name, value in found["person"].items() if value is not None} == sent["person"]
    assert found["note"] == sent["note"]


async def test_the_same_referral_again_is_the_same_and_different_content_is_refused(referrals: Door) -> None:
    sent = a_referral()
    async with referrals.caller(WRITE) as caller:
        first = await caller.post("/v1/referrals", json=sent)
        again = await caller.post("/v1/referrals", json=sent)
        differs = await caller.post("/v1/referrals", json=sent | {"source": "A1"})
    assert (first.status_code, again.status_code, differs.status_code) == (201, 200, 409)
    assert again.json() == first.json()
    assert differs.json()["type"] == "/problems/referral-differs"
    assert differs.headers["content-type"] == "application/problem+json"


async def test_a_retry_with_its_key_gets_the_first_answer(referrals: Door) -> None:
    sent, key = a_referral(), {"Idempotency-Key": "k-1"}
    async with referrals.caller(WRITE) as caller, referrals.caller(WRITE, client="other") as other:
        first = await caller.post("/v1/referrals", json=sent, headers=key)
        again = await caller.post("/v1/referrals", json=sent, headers=key)
        reused = await caller.post("/v1/referrals", json=a_referral(), headers=key)
        elsewhere = await other.post("/v1/referrals", json=sent, headers=key)
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert reused.status_code == 422
    assert reused.json()["type"] == "/problems/key-reused"
    assert elsewhere.status_code == 201, "keys and natural keys belong to one client"
    assert elsewhere.json()["id"] != first.json()["id"]


async def test_many_at_once_are_recorded_once_each(referrals: Door, database: Database) -> None:
    sent = [a_referral() for _ in range(20)]
    async with referrals.caller(WRITE) as caller:
        answers = await asyncio.gather(*(caller.post("/v1/referrals", json=each) for each in sent * 3))
    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    assert len(await rows(database, "referrals")) == 20
    assert sum(answer.status_code == 201 for answer in answers) == 20


async def test_a_recording_leaves_its_events_and_its_trace(referrals: Door, database: Database) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with referrals.caller(WRITE) as caller:
        parent = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        told = (await caller.post("/v1/referrals", json=a_referral(), headers=parent)).json()
    events = await rows(database, "outbox", "ORDER BY id")
    assert [(event["subject"], event["version"]) for event in events] == [
        ("referrals.received.v1", 1),
        ("people.demographics_recorded.v1", 1),
    ]
    received, recorded = (event["data"] for event in events)
    assert received["referral_id"] == told["id"]
    assert received["person_key"] == recorded["person_key"] != told["person_id"].replace("-", "")
    assert recorded["birth_month"] == "1980-05"
    assert recorded["ethnic_category"] == "N"
    assert "employment_status" not in recorded, "absent is not recorded"
    assert all(event["traceparent"].split("-")[1] == trace for event in events)
    deeds = await rows(database, "audit")
    assert [(deed["client"], deed["action"], deed["resource_id"]) for deed in deeds] == [
        ("iaptus", "create", told["id"])
    ]
    assert str(deeds[0]["person_id"]) == told["person_id"]


async def test_somebody_wholly_anonymous_may_come(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        told = await caller.post("/v1/referrals", json=a_referral(person={}, pathway="drop_in"))
        read = await caller.get(told.headers["Location"])
    assert told.status_code == 201
    assert set(read.json()["person"].values()) == {None}


async def test_names_are_for_those_who_may_read_people(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as clinician, referrals.caller("referrals:read") as analyst:
        place = (await clinician.post("/v1/referrals", json=a_referral())).headers["Location"]
        assert "person" not in (await analyst.get(place)).json()
        assert "note" not in (await analyst.get(place)).json()
        assert (await clinician.get(place)).json()["person"]["family_name"] == "Okafor"
    reads = [deed for deed in await rows(database, "audit", "ORDER BY id") if deed["action"] == "read"]
    assert [deed["detail"] for deed in reads] == ["coded", "coded", "identified"]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"received_on": "2999-01-01"}, "/received_on", "in_the_future"),
    ({"received_on": "1999-12-31"}, "/received_on", "too_early"),
    ({"source": "M9"}, "/source", "code_unknown"),
    ({"surprise": 1}, "/surprise", "extra_forbidden"),
    ({"source_id": ""}, "/source_id", "string_too_short"),
    ({"id": "not-a-uuid"}, "/id", "uuid_parsing"),
    ({"person": {"nhs_number": "9434765918"}}, "/person/nhs_number", "nhs_number_invalid"),
    ({"person": {"postcode": "NOWHERE"}}, "/person/postcode", "postcode_invalid"),
    ({"person": {"birth_date": "2031-01-01"}}, "/person/birth_date", "implausible"),
    ({"person": {"ethnic_category": "Q"}}, "/person/ethnic_category", "code_unknown"),
    ({"person": {"imd_decile": 11}}, "/person/imd_decile", "code_unknown"),
]


async def test_what_is_wrong_is_named_by_its_place_and_never_repeated(referrals: Door, database: Database) -> None:
    async with referrals.caller(WRITE) as caller:
        for change, where, code in WRONG:
            refused = await caller.post("/v1/referrals", json=a_referral() | change)
            assert refused.status_code == 422, (change, refused.text)
            problem = refused.json()
            assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == (where, code), change
            assert not any(secret in refused.text for secret in ("Okafor", "943476591", "not-a-uuid", "NOWHERE"))
    assert await rows(database, "referrals") == []


async def test_an_id_of_the_senders_own_is_kept_and_cannot_be_taken_twice(referrals: Door) -> None:
    mine = str(uuid4())
    async with referrals.caller(WRITE) as caller:
        told = await caller.post("/v1/referrals", json=a_referral(id=mine))
        taken = await caller.post("/v1/referrals", json=a_referral(id=mine))
    assert told.json()["id"] == mine
    assert taken.status_code == 409
    assert taken.json()["type"] == "/problems/id-taken"
