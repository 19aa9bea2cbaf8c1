"""Training, readiness and mentoring as they are sent, and as they are shown."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from services.sites.domain.together import DIMENSIONS
from services.sites.schemas.figures import HoursEach
from services.sites.schemas.listing import Listing
from services.sites.schemas.words import ShortName, Strict, absent
from shared.days import Day
from shared.events.sites import Level, Side, Slug

SITE = "0d9b7a52-53c5-4b43-9f0e-2a4cbb5d8c11"
RECORDED: dict[str, Any] = {
    "id": "6f8f4f0e-6a55-4c1a-8f6b-6d9b4f2f7a10",
    "version": 1,
    "created_at": "2026-09-01T09:30:00Z",
    "modified_at": "2026-09-01T09:30:00Z",
}
EXAMPLE_TRAINING: dict[str, Any] = {
    "site_id": SITE,
    "on": "2026-06-12",
    "course": "Listening skills, first part",
    "role": "community_counsellor",
    "people": 9,
    "hours_each": 6,
    "given_by": "statutory",
}
EXAMPLE_LEVELS: dict[str, Any] = {"leadership": 3, "space": 4, "people_trained": 2, "safeguarding": 3}
EXAMPLE_MENTORSHIP: dict[str, Any] = {
    "mentor_site_id": SITE,
    "mentee_site_id": "9b1f3c58-6f7b-4f52-8d6e-52a6c1a7c9de",
    "began_on": "2026-02-01",
    "ended_on": None,
    "focus": "Receiving people who come without an appointment",
}
OwnId = Field(None, description="The sender's own UUID for it: sending it again is then safe.")
OwnSite = Field(None, description="May be left out by a caller limited to one site.")
People = Annotated[int, Field(strict=True, ge=1, le=100_000)]
RoleSlug = Annotated[Slug, Field(description="A role such as `community_counsellor`, never a name.")]


class NewTraining(Strict):
    """People of a site who were trained: a role and how many, never who."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_TRAINING]})

    id: UUID | None = OwnId
    site_id: UUID | None = OwnSite
    on: Day = Field(description="Not in the future, 1990 or later.")
    course: ShortName
    role: RoleSlug
    people: People
    hours_each: HoursEach | None = None
    given_by: Side


class TrainingChange(Strict):
    """The fields to change; those not named stay, null clears an optional one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"people": 11}]})

    on: Day = Field(default_factory=absent)
    course: ShortName = Field(default_factory=absent)
    role: RoleSlug = Field(default_factory=absent)
    people: People = Field(default_factory=absent)
    hours_each: HoursEach | None = None
    given_by: Side = Field(default_factory=absent)


class Training(BaseModel):
    """Training as recorded."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_TRAINING | RECORDED]})

    id: UUID
    site_id: UUID
    on: date
    course: str
    role: str
    people: int
    hours_each: float | None
    given_by: Side
    version: int
    created_at: datetime
    modified_at: datetime


class TrainingFilters(Listing):
    """What a list of training may be limited to; all filters hold together."""

    site_id: UUID | None = None
    role: Slug | None = None
    given_by: Side | None = None


def _known(levels: object) -> object:
    """Let only dimensions through, before anything is said of what stands beside them."""
    if isinstance(levels, dict) and not levels.keys() <= DIMENSIONS.keys():
        raise PydanticCustomError("dimension_unknown", "Not a dimension of readiness; GET shows them all.")
    return levels


Levels = Annotated[
    dict[str, Annotated[Level, Field(strict=True)]],
    Field(min_length=1, description=f"0 to 4 by dimension: {', '.join(DIMENSIONS)}. One left out was not looked at."),
    BeforeValidator(_known),
]


class NewReadiness(Strict):
    """A site's readiness as one side saw it on one day."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"on": "2026-09-01", "levels": EXAMPLE_LEVELS, "side": "community"}]}
    )

    on: Day = Field(description="Not in the future, 1990 or later.")
    levels: Levels
    side: Side | None = Field(None, description="The side you speak for; a caller limited to sites: `community`.")


class ReadinessAssessment(BaseModel):
    """A site's readiness on one day, as one side saw it."""

    id: UUID
    on: date
    levels: dict[str, int]
    assessed_by: Side


class Dimension(BaseModel):
    """One dimension of readiness, and what its highest level means."""

    code: str
    label: str


class SiteReadiness(BaseModel):
    """A site's readiness: the latest assessment, those before it, and what the dimensions mean."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "site_id": SITE,
                    "version": 1,
                    "current": {
                        "id": RECORDED["id"],
                        "on": "2026-09-01",
                        "levels": EXAMPLE_LEVELS,
                        "assessed_by": "community",
                    },
                    "history": [],
                    "dimensions": [{"code": "space", "label": DIMENSIONS["space"]}],
                }
            ]
        }
    )

    site_id: UUID
    version: int = Field(description="0 before the first assessment.")
    current: ReadinessAssessment | None
    history: list[ReadinessAssessment] = Field(description="The assessments before it, newest first; at most 100.")
    dimensions: list[Dimension]


class NewMentorship(Strict):
    """One site that mentors another."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_MENTORSHIP]})

    id: UUID | None = OwnId
    mentor_site_id: UUID
    mentee_site_id: UUID
    began_on: Day = Field(description="Not in the future, 1990 or later.")
    ended_on: Day | None = None
    focus: ShortName = Field(description="What it is about, in words.")


class MentorshipChange(Strict):
    """The fields to change; those not named stay, null clears an optional one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ended_on": "2026-10-31"}]})

    began_on: Day = Field(default_factory=absent)
    ended_on: Day | None = None
    focus: ShortName = Field(default_factory=absent)


class Mentorship(BaseModel):
    """A mentorship as recorded."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_MENTORSHIP | RECORDED]})

    id: UUID
    mentor_site_id: UUID
    mentee_site_id: UUID
    began_on: date
    ended_on: date | None
    focus: str
    version: int
    created_at: datetime
    modified_at: datetime


class MentorshipFilters(Listing):
    """What a list of mentorships may be limited to; all filters hold together."""

    site_id: UUID | None = Field(None, description="The site that mentors, or is mentored.")
    ended: bool | None = None
