"""Offers as they are sent, and as they are shown."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.sites.domain.schedule import BYDAY, Frequency, Weekday
from services.sites.schemas.listing import CompactListing
from services.sites.schemas.words import (
    ONE_LINE,
    SEVERAL_LINES,
    Age,
    Clock,
    Description,
    Email,
    Flag,
    Languages,
    Name,
    Phone,
    Postcode,
    Strict,
    Website,
    absent,
    each_once,
)
from shared.codes import Language, Need, TherapyType
from shared.days import Day
from shared.events.sites import Makers, Programme

OfferStatus = Literal["active", "inactive", "temporarily_closed"]
ShownStatus = Literal["active", "inactive", "temporarily_closed", "withdrawn"]


def _month_day(number: int) -> int:
    if number == 0:
        raise PydanticCustomError("monthday_zero", "A day of the month: 1 to 31, or -1 to -31 from its end.")
    return number


MonthDay = Annotated[int, Field(strict=True, ge=-31, le=31), AfterValidator(_month_day)]
NamedDay = Annotated[str, StringConstraints(pattern=f"^{BYDAY.pattern}$")]
Fees = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=SEVERAL_LINES)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=ONE_LINE)]
Needs = Annotated[list[Need], Field(max_length=40), AfterValidator(each_once)]
TherapyTypes = Annotated[list[TherapyType], Field(max_length=40), AfterValidator(each_once)]
Capacity = Annotated[int, Field(strict=True, ge=0, le=100_000)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=ONE_LINE)]

EXAMPLE_TIMES: dict[str, Any] = {
    "freq": "MONTHLY",
    "interval": 1,
    "byday": ["-1FR"],
    "bymonthday": [],
    "dtstart": "2026-09-01",
    "valid_to": None,
    "opens_at": "10:00",
    "closes_at": "12:30",
    "description": "Tea from half past nine.",
}
EXAMPLE_OFFER: dict[str, Any] = {
    "site_id": "6f8f4f0e-6a55-4c1a-8f6b-6d9b4f2f7a10",
    "name": "Talking over tea",
    "description": "Come as you are; somebody who trained as a counsellor listens.",
    "programme": "talking_therapies",
    "therapy_types": ["748051000000105"],
    "needs": ["low_mood", "loneliness"],
    "languages": ["en", "so"],
    "schedule": [EXAMPLE_TIMES],
    "minimum_age": 18,
    "maximum_age": None,
    "capacity": 12,
    "accepting_referrals": True,
    "next_available_on": "2026-12-04",
    "designed_by": "together",
    "delivered_by": "people_using_services",
    "email": "tea@example.org",
    "phone": "020 7946 0018",
    "url": "https://example.org/tea",
    "fees": "Free.",
    "status": "active",
}


class Times(Strict):
    """When an offer takes place: parts of a recurrence rule (RFC 5545) and times of day, all as London's clocks show them."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_TIMES]})

    freq: Frequency
    interval: int = Field(1, strict=True, ge=1, le=52, description="2: every second week, or month.")
    byday: Annotated[list[NamedDay], Field(max_length=35), AfterValidator(each_once)] = Field(
        default=[], description="MO, TU … SU; of a month also 1MO (the first Monday) or -1FR (the last Friday)."
    )
    bymonthday: Annotated[list[MonthDay], Field(max_length=31)] = Field(
        default=[], description="Of a month: 1 to 31, or -1 for its last day. With `byday`, both must hold."
    )
    dtstart: Day = Field(
        description="The first day it may take place, from which intervals count; without `byday` and `bymonthday`, "
        "its day is the one that recurs."
    )
    valid_to: Day | None = Field(None, description="The last day it may take place.")
    opens_at: Clock
    closes_at: Clock = Field(description="After `opens_at`, on the same day.")
    description: Note | None = None


Schedule = Annotated[list[Times], Field(max_length=40)]


