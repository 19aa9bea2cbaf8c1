"""Organisations and sites as they are sent, and as they are shown."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.sites.schemas.listing import CompactListing
from services.sites.schemas.words import (
    Accessibility,
    CharityNumber,
    Description,
    Flag,
    Languages,
    Latitude,
    Longitude,
    Name,
    Postcode,
    ShortName,
    Strict,
    Website,
    absent,
)
from shared.codes import Language
from shared.days import Day
from shared.events.sites import OrganisationKind, SiteStatus

WhereRedacted = "Null where the address is redacted and not for this caller."

EXAMPLE_ORGANISATION: dict[str, Any] = {
    "name": "New Testament Assembly",
    "kind": "church",
    "charity_number": "1088333",
    "website": "https://example.org/",
    "description": "A Pentecostal church that trains its own counsellors.",
}
EXAMPLE_SITE: dict[str, Any] = {
    "organisation_id": "0d9b7a52-53c5-4b43-9f0e-2a4cbb5d8c11",
    "name": "Beechcroft Road hall",
    "cluster": "Tooting",
    "address": {"line_1": "7 Beechcroft Road", "town": "London"},
    "postcode": "SW17 7BU",
    "languages": ["en", "so"],
    "accessibility": "Step-free entrance; hearing loop in the main hall.",
    "redacted_address": False,
    "co_provider": True,
    "joined_on": "2026-09-01",
    "status": "active",
}
REGISTERED = {
    "id": "6f8f4f0e-6a55-4c1a-8f6b-6d9b4f2f7a10",
    "version": 1,
    "created_at": "2026-09-01T09:30:00Z",
    "modified_at": "2026-09-01T09:30:00Z",
}


class NewOrganisation(Strict):
    """An organisation to register."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ORGANISATION]})

    id: UUID | None = Field(None, description="The sender's own UUID for it: registering it again is then safe.")
    name: Name
    kind: OrganisationKind
    charity_number: CharityNumber | None = None
    website: Website | None = None
    description: Description | None = None


class OrganisationChange(Strict):
    """The fields to change; those not named stay, null clears an optional one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kind": "community_group", "website": None}]})

    name: Name = Field(default_factory=absent)
    kind: OrganisationKind = Field(default_factory=absent)
    charity_number: CharityNumber | None = None
    website: Website | None = None
    description: Description | None = None


class Organisation(BaseModel):
    """An organisation as registered."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ORGANISATION | REGISTERED]})

    id: UUID
    name: str
    kind: OrganisationKind
    charity_number: str | None
    website: str | None
    description: str | None
    version: int
    created_at: datetime
    modified_at: datetime


class Address(Strict):
    """Where a site is, without its postcode."""

    line_1: Name
    line_2: Name | None = None
    town: ShortName


class AddressChange(Strict):
    """The parts of an address to change; those not named stay."""

    line_1: Name = Field(default_factory=absent)
    line_2: Name | None = None
    town: ShortName = Field(default_factory=absent)


class NewSite(Strict):
    """A site to register."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_SITE]})

    id: UUID | None = Field(None, description="The sender's own UUID for it: registering it again is then safe.")
    organisation_id: UUID
    name: Name = Field(description="Public: it is announced, whether or not the address is redacted.")
    cluster: ShortName | None = Field(None, description="The group of sites it works with.")
    address: Address
    postcode: Postcode
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    languages: Languages = Field(default=[], description="In which help is offered here.")
    accessibility: Accessibility | None = None
    redacted_address: Flag = Field(
        default=False,
        description="True for a refuge or a house group: address, postcode and coordinates are then in no list and no "
        "event; the site itself shows them to callers with `sites:write` only, and such reads are audited.",
    )
    co_provider: Flag = Field(description="Whether services are delivered here together with the community.")
    joined_on: Day = Field(description="Not in the future, 1990 or later.")
    status: SiteStatus = "active"


class SiteChange(Strict):
    """The fields to change; those not named stay, null clears an optional one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "paused", "languages": ["en", "so", "ta"]}]})

    organisation_id: UUID = Field(default_factory=absent)
    name: Name = Field(default_factory=absent)
    cluster: ShortName | None = None
    address: AddressChange = Field(default_factory=absent)
    postcode: Postcode = Field(default_factory=absent)
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    languages: Languages = Field(default_factory=absent)
    accessibility: Accessibility | None = None
    redacted_address: Flag = Field(default_factory=absent)
    co_provider: Flag = Field(default_factory=absent)
    joined_on: Day = Field(default_factory=absent)
    status: SiteStatus = Field(default_factory=absent)


class ShownAddress(BaseModel):
    """Where a site is, without its postcode."""

    line_1: str
    line_2: str | None
    town: str


class Site(BaseModel):
    """A site as registered."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_SITE | REGISTERED]})

    id: UUID
    organisation_id: UUID
    name: str
    cluster: str | None
    address: ShownAddress | None = Field(description=WhereRedacted)
    postcode: str | None = Field(description=WhereRedacted)
    latitude: float | None
    longitude: float | None
    languages: list[str]
    accessibility: str | None
    redacted_address: bool
    co_provider: bool
    joined_on: date
    status: SiteStatus
    version: int
    created_at: datetime
    modified_at: datetime


class OrganisationFilters(CompactListing):
    """What a list of organisations may be limited to; all filters hold together."""

    kind: OrganisationKind | None = None


class SiteFilters(CompactListing):
    """What a list of sites may be limited to; all filters hold together."""

    organisation_id: UUID | None = None
    status: SiteStatus | None = None
    cluster: ShortName | None = None
    language: Language | None = Field(
        None, description="Either code of a language finds the sites that gave the other."
    )
    co_provider: bool | None = None
