"""The whole table of errors: every refusal of the FHIR door is an OperationOutcome, and none repeats what was sent."""

import json
from collections.abc import Callable
from copy import deepcopy
from operator import delitem
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from fhir.resources.R4B.bundle import Bundle as R4Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome

from deploy.home import free_port
from services.referrals.fhir import door
from shared.settings import settings
from tests.canary import CANARY, NOTE, find, needles
from tests.databases import Database
from tests.doors import Door, forget
from tests.referrals.builders import rows
from tests.referrals.fhir.messages import (
    FHIR_JSON,
    PROCESS,
    WRITE,
    a_message,
    altered,
    ids,
    later,
    part,
    places,
    put,
    refused,
    send,
    taken,
)

Change = Callable[[dict[str, Any]], None]


def changed(change: Change) -> dict[str, Any]:
    message = a_message()
    change(message)
    return message


def without(kind: str) -> dict[str, Any]:
    message = a_message()
    message["entry"] = [each for each in message["entry"] if each["resource"]["resourceType"] != kind]
    return message


def event(code: str) -> dict[str, Any]:
    return changed(lambda m: part(m, "MessageHeader")["eventCoding"].update(code=code))


def with_more(kind: str, **fields: Any) -> dict[str, Any]:
    return changed(lambda m: part(m, kind).update(fields))


def twice_a_patient() -> dict[str, Any]:
    message = a_message()
    again = deepcopy(next(each for each in message["entry"] if each["resource"]["resourceType"] == "Patient"))
    again["resource"]["name"][0]["family"] = "Another"
    message["entry"].append(again)
    return message


REQUIRED, INVALID = (400, "REC_BAD_REQUEST", "required"), (400, "REC_BAD_REQUEST", "invalid")
INVARIANT, VALUE = (400, "REC_BAD_REQUEST", "invariant"), (400, "REC_BAD_REQUEST", "value")
NOT_OFFERED = (501, "REC_NOT_IMPLEMENTED", "not-supported")
TOO_COSTLY = (422, "REC_UNPROCESSABLE_ENTITY", "too-costly")
OTHER_VERSION = (422, "REC_UNPROCESSABLE_ENTITY", "not-supported")

