"""A restricted record is kept and read, and changed by nobody until the restriction is lifted."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.referrals.queries.people import key_of
from services.referrals.tables import Person
from shared import db
from shared.crypto import keyring
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows

ALL = "referrals:write referrals:read people:read people:write people:erase"
WHY = "Contests that Dr Quillfeather's letter is accurate."


async def recorded(caller: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await caller.post("/v1/referrals", json=a_referral(**changes))
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def restrict(
    caller: httpx.AsyncClient, person: str, headers: dict[str, str] | None = None, *, restricted: bool = True
) -> httpx.Response:
    body = {"restricted": restricted, "reason": WHY}
    return await caller.post(f"/v1/people/{person}/restrict", json=body, headers=headers)


async def test_a_record_is_restricted_and_released_each_time_announced_once(
    referrals: Door, database: Database
) -> None:
    async with referrals.caller(ALL) as caller:
        person = (await recorded(caller))["person_id"]
        for restricted in (True, True, False, False, True):
            answer = await restrict(caller, person, restricted=restricted)
            assert answer.status_code == 200, answer.text
            told = answer.json()
            assert (told["restricted"], told["restricted_at"] is not None) == (restricted, restricted)
            assert answer.headers["ETag"] == f'"{told["version"]}"'
            assert WHY not in answer.text
    key = keyring().person_key(UUID(person))
    sent = await rows(database, "outbox", f"WHERE aggregate_id = '{key}' ORDER BY version")
    assert [row["version"] for row in sent] == [1, 2, 3, 4]
    assert [row["data"].get("restricted") for row in sent] == [None, True, False, True]
    (row,) = await rows(database, "people", f"WHERE id = '{person}'")
    assert (row["version"], row["announced"]) == (told["version"], 4)
    deeds = await rows(database, "audit", f"WHERE resource = 'person' AND person_id = '{person}' ORDER BY id")
    assert [deed["detail"] for deed in deeds] == ["restricted", "restriction lifted", "restricted"]


async def test_the_reason_is_sealed_under_the_persons_key_with_those_before_it(
    referrals: Door, database: Database
) -> None:
    async with referrals.caller(ALL) as caller:
        person = (await recorded(caller))["person_id"]
        for restricted in (True, False):
            await restrict(caller, person, restricted=restricted)
    (row,) = await rows(database, "people", f"WHERE id = '{person}'")
    before = await rows(database, "corrections", f"WHERE person_id = '{person}'")
    assert [each["field"] for each in before] == ["restriction"]
    async with db.session_maker()() as session:
        db.limit_to(session, None)
        key = await key_of(session, await session.get_one(Person, UUID(person)))
    assert [key.open("restriction", sealed) for sealed in (row["restriction"], before[0]["was"])] == [WHY, WHY]
    assert b"Quillfeather" not in row["restriction"] + before[0]["was"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"restricted": True}, 422),
        ({"reason": " "}, 422),
        ({"reason": "x", "more": 1}, 422),
        ({"reason": "x"}, 200),
    ],
)
async def test_a_reason_is_needed(referrals: Door, body: dict[str, Any], status: int) -> None:
    async with referrals.caller(ALL) as caller:
        person = (await recorded(caller))["person_id"]
        answer = await caller.post(f"/v1/people/{person}/restrict", json=body)
    assert answer.status_code == status
    assert status == 422 or answer.json()["restricted"] is True


async def test_who_may_restrict_and_at_which_version(referrals: Door) -> None:
    here, there = uuid4(), uuid4()
    async with (
        referrals.caller(ALL) as caller,
        referrals.caller("referrals:read people:read", sites=[here]) as reader,
        referrals.caller(ALL, sites=[there]) as stranger,
        referrals.caller(ALL, sites=[here]) as own,
    ):
        person = (await recorded(caller, site_id=str(here)))["person_id"]
        assert (await restrict(reader, person)).status_code == 403
        assert (await restrict(stranger, person)).status_code == 404
        assert (await restrict(own, str(uuid4()))).status_code == 404
        assert (await stranger.post(f"/v1/people/{person}/restrict", content=b"{")).status_code == 404, "404 before 422"
        assert (await restrict(own, person, {"If-Match": '"9"'})).status_code == 412
        assert (await restrict(own, person, {"If-Match": '"1"'})).status_code == 200


async def test_a_key_answers_again_what_it_answered(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        person = (await recorded(caller))["person_id"]
        same = {"Idempotency-Key": "k", "If-Match": '"1"'}
        first, again = [await restrict(caller, person, same) for _ in range(2)]
        other = await restrict(caller, person, same, restricted=False)
    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 422)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()


CONTACT = {"on": "2026-04-01", "planned": True, "appointment_type": "01"}
REFUSED: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "correcting demographics": ("PATCH", "/v1/people/{person}/demographics", {"language": "yo"}),
    "erasing": ("DELETE", "/v1/people/{person}", {"reason": "Asked.", "decided_by": "Guardian"}),
    "correcting the referral": ("PATCH", "/v1/referrals/{referral}", {"source": "A1"}),
    "triage": ("POST", "/v1/referrals/{referral}/triage", {"decision": "accepted", "on": "2026-03-20"}),
    "planning a contact": ("POST", "/v1/referrals/{referral}/contacts", CONTACT),
    "recording its attendance": ("PUT", "/v1/contacts/{contact}", CONTACT | {"attendance": "5"}),
    "removing it": ("DELETE", "/v1/contacts/{contact}", None),
    "discharge": ("POST", "/v1/referrals/{referral}/discharge", {"on": "2026-05-01"}),
    "removing the referral": ("DELETE", "/v1/referrals/{referral}", None),
}
ALLOWED: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "reading the person": ("GET", "/v1/people/{person}", None),
    "reading the referral": ("GET", "/v1/referrals/{referral}", None),
    "reading the contact": ("GET", "/v1/contacts/{contact}", None),
    "another referral": ("POST", "/v1/referrals", a_referral()),
    "lifting the restriction": ("POST", "/v1/people/{person}/restrict", {"restricted": False, "reason": "Settled."}),
}


async def ask(door: Door, way: tuple[str, str, dict[str, Any] | None], *, restricted: bool) -> httpx.Response:
    """Ask for something of a person with a referral and a contact."""
    method, path, body = way
    async with door.caller(ALL) as caller:
        referral = await recorded(caller)
        planned = await caller.post(f"/v1/referrals/{referral['id']}/contacts", json=CONTACT)
        assert planned.status_code == 201, planned.text
        if restricted:
            await restrict(caller, referral["person_id"])
        where = {"person": referral["person_id"], "referral": referral["id"], "contact": planned.json()["id"]}
        headers = {"If-Match": "*"} if method in {"PATCH", "PUT"} else {}
        return await caller.request(method, path.format(**where), json=body, headers=headers)


@pytest.mark.parametrize("what", REFUSED)
async def test_a_restricted_record_is_not_changed(referrals: Door, what: str) -> None:
    free = await ask(referrals, REFUSED[what], restricted=False)
    assert free.status_code in {200, 201, 204}, free.text
    refused = await ask(referrals, REFUSED[what], restricted=True)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/person-restricted")


@pytest.mark.parametrize("what", ALLOWED)
async def test_it_is_read_added_to_and_released(referrals: Door, what: str) -> None:
    answer = await ask(referrals, ALLOWED[what], restricted=True)
    assert answer.status_code in {200, 201}, answer.text
