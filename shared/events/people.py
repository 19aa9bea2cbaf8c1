"""What `referrals` announces of people, who appear only as pseudonyms."""

from pydantic import Field

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
    Religion,
    SexualOrientation,
)
from shared.events.event import Event


class DemographicsRecorded(Event, subject="people.demographics_recorded.v1", aggregate="person_key"):
    """Everything now known of a person's demographics; absent means not recorded, which no code means."""

    person_key: str = Field(pattern="^[0-9a-f]{32}$")
    birth_month: str | None = Field(None, pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    gender_identity: GenderIdentity | None = None
    gender_same_at_birth: GenderSameAtBirth | None = None
    ethnic_category: EthnicCategory | None = None
    language: Language | None = None
    interpreter_required: bool | None = None
    religion: Religion | None = None
    sexual_orientation: SexualOrientation | None = None
    disabilities: list[Disability] | None = None
    employment_status: EmploymentStatus | None = None
    ex_armed_forces: ExArmedForces | None = None
    long_term_conditions: list[LongTermCondition] | None = None
    imd_decile: ImdDecile | None = None
