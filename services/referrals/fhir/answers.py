"""What the door answers in FHIR: the message with our ids, and what it can do."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from services.referrals.fhir.acting import Done
from services.referrals.fhir.letters import SITE
from services.referrals.fhir.reading import Message
from shared.fhir import MEDIA_TYPE
from shared.idempotency import Answer

VERSION = "1.2.2"
EVENT = {"system": "https://fhir.nhs.uk/CodeSystem/message-events-bars", "code": "servicerequest-request"}
CATEGORY = "https://fhir.nhs.uk/CodeSystem/message-category-servicerequest"
DEFINITION = "https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-referral"
FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
PUBLISHED = "2026-11-20"


def taken(message: Message, done: Done, request_id: str) -> Answer:
    """Return the answer to a message that was acted on: the same referral, by our ids."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    sent_id = message.header.id if FHIR_ID.fullmatch(message.header.id) else request_id
    header = {
        "resourceType": "MessageHeader",
        "id": str(uuid4()),
        "eventCoding": EVENT,
        "source": {"name": "Roundtable", "software": "Roundtable", "endpoint": "urn:roundtable:referrals"},
        "focus": [{"reference": _url(done.referral_id)}],
        "response": {"identifier": sent_id, "code": "ok"},
    }
    request = {
        "resourceType": "ServiceRequest",
        "id": str(done.referral_id),
        "meta": {"versionId": str(done.version), "lastUpdated": now},
        "status": message.request.status,
        "intent": message.request.intent if message.request.intent in {"plan", "order"} else "plan",
        "category": [{"coding": [{"system": CATEGORY, "code": "referral"}]}],
        "subject": {"reference": _url(done.person_id)},
    }
    patient = {"resourceType": "Patient", "id": str(done.person_id)}
    bundle = {
        "resourceType": "Bundle",
        "id": str(uuid4()),
        "meta": {"versionId": VERSION, "lastUpdated": now},
        "type": "message",
        "timestamp": now,
        "entry": [{"fullUrl": _url(each["id"]), "resource": each} for each in (header, request, patient)],
    }
    return Answer(200, json.dumps(bundle).encode(), {"Content-Type": MEDIA_TYPE})


def _url(id_: object) -> str:
    return f"urn:uuid:{id_}"


CAPABILITIES: dict[str, Any] = {
    "resourceType": "CapabilityStatement",
    "status": "active",
    "date": PUBLISHED,
    "kind": "instance",
    "software": {"name": "Roundtable"},
    "implementation": {
        "description": "Roundtable referrals: shaped like the Booking and Referral Standard, and not onboarded to it."
    },
    "fhirVersion": "4.0.1",
    "format": ["json", MEDIA_TYPE],
    "rest": [
        {
            "mode": "server",
            "documentation": "Operations only: no resource is read, searched or written by REST. JSON only, no XML.",
            "security": {"description": "A bearer token with the scope referrals:write; none for this statement."},
            "operation": [
                {
                    "name": "process-message",
                    "definition": "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message",
                }
            ],
        }
    ],
    "messaging": [
        {
            "documentation": (
                "Event servicerequest-request, category referral. Reason new with status active: a referral. Reason update "
                "with active: corrections; with revoked: the referral is ended; with entered-in-error: it is taken out. "
                "Not supported: validation requests, bookings, responses (501). X-Request-Id and X-Correlation-Id are "
                "required and come back on every answer; an X-Request-Id takes effect once. Later messages name the "
                "referral by the ServiceRequest.id of our answer, or by the identifier they sent. A co-provider site is "
                f"named by ServiceRequest.performer, a HealthcareService with an identifier of the system {SITE}."
            ),
            "supportedMessage": [{"mode": "receiver", "definition": DEFINITION}],
        }
    ],
}
