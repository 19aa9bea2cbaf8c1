"""A referral that comes as a FHIR message is the same referral: read back field by field by the native door."""

import json
from base64 import b64encode
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from services.referrals.queries.keys import person_key
from services.referrals.tables import Message
from shared.days import today
from shared.db import limit_to, session_maker
from shared.settings import settings
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows
from tests.referrals.fhir.messages import (
    ALL,
    PROCESS,
    WRITE,
    a_message,
    ids,
    part,
    read_back,
    refused,
    send,
    taken,
)

OFFICIAL = (
    Path(__file__).parents[4] / "shared/reference/fhir/bars-servicerequest-validation-request.json"
)  # where it is at hand
SITE = UUID("6f8f4f0e-6a55-4c1a-8f6b-6d9b4f2f7a10")


async def test_a_referral_message_is_recorded_and_read_back_field_by_field(referrals: Door) -> None:
    message = a_message(source_id="R-1")
    async with referrals.caller(ALL) as caller:
        answer = await send(caller, message)
        referral_id, person_id = taken(answer)
        found = await read_back(caller, referral_id)
    assert (
        found
        | {
            "person_id": person_id,
            "source_system": "H85000",
            "source_id": "R-1",
            "received_on": f"{today()}",
            "source": "A1",
            "site_id": None,
            "pathway": "triage",
            "programme": "talking_therapies",
            "presenting_problem": None,
            "status": "received",
            "note": "Low mood since the spring; would like a group.",
        }
        == found
    )
    assert found["person"] == {
        "nhs_number": "9434765919",
        "family_name": "Okafor",
        "given_name": "Ada",
        "birth_date": "1980-05-17",
        "postcode": "SW17 0QT",
        "language": "ig",
    }
    assert "9434765919" not in answer.text


def official() -> dict[str, Any]:
    if not OFFICIAL.exists():
        pytest.skip("the official examples are not here")
    found: dict[str, Any] = json.loads(OFFICIAL.read_text())
    return found


async def test_the_official_validation_request_is_refused_as_not_supported(referrals: Door, database: Database) -> None:
    async with referrals.caller(WRITE) as caller:
        answer = await send(caller, official())
    assert refused(answer) == (501, "REC_NOT_IMPLEMENTED", "not-supported")
    assert await rows(database, "referrals") == []


async def test_the_official_example_as_a_referral_is_refused_for_its_nhs_number_and_accepted_with_a_good_one(
    referrals: Door,
) -> None:
    message = official()
    header, request, patient = (part(message, kind) for kind in ("MessageHeader", "ServiceRequest", "Patient"))
    request["category"][0]["coding"][0] |= {"code": "referral", "display": "Referral"}
    request["meta"]["profile"] = ["https://fhir.nhs.uk/StructureDefinition/BARSServiceRequest-request-referral"]
    header["definition"] = "https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-referral"
    request_id = str(uuid4())
    async with referrals.caller(ALL) as caller:
        assert refused(await send(caller, message)) == (400, "REC_BAD_REQUEST", "value")
        patient["identifier"][0]["value"] = "9434765919"
        referral_id, _ = taken(await send(caller, message, X_Request_Id=request_id))
        found = await read_back(caller, referral_id)
    assert (found["source_system"], found["source_id"], found["source"]) == ("RND", request_id, None)
    assert found["received_on"] == f"{today()}"
    assert found["note"].startswith("CONSULTATION SUMMARY")
    assert len(found["note"]) <= 4000
    assert found["person"] == {
        "nhs_number": "9434765919",
        "family_name": "Jones",
        "given_name": "Julie",
        "birth_date": "1959-05-04",
        "postcode": "LS10 4YU",
        "phone": "07736312544",
        "email": "jjones@hotmail.co.uk",
        "ethnic_category": "A",
        "language": "en",
    }


UNTIDY_URLS = [
    ("https://fhir.nhs.uk/CodeSystem/message-reason-bars", "http://fhir.nhs.uk/Codesystem/message-reason-bars"),
    ("https://fhir.nhs.uk/Id/nhs-number", "http://fhir.nhs.uk/id/NHS-Number/"),
    ("https://fhir.nhs.uk/Id/ods-organization-code", "https://fhir.nhs.uk/id/ods-organization-code"),
    ("http://snomed.info/sct", "https://snomed.info/sct"),
]


