"""People: read, correct, look up; and who read and changed what of them."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.referrals import tables
from services.referrals.commands import people
from services.referrals.commands.people import NumberInUse
from services.referrals.commands.restricting import PersonRestricted
from services.referrals.queries import biography
from services.referrals.queries.looking_up import look_up
from services.referrals.queries.people import person, person_to_change
from services.referrals.schemas.people import (
    Deed,
    Edition,
    FoundPerson,
    PersonChange,
    PersonRecord,
    PersonSearch,
    PersonVersion,
    TrailPage,
)
from shared import audit, conditional, days
from shared.app import router
from shared.auth import Caller, needs
from shared.conditional import ETAG, IfMatch
from shared.db import Session
from shared.idempotency import KeyReused, OnceOnly, RequestInProgress, answer
from shared.paging import Page, Paging
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses

api = router(tags=["people"])

Reader = Annotated[Caller, needs("people:read")]
Writer = Annotated[Caller, needs("people:write")]

SHOWN: dict[int | str, dict[str, Any]] = {200: {"model": PersonRecord, "headers": ETAG}}
CHANGED: dict[int | str, dict[str, Any]] = {200: {"model": PersonVersion, "headers": ETAG}}


async def held_person(
    request: Request, person_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Person:
    """Return the person to change, whom nobody else can change meanwhile, at the version the caller holds."""
    held = await person_to_change(session, caller, person_id)
    conditional.check(request, if_match, held.version)
    return held


HeldPerson = Annotated[tables.Person, Depends(held_person)]


@api.get("/v1/people/{person_id}", response_model=PersonRecord, responses=SHOWN | responses(NotFound))
async def read(person_id: UUID, caller: Reader, session: Session) -> Response:
    """Read who a person is and what is known of them, with when it was last answered and by whom. The read is audited."""
    found = await person(session, caller, person_id)
    shown = await biography.record(session, caller, found)
    await audit.record(
        session, [_deed(caller, "read", found, "withheld" if shown.demographics is None else "identified")]
    )
    return answer(HTTPStatus.OK, shown, version=found.version).response()


@api.get("/v1/people/{person_id}/history", responses=responses(NotFound))
async def read_history(
    person_id: UUID, paging: Annotated[Paging, Query()], caller: Reader, session: Session
) -> Page[Edition]:
    """Read what was said of a person, by whom, when, and what it replaced, first things first. The read is audited."""
    found = await person(session, caller, person_id)
    shown = await biography.history(session, caller, found, paging)
    await audit.record(session, [_deed(caller, "read", found, "history")])
    return shown


@api.get("/v1/people/{person_id}/audit", responses=responses(NotFound))
async def read_trail(
    person_id: UUID, paging: Annotated[TrailPage, Query()], caller: Reader, session: Session
) -> Page[Deed]:
    """Read who read and changed what of a person, in order, this reading included: the report that patients may ask for."""
    found = await person(session, caller, person_id)
    await audit.record(session, [_deed(caller, "read", found, "audit trail")])
    return await biography.trail(session, found, paging)


@api.patch(
    "/v1/people/{person_id}/demographics",
    response_model=PersonVersion,
    responses=CHANGED
    | responses(
        NotFound, PreconditionRequired, PreconditionFailed, PersonRestricted, NumberInUse, RequestInProgress, KeyReused
    ),
)
async def correct(once: OnceOnly, held: HeldPerson, caller: Writer, session: Session, change: PersonChange) -> Response:
    """Correct what is known of a person, identity and demographics. What it replaces is kept; `null` takes a field back."""
    changed = await people.correct(session, caller, held, change, days.today())
    body = PersonVersion(id=changed.id, version=changed.version)
    return await once.reply(answer(HTTPStatus.OK, body, version=changed.version))


@api.post("/v1/people/search")
async def search(caller: Reader, session: Session, wanted: PersonSearch) -> Page[FoundPerson]:
    """Look for people by NHS number, by local patient id, or by family name and birth date. Whom it shows is audited.

    Case, accents and spaces do not matter; nothing else is guessed. An Idempotency-Key has no use here: answers that name people
    are not kept.
    """
    found = await look_up(session, caller, wanted)
    shape = audit.entry(
        caller, "read", "people", detail=f"search by={','.join(wanted.wanted())} found={len(found.items)}"
    )
    shown = [
        audit.entry(caller, "read", "person", each.id, person_id=each.id, detail="found by a search")
        for each in found.items
    ]
    await audit.record(session, [shape, *shown])
    return found


def _deed(caller: Caller, action: audit.Action, who: tables.Person, detail: str) -> dict[str, Any]:
    return audit.entry(caller, action, "person", who.id, person_id=who.id, detail=detail)
