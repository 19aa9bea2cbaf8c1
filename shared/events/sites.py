"""What `sites` announces."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.codes import Language
from shared.events.event import Event

OrganisationKind = Literal[
    "church", "mosque", "temple", "gurdwara", "synagogue", "community_group", "charity", "statutory", "other"
]
SiteStatus = Literal["active", "paused", "closed"]


class SiteRegistered(Event, subject="sites.site_registered.v1", aggregate="site_id"):
    """A co-provider site joined; its name is public, its address stays with `sites`."""

    site_id: UUID
    organisation_kind: OrganisationKind
    name: str = Field(max_length=200)
    cluster: str | None = Field(None, max_length=100)
    languages: tuple[Language, ...] = ()
    co_provider: bool
    status: SiteStatus


class SiteChanged(Event, subject="sites.site_changed.v1", aggregate="site_id"):
    """What is now known of a site; the whole picture each time."""

    site_id: UUID
    organisation_kind: OrganisationKind
    name: str = Field(max_length=200)
    cluster: str | None = Field(None, max_length=100)
    languages: tuple[Language, ...] = ()
    co_provider: bool
    status: SiteStatus
