"""Restriction and erasure: a record that is kept and not used, and one that is no more."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response

from services.referrals.commands import erasing, restricting
from services.referrals.commands.restricting import PersonRestricted
from services.referrals.commands.untying import same_human
from services.referrals.queries import erasures as queries
from services.referrals.queries.people import person_to_change
from services.referrals.schemas.erasure import ErasureDecision, ErasureReport, Restriction, RestrictionDecision
from services.referrals.tables import Person
from shared import conditional
from shared.app import router
from shared.auth import Caller, needs
from shared.conditional import ETAG, IfMatch
from shared.crypto import keyring
from shared.db import Session
from shared.idempotency import KeyReused, OnceOnly, RequestInProgress, answer
from shared.problems import NotFound, PreconditionFailed, responses

api = router(tags=["people"])

Writer = Annotated[Caller, needs("people:write")]
Eraser = Annotated[Caller, needs("people:erase")]


async def held_person(
    request: Request, person_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> Person:
    """Return the person to restrict, whom nobody else can change meanwhile, at the version the caller holds if any."""
    person = await person_to_change(session, caller, person_id)
    conditional.check(request, if_match, person.version)
    return person


async def person_to_erase(
    request: Request, person_id: UUID, session: Session, caller: Eraser, if_match: IfMatch = None
) -> Person:
    """Return the person to erase, held with their pathways; one who is erased has no version to hold any more."""
    person = await erasing.person_to_erase(session, caller, person_id)
    if person.erased_at is None:
        conditional.check(request, if_match, person.version)
    return person


@api.post(
    "/v1/people/{person_id}/restrict",
    response_model=Restriction,
    responses={200: {"headers": ETAG}, **responses(NotFound, PreconditionFailed, RequestInProgress, KeyReused)},
)
async def restrict(
    once: OnceOnly,
    person: Annotated[Person, Depends(held_person)],
    caller: Writer,
    session: Session,
    decision: RestrictionDecision,
) -> Response:
    """Restrict a person's record, or lift the restriction; as it is already, nothing changes.

    While it is restricted, changes of the person and of their pathways are refused with 409 `person-restricted`, and so is
    an erasure; new referrals are still recorded, and everything can be read.
    """
    restricted = await restricting.restrict(session, caller, person, decision)
    return await once.reply(answer(HTTPStatus.OK, queries.restriction(restricted), version=restricted.version))


@api.delete(
    "/v1/people/{person_id}",
    response_model=ErasureReport,
    responses=responses(NotFound, PreconditionFailed, PersonRestricted, RequestInProgress, KeyReused),
)
async def erase(
    once: OnceOnly,
    person: Annotated[Person, Depends(person_to_erase)],
    caller: Eraser,
    session: Session,
    decision: ErasureDecision,
) -> Response:
    """Erase a person for ever, by a recorded decision; asking again answers the report as it stands.

    The record's key is destroyed with everything that it encrypted, in every store of this service. Pathways stay as figures
    that lead to nobody. Messages that told of the person leave the event stream a moment later: `stream_cleaned` says when.
    Records of the same human at other sites are theirs to erase.
    """
    if person.erased_at is not None:
        return await once.reply(answer(HTTPStatus.OK, queries.report(await queries.erasure_of(session, person.id))))
    if person.restricted_at is not None:
        raise PersonRestricted
    tied_to = await same_human(session, person.id) if caller.sites is None else None
    erasure = await erasing.erase(session, keyring(), caller, person, decision)
    return await once.reply(answer(HTTPStatus.OK, queries.report(erasure, tied_to)))
