"""Agreements on who answers for what, as they are sent and as they are shown."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.sites.schemas.listing import Listing
from services.sites.schemas.readiness import RECORDED, SITE, OwnId, OwnSite, RoleSlug
from services.sites.schemas.words import Name, Strict, absent
from shared.days import Day
from shared.events.sites import Side

EXAMPLE_AGREEMENT: dict[str, Any] = {
    "site_id": SITE,
    "title": "Talking therapies at the hall",
    "roles": [
        {"responsibility": "Clinical supervision", "side": "statutory", "role": "clinical_lead"},
        {"responsibility": "Keys, rooms and welcome", "side": "community", "role": "site_coordinator"},
    ],
    "agreed_on": "2026-03-01",
    "review_on": "2027-03-01",
    "ended_on": None,
}


class Responsibility(Strict):
    """Something that somebody answers for: in which role, on which side."""

    responsibility: Name
    side: Side
    role: RoleSlug


Roles = Annotated[list[Responsibility], Field(min_length=1, max_length=50)]


class NewAgreement(Strict):
    """Who answers for what at a site, by role and side, never by name."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_AGREEMENT]})

    id: UUID | None = OwnId
    site_id: UUID | None = OwnSite
    title: Name
    roles: Roles
    agreed_on: Day = Field(description="Not in the future, 1990 or later.")
    review_on: Day = Field(description="When it is looked at again: after it was agreed.")
    ended_on: Day | None = None


class AgreementChange(Strict):
    """The fields to change; those not named stay, null clears an optional one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"review_on": "2026-12-01"}]})

    title: Name = Field(default_factory=absent)
    roles: Roles = Field(default_factory=absent)
    agreed_on: Day = Field(default_factory=absent)
    review_on: Day = Field(default_factory=absent)
    ended_on: Day | None = None


class Review(Strict):
    """An agreement was looked at by both sides, and when that is to be done next."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"on": "2026-09-14", "next_review_on": "2027-09-01"}]})

    on: Day = Field(description="Not in the future, and not before it was agreed.")
    next_review_on: Day = Field(description="After that day.")


class Agreement(BaseModel):
    """An agreement as it stands."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [EXAMPLE_AGREEMENT | RECORDED | {"reviewed_on": None, "overdue": False}]}
    )

    id: UUID
    site_id: UUID
    title: str
    roles: list[Responsibility]
    agreed_on: date
    review_on: date
    reviewed_on: date | None = Field(description="When it was last looked at.")
    ended_on: date | None
    overdue: bool = Field(description="Whether its day of review has passed; never, once it has ended.")
    version: int
    created_at: datetime
    modified_at: datetime


class AgreementFilters(Listing):
    """What a list of agreements may be limited to; all filters hold together."""

    site_id: UUID | None = None
    overdue: bool | None = Field(None, description="Whether the day of review has passed.")
    ended: bool | None = None
