"""What is decided of a referral after it was recorded."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from services.referrals.domain.pathway import Decision
from services.referrals.schemas.referrals import Pathway, Programme, Strict
from shared.codes import CareSpellEnd, PresentingProblem, SourceOfReferral
from shared.days import Day

Words = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=4000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$"
    ),
]
SEALED_WORDS = "Free text; encrypted, and shown to `people:read` only."


def absent() -> Any:  # noqa: ANN401 - stands where a field was not sent, whatever its type; see `model_fields_set`
    """Return what a change holds for a field that it does not name."""
    return None


class ReferralChange(Strict):
    """The fields to correct; those not named stay, null clears an optional one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"source": "G4", "presenting_problem": None}]})

    source: SourceOfReferral = Field(default_factory=absent)
    site_id: UUID | None = Field(None, description="The co-provider site that introduced the person; null: none did.")
    pathway: Pathway = Field(default_factory=absent)
    programme: Programme = Field(default_factory=absent)
    presenting_problem: PresentingProblem | None = None


class Triage(Strict):
    """A decision at triage. The same again changes nothing; a different one replaces it while the pathway is open."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"decision": "accepted", "on": "2026-09-18", "reason": "Suits a group."}]}
    )

    decision: Decision
    on: Day = Field(description="Not in the future, and not before the referral was received.")
    reason: Words | None = Field(None, description=SEALED_WORDS)


class Discharge(Strict):
    """The end of a pathway."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"on": "2026-11-13", "end_code": "46"}]})

    on: Day = Field(description="Not in the future, and not before the referral was received.")
    end_code: CareSpellEnd | None = Field(None, description="How it ended; judged by its day. Absent: not recorded.")
    reason: Words | None = Field(None, description=SEALED_WORDS)


class Reopening(Strict):
    """Why an end that was recorded by mistake is undone."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Discharged in place of a namesake."}]})

    reason: Words = Field(description=SEALED_WORDS)


class Removal(Strict):
    """Why a referral is taken out as entered in error, where somebody said."""

    reason: Words | None = None
