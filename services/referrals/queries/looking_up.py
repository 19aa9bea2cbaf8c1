"""Looking people up by exact values, as keyed hashes find them; what is found is then compared with all that was asked."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.domain.matching import plain
from services.referrals.queries.finding import indexes, squeezed
from services.referrals.queries.people import opened, withheld
from services.referrals.schemas.people import FoundPerson, Identity, PersonSearch
from services.referrals.tables import SEALED, Person, PersonKeyRow
from shared.auth import Caller
from shared.crypto import keyring
from shared.paging import Page, Paging, page


class Candidate(BaseModel):
    """The id of a record that a hash found."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID


async def look_up(session: AsyncSession, caller: Caller, search: PersonSearch) -> Page[FoundPerson]:
    """Return a page of the caller's people who say all that is asked, those known longest first; it may be short of its limit."""
    wanted = search.wanted()
    hashes = indexes(keyring(), dict.fromkeys(SEALED) | wanted)
    query = select(Person).where(Person.erased_at.is_(None), caller.theirs(Person.site_id))
    for column, index in hashes.items():
        if index is not None:
            query = query.where(getattr(Person, column) == index)
    paging = Paging(limit=search.limit, cursor=search.cursor)
    found = await page(session, query, (Person.created_at, Person.id), paging, Candidate.model_validate, list="people")
    keys = select(Person, PersonKeyRow).join(PersonKeyRow, PersonKeyRow.person_id == Person.id)
    rows = {
        row.Person.id: row
        for row in await session.execute(keys.where(Person.id.in_([each.id for each in found.items])))
    }
    items = []
    for each in found.items:
        person, key = rows[each.id]
        known = opened(keyring().open_person(person.id, key.wrapped_by, key.wrapped), person)
        if all(_same(name, value, known[name]) for name, value in wanted.items()):
            items.append(
                FoundPerson(
                    id=person.id,
                    site_id=person.site_id,
                    restricted=person.restricted_at is not None,
                    identity=Identity() if withheld(caller, person) else Identity.model_validate(known),
                    version=person.version,
                )
            )
    return Page(items=items, next=found.next)


def _same(name: str, wanted: str, known: str | None) -> bool:
    """Tell whether a field says what is asked, however it is spelled."""
    if known is None:
        return False
    if name in {"family_name", "given_name"}:
        return plain(wanted) == plain(known)
    if name == "local_patient_id":
        return squeezed(wanted) == squeezed(known)
    return wanted == known
