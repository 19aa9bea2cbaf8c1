"""What finds people without revealing them: keyed hashes of exact values, and a site's people by NHS number."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.domain.matching import plain
from services.referrals.tables import Person
from shared.crypto import Keyring
from shared.db import lock_key
from shared.problems import Busy


def squeezed(text: str) -> str:
    """Return a local patient id as it is compared: without spaces and case."""
    return "".join(text.split()).casefold()


def indexes(keys: Keyring, identity: Mapping[str, str | None]) -> dict[str, bytes | None]:
    """Return what finds a person by number, or by name and birth date together; None where that is not known."""
    number, local, born = identity["nhs_number"], identity["local_patient_id"], identity["birth_date"]
    name = plain(identity["family_name"]) if born else None
    return {
        "nhs_number_index": keys.index("nhs_number", number) if number else None,
        "name_index": keys.index("name", f"{name}\x1f{born}") if name else None,
        "local_id_index": keys.index("local_patient_id", squeezed(local)) if local else None,
    }


def number_lock(site_id: UUID | None, index: bytes) -> int:
    """Return the advisory lock of an NHS number at a site: whoever gives it to a record there holds it."""
    return lock_key("referrals", "nhs_number", str(site_id), index.hex())


async def hold_number(session: AsyncSession, site_id: UUID | None, index: bytes) -> None:
    """Hold an NHS number at a site until the transaction ends; raises `Busy` rather than wait while rows are held."""
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(number_lock(site_id, index)))):
        raise Busy


async def of_number(session: AsyncSession, site_id: UUID | None, index: bytes, *, hold: bool = False) -> list[Person]:
    """Return a site's people with an NHS number, the one known longest first; raises when one to hold is held elsewhere."""
    query = select(Person).where(Person.nhs_number_index == index, Person.erased_at.is_(None))
    query = query.where(Person.site_id.is_(None) if site_id is None else Person.site_id == site_id)
    query = query.order_by(Person.created_at, Person.id)
    if hold:
        query = query.with_for_update(nowait=True, key_share=True).execution_options(populate_existing=True)
    return list(await session.scalars(query))