@pytest.mark.parametrize(("spelled", "otherwise"), UNTIDY_URLS)
async def test_systems_are_compared_without_case_and_scheme(referrals: Door, spelled: str, otherwise: str) -> None:
    text = json.dumps(a_message())
    assert spelled in text
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, text.replace(spelled, otherwise).encode()))
        found = await read_back(caller, referral_id)
    assert (found["source_system"], found["source"], found["person"]["nhs_number"]) == ("H85000", "A1", "9434765919")


async def test_what_real_messages_leave_untidy_is_passed_over(referrals: Door) -> None:
    message = a_message()
    del message["meta"]
    request, patient = part(message, "ServiceRequest"), part(message, "Patient")
    request["encounter"] = {"reference": "EpisodeOfCare/d877b820-e72b-44d1-a627-195f54bfc606"}
    request["requester"] = {"reference": "urn:uuid:nowhere"}
    request["basedOn"].append({"reference": "CarePlan/elsewhere"})
    service = part(message, "HealthcareService")
    service["identifier"] = service["identifier"][0]
    service["location"] = {"reference": "Location/1"}
    patient["birthDate"] = "1980-05"
    patient["address"] = [{"use": "old", "postalCode": "SW1A 1AA"}, {"postalCode": "no postcode"}]
    patient["name"] = [{"use": "maiden", "family": "Smith"}, {"family": "Okafor", "given": ["Ada", "Ngozi"]}]
    patient["communication"] = [{"language": {"coding": [{"code": code}]}} for code in ("ig", "en")]
    message["entry"].append({"fullUrl": "urn:uuid:e", "resource": {"resourceType": "Endpoint", "address": [{}]}})
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, message))
        found = await read_back(caller, referral_id)
    assert found["person"] == {"nhs_number": "9434765919", "family_name": "Okafor", "given_name": "Ada Ngozi"}


def with_extension(url: str, system: str, code: str) -> dict[str, Any]:
    message = a_message()
    concept = {"url": url, "valueCodeableConcept": {"coding": [{"system": system, "code": code}]}}
    part(message, "Patient")["extension"] = [concept]
    return message


ETHNIC = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory"
RELIGION = "http://hl7.org/fhir/StructureDefinition/patient-religion"
GENDER = "http://hl7.org/fhir/StructureDefinition/patient-genderIdentity"
UK_CORE = "https://fhir.hl7.org.uk/CodeSystem/UKCore"
V3_RELIGION = "http://terminology.hl7.org/CodeSystem/v3-ReligiousAffiliation"


@pytest.mark.parametrize(
    ("url", "system", "code", "field", "value"),
    [
        (ETHNIC, f"{UK_CORE}-EthnicCategoryEngland", "N", "ethnic_category", "N"),
        (ETHNIC, f"{UK_CORE}-EthnicCategoryEngland", "CA", "ethnic_category", None),
        (ETHNIC, f"{UK_CORE}-EthnicCategory", "N", "ethnic_category", "N"),
        (ETHNIC, f"{UK_CORE}-EthnicCategory", "PC", "ethnic_category", "P"),
        (ETHNIC, f"{UK_CORE}-EthnicCategory", "QQ", "ethnic_category", None),
        (ETHNIC, f"{UK_CORE}-EthnicCategoryScotland", "N", "ethnic_category", None),
        (RELIGION, V3_RELIGION, "1047", "religion", "366740002"),
        (RELIGION, V3_RELIGION, "1041", "religion", None),
        (RELIGION, "http://snomed.info/sct", "160540005", "religion", "160540005"),
        (GENDER, "http://hl7.org/fhir/gender-identity", "transgender-female", "gender_identity", "2"),
        (GENDER, "http://hl7.org/fhir/gender-identity", "non-disclose", "gender_identity", "Z"),
        (GENDER, "https://sender.example/own", "male", "gender_identity", None),
    ],
)
async def test_codes_are_translated_by_table_or_left_out(
    referrals: Door, url: str, system: str, code: str, field: str, value: str | None
) -> None:
    message = with_extension(url, system, code)
    part(message, "Patient")["gender"] = "female"
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, message))
        assert (await read_back(caller, referral_id))["person"].get(field) == value


