"""A referral message as the door takes it: the example of its OpenAPI document."""

from typing import Any

HEADER, REQUEST, PATIENT, PLAN, SENDER, SERVICE = (
    f"urn:uuid:6b8f5c1e-0d1f-4c6a-9b1e-0000000000{number:02}" for number in range(1, 7)
)

MESSAGE: dict[str, Any] = {
    "resourceType": "Bundle",
    "id": "2f0f5a3e-8a55-4f0e-9d5b-6d2f4b1c9e10",
    "meta": {"versionId": "1.2.2"},
    "type": "message",
    "timestamp": "2026-11-20T09:30:00.0000000+00:00",
    "entry": [
        {
            "fullUrl": HEADER,
            "resource": {
                "resourceType": "MessageHeader",
                "eventCoding": {
                    "system": "https://fhir.nhs.uk/CodeSystem/message-events-bars",
                    "code": "servicerequest-request",
                },
                "sender": {"reference": SENDER},
                "source": {"endpoint": "https://practice.example/fhir"},
                "reason": {"coding": [{"system": "https://fhir.nhs.uk/CodeSystem/message-reason-bars", "code": "new"}]},
                "focus": [{"reference": REQUEST}],
            },
        },
        {
            "fullUrl": REQUEST,
            "resource": {
                "resourceType": "ServiceRequest",
                "extension": [
                    {
                        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-SourceOfServiceRequest",
                        "valueCodeableConcept": {
                            "coding": [{"system": "http://snomed.info/sct", "code": "108161000000109"}]
                        },
                    }
                ],
                "identifier": [{"system": "https://practice.example/Id/referral", "value": "R-2026-0815"}],
                "basedOn": [{"reference": PLAN}],
                "status": "active",
                "intent": "plan",
                "category": [
                    {
                        "coding": [
                            {
                                "system": "https://fhir.nhs.uk/CodeSystem/message-category-servicerequest",
                                "code": "referral",
                            }
                        ]
                    }
                ],
                "subject": {"reference": PATIENT},
                "performer": [{"reference": SERVICE}],
            },
        },
        {
            "fullUrl": PATIENT,
            "resource": {
                "resourceType": "Patient",
                "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9434765919"}],
                "name": [{"use": "official", "family": "Okafor", "given": ["Ada"]}],
                "birthDate": "1980-05-17",
                "address": [{"use": "home", "postalCode": "SW17 0QT"}],
                "communication": [{"language": {"coding": [{"code": "ig"}]}, "preferred": True}],
            },
        },
        {
            "fullUrl": PLAN,
            "resource": {
                "resourceType": "CarePlan",
                "status": "active",
                "intent": "plan",
                "subject": {"reference": PATIENT},
                "activity": [{"outcomeCodeableConcept": [{"text": "Low mood since the spring; would like a group."}]}],
            },
        },
        {
            "fullUrl": SENDER,
            "resource": {
                "resourceType": "Organization",
                "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "H85000"}],
            },
        },
        {
            "fullUrl": SERVICE,
            "resource": {
                "resourceType": "HealthcareService",
                "identifier": [{"system": "https://fhir.nhs.uk/Id/dos-service-id", "value": "2000099999"}],
            },
        },
    ],
}
