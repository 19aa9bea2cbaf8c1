"""Organisations and sites: register, read, list, change."""

from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.sites import tables
from services.sites.api.answers import KEYED, made, shown, told, whole_or_compact
from services.sites.commands import register as commands
from services.sites.commands.register import AllSitesOnly, OrganisationDiffers, OrganisationUnknown, SiteDiffers
from services.sites.queries import register as queries
from services.sites.queries.listing import listed, listed_compactly
from services.sites.schemas.listing import Compact
from services.sites.schemas.register import (
    NewOrganisation,
    NewSite,
    Organisation,
    OrganisationChange,
    OrganisationFilters,
    Site,
    SiteChange,
    SiteFilters,
)
from shared import audit, conditional
from shared.app import router
from shared.auth import Caller, needs
from shared.conditional import IfMatch
from shared.db import Session, Snapshot
from shared.idempotency import OnceOnly, answer
from shared.paging import Page
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses

api = router(tags=["sites"])

Writer = Annotated[Caller, needs("sites:write")]
Reader = Annotated[Caller, needs("sites:read")]


async def registrar(caller: Writer) -> Caller:
    """Let only callers of all sites register, or change what several sites share."""
    if caller.sites is not None:
        raise AllSitesOnly
    return caller


Registrar = Annotated[Caller, Depends(registrar)]


async def held_organisation(
    request: Request, organisation_id: UUID, session: Session, caller: Registrar, if_match: IfMatch = None
) -> tables.Organisation:
    """Return the organisation to change, which nobody else can change meanwhile, at the version the caller holds."""
    organisation = await queries.organisation_to_change(session, caller, organisation_id)
    conditional.check(request, if_match, organisation.version)
    return organisation


async def held_site(
    request: Request, site_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Site:
    """Return the site to change, which nobody else can change meanwhile, at the version the caller holds."""
    site = await queries.site_to_change(session, caller, site_id)
    conditional.check(request, if_match, site.version)
    return site


HeldOrganisation = Annotated[tables.Organisation, Depends(held_organisation)]
HeldSite = Annotated[tables.Site, Depends(held_site)]


@api.post(
    "/v1/organisations",
    status_code=HTTPStatus.CREATED,
    response_model=Organisation,
    responses=made(Organisation) | responses(AllSitesOnly, OrganisationDiffers, *KEYED),
)
async def register_organisation(caller: Registrar, once: OnceOnly, session: Session, new: NewOrganisation) -> Response:
    """Register an organisation. With an `id` of your own, sending it again answers 200."""
    registered = await commands.register_organisation(session, caller, new)
    body = queries.shown_organisation(registered.fields)
    return await once.reply(told(registered, body, f"/v1/organisations/{body.id}"))


@api.get("/v1/organisations", response_model=Page[Organisation] | Page[Compact])
async def list_organisations(
    filters: Annotated[OrganisationFilters, Query()], caller: Reader, session: Snapshot
) -> Response:
    """List organisations in the order of their registration; a caller limited to sites sees those of its sites."""
    query, row = queries.organisations(caller, filters), tables.Organisation
    if filters.compact:
        return whole_or_compact(await listed_compactly(session, query, row, filters))
    return whole_or_compact(await listed(session, query, row, filters, queries.shown_organisation))


@api.get(
    "/v1/organisations/{organisation_id}",
    response_model=Organisation,
    responses=shown(Organisation) | responses(NotFound),
)
async def read_organisation(organisation_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read an organisation."""
    organisation = await queries.organisation(session, caller, organisation_id)
    return answer(HTTPStatus.OK, queries.shown_organisation(organisation), version=organisation.version).response()


@api.patch(
    "/v1/organisations/{organisation_id}",
    response_model=Organisation,
    responses=shown(Organisation) | responses(AllSitesOnly, NotFound, PreconditionRequired, PreconditionFailed, *KEYED),
)
async def change_organisation(
    once: OnceOnly, organisation: HeldOrganisation, caller: Registrar, session: Session, change: OrganisationChange
) -> Response:
    """Change the named fields of an organisation. A change that changes nothing makes no new version."""
    changed = await commands.change_organisation(session, caller, organisation, change)
    return await once.reply(answer(HTTPStatus.OK, queries.shown_organisation(changed), version=changed.version))


@api.post(
    "/v1/sites",
    status_code=HTTPStatus.CREATED,
    response_model=Site,
    responses=made(Site) | responses(AllSitesOnly, OrganisationUnknown, SiteDiffers, *KEYED),
)
async def register_site(caller: Registrar, once: OnceOnly, session: Session, new: NewSite) -> Response:
    """Register a site of an organisation. With an `id` of your own, sending it again answers 200."""
    registered = await commands.register_site(session, caller, new)
    body = queries.shown_site(registered.fields, may_write=True)
    return await once.reply(told(registered, body, f"/v1/sites/{body.id}"))


@api.get("/v1/sites", response_model=Page[Site] | Page[Compact])
async def list_sites(filters: Annotated[SiteFilters, Query()], caller: Reader, session: Snapshot) -> Response:
    """List sites in the order of their registration, without the whereabouts of sites whose address is redacted."""
    query, row = queries.sites(caller, filters), tables.Site
    if filters.compact:
        return whole_or_compact(await listed_compactly(session, query, row, filters))
    shown_site = partial(queries.shown_site, may_write=False)
    return whole_or_compact(await listed(session, query, row, filters, shown_site))


@api.get("/v1/sites/{site_id}", response_model=Site, responses=shown(Site) | responses(NotFound))
async def read_site(site_id: UUID, caller: Reader, session: Session) -> Response:
    """Read a site. A redacted address is shown only to callers who also hold `sites:write`, and the read is audited."""
    site = await queries.site(session, caller, site_id)
    may_write = not caller.missing("sites:write")
    if site.redacted_address and may_write:
        await audit.record(session, [audit.entry(caller, "read", "site", site.id, detail="redacted address")])
    return answer(HTTPStatus.OK, queries.shown_site(site, may_write=may_write), version=site.version).response()


@api.patch(
    "/v1/sites/{site_id}",
    response_model=Site,
    responses=shown(Site) | responses(NotFound, PreconditionRequired, PreconditionFailed, OrganisationUnknown, *KEYED),
)
async def change_site(once: OnceOnly, site: HeldSite, caller: Writer, session: Session, change: SiteChange) -> Response:
    """Change the named fields of a site. A change that changes nothing makes no new version and announces nothing."""
    changed = await commands.change_site(session, caller, site, change)
    return await once.reply(answer(HTTPStatus.OK, queries.shown_site(changed, may_write=True), version=changed.version))