async def test_gender_identity_interpreter_and_contact_are_found_where_the_profiles_put_them(referrals: Door) -> None:
    message = a_message()
    patient = part(message, "Patient")
    patient["telecom"] = [{"system": "phone", "value": "020 7946 0001"}]
    patient["contact"] = [
        {"relationship": [{"coding": [{"code": "EP"}]}], "telecom": [{"system": "phone", "value": "020 7946 0666"}]},
        {
            "relationship": [{"coding": [{"code": "ONESELF"}]}],
            "telecom": [
                {"system": "phone", "value": "not a number", "rank": 1},
                {"system": "phone", "value": "020 7946 0003", "rank": 3},
                {"system": "phone", "value": "tel:+44 20 7946 0002", "rank": 2},
            ],
        },
    ]
    female = {"coding": [{"system": "http://snomed.info/sct", "code": "446141000124107"}]}
    patient["extension"] = [
        {"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired", "valueBoolean": True},
        {
            "url": "http://hl7.org/fhir/StructureDefinition/individual-genderIdentity",
            "extension": [{"url": "value", "valueCodeableConcept": female}],
        },
    ]
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, message))
        person = (await read_back(caller, referral_id))["person"]
    assert (person["phone"], person["gender_identity"]) == ("+44 20 7946 0002", "2")
    assert person["interpreter_required"] is True


async def test_an_nhs_number_that_its_sender_did_not_verify_is_not_taken_for_theirs(referrals: Door) -> None:
    message = a_message()
    status = {
        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
        "valueCodeableConcept": {"coding": [{"system": f"{UK_CORE}-NHSNumberVerificationStatusEngland", "code": "02"}]},
    }
    part(message, "Patient")["identifier"][0]["extension"] = [status]
    verified = deepcopy(message)
    part(verified, "ServiceRequest")["identifier"][0]["value"] = "R-verified"
    status = part(verified, "Patient")["identifier"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]
    status["code"] = "01"
    async with referrals.caller(ALL) as caller:
        first, _ = taken(await send(caller, message))
        second, _ = taken(await send(caller, verified))
        assert "nhs_number" not in (await read_back(caller, first))["person"]
        assert (await read_back(caller, second))["person"]["nhs_number"] == "9434765919"


def problems(*concepts: list[tuple[str, str]]) -> dict[str, Any]:
    message = a_message()
    part(message, "CarePlan")["addresses"] = [
        {"reference": f"urn:uuid:condition-{place}"} for place in range(len(concepts))
    ]
    for place, codings in enumerate(concepts):
        coded = [{"system": system, "code": code} for system, code in codings]
        condition = {"resourceType": "Condition", "code": {"coding": coded, "text": "Low mood"}}
        message["entry"].append({"fullUrl": f"urn:uuid:condition-{place}", "resource": condition})
    return message


ICD = "http://hl7.org/fhir/sid/icd-10"
SNOMED = "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (problems([(ICD, "F32.1")]), "F32.1"),
        (problems([(SNOMED, "35489007"), (ICD, "F41.1")]), "F41.1"),
        (problems([(SNOMED, "723916001")]), "723916001"),
        (problems([(SNOMED, "35489007")]), None),
        (problems([(ICD, "F32.1")], [(ICD, "F41.1")]), None),
        (problems([("https://sender.example/own", "F32.1")]), None),
    ],
)
async def test_a_presenting_problem_is_taken_only_from_what_the_care_plan_addresses(
    referrals: Door, message: dict[str, Any], problem: str | None
) -> None:
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, message))
        assert (await read_back(caller, referral_id))["presenting_problem"] == problem


def from_source(*codes: str) -> dict[str, Any]:
    message = a_message()
    source = part(message, "ServiceRequest")["extension"]
    if codes:
        source[0]["valueCodeableConcept"]["coding"] = [{"system": SNOMED, "code": code} for code in codes]
    else:
        source.clear()
    return message


@pytest.mark.parametrize(
    ("message", "usual", "source"),
    [
        (from_source("1036481000000106"), {}, "B1"),
        (from_source("185365002"), {"iaptus": "G4"}, "C1"),
        (from_source(), {"iaptus": "G4"}, "G4"),
        (from_source(), {"other": "G4"}, None),
        (from_source("394617004"), {"iaptus": "G4"}, None),
        (from_source("108161000000109", "185365002"), {}, None),
    ],
)
async def test_the_source_is_what_the_message_or_the_clients_setting_says_and_never_guessed(
    referrals: Door,
    monkeypatch: pytest.MonkeyPatch,
    message: dict[str, Any],
    usual: dict[str, str],
    source: str | None,
) -> None:
    monkeypatch.setenv("ROUNDTABLE_FHIR_SOURCES", json.dumps(usual))
    settings.cache_clear()
    async with referrals.caller(ALL) as caller:
        referral_id, _ = taken(await send(caller, message))
        assert (await read_back(caller, referral_id))["source"] == source


