"""How co-produced an offer is, as each side says and as both are compared."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.sites.domain.together import PRINCIPLES
from services.sites.schemas.listing import Listing
from services.sites.schemas.readiness import RECORDED, SITE, OwnId
from services.sites.schemas.words import Strict
from shared.days import Day
from shared.events.sites import Level, Makers, Rung, Side

OFFER = "3a2a6f2c-3e0b-4f7d-9a53-0a1c4d8b7e21"
EXAMPLE_ASSESSMENT: dict[str, Any] = {
    "offer_id": OFFER,
    "side": "community",
    "on": "2026-09-30",
    "principles": {
        "assets": 3,
        "capabilities": 3,
        "mutuality": 2,
        "networks": 4,
        "blurring_roles": 1,
        "catalysts": 2,
    },
    "rung": "doing_with",
    "designed_by": "together",
    "delivered_by": "people_using_services",
}
Mark = Annotated[Level, Field(strict=True)]


class Principles(Strict):
    """The six principles of co-production, each from 0 (not at all) to 4 (throughout)."""

    assets: Mark = Field(description=PRINCIPLES["assets"])
    capabilities: Mark = Field(description=PRINCIPLES["capabilities"])
    mutuality: Mark = Field(description=PRINCIPLES["mutuality"])
    networks: Mark = Field(description=PRINCIPLES["networks"])
    blurring_roles: Mark = Field(description=PRINCIPLES["blurring_roles"])
    catalysts: Mark = Field(description=PRINCIPLES["catalysts"])


class NewAssessment(Strict):
    """How co-produced one side finds an offer on a day."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ASSESSMENT]})

    id: UUID | None = OwnId
    offer_id: UUID
    side: Side | None = Field(None, description="The side you speak for; a caller limited to sites: `community`.")
    on: Day = Field(description="Not in the future, 1990 or later.")
    principles: Principles
    rung: Rung = Field(description="The rung of the ladder that fits best.")
    designed_by: Makers
    delivered_by: Makers


class Assessment(BaseModel):
    """How co-produced one side found an offer on a day."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ASSESSMENT | RECORDED | {"site_id": SITE}]})

    id: UUID
    offer_id: UUID
    site_id: UUID
    side: Side
    on: date
    principles: Principles
    rung: Rung
    designed_by: Makers
    delivered_by: Makers
    version: int
    created_at: datetime
    modified_at: datetime


class AssessmentFilters(Listing):
    """What a list of assessments may be limited to; all filters hold together."""

    offer_id: UUID | None = None
    site_id: UUID | None = None
    side: Side | None = None


class BothSides(BaseModel):
    """What each side said last, and how far apart they are."""

    community: Assessment | None
    statutory: Assessment | None
    gaps: dict[str, int] | None = Field(
        description="By principle, how much higher the community's side sees it; null until both have said."
    )
    same_rung: bool | None = Field(description="Whether both named the same rung; null until both have said.")


class Quarter(BothSides):
    """What each side last said in one quarter."""

    period: str = Field(examples=["2026-Q3"])


class Comparison(BaseModel):
    """How co-produced both sides find an offer, over time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "offer_id": OFFER,
                    "latest": {"community": None, "statutory": None, "gaps": None, "same_rung": None},
                    "over_time": [],
                }
            ]
        }
    )

    offer_id: UUID
    latest: BothSides
    over_time: list[Quarter] = Field(description="By calendar quarter, oldest first.")
