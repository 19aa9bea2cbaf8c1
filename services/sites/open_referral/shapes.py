"""What HSDS calls things: the entities of Open Referral UK 3.0, as they are shown and as they are read.

Fields that HSDS 3.0 has and the UK profile leaves out are marked: without them a feed could not name a language or a
telephone number. The profile allows further fields, and so do these models.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

Status = Literal["active", "inactive", "defunct", "temporarily closed"]


def _uri(text: str) -> str:
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if not scheme or not text.isprintable() or any(letter in text for letter in ' <>"{}|\\^`'):
        raise PydanticCustomError("uri", "Not a URI.")
    return text


Uri = Annotated[str, AfterValidator(_uri), Field(json_schema_extra={"format": "uri"})]
Email = Annotated[
    str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254), Field(json_schema_extra={"format": "email"})
]
Named = Annotated[str, StringConstraints(min_length=1)]


class Entity(BaseModel):
    """Whatever has an id; what a reader does not know is kept, so that nothing is lost unseen."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True, allow_inf_nan=False)

    id: UUID

    def told(self) -> dict[str, Any]:
        """Return it as JSON holds it, without what has no value: never null."""
        return self.model_dump(mode="json", exclude_none=True)


class Taxonomy(Entity):
    """A set of terms."""

    name: Named
    description: str
    uri: Uri | None = None
    version: str | None = None


class TaxonomyTerm(Entity):
    """One term of a taxonomy; `term` is its code."""

    name: Named
    description: str
    parent_id: UUID | None = None
    taxonomy: str | None = None
    taxonomy_id: UUID | None = None
    term_uri: Uri | None = None
    term: str | None = None


class Attribute(Entity):
    """Says a term of something: `link_type` is the taxonomy's code, `value` (HSDS) a number or a date."""

    link_id: UUID | None = None
    taxonomy_term_id: UUID | None = None
    link_type: str | None = None
    value: str | None = None
    taxonomy_term: TaxonomyTerm | None = None


class Language(Entity):
    """A language that a service is given in, or a place speaks; by name and code (HSDS)."""

    service_id: UUID | None = None
    location_id: UUID | None = None
    phone_id: UUID | None = None
    name: str | None = None
    code: str | None = None


class Identifier(Entity):
    """An organisation's number in a register."""

    identifier_scheme: str | None = None
    identifier_type: str
    identifier: str


class Organization(Entity):
    """Who gives a service."""

    name: Named
    description: str
    email: Email | None = None
    website: Uri | None = None
    logo: str | None = None
    uri: Uri | None = None
    parent_organization_id: UUID | None = None
    organization_identifiers: list[Identifier] | None = None
    attributes: list[Attribute] | None = None


class Address(Entity):
    """Where a place is."""

    location_id: UUID | None = None
    attention: str | None = None
    address_1: str
    address_2: str | None = None
    city: str
    region: str | None = None
    state_province: str
    postal_code: str
    country: str
    address_type: Literal["physical", "postal", "virtual"] | None = None
    attributes: list[Attribute] | None = None


class Accessibility(Entity):
    """How a place can be reached and used."""

    location_id: UUID | None = None
    description: str | None = None
    details: str | None = None
    url: Uri | None = None


class Location(Entity):
    """A place; one whose address is not public has its name only. Ours lie in the United Kingdom, others' samples nowhere."""

    location_type: Literal["physical", "postal", "virtual"]
    name: str | None = None
    description: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    external_identifier: str | None = None
    external_identifier_type: str | None = None
    addresses: list[Address] | None = None
    accessibility: list[Accessibility] | None = None
    languages: list[Language] | None = None  # HSDS
    attributes: list[Attribute] | None = None


class Schedule(Entity):
    """When a service takes place: parts of an RRULE, and times as the clocks of the place show them."""

    service_id: UUID | None = None
    service_at_location_id: UUID | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    dtstart: str | None = None
    freq: Literal["WEEKLY", "MONTHLY"] | None = None
    interval: float | None = None
    byday: str | None = None
    bymonthday: str | None = None
    description: str | None = None
    opens_at: str | None = None
    closes_at: str | None = None
    schedule_link: Uri | None = None
    attending_type: str | None = None
    notes: str | None = None


class Phone(Entity):
    """A telephone number (HSDS: the UK profile has none for services)."""

    service_id: UUID | None = None
    number: str


class AtLocation(Entity):
    """That a service is given at a place."""

    service_id: UUID | None = None
    location_id: UUID | None = None
    location: Location | None = None


class Service(Entity):
    """What people can come to."""

    organization_id: UUID | None = None
    name: Named
    description: str | None = None
    url: Uri | None = None
    email: Email | None = None
    status: Status
    fees: str | None = None
    accreditations: str | None = None
    minimum_age: float | None = None
    maximum_age: float | None = None
    assured_date: str | None = None
    assurer_email: Email | None = None
    alert: str | None = None
    last_modified: datetime | None = None
    schedules: list[Schedule] | None = None
    service_at_locations: list[AtLocation] | None = None
    languages: list[Language] | None = None
    organization: Organization | None = None
    phones: list[Phone] | None = None  # HSDS
    attributes: list[Attribute] | None = None


class ServiceAtLocation(Entity):
    """A service at a place, from the place's side; `name` and `status` are the service's."""

    service_id: UUID
    name: Named | None = None
    status: Status | None = None
    location_id: UUID | None = None
    location: Location | None = None
    service: Service


class Page(BaseModel):
    """A page of a list; one beyond the last is empty."""

    total_items: int = Field(description="How many there are on all pages.")
    total_pages: int
    page_number: int = Field(description="The page that was asked for, from 1.")
    size: int = Field(description="How many are on this page.")
    first_page: bool
    last_page: bool = Field(description="Whether no page with anything on it follows.")
    empty: bool
    contents: list[Any]


def page(contents: list[Any], total: int, number: int, per_page: int) -> Page:
    """Return a page with its arithmetic."""
    pages = -(-total // per_page)
    return Page(
        total_items=total,
        total_pages=pages,
        page_number=number,
        size=len(contents),
        first_page=number == 1,
        last_page=number >= pages,
        empty=not contents,
        contents=contents,
    )
