"""Shared goals, their signatures and reflections, as they are sent and as they are shown."""

from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.sites.domain.quarters import QUARTER, Span, quarter
from services.sites.domain.register import EARLIEST
from services.sites.schemas.figures import Target
from services.sites.schemas.listing import Listing
from services.sites.schemas.readiness import RECORDED, SITE, OwnId, RoleSlug
from services.sites.schemas.words import SEVERAL_LINES, Strict, absent
from shared.days import Day
from shared.events.sites import GoalOutcome, Progress, Side, Slug

YEARS = 10  # a goal's longest period
ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=ONE_LINE)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000, pattern=SEVERAL_LINES)]
QuarterLabel = Annotated[str, Field(pattern=QUARTER, description="A calendar quarter.", examples=["2026-Q3"])]
SiteIds = Annotated[list[UUID], Field(min_length=1, max_length=100)]
SideOf = Field(None, description="The side you speak for; a caller limited to sites: `community`.")

EXAMPLE_GOAL: dict[str, Any] = {
    "title": "More people from the hall begin treatment within six weeks",
    "measure_id": "access_within_6_weeks",
    "target": 75,
    "period": "2026-Q4",
    "sites": [SITE],
}
EXAMPLE_REFLECTION: dict[str, Any] = {
    "side": "community",
    "period": "2026-Q4",
    "words": "People come when somebody they know walks in with them.",
    "progress": "on_track",
}
SHOWN_PERIOD = {"start": "2026-10-01", "end": "2026-12-31", "label": "2026-Q4"}


class Days(Strict):
    """A period from one day to another, both included."""

    start: Day
    end: Day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not EARLIEST <= self.start <= self.end or self.end.year - self.start.year > YEARS:
            raise PydanticCustomError("period_out_of_order", "From a day to a later one, at most ten years.")
        return self


Period = Annotated[
    QuarterLabel | Days,
    Field(description="A calendar quarter such as `2026-Q3`, or its first and last day, both included."),
]


def span(period: str | Days) -> Span:
    """Return the days of a period, however it was written."""
    return quarter(period) if isinstance(period, str) else Span(period.start, period.end)


class NewGoal(Strict):
    """What both sides want to reach; nobody has signed it yet."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_GOAL]})

    id: UUID | None = OwnId
    title: Title
    measure_id: Slug | None = Field(None, description="A measure of reporting that says whether it was met.")
    target: Target | None = None
    period: Period
    sites: SiteIds | None = Field(None, description="May be left out by a caller limited to one site.")


class GoalChange(Strict):
    """The fields to change; those not named stay, null clears an optional one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"target": 80}]})

    title: Title = Field(default_factory=absent)
    measure_id: Slug | None = None
    target: Target | None = None
    period: Period = Field(default_factory=absent)
    sites: SiteIds = Field(default_factory=absent)


class NewSignature(Strict):
    """A side signs, through somebody in a role."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"side": "community", "role": "trustee", "on": "2026-09-20"}]}
    )

    side: Side | None = SideOf
    role: RoleSlug = Field("representative", description="In which role somebody signs; never a name.")
    on: Day | None = Field(None, description="Today when left out; not in the future.")


class Closing(Strict):
    """What became of a goal."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "met", "on": "2026-10-05"}]})

    outcome: GoalOutcome = Field(description="`dropped` is possible at any time, the others once it is in force.")
    on: Day | None = Field(None, description="Today when left out; not in the future.")


class NewReflection(Strict):
    """What one side says of a goal in one quarter."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_REFLECTION]})

    id: UUID | None = OwnId
    side: Side | None = SideOf
    period: QuarterLabel
    words: Words
    progress: Progress


class ReflectionChange(Strict):
    """The fields to change; those not named stay."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"progress": "at_risk"}]})

    words: Words = Field(default_factory=absent)
    progress: Progress = Field(default_factory=absent)


class Reflection(BaseModel):
    """What one side said of a goal in one quarter."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [EXAMPLE_REFLECTION | RECORDED | {"goal_id": RECORDED["id"]}]}
    )

    id: UUID
    goal_id: UUID
    side: Side
    period: str
    words: str
    progress: Progress
    version: int
    created_at: datetime
    modified_at: datetime


class Signature(BaseModel):
    """A side's signature; `client` is the system through which it was given."""

    side: Side
    role: str
    signed_on: date
    client: str


class SideBySide(BaseModel):
    """What both sides said of a goal in one quarter."""

    period: str
    community: Reflection | None = None
    statutory: Reflection | None = None


class ShownPeriod(BaseModel):
    """The days of a goal's period; `label` is there when they are a calendar quarter."""

    start: date
    end: date
    label: str | None


SHOWN_GOAL: dict[str, Any] = {
    **EXAMPLE_GOAL,
    **RECORDED,
    "period": SHOWN_PERIOD,
    "signatures": [{"side": "community", "role": "trustee", "signed_on": "2026-09-20", "client": "hall-app"}],
    "in_force": False,
    "unsigned_at": None,
    "outcome": None,
    "closed_on": None,
}


class ListedGoal(BaseModel):
    """A goal as lists show it: without the reflections."""

    model_config = ConfigDict(json_schema_extra={"examples": [SHOWN_GOAL]})

    id: UUID
    title: str
    measure_id: str | None
    target: float | None
    period: ShownPeriod
    sites: list[UUID]
    signatures: list[Signature]
    in_force: bool = Field(description="Whether both sides have signed these words, and it is not closed.")
    unsigned_at: datetime | None = Field(
        description="When its words were changed, so that the signatures under them fell; null once in force."
    )
    outcome: GoalOutcome | None
    closed_on: date | None
    version: int
    created_at: datetime
    modified_at: datetime


class Goal(ListedGoal):
    """A goal as it stands, with what both sides say of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**SHOWN_GOAL, "reflections": []}]})

    reflections: list[SideBySide] = Field(description="Both sides side by side, by quarter, oldest first.")


class GoalFilters(Listing):
    """What a list of goals may be limited to; all filters hold together."""

    site_id: UUID | None = None
    measure_id: Slug | None = None
    in_force: bool | None = None
    closed: bool | None = None


class ReflectionFilters(Listing):
    """What a list of reflections may be limited to; all filters hold together."""

    side: Side | None = None
    period: QuarterLabel | None = None
