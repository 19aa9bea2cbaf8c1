"""How callers speak to `surveys`."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from starlette.responses import Response as HttpResponse

from services.surveys import commands, queries
from services.surveys.commands import InstrumentUnknown, ResponseDiffers, TotalDiffers
from services.surveys.instruments import Instrument, instruments
from services.surveys.schemas import NewResponse, Response, ScoredResponse, ScoreFilters
from shared import audit
from shared.app import router
from shared.auth import Caller, SiteRequired, SiteUnknown, needs
from shared.conditional import ETAG, LOCATION
from shared.db import Session
from shared.idempotency import Answer, KeyReused, OnceOnly, RequestInProgress, answer
from shared.paging import Page
from shared.problems import NotFound, responses

api = router(tags=["surveys"])

Sender = Annotated[Caller, needs("surveys:answer")]
Reader = Annotated[Caller, needs("surveys:read")]


Described = dict[int | str, dict[str, Any]]
SHOWN_INSTRUMENT: Described = {200: {"model": Instrument, "headers": ETAG}}
SHOWN_RESPONSE: Described = {200: {"model": Response, "headers": ETAG}}
RECORDED: Described = {
    201: {"model": ScoredResponse, "headers": LOCATION | ETAG},
    200: {
        "model": ScoredResponse,
        "headers": LOCATION | ETAG,
        "description": "Recorded before, from you and with the same content.",
    },
}


@api.get("/v1/instruments")
async def list_instruments(_: Reader) -> Page[Instrument]:
    """List the instruments that can be answered, each with its items, scoring, bands and licence."""
    return Page(items=list(instruments().values()))


@api.get(
    "/v1/instruments/{code}",
    response_model=Instrument,
    responses=SHOWN_INSTRUMENT | responses(NotFound),
)
async def read_instrument(code: str, _: Reader) -> HttpResponse:
    """Read an instrument: its items, how they add up, and what the totals mean."""
    instrument = instruments().get(code)
    if instrument is None:
        raise NotFound
    return Answer(HTTPStatus.OK, instrument.model_dump_json().encode(), {"ETag": f'"{instrument.version}"'}).response()


@api.post(
    "/v1/responses",
    status_code=HTTPStatus.CREATED,
    response_model=ScoredResponse,
    responses=RECORDED
    | responses(
        InstrumentUnknown, TotalDiffers, ResponseDiffers, SiteRequired, SiteUnknown, RequestInProgress, KeyReused
    ),
)
async def record_response(caller: Sender, once: OnceOnly, session: Session, new: NewResponse) -> HttpResponse:
    """Record an answered instrument and score it. Its answers stay in this service; only totals are announced."""
    answered = await commands.record_response(session, caller, new)
    body = queries.scored(answered.fields)
    status = HTTPStatus.CREATED if answered.created else HTTPStatus.OK
    return await once.reply(answer(status, body, location=f"/v1/responses/{body.id}", version=body.version))


@api.get(
    "/v1/responses/{response_id}",
    response_model=Response,
    responses=SHOWN_RESPONSE | responses(NotFound),
)
async def read_response(response_id: UUID, caller: Reader, session: Session) -> HttpResponse:
    """Read a response with its answers. The read is audited."""
    row = await queries.response(session, response_id)
    await audit.record(session, [audit.entry(caller, "read", "response", row.id)])
    return answer(HTTPStatus.OK, queries.with_answers(row), version=row.version).response()


@api.get("/v1/referrals/{referral_id}/scores")
async def list_scores(
    referral_id: UUID, filters: Annotated[ScoreFilters, Query()], caller: Reader, session: Session
) -> Page[ScoredResponse]:
    """List the scores of one pathway by day answered, then time recorded, then id. The read is audited."""
    page = await queries.scores(session, referral_id, filters)
    detail = f"rows={len(page.items)}"
    await audit.record(session, [audit.entry(caller, "read", "referral scores", referral_id, detail=detail)])
    return page
