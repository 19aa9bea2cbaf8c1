"""What readers of the feed may ask for; all filters hold together, and an unknown one is refused."""

import re
from datetime import datetime, time
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.sites.domain.schedule import WEEKDAYS, Weekday
from services.sites.schemas.words import Postcode

NEARBY = 5000  # metres, where a place is named without a distance
NAMES = {"MONDAY": "MO", "TUESDAY": "TU", "WEDNESDAY": "WE", "THURSDAY": "TH", "FRIDAY": "FR"} | {
    "SATURDAY": "SA",
    "SUNDAY": "SU",
}
CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?", re.ASCII)


def _weekday(text: object) -> object:
    given = str(text).strip().upper()
    return NAMES.get(given, given)


def _clock(text: object) -> object:
    if isinstance(text, time):
        return text
    if not isinstance(text, str) or not CLOCK.fullmatch(text):
        raise PydanticCustomError("time_parsing", "A time of day: HH:MM.")
    return time.fromisoformat(text)


Clock = Annotated[time, BeforeValidator(_clock)]
Day = Annotated[Weekday, BeforeValidator(_weekday)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Paged(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    page: int = Field(1, ge=1, le=1_000_000, description="The page's number, from 1.")
    per_page: int = Field(50, ge=1, le=1000, description="How many on a page at most.")


class TermFilters(Paged):
    """Which terms."""

    taxonomy_id: UUID | None = Field(None, description="Only those of this taxonomy.")


class Filters(Paged):
    """Which services."""

    search: Words | None = Field(
        None, description="Words that all stand somewhere in the names, descriptions, needs and towns."
    )
    taxonomy_term_id: UUID | None = Field(None, description="Those that have this term.")
    taxonomy_id: UUID | None = Field(None, description="Those that have any term of this taxonomy.")
    minimum_age: float | None = Field(None, ge=0, le=150, description="Those whose minimum age is at least this.")
    maximum_age: float | None = Field(None, ge=0, le=150, description="Those whose maximum age is at most this.")
    start_time: Clock | None = Field(None, description="Those that begin at this time of day (HH:MM) or later.")
    end_time: Clock | None = Field(None, description="Those that end at this time of day (HH:MM) or earlier.")
    day: Day | None = Field(None, description=f"Those on this day: {', '.join(WEEKDAYS)}, or its English name.")
    organization_id: UUID | None = Field(None, description="Those of this organisation.")
    modified_after: AwareDatetime | None = Field(
        None,
        description="Those changed at this instant or later. Where it is the only filter, those gone since then "
        "are there too, as `defunct`.",
    )
    postcode: Postcode | None = Field(None, description="Those near this postcode, nearest first; see `proximity`.")
    latitude: float | None = Field(None, ge=49, le=61, description="With `longitude`: instead of a postcode.")
    longitude: float | None = Field(None, ge=-9, le=2.5, description="With `latitude`: instead of a postcode.")
    proximity: float | None = Field(None, gt=0, le=1_000_000, description=f"How near, metres; {NEARBY:,} if not said.")
    minimal: bool = Field(default=False, description="Only id, name, status and `last_modified` of each.")
    full: bool = Field(default=False, description="Each as its own address shows it.")
    format: Literal["json", "ndjson"] = Field("json", description="`ndjson`: all of them, one a line, without pages.")

    @model_validator(mode="after")
    def _one_place(self) -> "Filters":
        by_degrees = (self.latitude is None, self.longitude is None)
        if by_degrees in {(True, False), (False, True)}:
            raise PydanticCustomError("coordinates_incomplete", "Give both coordinates, or neither.")
        if self.postcode is not None and self.latitude is not None:
            raise PydanticCustomError("place_ambiguous", "Name a place by postcode or by coordinates.")
        if self.proximity is not None and self.postcode is None and self.latitude is None:
            raise PydanticCustomError("place_missing", "Say of which postcode or coordinates.")
        if self.minimal and self.full:
            raise PydanticCustomError("minimal_and_full", "Ask for minimal or for full.")
        return self

    @property
    def only_since(self) -> datetime | None:
        """The instant from which changes are asked for, where nothing else narrows the list."""
        shape = {"page", "per_page", "minimal", "full", "format", "modified_after"}
        return None if self.model_dump(exclude=shape, exclude_none=True) else self.modified_after
