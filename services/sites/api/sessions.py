"""Sessions: record, read, list, change, and count who came."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.sites import tables
from services.sites.api.answers import made, shown, told
from services.sites.commands import sessions as commands
from services.sites.commands.sessions import (
    OfferUnknown,
    SessionAttended,
    SessionCalledOff,
    SessionDiffers,
    SessionNotBegun,
)
from services.sites.queries import sessions as queries
from services.sites.schemas import sessions as schemas
from services.sites.schemas.sessions import NewAttendance, NewSession, SessionChange, SessionFilters
from shared import conditional
from shared.app import router
from shared.auth import Caller, SiteRequired, SiteUnknown, needs
from shared.conditional import IfMatch
from shared.db import Session, Snapshot
from shared.idempotency import KeyReused, OnceOnly, RequestInProgress, answer
from shared.paging import Page
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses

api = router(tags=["sessions"])

Writer = Annotated[Caller, needs("sites:write")]
Reader = Annotated[Caller, needs("sites:read")]


async def held_session(
    request: Request, session_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.CommunitySession:
    """Return the session to change, which nobody else can change meanwhile, at the version the caller holds."""
    found = await queries.session_to_change(session, caller, session_id)
    conditional.check(request, if_match, found.version)
    return found


HeldSession = Annotated[tables.CommunitySession, Depends(held_session)]


@api.post(
    "/v1/sessions",
    status_code=HTTPStatus.CREATED,
    response_model=schemas.Session,
    responses=made(schemas.Session)
    | responses(SiteUnknown, SiteRequired, OfferUnknown, KeyReused, SessionDiffers, RequestInProgress),
)
async def record(once: OnceOnly, caller: Writer, session: Session, new: NewSession) -> Response:
    """Record a session that took place or is planned. With an `id` of your own, sending it again answers 200."""
    registered = await commands.record_session(session, caller, new)
    body = queries.shown_session(registered.fields)
    return await once.reply(told(registered, body, f"/v1/sessions/{body.id}"))


@api.get("/v1/sessions")
async def read_list(
    filters: Annotated[SessionFilters, Query()], caller: Reader, session: Snapshot
) -> Page[schemas.Session]:
    """List the sessions of your sites, with who came to them, exactly."""
    return await queries.sessions(session, caller, filters)


@api.get(
    "/v1/sessions/{session_id}", response_model=schemas.Session, responses=shown(schemas.Session) | responses(NotFound)
)
async def read(session_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read a session, with who came to it, exactly."""
    found = await queries.session_of(session, caller, session_id)
    return answer(HTTPStatus.OK, queries.shown_session(found), version=found.version).response()


@api.patch(
    "/v1/sessions/{session_id}",
    response_model=schemas.Session,
    responses=shown(schemas.Session)
    | responses(
        NotFound,
        PreconditionRequired,
        PreconditionFailed,
        OfferUnknown,
        KeyReused,
        SessionAttended,
        RequestInProgress,
    ),
)
async def change(once: OnceOnly, held: HeldSession, caller: Writer, session: Session, sent: SessionChange) -> Response:
    """Change the named fields of a session, or call it off. A change that changes nothing makes no new version."""
    changed = await commands.change_session(session, caller, held, sent)
    return await once.reply(answer(HTTPStatus.OK, queries.shown_session(changed), version=changed.version))


@api.put(
    "/v1/sessions/{session_id}/attendance",
    response_model=schemas.Session,
    responses=shown(schemas.Session)
    | responses(
        NotFound,
        PreconditionRequired,
        PreconditionFailed,
        KeyReused,
        SessionNotBegun,
        SessionCalledOff,
        RequestInProgress,
    ),
)
async def record_attendance(
    once: OnceOnly, held: HeldSession, caller: Writer, session: Session, counted: NewAttendance
) -> Response:
    """Say how many came, and in anonymous counts who. Takes the session's ETag; the same again makes no new version."""
    changed = await commands.record_attendance(session, caller, held, counted)
    return await once.reply(answer(HTTPStatus.OK, queries.shown_session(changed), version=changed.version))
