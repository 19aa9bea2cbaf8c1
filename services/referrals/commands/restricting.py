"""Restriction: a person's record may be kept and not used."""

from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.queries.people import key_of
from services.referrals.schemas.erasure import RestrictionDecision
from services.referrals.tables import Correction, Person
from shared import audit
from shared.auth import Caller
from shared.crypto import keyring
from shared.events import people as events
from shared.outbox import emit
from shared.problems import Problem

REASON = "restriction"


class PersonRestricted(Problem):
    """This person's record is restricted: it is kept, and changed by nobody until the restriction is lifted."""

    status = HTTPStatus.CONFLICT


async def refuse_if_restricted(session: AsyncSession, person_id: UUID) -> None:
    """Raise `PersonRestricted` for a change of a restricted person or of one of their pathways.

    Holds the person's row against being restricted or erased before the change is committed.
    """
    query = select(Person.restricted_at).where(Person.id == person_id).with_for_update(read=True, key_share=True)
    if await session.scalar(query) is not None:
        raise PersonRestricted


async def restrict(session: AsyncSession, caller: Caller, person: Person, decision: RestrictionDecision) -> Person:
    """Restrict a person that is held, or lift the restriction; as it is already, nothing happens.

    The reason is sealed under the person's key, so that it goes when they are erased; the one before is kept as a correction.
    """
    if (person.restricted_at is not None) == decision.restricted:
        return person
    key, now, before = await key_of(session, person), datetime.now(UTC), person.restriction
    person.restricted_at = now if decision.restricted else None
    person.restriction = key.seal(REASON, decision.reason)
    person.version += 1
    person.announced += 1
    if before is not None:
        session.add(
            Correction(
                person_id=person.id,
                version=person.version,
                field=REASON,
                site_id=person.site_id,
                was=before,
                corrected_at=now,
                corrected_by=caller.client,
            )
        )
    await session.flush()
    announced = events.PersonRestricted(person_key=keyring().person_key(person.id), restricted=decision.restricted)
    await emit(session, announced, version=person.announced)
    detail = "restricted" if decision.restricted else "restriction lifted"
    await audit.record(
        session, [audit.entry(caller, "update", "person", person.id, person_id=person.id, detail=detail)]
    )
    return person
