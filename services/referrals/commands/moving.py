"""How a person's record follows a referral whose site is corrected, without a word to either site about the other."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals import tables
from services.referrals.commands.attaching import contradict
from services.referrals.commands.restricting import PersonRestricted
from services.referrals.commands.sealing import DEMOGRAPHICS, announcement, sealed
from services.referrals.queries.finding import hold_number, of_number
from services.referrals.queries.people import demographics, key_of, opened
from services.referrals.tables import Correction, Demographics, Message, Person, PersonKeyRow
from shared import audit
from shared.auth import Caller, SiteUnknown
from shared.crypto import PersonKey, keyring
from shared.db import insert_together
from shared.outbox import Emission, Outbox, outbox_rows
from shared.problems import NotFound

HOUSED = (PersonKeyRow, Demographics, Correction, Message)
OF_A_REFERRAL = ("note", "triage_reason", "ended_reason")  # what is sealed under its person's key
OF_A_MESSAGE = {"raw": "message", "headers": "headers"}


async def rehouse(session: AsyncSession, caller: Caller, referral: tables.Referral, site_id: UUID | None) -> None:
    """Give a referral that is held another site, and the record of its person that this site has or gets.

    The record goes along when it has no other referral. Otherwise the referral is given the record there with the same NHS
    number, or a copy under a key of its own, which starts a history of its own. The matcher ties the two afterwards.
    """
    if referral.site_id == site_id:
        return
    if not caller.may_see(site_id):
        raise SiteUnknown
    hold = select(Person).where(Person.id == referral.person_id).with_for_update(key_share=True)
    person = await session.scalar(hold.execution_options(populate_existing=True))
    if person is None or person.erased_at is not None:
        raise NotFound
    if person.restricted_at is not None:
        raise PersonRestricted
    row = tables.Referral
    others = select(func.count()).where(row.person_id == person.id, row.id != referral.id)
    referral.site_id = site_id
    if await session.scalar(others):
        await _part(session, caller, referral, person)
    else:
        person.site_id = site_id
        for table in HOUSED:
            await session.execute(update(table).where(table.person_id == person.id).values(site_id=site_id))
    person.version += 1
    person.examined_at = None
    await audit.record(
        session, [audit.entry(caller, "update", "person", person.id, person_id=person.id, detail="a referral's site")]
    )
    await session.flush()


async def _part(session: AsyncSession, caller: Caller, referral: tables.Referral, person: Person) -> None:
    """Give a referral whose person stays behind the record of its own site, with what is sealed of it under that key."""
    key = await key_of(session, person)
    there = await _known_there(session, person, key, referral.site_id)
    if there is None:
        person_id, new_key = await _copy(session, caller, referral, person, key)
    else:
        person_id, new_key = there.id, await key_of(session, there)
        there.version += 1
        there.examined_at = None
    referral.person_id = person_id
    for name in OF_A_REFERRAL:
        if (text := getattr(referral, name)) is not None:
            setattr(referral, name, new_key.seal(name, key.open(name, text)))
    for message in await session.scalars(select(Message).where(Message.referral_id == referral.id)):
        message.person_id, message.site_id = person_id, referral.site_id
        for name, purpose in OF_A_MESSAGE.items():
            if (content := getattr(message, name)) is not None:
                setattr(message, name, new_key.seal(purpose, key.open(purpose, content)))


async def _known_there(session: AsyncSession, person: Person, key: PersonKey, site_id: UUID | None) -> Person | None:
    """Return the other site's record with the same NHS number, held, unless the two contradict each other."""
    if person.nhs_number_index is None:
        return None
    await hold_number(session, site_id, person.nhs_number_index)
    who = opened(key, person)
    for other in await of_number(session, site_id, person.nhs_number_index, hold=True):
        if not contradict(who, opened(await key_of(session, other), other)):
            return other
    return None


async def _copy(
    session: AsyncSession, caller: Caller, referral: tables.Referral, person: Person, key: PersonKey
) -> tuple[UUID, PersonKey]:
    """Make a record of the same person for the referral's site; nothing in it tells of the one it was made from."""
    keys, person_id, site_id, now = keyring(), uuid4(), referral.site_id, datetime.now(UTC)
    new_key, wrapped_by, wrapped = keys.new_person(person_id)
    who, said = opened(key, person), await demographics(session, person.id)
    known = {name: getattr(said, name) for name in DEMOGRAPHICS}
    born_by = {"person_id": person_id, "site_id": site_id}
    await insert_together(
        session,
        {
            Person: [{"id": person_id, "site_id": site_id, "version": 1, "announced": 1} | sealed(keys, new_key, who)],
            PersonKeyRow: [born_by | {"wrapped_by": wrapped_by, "wrapped": wrapped}],
            Demographics: [
                born_by
                | {"version": 1, "recorded_at": now, "recorded_by": caller.client}
                | {"answered": [name for name, value in known.items() if value is not None]}
                | known
            ],
            Outbox: outbox_rows([Emission(announcement(keys, person_id, who["birth_date"], known), 1)]),
            audit.Audit: [audit.entry(caller, "create", "person", person_id, person_id=person_id)],
        },
    )
    return person_id, new_key
