"""A person as they are shown to those who may know who it is: now, over time, and by whom they were looked at."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.domain.answers import state
from services.referrals.queries.matches import merged_into
from services.referrals.queries.people import demographics_versions, identity, key_of, referral_ids, withheld
from services.referrals.schemas.people import (
    Answer,
    Answers,
    Corrected,
    Deed,
    Edition,
    Identity,
    PersonRecord,
    TrailPage,
)
from services.referrals.tables import SEALED, Correction, Demographics, Person
from shared.audit import Audit
from shared.auth import Caller
from shared.paging import Page, Paging, page


async def record(session: AsyncSession, caller: Caller, person: Person) -> PersonRecord:
    """Return a person as they are known now; of a restricted one only that there is a record, unless they may change it."""
    hidden = withheld(caller, person)
    return PersonRecord(
        id=person.id,
        site_id=person.site_id,
        restricted=person.restricted_at is not None,
        identity=Identity() if hidden else Identity.model_validate(await identity(session, person)),
        demographics=None if hidden else answers(await demographics_versions(session, person.id)),
        referral_ids=await referral_ids(session, person.id),
        merged_into=await merged_into(session, caller, person.id),
        version=person.version,
        created_at=person.created_at,
    )


def answers(versions: Sequence[Demographics]) -> Answers:
    """Return the latest answers, each with when it was given and by whom; a later version without it does not count as one."""
    now = versions[-1]
    found = {}
    for name in Answers.model_fields:
        said = next((version for version in reversed(versions) if name in version.answered), None)
        value = getattr(now, name)
        found[name] = Answer(
            value=value,
            state=state(name, value),
            answered_at=said.recorded_at if said else None,
            answered_by=said.recorded_by if said else None,
        )
    return Answers(**found)


async def history(session: AsyncSession, caller: Caller, person: Person, paging: Paging) -> Page[Edition]:
    """Return a page of what was said of a person and what it replaced, first things first."""
    hidden = withheld(caller, person)
    query = select(Demographics).where(Demographics.person_id == person.id)

    def edition(said: Demographics) -> Edition:
        answered = {name: getattr(said, name) for name in said.answered}
        return Edition(
            version=said.version,
            at=said.recorded_at,
            by=said.recorded_by,
            answered=None if hidden else answered,
            corrected=[],
        )

    shown = await page(session, query, (Demographics.version,), paging, edition, person=person.id)
    before = await _corrections(session, person, [each.version for each in shown.items], hidden=hidden)
    for each in shown.items:
        each.corrected = before.get(each.version, [])
    return shown


async def _corrections(
    session: AsyncSession, person: Person, versions: Sequence[int], *, hidden: bool
) -> Mapping[int, list[Corrected]]:
    """Return what identifying fields said before the changes that led to these versions."""
    key = await key_of(session, person)
    query = select(Correction).where(
        Correction.person_id == person.id, Correction.version.in_(versions), Correction.field.in_(SEALED)
    )
    found: dict[int, list[Corrected]] = {}
    for each in await session.scalars(query.order_by(Correction.version, Correction.field)):
        was = None if each.was is None or hidden else key.open(each.field, each.was)
        found.setdefault(each.version, []).append(Corrected(field=each.field, was=was))
    return found


async def trail(session: AsyncSession, person: Person, paging: TrailPage) -> Page[Deed]:
    """Return a page of who did what with a person's data, first things first."""
    query = select(Audit).where(Audit.person_id == person.id)
    return await page(session, query, (Audit.at, Audit.id), paging, Deed.model_validate, person=person.id)
