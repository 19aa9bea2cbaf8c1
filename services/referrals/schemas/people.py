"""People as they are shown, corrected and looked for."""

from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.referrals.domain.answers import AnswerState
from services.referrals.schemas.referrals import EXAMPLE_PERSON, NewPerson, NhsNumber, Postcode, Strict, Text
from shared.days import Day
from shared.paging import Paging


class Identity(BaseModel):
    """Who somebody is; null is not recorded."""

    nhs_number: str | None = None
    local_patient_id: str | None = None
    family_name: str | None = None
    given_name: str | None = None
    birth_date: date | None = None
    postcode: str | None = None
    phone: str | None = None
    email: str | None = None


class Answer(BaseModel):
    """What is known in one field, and since when by whose word."""

    value: str | bool | int | list[str] | None
    state: AnswerState = Field(
        description="`not_stated`: asked, and would not say. `not_known`: asked, and nobody knows. `missing`: nothing recorded."
    )
    answered_at: datetime | None = Field(description="When it was last answered, or taken back.")
    answered_by: str | None = Field(description="The client that said so.")


class Answers(BaseModel):
    """What is known of a person's demographics, field by field."""

    gender_identity: Answer
    gender_same_at_birth: Answer
    ethnic_category: Answer
    language: Answer
    interpreter_required: Answer
    religion: Answer
    sexual_orientation: Answer
    disabilities: Answer
    employment_status: Answer
    ex_armed_forces: Answer
    long_term_conditions: Answer
    imd_decile: Answer


class PersonRecord(BaseModel):
    """Somebody who was referred, as one site (or none) knows them."""

    id: UUID
    site_id: UUID | None
    restricted: bool = Field(description="Kept, and not used: identity and demographics are for `people:write` only.")
    identity: Identity
    demographics: Answers | None
    referral_ids: list[UUID]
    merged_into: UUID | None = Field(
        None, description="The record that stands for this one; null when none does that you may see."
    )
    version: int
    created_at: datetime


class PersonChange(NewPerson):
    """What is corrected: null takes a field back, so that it is not recorded; an absent one stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"postcode": "SW17 0RE", "ethnic_category": "Z", "religion": None}]}
    )


class PersonVersion(BaseModel):
    """A person's record after a change; it names nobody, so that the answer may be kept for a retry."""

    id: UUID
    version: int


class Corrected(BaseModel):
    """An identifying field as it was before; null when it had not been recorded."""

    field: str
    was: str | None


class Edition(BaseModel):
    """What was said of a person at one time, and by whom."""

    version: int
    at: datetime
    by: str
    answered: dict[str, Any] | None = Field(
        description="The demographics that were answered then; null took a field back. Withheld when restricted."
    )
    corrected: list[Corrected] = Field(description="The identifying fields that were changed then.")


class PersonSearch(Strict):
    """Whom to look for: an NHS number, a local patient id, or family name and birth date together. All that is given holds."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{name: EXAMPLE_PERSON[name] for name in ("family_name", "birth_date")}]}
    )

    nhs_number: NhsNumber | None = None
    local_patient_id: Text | None = None
    family_name: Text | None = None
    given_name: Text | None = None
    birth_date: Day | None = None
    postcode: Postcode | None = None
    limit: int = Field(50, ge=1, le=100, description="How many records at most are looked at for one page.")
    cursor: str | None = Field(None, max_length=500, description="`next` of the page before, with the same search.")

    @model_validator(mode="after")
    def is_enough(self) -> Self:
        """Refuse a search that would find people by guessing."""
        if not (self.nhs_number or self.local_patient_id or (self.family_name and self.birth_date)):
            message = "Give an NHS number, a local patient id, or family name and birth date."
            raise PydanticCustomError("too_little", message)
        return self

    def wanted(self) -> dict[str, str]:
        """Return what a record must say to be found."""
        given = self.model_dump(mode="json", exclude={"limit", "cursor"}, exclude_none=True)
        return {name: str(value) for name, value in given.items()}


class FoundPerson(BaseModel):
    """A record that says what was looked for."""

    id: UUID
    site_id: UUID | None
    restricted: bool
    identity: Identity
    version: int


class TrailPage(Paging):
    """Which part of a person's audit trail; reading a page adds a line to it, so a page has at least two."""

    limit: int = Field(50, ge=2, le=100, description="How many items at most.")


class Deed(BaseModel):
    """Something done with a person's data: by whom, when, to what."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    client: str
    action: Literal["create", "read", "update", "delete", "execute"]
    resource: str
    resource_id: str | None
    detail: str | None
    trace: str
