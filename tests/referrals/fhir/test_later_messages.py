"""What comes after a referral: corrections, withdrawal, removal; about the right referral of the right person, each once."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows
from tests.referrals.fhir.messages import ALL, WRITE, a_message, later, part, read_back, refused, send, taken
from tests.streams import eventually


async def test_an_update_corrects_what_it_mentions_and_answers_for_the_person(
    referrals: Door, database: Database
) -> None:
    message = a_message()
    async with referrals.caller(ALL) as caller:
        referral_id, person_id = taken(await send(caller, message))
        update = later(message)
        request, patient = part(update, "ServiceRequest"), part(update, "Patient")
        request["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] = "185365002"
        patient["address"] = []
        patient["communication"][0]["language"]["coding"][0]["code"] = "en-GB"
        part(update, "CarePlan")["activity"][0]["outcomeCodeableConcept"][0]["text"] = "Would rather be seen alone."
        assert taken(await send(caller, update)) == (referral_id, person_id)
        found = await read_back(caller, referral_id)
    assert (found["source"], found["note"], found["version"]) == ("C1", "Would rather be seen alone.", 2)
    assert (found["person"]["language"], found["person"]["postcode"]) == ("en", "SW17 0QT")
    assert [each["version"] for each in await rows(database, "demographics", "ORDER BY version")] == [1, 2]
    assert [each["kind"] for each in await rows(database, "messages", "ORDER BY received_at")] == ["new", "update"]


async def test_an_update_of_the_note_alone_is_a_new_version_and_one_of_nothing_is_none(referrals: Door) -> None:
    message = a_message()
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, message))
        taken(await send(caller, later(message)))
        assert (await read_back(caller, referral_id))["version"] == 1
        update = later(message)
        part(update, "CarePlan")["activity"][0]["outcomeCodeableConcept"][0]["text"] = "Other words."
        taken(await send(caller, update))
        found = await read_back(caller, referral_id)
    assert (found["version"], found["note"]) == (2, "Other words.")


async def test_an_update_does_not_put_a_usual_source_in_place_of_a_known_one(
    referrals: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDTABLE_FHIR_SOURCES", '{"iaptus": "G4"}')
    message = a_message()
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, message))
        update = later(message)
        del part(update, "ServiceRequest")["extension"]
        taken(await send(caller, update))
        assert (await read_back(caller, referral_id))["source"] == "A1"


@pytest.mark.parametrize(("attendance", "code"), [(None, "50"), ("7", "50"), ("5", "95")])
async def test_a_withdrawn_referral_ends_by_whether_anybody_was_seen(
    referrals: Door, attendance: str | None, code: str
) -> None:
    message = a_message()
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, message))
        on = (await read_back(caller, referral_id))["received_on"]
        if attendance is not None:
            contact = {"on": on, "appointment_type": "01", "attendance": attendance}
            answer = await caller.post(f"/v1/referrals/{referral_id}/contacts", json=contact)
            assert answer.status_code == 201, answer.text
        revoked = later(message, status="revoked", referral_id=referral_id)
        part(revoked, "ServiceRequest")["reasonCode"] = [{"text": "Moved away."}]
        for _ in range(2):  # sent again with another id, it changes nothing
            taken(await send(caller, revoked))
        found = await read_back(caller, referral_id)
    assert (found["status"], found["end_code"], found["ended_reason"]) == ("discharged", code, "Moved away.")
    assert found["discharged_on"] == on


async def test_a_withdrawal_sent_again_does_not_change_how_the_referral_ended(referrals: Door) -> None:
    message = a_message()
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, message))
        taken(await send(caller, later(message, status="revoked")))
        on = (await read_back(caller, referral_id))["discharged_on"]
        seen = {"on": on, "appointment_type": "01", "attendance": "5"}  # told late, and now it would be 95
        assert (await caller.post(f"/v1/referrals/{referral_id}/contacts", json=seen)).status_code == 201
        taken(await send(caller, later(message, status="revoked")))
        assert (await read_back(caller, referral_id))["end_code"] == "50"


async def test_the_status_is_judged_before_the_category(referrals: Door) -> None:
    message = a_message()
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, message))
        revoked = later(message, status="revoked")
        part(revoked, "ServiceRequest")["category"][0]["coding"][0]["code"] = "validation"
        taken(await send(caller, revoked))
        assert (await read_back(caller, referral_id))["status"] == "discharged"


async def test_a_referral_that_ended_otherwise_is_not_withdrawn(referrals: Door) -> None:
    message = a_message()
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, message))
        on = (await read_back(caller, referral_id))["received_on"]
        ended = await caller.post(f"/v1/referrals/{referral_id}/discharge", json={"on": on, "end_code": "11"})
        assert ended.status_code == 200, ended.text
        assert refused(await send(caller, later(message, status="revoked"))) == (409, "REC_CONFLICT", "conflict")


async def test_one_entered_in_error_is_gone_for_good(referrals: Door) -> None:
    message = a_message()
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, message))
        taken(await send(caller, later(message, status="entered-in-error", referral_id=referral_id)))
        assert (await caller.get(f"/v1/referrals/{referral_id}")).status_code == 404
        assert refused(await send(caller, later(message))) == (404, "REC_NOT_FOUND", "not-found")
        assert refused(await send(caller, message)) == (409, "REC_CONFLICT", "conflict")


@pytest.mark.parametrize("status", ["active", "revoked", "entered-in-error"])
async def test_a_later_message_finds_its_referral_by_our_id_else_by_the_senders_and_else_not(
    referrals: Door, status: str
) -> None:
    message = a_message()
    async with referrals.caller(WRITE) as caller, referrals.caller(WRITE, client="other") as other:
        referral_id, _ = taken(await send(caller, message))
        nowhere = [
            await send(caller, later(message, status=status, referral_id=str(uuid4()))),
            await send(caller, later(a_message(), status=status)),
            await send(other, later(message, status=status)),
        ]
        theirs = later(message, status=status)
        part(theirs, "ServiceRequest")["id"] = str(uuid4())  # the sender's own id, which is none of ours
        assert taken(await send(caller, theirs))[0] == referral_id
    assert [refused(each) for each in nowhere] == [(404, "REC_NOT_FOUND", "not-found")] * 3


async def test_another_sites_referral_is_not_found(referrals: Door) -> None:
    message = a_message()
    async with referrals.caller(WRITE) as caller, referrals.caller(WRITE, sites=[uuid4()]) as limited:
        referral_id, _ = taken(await send(caller, message))
        for status in ("active", "revoked", "entered-in-error"):
            answer = await send(limited, later(message, status=status, referral_id=referral_id))
            assert refused(answer) == (404, "REC_NOT_FOUND", "not-found")


@pytest.mark.parametrize("status", ["active", "revoked", "entered-in-error"])
async def test_a_message_about_somebody_else_changes_nothing(referrals: Door, database: Database, status: str) -> None:
    message = a_message()
    async with referrals.caller(WRITE) as caller:
        referral_id, _ = taken(await send(caller, message))
        mistaken = later(message, status=status, referral_id=referral_id)
        part(mistaken, "Patient")["identifier"][0]["value"] = "4010232137"
        assert refused(await send(caller, mistaken)) == (409, "REC_CONFLICT", "conflict")
    (row,) = await rows(database, "referrals")
    assert (row["version"], row["status"], row["removed_at"]) == (1, "received", None)


async def test_a_message_that_knows_an_older_version_is_a_conflict(referrals: Door) -> None:
    message = a_message()
    async with referrals.caller(ALL) as caller:
        answer = await send(caller, message)
        referral_id, _ = taken(answer)
        update = later(message, referral_id=referral_id)
        request = part(update, "ServiceRequest")
        request["meta"] = {"versionId": part(answer.json(), "ServiceRequest")["meta"]["versionId"]}
        request["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] = "185365002"
        taken(await send(caller, update))
        request["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] = "108161000000109"
        assert refused(await send(caller, update)) == (409, "REC_CONFLICT", "conflict")
        assert (await read_back(caller, referral_id))["source"] == "C1"


async def test_a_request_takes_effect_once_and_a_failed_one_is_judged_afresh(
    referrals: Door, database: Database
) -> None:
    message, request_id = a_message(), str(uuid4())
    wrong: dict[str, Any] = a_message()
    part(wrong, "Patient")["identifier"][0]["value"] = "9434765918"
    async with referrals.caller(WRITE) as caller, referrals.caller(WRITE, client="other") as other:
        assert (await send(caller, wrong, X_Request_Id=request_id)).status_code == 400
        taken(await send(caller, message, X_Request_Id=request_id))
        again = [await send(caller, each, X_Request_Id=request_id) for each in (message, a_message())]
        taken(await send(other, a_message(), X_Request_Id=request_id))
    assert [refused(each) for each in again] == [(409, "REC_CONFLICT", "duplicate")] * 2
    assert len(await rows(database, "referrals")) == 2


async def test_a_request_that_is_still_being_worked_on_is_too_early(referrals: Door, database: Database) -> None:
    request_id, message = str(uuid4()), a_message()
    connection = await asyncpg.connect(database.admin_dsn)

    async def begun() -> bool:
        """Whether the first attempt waits for the table that this test holds."""
        return bool(await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    async with asyncio.timeout(20), referrals.caller(WRITE) as caller:
        async with connection.transaction():
            await connection.execute("LOCK TABLE referrals.referrals")
            first = asyncio.create_task(send(caller, message, X_Request_Id=request_id))
            await eventually(begun)
            early = await send(caller, message, X_Request_Id=request_id)
        taken(await first)
        late = await send(caller, message, X_Request_Id=request_id)
    await connection.close()
    assert refused(early) == (425, "REC_TOO_EARLY", "duplicate")
    assert refused(late) == (409, "REC_CONFLICT", "duplicate")
    assert len(await rows(database, "referrals")) == 1


async def test_a_restricted_person_is_changed_by_no_message(referrals: Door, database: Database) -> None:
    message = a_message()
    async with referrals.caller(ALL) as caller:
        referral_id, person_id = taken(await send(caller, message))
        restricted = await caller.post(f"/v1/people/{person_id}/restrict", json={"reason": "Asked for it."})
        assert restricted.status_code == 200, restricted.text
        for status in ("active", "revoked", "entered-in-error"):
            update = later(message, status=status, referral_id=referral_id)
            part(update, "CarePlan")["activity"][0]["outcomeCodeableConcept"][0]["text"] = "Other words."
            assert refused(await send(caller, update)) == (409, "REC_CONFLICT", "conflict")
            for field in ("identifier", "name", "birthDate", "address", "communication"):
                del part(update, "Patient")[field]  # nothing of the person, only of the pathway
            assert refused(await send(caller, update)) == (409, "REC_CONFLICT", "conflict")
    (row,) = await rows(database, "referrals")
    assert (row["version"], row["status"]) == (1, "received")


async def test_a_later_message_reaches_a_referral_that_came_natively(referrals: Door) -> None:
    native = a_referral(source_system="H85000", source_id="R-M")
    async with referrals.caller(ALL) as caller:
        recorded = (await caller.post("/v1/referrals", json=native)).json()
        taken(await send(caller, later(a_message(source_id="R-M"), status="revoked")))
        assert (await read_back(caller, recorded["id"]))["end_code"] == "50"
