"""Referrals: record, read, list."""

import json
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from sqlalchemy.exc import IntegrityError

from services.referrals.commands import bulk
from services.referrals.commands.receiving import Arrival, IdTaken, ReferralDiffers
from services.referrals.commands.reception import BulkUnfinished, Knock, take_in, take_in_all
from services.referrals.queries import referrals as queries
from services.referrals.schemas.referrals import EXAMPLE, BulkResults, IdentifiedReferral, NewReferral, Referral
from shared import audit
from shared.app import router
from shared.auth import Caller, SiteRequired, SiteUnknown, needs
from shared.conditional import ETAG, LOCATION
from shared.db import Session, commit, session_maker
from shared.idempotency import (
    Answer,
    KeyHeader,
    KeyReused,
    RequestInProgress,
    answer,
    kept_for,
    request_hash,
    running,
    store,
    stored,
)
from shared.paging import Page
from shared.problems import NotFound, responses
from shared.telemetry import trace_id

api = router(tags=["referrals"])

Writer = Annotated[Caller, needs("referrals:write")]
Reader = Annotated[Caller, needs("referrals:read")]

EXAMPLES = [EXAMPLE, EXAMPLE | {"source_id": "W-2026-00043"}]
BULK_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One referral a line (NDJSON), or a JSON array of referrals. At most 32 MiB; a referral at most 256 KiB.",
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "examples": {"two": {"value": "".join(f"{json.dumps(each)}\n" for each in EXAMPLES)}},
            },
            "application/json": {
                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/NewReferral"}},
                "examples": {"two": {"value": EXAMPLES}},
            },
        },
    }
}


@api.post(
    "/v1/referrals",
    status_code=HTTPStatus.CREATED,
    response_model=Referral,
    responses={
        201: {"headers": LOCATION | ETAG},
        200: {"model": Referral, "description": "Recorded before, with the same content.", "headers": LOCATION | ETAG},
        **responses(ReferralDiffers, IdTaken, RequestInProgress, KeyReused, SiteRequired, SiteUnknown),
    },
)
async def receive(request: Request, new: NewReferral, caller: Writer, key: KeyHeader = None) -> Response:
    """Record a referral; sending the same one again is safe and answers 200 with the one recorded."""
    digest = request_hash(request.method, request.scope["path"], request.state.json) if key else b""
    with running(caller.client, key):
        told = await take_in(caller, Knock(Arrival(new, trace_id()), key, digest, kept_for(request)))
    return told.answer.response(replayed=told.replayed)


@api.post(
    "/v1/referrals/bulk",
    response_model=BulkResults,
    responses=responses(RequestInProgress, KeyReused, BulkUnfinished),
    openapi_extra=BULK_BODY,
)
async def receive_bulk(
    request: Request,
    caller: Writer,
    key: KeyHeader = None,
    *,
    dry_run: Annotated[bool, Query(description="Say what would happen, and change nothing.")] = False,
) -> Response:
    """Record many referrals. Each line has its own result; a bad line never stops the rest; sending all again is safe."""
    if key is None:
        return _told(await take_in_all(caller, bulk.lines(request), dry_run=dry_run)).response()
    with running(caller.client, key):
        return await _bulk_once(request, caller, key, dry_run=dry_run)


def _told(results: BulkResults) -> Answer:
    """Return the answer to a bulk: an id where there is one, a problem where there is one."""
    return Answer(HTTPStatus.OK, results.model_dump_json(exclude_none=True).encode())


async def _bulk_once(request: Request, caller: Caller, key: str, *, dry_run: bool) -> Response:
    """Answer a bulk with a key as it was answered before; each row is safe to repeat, so an unfinished one is begun again."""
    content = (await request.body()).decode("latin-1")
    digest = request_hash(request.method, f"{request.scope['path']}?dry_run={dry_run}", content)
    async with session_maker()() as session:
        before = (await stored(session, caller.client, {key: digest})).get(key)
        await commit(session)  # recording may take longer than a transaction may stand idle
    if isinstance(before, KeyReused):
        raise before
    if before is not None:
        return before.response(replayed=True)
    told = _told(await take_in_all(caller, bulk.lines(request), dry_run=dry_run))
    async with session_maker()() as session:
        try:
            await store(session, caller.client, {key: (digest, told)})
        except IntegrityError:
            raise RequestInProgress from None
        await commit(session)
    return told.response()


@api.get("/v1/referrals/{referral_id}", response_model=IdentifiedReferral | Referral, responses=responses(NotFound))
async def read(referral_id: UUID, caller: Reader, session: Session) -> Response:
    """Read a referral; with `people:read`, who it is about as well. The read is audited."""
    row = await queries.referral(session, caller, referral_id)
    seen = "identified" if not caller.missing("people:read") else "coded"
    shown = await queries.identified(session, caller, row) if seen == "identified" else queries.shown(row)
    await audit.record(session, [audit.entry(caller, "read", "referral", row.id, person_id=row.person_id, detail=seen)])
    return answer(HTTPStatus.OK, shown, version=row.version).response()


@api.get("/v1/referrals")
async def read_list(filters: Annotated[queries.Filters, Query()], caller: Reader, session: Session) -> Page[Referral]:
    """List referrals in order of receipt, coded fields only. The read is audited."""
    page = await queries.referrals(session, caller, filters)
    named = ",".join(sorted(filters.chosen()))
    await audit.record(
        session, [audit.entry(caller, "read", "referrals", detail=f"list {named} rows={len(page.items)}")]
    )
    return page
