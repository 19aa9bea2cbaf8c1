"""The key that one person's fields are sealed under."""

from http import HTTPStatus
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.tables import PersonKeyRow
from shared.crypto import PersonKey, keyring
from shared.problems import Problem


class PersonErased(Problem):
    """The person was erased: nothing can be read or kept about them any more."""

    status = HTTPStatus.GONE


async def person_key(session: AsyncSession, person_id: UUID) -> PersonKey | None:
    """Return a person's key, or None when it was destroyed and nothing can be read or sealed any more."""
    row = await session.scalar(select(PersonKeyRow).where(PersonKeyRow.person_id == person_id))
    return None if row is None else keyring().open_person(person_id, row.wrapped_by, row.wrapped)
