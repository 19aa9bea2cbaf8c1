"""The nine addresses of Open Referral UK 3.0: open to anybody, at a fair pace, never behind a token."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.routing import APIRoute

from services.sites.open_referral import selection, terms
from services.sites.open_referral.answers import PREFLIGHT, answer
from services.sites.open_referral.asked import Filters, Paged, TermFilters
from services.sites.open_referral.ids import at_location
from services.sites.open_referral.lists import AT_LOCATIONS, SERVICES, listed, one
from services.sites.open_referral.pace import TooManyRequests, paced
from services.sites.open_referral.selection import PostcodeUnknown, PublicView
from services.sites.open_referral.shapes import Page, Service, ServiceAtLocation, Taxonomy, TaxonomyTerm, page
from shared.app import router
from shared.problems import NotFound, responses

VERSION = "HSDS-UK-3.0"  # exactly: the official validator chooses by it
PROFILE = "https://docs.openreferraluk.org/en/latest/"
DEFINITION = "https://openreferraluk.org/specifications/3.0/openapi.json"
ROOT = "/open-referral"

TAG = {"ETag": {"description": "For If-None-Match.", "schema": {"type": "string"}}}
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "What you hold is still so.", "headers": TAG}}

api = router(tags=["open referral"], dependencies=[Depends(paced)])
preflight = router()


def told(model: type[Any]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI of an answer of the feed."""
    return {200: {"model": model, "headers": TAG}, **UNCHANGED, **responses(TooManyRequests)}


@api.get(ROOT, include_in_schema=False)
@api.get(f"{ROOT}/", responses=UNCHANGED | responses(TooManyRequests))
async def about(request: Request) -> Response:
    """Say which version of which standard this is."""
    return answer(request, {"version": VERSION, "profile": PROFILE, "openapi_url": DEFINITION})


@api.get(f"{ROOT}/services", responses=told(Page) | responses(PostcodeUnknown))
async def list_services(request: Request, filters: Annotated[Filters, Query()], session: PublicView) -> Response:
    """List what people can come to. All filters hold together."""
    return await listed(request, session, filters, SERVICES)


@api.get(f"{ROOT}/services/{{service_id}}", responses=told(Service) | responses(NotFound))
async def read_service(request: Request, service_id: UUID, session: PublicView) -> Response:
    """Read a service with everything that belongs to it."""
    return await one(request, session, service_id, SERVICES)


@api.get(f"{ROOT}/service_at_locations", responses=told(Page) | responses(PostcodeUnknown))
async def list_services_at_locations(
    request: Request, filters: Annotated[Filters, Query()], session: PublicView
) -> Response:
    """List services at their places. All filters hold together."""
    return await listed(request, session, filters, AT_LOCATIONS)


@api.get(
    f"{ROOT}/service_at_locations/{{service_at_location_id}}", responses=told(ServiceAtLocation) | responses(NotFound)
)
async def read_service_at_location(request: Request, service_at_location_id: UUID, session: PublicView) -> Response:
    """Read a service at its place, with everything that belongs to either."""
    return await one(request, session, at_location(service_at_location_id), AT_LOCATIONS)


@api.get(f"{ROOT}/taxonomies", responses=told(Page))
async def list_taxonomies(request: Request, filters: Annotated[Paged, Query()]) -> Response:
    """List the taxonomies whose terms services, places and organisations have."""
    kinds = [kind.shown().told() for kind in terms.kinds().values()]
    return _page(request, kinds, filters)


@api.get(f"{ROOT}/taxonomies/{{taxonomy_id}}", responses=told(Taxonomy) | responses(NotFound))
async def read_taxonomy(request: Request, taxonomy_id: UUID) -> Response:
    """Read a taxonomy."""
    kind = terms.by_id().get(taxonomy_id)
    if kind is None:
        raise NotFound
    return answer(request, kind.shown().told())


@api.get(f"{ROOT}/taxonomy_terms", responses=told(Page))
async def list_taxonomy_terms(
    request: Request, filters: Annotated[TermFilters, Query()], session: PublicView
) -> Response:
    """List the terms: all of closed taxonomies; languages, programmes and clusters that something has."""
    closed = [(kind, code) for kind in terms.kinds().values() for code in kind.codes or ()]
    found = [
        kind.term(code).told()
        for kind, code in [*closed, *await selection.open_codes(session)]
        if filters.taxonomy_id in {None, kind.id}
    ]
    return _page(request, found, filters)


@api.get(f"{ROOT}/taxonomy_terms/{{taxonomy_term_id}}", responses=told(TaxonomyTerm) | responses(NotFound))
async def read_taxonomy_term(request: Request, taxonomy_term_id: UUID, session: PublicView) -> Response:
    """Read a term."""
    found = await selection.term_of(session, taxonomy_term_id)
    if found is None:
        raise NotFound
    kind, code = found
    return answer(request, kind.term(code).told())


def _page(request: Request, found: list[dict[str, Any]], asked: Paged) -> Response:
    """Return a page of a list that is held whole."""
    start = (asked.page - 1) * asked.per_page
    shown = found[start : start + asked.per_page]
    return answer(request, page(shown, len(found), asked.page, asked.per_page).model_dump())


async def allowed() -> Response:
    """Tell a browser that pages of any origin may read the feed."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=PREFLIGHT)


for address in {route.path for route in api.routes if isinstance(route, APIRoute)}:
    preflight.add_api_route(address, allowed, methods=["OPTIONS"], include_in_schema=False)
