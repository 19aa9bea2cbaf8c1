"""Engagement and contributions as they are sent, and as they are shown."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from services.sites.schemas.listing import Listing
from services.sites.schemas.sessions import FilterDay, Headcount
from services.sites.schemas.words import ONE_LINE, Description, Flag, Strict, absent, each_once
from shared.days import Day
from shared.events.sites import EngagementKind, ResourceKind, Side, Space

LONGEST = 10_000  # hours
CENTS = Decimal("0.01")
RECORDED = {
    "id": "f2a7c1de-8a59-4d86-9a5e-3f0d6c1b7e52",
    "version": 1,
    "created_at": "2026-11-01T09:30:00Z",
    "modified_at": "2026-11-01T09:30:00Z",
}
EXAMPLE_ENGAGEMENT: dict[str, Any] = {
    "on": "2024-03-12",
    "kind": "conversation",
    "site_ids": ["6f8f4f0e-6a55-4c1a-8f6b-6d9b4f2f7a10"],
    "space": "community",
    "hours": 2.5,
    "people_by_side": {"community": 11, "statutory": 3},
    "topics": ["trust", "what we mean by therapy"],
    "resources": [
        {"side": "community", "kind": "material", "description": "The hall, and a meal for everybody."},
        {"side": "statutory", "kind": "relational", "description": "The clinical lead came in person."},
    ],
    "notes": "Agreed to meet again after Easter.",
}
EXAMPLE_CONTRIBUTION: dict[str, Any] = {
    "site_id": "6f8f4f0e-6a55-4c1a-8f6b-6d9b4f2f7a10",
    "on": "2026-10-14",
    "hours": 6.25,
    "paid": False,
    "money_pence": None,
    "from_side": "community",
    "to_side": "statutory",
    "role": "interpreter",
}


def _number(value: object) -> object:
    """Let only numbers through: pydantic would take text and truth as well."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("hours_invalid", "Hours are a number, such as 2.5.")
    return value


def _in_order(site_ids: list[UUID]) -> list[UUID]:
    return sorted(set(site_ids))


HoursGiven = Annotated[
    Decimal,
    BeforeValidator(_number),
    Field(gt=0, le=LONGEST, decimal_places=2),
    AfterValidator(lambda hours: hours.quantize(CENTS)),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST}),
]
Topic = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=ONE_LINE)]
Topics = Annotated[list[Topic], Field(max_length=20, description="Kept here; in no event."), AfterValidator(each_once)]
SiteIds = Annotated[
    list[UUID],
    Field(
        max_length=200,
        description="Whose sites took part. None yet, in the phase before any site: only callers of all sites see it "
        "then. A caller limited to sites names only its own.",
    ),
    AfterValidator(_in_order),
]
Thing = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=ONE_LINE)]
Pence = Annotated[int, Field(strict=True, ge=1, le=10**11)]


class PeopleBySide(Strict):
    """How many people of each side took part; absent: not recorded, and in a change: as before."""

    community: Headcount | None = None
    statutory: Headcount | None = None


class Resource(Strict):
    """Something that a side brought."""

    side: Side
    kind: ResourceKind
    description: Thing = Field(description="Kept here; events only count them.")


Resources = Annotated[list[Resource], Field(max_length=50)]


class NewEngagement(Strict):
    """A conversation, meeting or visit of both sides. With an `id` of your own, sending it again is safe."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ENGAGEMENT]})

    id: UUID | None = Field(None, description="The sender's own UUID for it: logging it again is then safe.")
    on: Day = Field(description="Not in the future, 1990 or later: it may lie years before any service.")
    kind: EngagementKind
    site_ids: SiteIds = Field(default=[])
    space: Space
    hours: HoursGiven = Field(description="How long it took.")
    people_by_side: PeopleBySide
    topics: Topics = Field(default=[])
    resources: Resources = Field(default=[])
    notes: Description | None = Field(None, description="Kept here; in no event.")


class EngagementChange(Strict):
    """The fields to change; those not named stay, null clears an optional one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"site_ids": ["6f8f4f0e-6a55-4c1a-8f6b-6d9b4f2f7a10"], "notes": None}]}
    )

    on: Day = Field(default_factory=absent)
    kind: EngagementKind = Field(default_factory=absent)
    site_ids: SiteIds = Field(default_factory=absent)
    space: Space = Field(default_factory=absent)
    hours: HoursGiven = Field(default_factory=absent)
    people_by_side: PeopleBySide = Field(default_factory=absent)
    topics: Topics = Field(default_factory=absent)
    resources: Resources = Field(default_factory=absent)
    notes: Description | None = None


class Engagement(BaseModel):
    """An engagement as logged."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ENGAGEMENT | RECORDED]})

    id: UUID
    on: date
    kind: EngagementKind
    site_ids: list[UUID]
    space: Space
    hours: float
    people_by_side: dict[Side, int]
    topics: list[str]
    resources: list[Resource]
    notes: str | None
    version: int
    created_at: datetime
    modified_at: datetime


class EngagementFilters(Listing):
    """What a list of engagements may be limited to; all filters hold together."""

    site_id: UUID | None = None
    from_: FilterDay | None = Field(None, alias="from", description="First day, included.")
    to: FilterDay | None = Field(None, description="Last day, included.")
    kind: EngagementKind | None = None
    space: Space | None = None


class NewContribution(Strict):
    """Hours given, money moved, or both. With an `id` of your own, sending it again is safe."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                EXAMPLE_CONTRIBUTION,
                {
                    "site_id": "6f8f4f0e-6a55-4c1a-8f6b-6d9b4f2f7a10",
                    "on": "2026-10-31",
                    "paid": True,
                    "money_pence": 125000,
                    "from_side": "statutory",
                    "to_side": "community",
                    "role": "training budget",
                },
            ]
        }
    )

    id: UUID | None = Field(None, description="The sender's own UUID for it: logging it again is then safe.")
    site_id: UUID | None = Field(None, description="May be left out by a caller of one site.")
    on: Day = Field(description="Not in the future, 1990 or later.")
    hours: HoursGiven | None = Field(None, description="Needed when no money moved.")
    paid: Flag = Field(description="Whether the hours were paid for.")
    money_pence: Pence | None = Field(None, description="Needed when no hours were given.")
    from_side: Side
    to_side: Side = Field(description="The other one, when money moved.")
    role: Topic = Field(description="What it was given as, never by whom; kept here, in no event.")


class ContributionChange(Strict):
    """The fields to change; those not named stay, null clears an optional one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"hours": 4, "paid": True}]})

    on: Day = Field(default_factory=absent)
    hours: HoursGiven | None = None
    paid: Flag = Field(default_factory=absent)
    money_pence: Pence | None = None
    from_side: Side = Field(default_factory=absent)
    to_side: Side = Field(default_factory=absent)
    role: Topic = Field(default_factory=absent)


class Contribution(BaseModel):
    """A contribution as logged."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_CONTRIBUTION | RECORDED]})

    id: UUID
    site_id: UUID
    on: date
    hours: float | None
    paid: bool
    money_pence: int | None
    from_side: Side
    to_side: Side
    role: str
    version: int
    created_at: datetime
    modified_at: datetime


class ContributionFilters(Listing):
    """What a list of contributions may be limited to; all filters hold together."""

    site_id: UUID | None = None
    from_: FilterDay | None = Field(None, alias="from", description="First day, included.")
    to: FilterDay | None = Field(None, description="Last day, included.")
    paid: bool | None = None
    from_side: Side | None = None
