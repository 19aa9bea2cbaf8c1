"""What `referrals` announces of people, who appear only as pseudonyms."""

from typing import Annotated

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

PersonKey = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class DemographicsRecorded(Event, subject="people.demographics_recorded.v1", aggregate="person_key"):
    """Everything now known of a person's demographics; absent means not recorded, which no code means."""

    person_key: PersonKey
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


class PersonMerged(Event, subject="people.merged.v1", aggregate="person_key"):
    """Two records are the same human: everything of this one counts as the other's, until they are separated."""

    person_key: PersonKey
    into: PersonKey


class PersonUnmerged(Event, subject="people.unmerged.v1", aggregate="person_key"):
    """A record that was merged stands for itself again."""

    person_key: PersonKey


class PersonRestricted(Event, subject="people.restricted.v1", aggregate="person_key"):
    """A person's record may be kept and not used, or, with `restricted` false, used again."""

    person_key: PersonKey
    restricted: bool = True


class PersonErased(Event, subject="people.erased.v1", aggregate="person_key", last=True):
    """A person was erased: nothing may link their pathways to a person any more; the last event of its aggregate."""

    person_key: PersonKey
