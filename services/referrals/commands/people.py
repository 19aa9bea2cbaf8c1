"""What people correct of a person."""

from datetime import date
from http import HTTPStatus

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals import tables
from services.referrals.commands.attaching import WRITTEN, Known
from services.referrals.commands.restricting import PersonRestricted
from services.referrals.commands.sealing import DEMOGRAPHICS
from services.referrals.domain.receiving import OLDEST_BIRTH
from services.referrals.queries.finding import hold_number, of_number
from services.referrals.queries.people import demographics, key_of, opened
from services.referrals.schemas.people import PersonChange
from services.referrals.tables import SEALED, Correction, Demographics, Person
from shared import audit
from shared.auth import Caller
from shared.codes import CODE_RETIRED, retired
from shared.crypto import keyring
from shared.db import insert_together
from shared.outbox import Outbox, outbox_rows
from shared.problems import FieldError, MalformedRequest, Problem


class NumberInUse(Problem):
    """Another person of this site has this NHS number; if it is the same one, merge the two."""

    status = HTTPStatus.CONFLICT


async def correct(session: AsyncSession, caller: Caller, person: Person, change: PersonChange, today: date) -> Person:
    """Correct a person that is held, keep what it said before, and announce what is known now.

    Answering a demographic field as before is an answer too; a change that says nothing new of anything makes no new version.
    """
    await _judge(session, person, change, today)
    if person.restricted_at is not None:
        raise PersonRestricted
    keys, key = keyring(), await key_of(session, person)
    said = await demographics(session, person.id)
    known = Known(
        {name: getattr(person, name) for name in WRITTEN},
        key,
        opened(key, person),
        {name: getattr(said, name) for name in DEMOGRAPHICS},
    )
    sent = change.model_dump(exclude_unset=True)
    identity = {name: None if sent[name] is None else str(sent[name]) for name in SEALED if name in sent}
    identity = {name: value for name, value in identity.items() if value != known.identity[name]}
    answered = {name: sent[name] for name in DEMOGRAPHICS if name in sent}
    if not identity and not answered:
        return person
    if number := identity.get("nhs_number"):
        await _refuse_in_use(session, person, keys.index("nhs_number", number))
    announced = known.learn(keys, caller.client, identity, answered)
    for name, value in known.row.items():
        setattr(person, name, value)
    await session.flush()
    detail = f"identity={','.join(identity)} demographics={len(answered)}"
    await insert_together(
        session,
        {
            Demographics: known.answers,
            Correction: known.corrections,
            Outbox: outbox_rows([announced]),
            audit.Audit: [audit.entry(caller, "update", "person", person.id, person_id=person.id, detail=detail)],
        },
    )
    return person


async def _judge(session: AsyncSession, person: Person, change: PersonChange, today: date) -> None:
    """Refuse codes that are not valid today, and a birth date that cannot be: not before every referral there is."""
    errors = [FieldError(pointer=e.pointer, code=CODE_RETIRED, message=e.message) for e in retired(change, today)]
    if change.birth_date is not None:
        row = tables.Referral
        first = await session.scalar(select(func.min(row.received_on)).where(row.person_id == person.id))
        if not OLDEST_BIRTH <= change.birth_date <= min(first or today, today):
            message = "A birth date lies in or after 1900 and not after the first referral."
            errors.append(FieldError(pointer="/birth_date", code="implausible", message=message))
    if errors:
        raise MalformedRequest(errors=errors)


async def _refuse_in_use(session: AsyncSession, person: Person, index: bytes) -> None:
    """Raise `NumberInUse` when another of the site's people has an NHS number; else nobody is given it meanwhile."""
    await hold_number(session, person.site_id, index)
    for other in await of_number(session, person.site_id, index):
        if other.id != person.id:
            raise NumberInUse(person_id=str(other.id))