async def test_the_sender_is_the_messages_organisation_else_the_headers_else_the_client(referrals: Door) -> None:
    message = a_message()
    del part(message, "MessageHeader")["sender"]
    organisation = {"resourceType": "Organization"} | {
        "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "rr8"}]
    }
    header = b64encode(json.dumps(organisation).encode()).decode()
    async with referrals.caller(ALL) as caller:
        first, _ = taken(await send(caller, message, NHSD_End_User_Organisation=header))
        second, _ = taken(await send(caller, message, NHSD_End_User_Organisation="nonsense", use_context="any"))
        found = [(await read_back(caller, each))["source_system"] for each in (first, second)]
    assert found == ["RR8", "iaptus"]


async def test_the_message_is_kept_byte_for_byte_and_sealed(referrals: Door, database: Database) -> None:
    message = a_message()
    part(message, "Patient")["name"][0]["family"] = "Ọkàfọ̀r"
    content = b"  " + json.dumps(message, ensure_ascii=False, indent=3).encode() + b"\n"
    async with referrals.caller(WRITE) as caller:
        referral_id, person_id = taken(await send(caller, content, NHSD_Requesting_Software="c29mdHdhcmU="))
    (kept,) = await rows(database, "messages")
    assert (str(kept["referral_id"]), str(kept["person_id"]), kept["kind"]) == (referral_id, person_id, "new")
    assert b"Patient" not in kept["raw"]
    assert kept["received_at"] <= datetime.now(UTC)
    async with session_maker()() as session:
        limit_to(session, None)
        row = (await session.scalars(select(Message))).one()
        key = await person_key(session, row.person_id)
    assert key is not None
    assert row.raw is not None
    assert row.headers is not None
    assert key.open("message", row.raw).encode("latin-1") == content
    assert json.loads(key.open("headers", row.headers)) == {"NHSD-Requesting-Software": "c29mdHdhcmU="}


def for_site(*systems: tuple[str, str]) -> dict[str, Any]:
    message = a_message()
    named = [{"system": system, "value": value} for system, value in systems]
    part(message, "HealthcareService")["identifier"] += named
    return message


async def test_a_site_is_named_by_our_own_identifier_and_must_be_the_tokens(referrals: Door) -> None:
    ours, theirs = for_site(("urn:roundtable:site", str(SITE))), for_site(("https://other.example", str(SITE)))
    other = uuid4()
    async with referrals.caller(ALL) as everywhere:
        named = await read_back(everywhere, taken(await send(everywhere, ours))[0])
        unnamed = await read_back(everywhere, taken(await send(everywhere, theirs))[0])
        async with referrals.caller(ALL, sites=[other], client="site") as limited:
            own = await read_back(everywhere, taken(await send(limited, theirs))[0])
            assert refused(await send(limited, ours)) == (404, "REC_NOT_FOUND", "not-found")
        async with referrals.caller(ALL, sites=[other, SITE], client="two") as several:
            assert refused(await send(several, theirs)) == (400, "REC_BAD_REQUEST", "required")
    assert [each["site_id"] for each in (named, unnamed, own)] == [str(SITE), None, str(other)]


async def test_a_referral_known_natively_is_recognised_and_a_different_one_is_a_conflict(referrals: Door) -> None:
    native = a_referral(source_system="H85000", source_id="R-N", received_on="2026-03-14", source="A1")
    native["note"] = "Low mood since the spring; would like a group."
    native["person"] = {
        "nhs_number": "9434765919",
        "family_name": "Okafor",
        "given_name": "Ada",
        "birth_date": "1980-05-17",
        "postcode": "SW17 0QT",
        "language": "ig",
    }
    message = a_message(source_id="R-N")
    async with referrals.caller(ALL) as caller:
        recorded = (await caller.post("/v1/referrals", json=native)).json()
        referral_id, _ = taken(await send(caller, message))
        again, _ = taken(await send(caller, message))
        part(message, "Patient")["address"] = []
        differs = await send(caller, message)
    assert recorded["id"] == referral_id == again
    assert refused(differs) == (409, "REC_CONFLICT", "conflict")


async def test_the_path_may_be_percent_encoded(referrals: Door) -> None:
    async with referrals.caller(WRITE) as caller:
        answer = await caller.post(PROCESS.replace("$", "%24"), json=a_message(), headers=ids())
    assert answer.status_code == 200, answer.text