MESSAGES: dict[str, tuple[Any, tuple[int, str, str]]] = {
    "not JSON": (b"<Bundle/>", INVALID),
    "empty": (b"", INVALID),
    "half a message": (json.dumps(a_message()).encode()[:-9], INVALID),
    "a key twice": (b'{"resourceType": "Bundle", "type": "message", "type": "message", "entry": []}', INVALID),
    "NaN": (b'{"resourceType": "Bundle", "type": "message", "entry": [], "total": NaN}', INVALID),
    "a NUL": (json.dumps(with_more("Patient", birthDate="\x00")).encode(), INVALID),
    "a list": ([], INVALID),
    "a patient alone": ({"resourceType": "Patient", "type": "message", "entry": []}, INVALID),
    "a bundle that is no message": (changed(lambda m: m.update(type="batch")), INVALID),
    "an object where a list belongs": (with_more("Patient", name={"family": "Okafor"}), INVALID),
    "a list where an object belongs": (with_more("ServiceRequest", subject=[]), INVALID),
    "a number where text belongs": (with_more("Patient", birthDate=1980), INVALID),
    "a null": (with_more("Patient", telecom=None), INVALID),
    "an entry without resource": (changed(lambda m: m["entry"].append({"fullUrl": "urn:uuid:x"})), INVALID),
    "deep": (b'{"resourceType": ' * 40 + b"1" + b"}" * 40, TOO_COSTLY),
    "very deep": (b"[" * 50_000, TOO_COSTLY),
    "many entries": (changed(lambda m: m["entry"].extend([{"resource": {}}] * 200)), TOO_COSTLY),
    "version 2": (changed(lambda m: m["meta"].update(versionId="2.0.0")), OTHER_VERSION),
    "a version that is none": (changed(lambda m: m["meta"].update(versionId="latest")), OTHER_VERSION),
    "without header": (without("MessageHeader"), REQUIRED),
    "without request": (without("ServiceRequest"), REQUIRED),
    "without patient": (without("Patient"), REQUIRED),
    "with a patient elsewhere": (
        with_more("ServiceRequest", subject={"reference": "https://elsewhere.example/Patient/1"}),
        REQUIRED,
    ),
    "with two patients under one name": (twice_a_patient(), REQUIRED),
    "about a device": (with_more("ServiceRequest", subject={"reference": "urn:uuid:nobody"}), REQUIRED),
    "a booking": (event("booking-request"), NOT_OFFERED),
    "a response": (event("servicerequest-response"), NOT_OFFERED),
    "an unknown event": (event("frobnicate"), INVARIANT),
    "validation": (a_message(category="validation"), NOT_OFFERED),
    "an unknown category": (a_message(category="transfer"), INVARIANT),
    "no category": (changed(lambda m: part(m, "ServiceRequest").pop("category")), INVARIANT),
    "no reason": (changed(lambda m: part(m, "MessageHeader").pop("reason")), INVARIANT),
    "an unknown reason": (a_message(reason="old"), INVARIANT),
    "new and revoked": (a_message(status="revoked"), INVARIANT),
    "new and entered in error": (a_message(status="entered-in-error"), INVARIANT),
    "an unknown status": (a_message(status="bogus"), INVARIANT),
    "update and completed": (a_message(reason="update", status="completed"), INVARIANT),
    "a proposal": (with_more("ServiceRequest", intent="proposal"), INVARIANT),
    "a withdrawn care plan": (with_more("CarePlan", status="entered-in-error"), INVARIANT),
    "an NHS number that does not check": (
        changed(lambda m: part(m, "Patient")["identifier"][0].update(value="9434765918")),
        VALUE,
    ),
    "two NHS numbers": (
        changed(
            lambda m: part(m, "Patient")["identifier"].append(
                {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "4010232137"}
            )
        ),
        VALUE,
    ),
    "a birth date that is none": (with_more("Patient", birthDate="1980-02-30"), VALUE),
    "a birth date to come": (with_more("Patient", birthDate="2999-01-01"), VALUE),
    "a long identifier": (with_more("ServiceRequest", identifier=[{"value": "9" * 65}]), VALUE),
    "an update of nothing known": (a_message(reason="update"), (404, "REC_NOT_FOUND", "not-found")),
}


@pytest.mark.parametrize("name", MESSAGES)
async def test_a_message_that_cannot_be_acted_on_is_refused_by_the_table(
    referrals: Door, database: Database, name: str
) -> None:
    message, expected = MESSAGES[name]
    async with referrals.caller(WRITE) as caller:
        assert refused(await send(caller, message)) == expected
    assert await rows(database, "referrals") == []
    assert await rows(database, "idempotency_keys") == []


async def test_the_ids_are_required_and_must_be_uuids(referrals: Door) -> None:
    async with referrals.caller(WRITE) as caller:
        for name in ("X-Request-Id", "X-Correlation-Id"):
            missing, wrong = ids(), ids(**{name: "not-a-uuid"})
            del missing[name]
            answers = [await caller.post(PROCESS, json=a_message(), headers=each) for each in (missing, wrong)]
            assert [refused(answer) for answer in answers] == [REQUIRED, INVALID]
            for given, answer in zip((missing, wrong), answers, strict=True):
                for echoed in given.keys() & {"X-Request-Id", "X-Correlation-Id"}:
                    assert answer.headers[echoed] == given[echoed]


MEDIA = {
    "application/xml": (415, "REC_UNSUPPORTED_MEDIA_TYPE", "not-supported"),
    "application/fhir+xml; charset=utf-8": (415, "REC_UNSUPPORTED_MEDIA_TYPE", "not-supported"),
    "application/fhir+json; charset=utf-8": None,
    "application/json": None,
}
ACCEPT = {
    "application/fhir+json; version=2.0.0": False,
    "application/fhir+xml": False,
    "text/html": False,
    "application/fhir+json; fhirVersion=3.0": False,
    "application/fhir+json; version=1.2.0": True,
    'application/fhir+json; version="1.1.0"; fhirVersion=4.0': True,
    "application/fhir+xml, application/json;q=0.5": True,
    "*/*": True,
}


