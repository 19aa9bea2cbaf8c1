"""Referrals as they are sent, and as they are shown."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.referrals.domain import identifiers
from services.referrals.domain.pathway import Decision, Status
from shared.codes import (
    Disability,
    EmploymentStatus,
    EthnicCategory,
    ExArmedForces,
    GenderIdentity,
    GenderSameAtBirth,
    ImdDecile,
    Language,
    LongTermCondition,
    PresentingProblem,
    Religion,
    SexualOrientation,
    SourceOfReferral,
)
from shared.days import Day

Pathway = Literal["triage", "drop_in"]


def _nhs_number(text: str) -> str:
    digits = identifiers.nhs_number(text)
    if digits is None:
        raise PydanticCustomError(
            "nhs_number_invalid", "An NHS number has ten digits, and the last one checks the others."
        )
    return digits


def _postcode(text: str) -> str:
    spelled = identifiers.postcode(text)
    if spelled is None:
        raise PydanticCustomError("postcode_invalid", "Not a UK postcode.")
    return spelled


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Key = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Programme = Annotated[str, StringConstraints(pattern="^[a-z0-9_]{1,64}$")]
NhsNumber = Annotated[str, Field(max_length=20), AfterValidator(_nhs_number)]
Postcode = Annotated[str, Field(max_length=12), AfterValidator(_postcode)]
EXAMPLE_PERSON: dict[str, Any] = {
    "nhs_number": "9434765919",
    "family_name": "Okafor",
    "given_name": "Ada",
    "birth_date": "1980-05-17",
    "postcode": "SW17 0QT",
    "gender_identity": "2",
    "ethnic_category": "N",
    "language": "ig",
    "interpreter_required": False,
}
EXAMPLE: dict[str, Any] = {
    "source_system": "iaptus",
    "source_id": "W-2026-00042",
    "received_on": "2026-09-14",
    "source": "B1",
    "pathway": "drop_in",
    "person": EXAMPLE_PERSON,
}


class Strict(BaseModel):
    """A body in which every field is a known one."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class NewPerson(Strict):
    """Who is referred, as far as known: a person may be wholly anonymous. Absent means not recorded."""

    nhs_number: NhsNumber | None = Field(None, description="Ten digits; the check digit is verified.")
    local_patient_id: Text | None = None
    family_name: Text | None = None
    given_name: Text | None = None
    birth_date: Day | None = None
    postcode: Postcode | None = None
    phone: Annotated[str, StringConstraints(pattern=r"^[0-9+() .-]{3,40}$")] | None = None
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]{1,189}$")] | None = None
    gender_identity: GenderIdentity | None = None
    gender_same_at_birth: GenderSameAtBirth | None = None
    ethnic_category: EthnicCategory | None = None
    language: Language | None = None
    interpreter_required: bool | None = None
    religion: Religion | None = None
    sexual_orientation: SexualOrientation | None = None
    disabilities: Annotated[list[Disability], Field(max_length=13)] | None = None
    employment_status: EmploymentStatus | None = None
    ex_armed_forces: ExArmedForces | None = None
    long_term_conditions: Annotated[list[LongTermCondition], Field(max_length=12)] | None = None
    imd_decile: ImdDecile | None = None


class NewReferral(Strict):
    """A referral to record. `source_system` and `source_id` name it in the sender's own system: sending it again is safe."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    source_system: Key
    source_id: Key
    id: UUID | None = Field(None, description="The sender's own UUID for it, if it has one.")
    received_on: Day = Field(description="Not in the future, 2000 or later.")
    source: SourceOfReferral
    site_id: UUID | None = Field(None, description="The co-provider site that introduced the person.")
    pathway: Pathway = "triage"
    programme: Programme = "talking_therapies"
    presenting_problem: PresentingProblem | None = None
    note: Annotated[str, StringConstraints(max_length=4000)] | None = Field(
        None, description="Free text; encrypted, and never leaves this service but to `people:read`."
    )
    person: NewPerson


class Person(NewPerson):
    """Who somebody is; only for `people:read`, and every read is audited."""


class Referral(BaseModel):
    """A referral as recorded. `person` and `note` are there for callers with `people:read`."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE | {"status": "received", "version": 1}]})

    id: UUID
    person_id: UUID
    source_system: str
    source_id: str
    received_on: date
    source: str | None
    site_id: UUID | None
    pathway: Pathway
    programme: str
    presenting_problem: str | None
    status: Status
    triage_decision: Decision | None = None
    triaged_on: date | None = None
    first_assessment_on: date | None = Field(
        None, description="Derived from its contacts, as are treatment and course."
    )
    first_treatment_on: date | None = None
    last_treatment_on: date | None = None
    treatment_contacts: int = Field(0, description="Attended treatment contacts, up to the end.")
    finished_course: bool = Field(default=False, description="Ended, after at least two treatment contacts.")
    discharged_on: date | None = None
    end_code: str | None = Field(None, description="Of the discharge, when it gave one.")
    version: int
    created_at: datetime


class IdentifiedReferral(Referral):
    """A referral with who it is about."""

    note: str | None = None
    triage_reason: str | None = None
    ended_reason: str | None = Field(None, description="Why it was discharged or reopened, whichever was last.")
    person: Person | None = None


class BulkResult(BaseModel):
    """What became of one line."""

    index: int = Field(description="Position in the request, from 0; blank lines do not count.")
    status: Literal["created", "replayed", "rejected"]
    id: UUID | None = None
    problem: dict[str, Any] | None = None


class BulkResults(BaseModel):
    """What became of every line; a bad one never stops the others."""

    accepted: int
    replayed: int
    rejected: int
    dry_run: bool = False
    results: list[BulkResult]
