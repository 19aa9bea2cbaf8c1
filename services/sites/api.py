"""How callers speak to `sites`."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel

from services.sites import commands, queries, tables
from services.sites.commands import AllSitesOnly, OrganisationDiffers, OrganisationUnknown, SiteDiffers
from services.sites.schemas import (
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
from shared.conditional import ETAG, LOCATION, IfMatch
from shared.db import Session, Snapshot
from shared.idempotency import Answer, KeyReused, OnceOnly, RequestInProgress, answer
from shared.paging import Page
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses

api = router(tags=["sites"])

Writer = Annotated[Caller, needs("sites:write")]
Reader = Annotated[Caller, needs("sites:read")]


def shown(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI of an answer that shows one resource."""
    return {200: {"model": model, "headers": ETAG}}


def made(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI of an answer to a registration."""
    headers = LOCATION | ETAG
    return {
        201: {"model": model, "headers": headers},
        200: {
            "model": model,
            "headers": headers,
            "description": "Registered before, by you and with the same content.",
        },
    }


async def registrar(caller: Writer) -> Caller:
    """Let only callers of all sites register, or change what several sites share."""
    if caller.sites is not None:
        raise AllSitesOnly
    return caller


Registrar = Annotated[Caller, Depends(registrar)]


async def held_organisation(
    request: Request, organisation_id: UUID, session: Session, _: Registrar, if_match: IfMatch = None
) -> tables.Organisation:
    """Return the organisation to change, which nobody else can change meanwhile, at the version the caller holds."""
    organisation = await queries.organisation_to_change(session, organisation_id)
    conditional.check(request, if_match, organisation.version)
    return organisation


async def held_site(
    request: Request, site_id: UUID, session: Session, _: Writer, if_match: IfMatch = None
) -> tables.Site:
    """Return the site to change, which nobody else can change meanwhile, at the version the caller holds."""
    site = await queries.site_to_change(session, site_id)
    conditional.check(request, if_match, site.version)
    return site


HeldOrganisation = Annotated[tables.Organisation, Depends(held_organisation)]
HeldSite = Annotated[tables.Site, Depends(held_site)]


@api.post(
    "/v1/organisations",
    status_code=HTTPStatus.CREATED,
    response_model=Organisation,
    responses=made(Organisation) | responses(AllSitesOnly, OrganisationDiffers, RequestInProgress, KeyReused),
)
async def register_organisation(caller: Registrar, once: OnceOnly, session: Session, new: NewOrganisation) -> Response:
    """Register an organisation. With an `id` of your own, sending it again answers 200."""
    registered = await commands.register_organisation(session, caller, new)
    body = queries.shown_organisation(registered.fields)
    return await once.reply(_told(registered, body, f"/v1/organisations/{body.id}"))


@api.get("/v1/organisations")
async def list_organisations(
    filters: Annotated[OrganisationFilters, Query()], _: Reader, session: Snapshot
) -> Page[Organisation]:
    """List organisations in the order of their registration; a caller limited to sites sees those of its sites."""
    return await queries.organisations(session, filters)


@api.get(
    "/v1/organisations/{organisation_id}",
    response_model=Organisation,
    responses=shown(Organisation) | responses(NotFound),
)
async def read_organisation(organisation_id: UUID, _: Reader, session: Snapshot) -> Response:
    """Read an organisation."""
    organisation = await queries.organisation(session, organisation_id)
    return answer(HTTPStatus.OK, queries.shown_organisation(organisation), version=organisation.version).response()


@api.patch(
    "/v1/organisations/{organisation_id}",
    response_model=Organisation,
    responses=shown(Organisation) | responses(AllSitesOnly, NotFound, PreconditionRequired, PreconditionFailed),
)
async def change_organisation(
    organisation: HeldOrganisation, caller: Registrar, session: Session, change: OrganisationChange
) -> Response:
    """Change the named fields of an organisation. A change that changes nothing makes no new version."""
    changed = await commands.change_organisation(session, caller, organisation, change)
    return answer(HTTPStatus.OK, queries.shown_organisation(changed), version=changed.version).response()


@api.post(
    "/v1/sites",
    status_code=HTTPStatus.CREATED,
    response_model=Site,
    responses=made(Site) | responses(AllSitesOnly, OrganisationUnknown, SiteDiffers, RequestInProgress, KeyReused),
)
async def register_site(caller: Registrar, once: OnceOnly, session: Session, new: NewSite) -> Response:
    """Register a site of an organisation. With an `id` of your own, sending it again answers 200."""
    registered = await commands.register_site(session, caller, new)
    body = queries.shown_site(registered.fields, may_write=True)
    return await once.reply(_told(registered, body, f"/v1/sites/{body.id}"))


@api.get("/v1/sites")
async def list_sites(filters: Annotated[SiteFilters, Query()], _: Reader, session: Snapshot) -> Page[Site]:
    """List sites in the order of their registration, without the whereabouts of sites whose address is redacted."""
    return await queries.sites(session, filters)


@api.get("/v1/sites/{site_id}", response_model=Site, responses=shown(Site) | responses(NotFound))
async def read_site(site_id: UUID, caller: Reader, session: Session) -> Response:
    """Read a site. A redacted address is shown only to callers who also hold `sites:write`, and the read is audited."""
    site = await queries.site(session, site_id)
    may_write = not caller.missing("sites:write")
    if site.redacted_address and may_write:
        await audit.record(session, [audit.entry(caller, "read", "site", site.id, detail="redacted address")])
    return answer(HTTPStatus.OK, queries.shown_site(site, may_write=may_write), version=site.version).response()


@api.patch(
    "/v1/sites/{site_id}",
    response_model=Site,
    responses=shown(Site) | responses(NotFound, PreconditionRequired, PreconditionFailed, OrganisationUnknown),
)
async def change_site(site: HeldSite, caller: Writer, session: Session, change: SiteChange) -> Response:
    """Change the named fields of a site. A change that changes nothing makes no new version and announces nothing."""
    changed = await commands.change_site(session, caller, site, change)
    return answer(HTTPStatus.OK, queries.shown_site(changed, may_write=True), version=changed.version).response()


def _told(registered: commands.Registered, body: Organisation | Site, location: str) -> Answer:
    status = HTTPStatus.CREATED if registered.created else HTTPStatus.OK
    return answer(status, body, location=location, version=body.version)
