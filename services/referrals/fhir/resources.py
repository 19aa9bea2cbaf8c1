"""The parts of FHIR R4 that a referral message is read for: narrow, typed, and blind to everything else."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

Text = Annotated[str, Field(max_length=20_000)]
Code = Annotated[str, Field(max_length=1000)]
Flag = Annotated[bool, Field(strict=True)]


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


class Part(BaseModel):
    """A part of a message: what is not named here is not read; what is named must have FHIR's form."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True)


class Coding(Part):
    """A code of a code system."""

    system: Code = ""
    code: Code = ""


class CodeableConcept(Part):
    """A concept, in codes and in words."""

    coding: list[Coding] = []
    text: Text = ""


class Identifier(Part):
    """What something is called in a system."""

    system: Code = ""
    value: Code = ""
    extension: "list[Extension]" = []


class Reference(Part):
    """A pointer to another part of the message, or to something named by its identifier."""

    reference: Code = ""
    identifier: Identifier | None = None


class Extension(Part):
    """What a profile adds."""

    url: Code = ""
    extension: "list[Extension]" = []
    value_codeable_concept: CodeableConcept | None = None
    value_boolean: Flag | None = None


class Meta(Part):
    """About a part itself."""

    version_id: Code | None = None


class HumanName(Part):
    """Somebody's name."""

    use: Code = ""
    family: Text = ""
    given: list[Text] = []


class Address(Part):
    """Where somebody lives."""

    use: Code = ""
    postal_code: Code = ""


class ContactPoint(Part):
    """A telephone number or an e-mail address."""

    system: Code = ""
    value: Code = ""
    use: Code = ""
    rank: int | None = None


class PatientContact(Part):
    """Whom to call for a patient; often the patient."""

    relationship: list[CodeableConcept] = []
    telecom: list[ContactPoint] = []


class Communication(Part):
    """A language that a patient speaks."""

    language: CodeableConcept = CodeableConcept()
    preferred: Flag | None = None


class Resource(Part):
    """A resource of a message."""

    resource_type: Code
    id: Code = ""


class MessageHeader(Resource):
    """What a message is for, from whom, and about what."""

    event_coding: Coding = Coding()
    reason: CodeableConcept = CodeableConcept()
    sender: Reference = Reference()
    focus: list[Reference] = []


class ServiceRequest(Resource):
    """The referral itself."""

    meta: Meta = Meta()
    identifier: list[Identifier] = []
    status: Code = ""
    intent: Code = ""
    category: list[CodeableConcept] = []
    subject: Reference = Reference()
    based_on: list[Reference] = []
    performer: list[Reference] = []
    reason_code: list[CodeableConcept] = []
    extension: list[Extension] = []


class Patient(Resource):
    """Who is referred."""

    identifier: list[Identifier] = []
    name: list[HumanName] = []
    birth_date: Code = ""
    address: list[Address] = []
    telecom: list[ContactPoint] = []
    contact: list[PatientContact] = []
    communication: list[Communication] = []
    extension: list[Extension] = []


class ActivityDetail(Part):
    """What is planned."""

    description: Text = ""


class Activity(Part):
    """What was found, or is planned, in the sender's words."""

    outcome_codeable_concept: list[CodeableConcept] = []
    detail: ActivityDetail = ActivityDetail()


class CarePlan(Resource):
    """Why somebody is referred: in BaRS the clinical reason is here."""

    status: Code = ""
    addresses: list[Reference] = []
    activity: list[Activity] = []


class Condition(Resource):
    """A problem that a care plan addresses."""

    code: CodeableConcept = CodeableConcept()
    verification_status: CodeableConcept = CodeableConcept()


class Organization(Resource):
    """An organisation, known by its ODS code."""

    identifier: list[Identifier] = []


class HealthcareService(Resource):
    """The service that is asked; real ones often have one object where a list belongs."""

    identifier: Annotated[list[Identifier], BeforeValidator(_listed)] = []


class Entry(Part):
    """One resource of a bundle, not read yet."""

    full_url: Code = ""
    resource: dict[str, Any]


class Bundle(Part):
    """A message as it comes."""

    resource_type: Code
    id: Code = ""
    type: Code = ""
    meta: Meta = Meta()
    entry: list[Entry]