class NewOffer(Strict):
    """Something that people can come to at a site."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_OFFER]})

    id: UUID | None = Field(None, description="The sender's own UUID for it: registering it again is then safe.")
    site_id: UUID | None = Field(None, description="Where; a caller limited to one site may leave it out.")
    name: Name
    description: Description = Field(description="Public. What happens there, for whom, in plain words.")
    programme: Programme
    therapy_types: TherapyTypes = Field(default=[], description="Where it is a therapy that national figures count.")
    needs: Needs = Field(default=[], description="What people may come with.")
    languages: Languages = Field(default=[], description="In which it is held.")
    schedule: Schedule = Field(default=[], description="Empty: by arrangement.")
    minimum_age: Age | None = None
    maximum_age: Age | None = Field(None, description="Not below `minimum_age`.")
    capacity: Capacity | None = Field(None, description="Places free now, where they are counted.")
    accepting_referrals: Flag = Field(description="Whether people can be sent here now: never true at `capacity` 0.")
    next_available_on: Day | None = Field(None, description="When the next place is free, as far as it is known.")
    designed_by: Makers
    delivered_by: Makers
    email: Email | None = Field(None, description="The offer's own, public; never a person's.")
    phone: Phone | None = Field(None, description="The offer's own, public; never a person's.")
    url: Website | None = None
    fees: Fees | None = None
    status: OfferStatus = "active"


class OfferChange(Strict):
    """The fields to change; those not named stay, null clears an optional one. A schedule is replaced as a whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"accepting_referrals": False, "capacity": 0}]})

    site_id: UUID = Field(default_factory=absent)
    name: Name = Field(default_factory=absent)
    description: Description = Field(default_factory=absent)
    programme: Programme = Field(default_factory=absent)
    therapy_types: TherapyTypes = Field(default_factory=absent)
    needs: Needs = Field(default_factory=absent)
    languages: Languages = Field(default_factory=absent)
    schedule: Schedule = Field(default_factory=absent)
    minimum_age: Age | None = None
    maximum_age: Age | None = None
    capacity: Capacity | None = None
    accepting_referrals: Flag = Field(default_factory=absent)
    next_available_on: Day | None = None
    designed_by: Makers = Field(default_factory=absent)
    delivered_by: Makers = Field(default_factory=absent)
    email: Email | None = None
    phone: Phone | None = None
    url: Website | None = None
    fees: Fees | None = None
    status: OfferStatus = Field(default_factory=absent)


class ShownTimes(BaseModel):
    """When an offer takes place, as London's clocks show it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_TIMES]})

    freq: Frequency
    interval: int
    byday: list[str]
    bymonthday: list[int]
    dtstart: date
    valid_to: date | None
    opens_at: Clock
    closes_at: Clock
    description: str | None


class Offer(BaseModel):
    """An offer as registered; `withdrawn` only in lists of what changed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                EXAMPLE_OFFER
                | {
                    "id": "1b1f6f0a-4f0d-4f5c-9c1c-3a7a0d1f2b33",
                    "version": 1,
                    "created_at": "2026-09-01T09:30:00Z",
                    "modified_at": "2026-09-01T09:30:00Z",
                }
            ]
        }
    )

    id: UUID
    site_id: UUID
    name: str
    description: str
    programme: str
    therapy_types: list[str]
    needs: list[str]
    languages: list[str]
    schedule: list[ShownTimes]
    minimum_age: int | None
    maximum_age: int | None
    capacity: int | None
    accepting_referrals: bool
    next_available_on: date | None
    designed_by: Makers
    delivered_by: Makers
    email: str | None
    phone: str | None
    url: str | None
    fees: str | None
    status: ShownStatus
    version: int
    created_at: datetime
    modified_at: datetime


class OfferFilters(CompactListing):
    """What a list of offers may be limited to; all filters hold together."""

    site_id: UUID | None = None
    language: Language | None = Field(
        None, description="Either code of a language finds the offers that gave the other."
    )
    programme: Programme | None = None
    need: Need | None = None
    accepting_referrals: bool | None = None
    day: Weekday | None = Field(None, description="On which weekday it still takes place, in some week or month.")
    open_at: AwareDatetime | None = Field(None, description="When it takes place: an instant, judged in London time.")
    near: Postcode | None = Field(
        None,
        description="A postcode of a registered site, or of its district; offers at redacted addresses are not found by it.",
    )
    within: float = Field(5, gt=0, le=1000, description="Kilometres from `near`.", strict=False)
    q: Words | None = Field(None, description="Words of the name or description, each whole or its beginning.")
    status: OfferStatus | None = None
