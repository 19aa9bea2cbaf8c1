"""The directory's addresses: the search, one service, its leaflet, one place. No token, no cookie, nothing kept."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from math import ceil
from typing import Any
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.sites.domain.offers import Point
from services.sites.domain.schedule import WEEKDAYS
from services.sites.open_referral.pace import paced
from services.sites.open_referral.selection import PublicView
from services.sites.queries import directory as queries
from services.sites.queries import offers
from services.sites.queries.offers import Hit, Search
from services.sites.web import shown
from services.sites.web.asked import Asked, asked
from services.sites.web.pages import HEADERS, ROOT, Visit, gone, page, qr_code, visit
from services.sites.web.tongues import Tongue, tongues
from shared.app import router
from shared.codes import code_list
from shared.days import LONDON

A_PAGE = 8  # services: a page stays below 30 KB, in Tamil too
WITHIN = 10 * shown.MILE
AT_ONE_PLACE = 100

api = router(tags=["directory"], include_in_schema=False, dependencies=[Depends(paced)])


@api.get(ROOT)
async def search(request: Request, session: PublicView) -> Response:
    """Show the search and, once something was asked, what it finds."""
    wanted = asked(request.query_params)
    here = visit(request, wanted.query(page=wanted.page) if wanted.searching else {})
    if wanted.exact and not wanted.problems:
        return RedirectResponse(here.link(ROOT, here.query), HTTPStatus.SEE_OTHER, HEADERS)
    choices: Mapping[str, Any] = {
        "tongues": await _spoken_there(session, wanted),
        "days": WEEKDAYS,
        "needs": code_list("need").codes,
    }
    if wanted.problems or not wanted.searching:
        status = HTTPStatus.UNPROCESSABLE_ENTITY if wanted.problems else HTTPStatus.OK
        return page("search", here, status=status, wanted=wanted, **choices)
    return await _results(session, here, wanted, choices)


@api.get(f"{ROOT}/{{offer_id}}")
async def service(request: Request, offer_id: str, session: PublicView) -> HTMLResponse:
    """Show one service in full."""
    here = visit(request)
    hit = await _service(session, offer_id)
    return page("service", here, service=shown.service(hit, here.words, _now())) if hit else gone(here)


@api.get(f"{ROOT}/{{offer_id}}/leaflet")
async def leaflet(request: Request, offer_id: str, session: PublicView) -> HTMLResponse:
    """Show one service as a leaflet to print; its QR code leads to the service's page in the leaflet's language."""
    here, now = visit(request), _now()
    hit = await _service(session, offer_id)
    if hit is None:
        return gone(here)
    address = f"{str(request.base_url).rstrip('/')}{ROOT}/{hit.offer.id}?lang={here.words.code}"
    return page(
        "leaflet",
        here,
        service=shown.service(hit, here.words, now),
        address=address,
        qr_code=qr_code(address),
        printed=here.words.date(now.date()),
    )


@api.get(f"{ROOT}/sites/{{site_id}}")
async def place(request: Request, site_id: str, session: PublicView) -> HTMLResponse:
    """Show one place and the services there."""
    here = visit(request)
    known = _uuid(site_id)
    found = await queries.place_of_services(session, known) if known else None
    if found is None:
        return gone(here)
    services = await offers.search(session, Search(site_id=found[0].id, status="active"), limit=AT_ONE_PLACE)
    cards = [shown.service(hit, here.words, _now()) for hit in services.hits]
    return page("place", here, place=shown.place(*found), services=cards)


async def _results(session: AsyncSession, here: Visit, wanted: Asked, choices: Mapping[str, Any]) -> HTMLResponse:
    near = await _middle(session, wanted) if wanted.place else None
    now = _now()
    search = Search(
        language=wanted.language or None,
        need=wanted.need or None,
        accepting_referrals=wanted.accepting or None,
        day=next((day for day in WEEKDAYS if day == wanted.day), None),
        open_at=now if wanted.open else None,
        near=near,
        within=WITHIN,
        words=wanted.words or None,
        status="active",
    )
    found = await offers.search(session, search, limit=A_PAGE, offset=(wanted.page - 1) * A_PAGE)
    pages = max(1, ceil(found.total / A_PAGE))
    if wanted.page > pages:
        return page(
            "search",
            here,
            status=HTTPStatus.NOT_FOUND,
            wanted=replace(wanted, problems={"page": "problem_page"}),
            **choices,
        )
    return page(
        "results",
        here,
        wanted=wanted,
        found=found.total,
        pages=pages,
        placed=near is not None,
        services=[shown.service(hit, here.words, now) for hit in found.hits],
        **choices,
    )


async def _middle(session: AsyncSession, wanted: Asked) -> Point | None:
    if wanted.by_postcode:
        return await offers.place(session, wanted.place)
    return await queries.town(session, wanted.place)


async def _spoken_there(session: AsyncSession, wanted: Asked) -> list[Tongue]:
    """Return the languages to choose from: those of services, and the one that was asked for."""
    codes = [*await queries.languages(session), *([wanted.language] if wanted.language else [])]
    return sorted(tongues(codes), key=lambda each: each.english)


async def _service(session: AsyncSession, offer_id: str) -> Hit | None:
    known = _uuid(offer_id)
    return await queries.service(session, known) if known else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _now() -> datetime:
    return datetime.now(LONDON)
