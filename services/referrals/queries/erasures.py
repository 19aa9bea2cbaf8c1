"""Erasures, reported."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.schemas.erasure import ErasureReport, Kept, Restriction
from services.referrals.tables import Erasure, Person

# What is counted of an erasure and was not erased, and why not.
PATHWAYS = "pathways"
CONTACTS = "contacts"
COUNTED = {
    PATHWAYS: "Their dates and codes go on being counted; nothing in them leads to a person any more.",
    CONTACTS: "As pathways: dates and codes, and nothing that leads to a person.",
}
UNCOUNTED = {
    "senders' numbers": "By them a referral that is sent again is recognised, and refused instead of recorded anew.",
    "access log": "Who saw and changed the record must stay provable; its id leads nowhere now.",
    "this decision": "Why this was done, and who decided it, must stay provable; both are encrypted.",
    "backups": "One from before holds the person still: whoever restores it runs `roundtable erase again`.",
}


async def erasure_of(session: AsyncSession, person_id: UUID) -> Erasure:
    """Return the erasure of an erased person."""
    return (await session.scalars(select(Erasure).where(Erasure.person_id == person_id))).one()


def report(erasure: Erasure, tied_to: Sequence[UUID] | None = None) -> ErasureReport:
    """Return what became of an erasure so far."""
    return ErasureReport(
        person_id=erasure.person_id,
        erased_at=erasure.decided_at,
        erased={name: count for name, count in sorted(erasure.counts.items()) if name not in COUNTED},
        kept=[
            *(Kept(what=what, count=erasure.counts.get(what, 0), why=why) for what, why in COUNTED.items()),
            *(Kept(what=what, count=None, why=why) for what, why in UNCOUNTED.items()),
        ],
        stream_cleaned=erasure.finished_at is not None,
        messages_left=len(erasure.messages),
        tied_to=None if tied_to is None else list(tied_to),
    )


def restriction(person: Person) -> Restriction:
    """Return whether a person is restricted."""
    return Restriction(
        person_id=person.id,
        restricted=person.restricted_at is not None,
        restricted_at=person.restricted_at,
        version=person.version,
    )