async def test_what_form_is_read_and_answered(referrals: Door) -> None:
    async with referrals.caller(WRITE) as caller:
        for media, expected in MEDIA.items():
            answer = await send(caller, a_message(), Content_Type=media)
            assert (refused(answer) if expected else answer.status_code) == (expected or 200), media
        for accept, is_acceptable in ACCEPT.items():
            answer = await send(caller, a_message(), Accept=accept)
            expected = None if is_acceptable else (406, "REC_NOT_ACCEPTABLE", "processing")
            assert (refused(answer) if expected else answer.status_code) == (expected or 200), accept
            able = await caller.get("/FHIR/R4/metadata", headers={"Accept": accept})
            assert able.status_code == (200 if is_acceptable else 406)


async def test_whatever_refuses_below_this_path_it_is_an_operation_outcome(
    referrals: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = a_message()
    async with referrals.caller(WRITE) as caller, referrals.caller("sites:read") as other, referrals.caller() as nobody:
        unauthenticated = await send(nobody, message)
        assert unauthenticated.headers["WWW-Authenticate"].startswith("Bearer")
        assert refused(unauthenticated) == (401, "REC_UNAUTHORIZED", "security")
        assert refused(await send(other, message)) == (403, "REC_FORBIDDEN", "forbidden")
        assert refused(await caller.get("/FHIR/R4/Patient/1", headers=ids())) == (404, "REC_NOT_FOUND", "not-found")
        wrong_method = await caller.get(PROCESS, headers=ids())
        assert refused(wrong_method) == (405, "REC_METHOD_NOT_ALLOWED", "not-supported")
        assert wrong_method.headers["Allow"] == "POST"
        for body in (b" " * 300_000, pieces(b" " * 300_000)):
            given = ids()
            too_large = await caller.post(PROCESS, content=body, headers=given)
            assert refused(too_large) == (413, "REC_UNPROCESSABLE_ENTITY", "too-costly")
            assert too_large.headers["X-Request-Id"] == given["X-Request-Id"]
        length = await caller.post(PROCESS, headers=ids(Content_Length="many"))
        assert refused(length)[:2] == (400, "REC_BAD_REQUEST")
        await change(database, "REVOKE INSERT ON referrals.audit FROM roundtable_referrals")
        assert refused(await send(caller, message)) == (500, "REC_SERVER_ERROR", "exception")
        await change(database, "GRANT INSERT ON referrals.audit TO roundtable_referrals")
        monkeypatch.setattr(settings(), "__dict__", vars(settings()) | {"max_in_flight": 0})
        busy = await send(caller, message)
        assert refused(busy) == (503, "REC_UNAVAILABLE", "transient")
        assert busy.headers["Retry-After"] == "1"


async def test_a_database_that_is_away_is_transient(
    referrals: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = database.dsn("referrals").partition("@")[2].partition("/")[0]
    monkeypatch.setenv("ROUNDTABLE_DATABASE_URL", database.dsn("referrals").replace(host, f"127.0.0.1:{free_port()}"))
    forget()
    async with referrals.caller(WRITE) as caller:
        answer = await send(caller, a_message())
    assert refused(answer) == (503, "REC_UNAVAILABLE", "transient")


async def test_what_takes_longer_than_senders_wait_is_told_so_and_has_not_happened(
    referrals: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "SECONDS", 0.3)
    message, request_id = a_message(), str(uuid4())
    async with referrals.caller(WRITE) as caller:
        connection = await asyncpg.connect(database.admin_dsn)
        async with connection.transaction():
            await connection.execute("LOCK TABLE referrals.referrals")
            slow = await send(caller, message, X_Request_Id=request_id)
        await connection.close()
        assert refused(slow) == (408, "REC_TIMEOUT", "timeout")
        assert await rows(database, "referrals") == []
        monkeypatch.setattr(door, "SECONDS", 5.0)
        taken(await send(caller, message, X_Request_Id=request_id))


async def pieces(content: bytes) -> Any:
    for at in range(0, len(content), 8192):
        yield content[at : at + 8192]


async def change(database: Database, sql: str) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute(sql)
    await connection.close()


async def test_elsewhere_refusals_look_as_they_always_did(referrals: Door) -> None:
    async with referrals.caller() as nobody:
        answer = await nobody.get("/v1/referrals", headers=ids())
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert UUID(answer.headers["X-Request-Id"]).hex == answer.json()["trace_id"]
    assert "X-Correlation-Id" not in answer.headers


async def test_a_header_that_is_no_token_is_not_sent_back(referrals: Door) -> None:
    async with referrals.caller(WRITE) as caller:
        answer = await caller.post(PROCESS, json=a_message(), headers=ids(X_Request_Id=f"{CANARY['postcode']} x"))
    assert refused(answer) == INVALID
    assert answer.headers["X-Request-Id"] == answer.json()["id"]


async def test_no_refusal_repeats_what_was_sent(referrals: Door) -> None:
    message = a_message()
    patient = part(message, "Patient")
    patient["identifier"][0]["value"] = CANARY["nhs_number"]
    patient["name"] = [{"family": CANARY["family_name"], "given": [CANARY["given_name"]]}]
    patient["birthDate"] = CANARY["birth_date"]
    part(message, "CarePlan")["activity"][0]["outcomeCodeableConcept"][0]["text"] = NOTE
    said: list[tuple[str, bytes]] = []
    async with referrals.caller(WRITE) as caller:
        for place, path in enumerate(places(message)):
            for wrong in ([], {CANARY["family_name"]: NOTE}, CANARY["nhs_number"][:9] + "0", [NOTE]):
                answer = await send(caller, altered(message, path, put(wrong)))
                said.append((f"{place}", answer.content))
    assert find(needles(), said) == []


SWAPS: list[Any] = [None, [], {}, "", "x", 0, -1, 1.5, True, [None], {"a": {}}, "urn:uuid:", "9" * 400, [[]], "\ud7ff"]


@pytest.mark.parametrize("seed", range(6))
async def test_no_mutation_of_a_good_message_is_our_fault(referrals: Door, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a repeatable choice, not a secret
    codes: list[int] = []
    async with referrals.caller(WRITE) as caller:
        base = a_message()
        taken(await send(caller, base))
        for _ in range(150):
            message: Any = later(base, status=random.choice(["active", "revoked"])) if random.random() < 0.3 else base
            for _ in range(random.randint(1, 3)):
                path = random.choice([each for each in places(message) if each])
                if random.random() < 0.4:
                    message = altered(message, path, delitem)
                else:
                    swap = random.choice(SWAPS)
                    message = altered(message, path, put(swap))
            answer = await send(caller, message)
            codes.append(answer.status_code)
            if answer.status_code != 200:
                refused(answer)
    assert {code for code in codes if code >= 500} <= {501}, "not offered is no fault; nothing else above 500 is said"
    assert {200, 400} <= set(codes), "some are accepted, some refused: the mutations reach far enough"


async def test_what_the_door_says_is_fhir(referrals: Door) -> None:
    async with referrals.caller(WRITE) as caller, referrals.caller() as nobody:
        message = a_message()
        answers = [
            await send(caller, message),
            await send(caller, later(message, status="revoked")),
            await send(caller, later(message, status="entered-in-error")),
        ]
        outcomes = [await send(caller, each) for each, _ in MESSAGES.values()]
        able = await nobody.get("/FHIR/R4/metadata")
    for answer in answers:
        R4Bundle.model_validate(answer.json())
        assert part(answer.json(), "MessageHeader")["response"]["code"] == "ok"
    for outcome in outcomes:
        OperationOutcome.model_validate(outcome.json())
    assert (able.status_code, able.headers["Content-Type"]) == (200, FHIR_JSON)
    statement = CapabilityStatement.model_validate(able.json())
    assert statement.fhirVersion == "4.0.1"
