"""People, read: found only by those whose site they are of, and by nobody once they are erased."""

from uuid import UUID

from sqlalchemy import RowMapping, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals import tables
from services.referrals.queries.keys import person_key
from services.referrals.tables import SEALED, Demographics, Person
from shared.auth import Caller
from shared.crypto import PersonKey
from shared.problems import NotFound


async def person(session: AsyncSession, caller: Caller, person_id: UUID) -> Person:
    """Return a person of the caller's; raises `NotFound`."""
    return await _found(session, caller, select(Person).where(Person.id == person_id))


async def person_to_change(session: AsyncSession, caller: Caller, person_id: UUID) -> Person:
    """Return a person of the caller's as they are now, held until the transaction ends; raises `NotFound`."""
    held = select(Person).where(Person.id == person_id).with_for_update().execution_options(populate_existing=True)
    return await _found(session, caller, held)


async def _found(session: AsyncSession, caller: Caller, query: Select[Person]) -> Person:
    found = await session.scalar(query)
    if found is None or found.erased_at is not None or not caller.may_see(found.site_id):
        raise NotFound
    return found


def withheld(caller: Caller, person: Person) -> bool:
    """Tell whether a person is restricted and the caller not among those who look after such records."""
    return person.restricted_at is not None and bool(caller.missing("people:write"))


async def key_of(session: AsyncSession, person: Person) -> PersonKey:
    """Return a person's key; raises `NotFound` when it was destroyed."""
    key = await person_key(session, person.id)
    if key is None:
        raise NotFound
    return key


async def identity(session: AsyncSession, person: Person) -> dict[str, str | None]:
    """Return what is known of who a person is, in plain text; None is not recorded."""
    return opened(await key_of(session, person), person)


def opened(key: PersonKey, row: Person | RowMapping) -> dict[str, str | None]:
    """Return a person's identifying fields decrypted; None is not recorded."""
    columns = row if isinstance(row, RowMapping) else {name: getattr(row, name) for name in SEALED}
    return {name: None if (sealed := columns[name]) is None else key.open(name, sealed) for name in SEALED}


async def demographics(session: AsyncSession, person_id: UUID) -> Demographics:
    """Return a person's demographics as they are known now."""
    query = select(Demographics).where(Demographics.person_id == person_id)
    return (await session.scalars(query.order_by(Demographics.version.desc()).limit(1))).one()


async def referral_ids(session: AsyncSession, person_id: UUID) -> list[UUID]:
    """Return the ids of a person's referrals that were not removed, in order of receipt."""
    row = tables.Referral
    query = select(row.id).where(row.person_id == person_id, row.removed_at.is_(None))
    return list(await session.scalars(query.order_by(row.received_on, row.id)))


async def demographics_versions(session: AsyncSession, person_id: UUID) -> list[Demographics]:
    """Return everything that was ever said of a person's demographics, first things first."""
    query = select(Demographics).where(Demographics.person_id == person_id)
    return list(await session.scalars(query.order_by(Demographics.version)))
