"""Erasure: a person's key is destroyed, and every store of this service is rid of them in one transaction.

What the event stream still holds is taken out afterwards, by `cleaning`.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from os import urandom
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import CursorResult, any_, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.dml import Delete, Update
from sqlalchemy.types import Uuid

from services.referrals import tables
from services.referrals.commands.untying import ciphertexts, end_ties, scrub
from services.referrals.queries.erasures import CONTACTS, PATHWAYS
from services.referrals.schemas.erasure import ErasureDecision
from services.referrals.tables import Correction, Demographics, Erasure, MatchKey, Message, Person, PersonKeyRow
from shared import audit
from shared.auth import Caller
from shared.crypto import Keyring
from shared.events.people import PersonErased
from shared.outbox import Outbox, emit
from shared.problems import NotFound

DIGEST_BYTES = 32
# Answers are searched for the ids they tell; a day's keys take a moment, and an erasure may.
FORGET_ANSWERS = text(
    "DELETE FROM idempotency_keys USING unnest(CAST(:ids AS text[])) AS each(id)"
    " WHERE position(convert_to(each.id, 'UTF8') IN body) > 0 OR position(each.id IN headers::text) > 0"
)
PATIENCE = text("SELECT set_config('statement_timeout', '60s', true)")


async def person_to_erase(session: AsyncSession, caller: Caller, person_id: UUID) -> Person:
    """Return a person of the caller's, erased or not, held together with their pathways; raises `NotFound`.

    Pathways are held first, as every command does that changes one.
    """
    one = select(Person).where(Person.id == person_id)
    found = await session.scalar(one)
    if found is None or not caller.may_see(found.site_id):
        raise NotFound
    row = tables.Referral
    await session.execute(select(row.id).where(row.person_id == person_id).order_by(row.id).with_for_update())
    held = await session.scalar(one.with_for_update().execution_options(populate_existing=True))
    if held is None:
        raise NotFound
    return held


async def erase(
    session: AsyncSession, keys: Keyring, caller: Caller, person: Person, decision: ErasureDecision
) -> Erasure:
    """Erase a person that is held, for ever; pathways stay as figures. Erasing again erases what came back."""
    await session.execute(PATIENCE)
    now = datetime.now(UTC)
    counts = await _empty(session, person, now)
    ties = await end_ties(session, person.id, caller.client)
    announced = await scrub(session, keys.person_key(person.id))
    counts |= {"ties to other records": ties, "announcements": len(announced)}
    erasure = await session.scalar(select(Erasure).where(Erasure.person_id == person.id).with_for_update())
    if erasure is None:
        erasure_id = uuid4()
        erasure = Erasure(
            id=erasure_id,
            person_id=person.id,
            site_id=person.site_id,
            decided_at=now,
            recorded_by=caller.client,
            decision=keys.seal("erasure", erasure_id, json.dumps(decision.model_dump())),
            counts={},
            messages=[],
        )
        session.add(erasure)
    erasure.counts, erasure.messages, erasure.finished_at = counts, sorted(announced), None
    await session.flush()
    pseudonym = keys.person_key(person.id)
    said = select(func.count()).where(Outbox.aggregate_id == pseudonym, Outbox.subject == PersonErased.subject)
    if not await session.scalar(said):
        person.announced += 1
        await session.flush()
        await emit(session, PersonErased(person_key=pseudonym), version=person.announced)
    await audit.record(
        session, [audit.entry(caller, "delete", "person", person.id, person_id=person.id, detail="erased")]
    )
    return erasure


async def _empty(session: AsyncSession, person: Person, now: datetime) -> dict[str, int]:
    """Rid every store of a person; return how much there was of what, and what stays to be counted."""
    mine, row = person.id, tables.Referral
    pathways = list(
        await session.scalars(select(row.id).where(row.person_id == mine).order_by(row.id).with_for_update())
    )
    counts = {
        "keys": await _done(session, delete(PersonKeyRow).where(PersonKeyRow.person_id == mine)),
        "identifiers": sum(1 for name in ciphertexts(Person) if getattr(person, name) is not None),
        "corrections": await _done(session, delete(Correction).where(Correction.person_id == mine)),
        "demographics": await _done(session, delete(Demographics).where(Demographics.person_id == mine)),
        "free texts of pathways": await _unread(session, row, row.id == _one_of(pathways)),
        "free texts of contacts": await _unread(
            session, tables.Contact, tables.Contact.referral_id == _one_of(pathways)
        ),
        "messages received": await _unread(
            session, Message, (Message.person_id == mine) | (Message.referral_id == _one_of(pathways))
        ),
        "match keys": await _done(session, delete(MatchKey).where(MatchKey.person_id == mine)),
        "answers kept for repetition": await _forget_answers(session, [mine, *pathways]),
        "webhook messages": await _silence(session, pathways, now),
    }
    for pathway in pathways:  # one by one, so that no two are alike
        await _done(session, update(row).where(row.id == pathway).values(content_digest=urandom(DIGEST_BYTES)))
    for name in ciphertexts(Person):
        setattr(person, name, None)
    person.version += 1
    person.erased_at, person.examined_at = now, None  # the matcher has others to take back
    await session.flush()
    held = select(func.count()).select_from(tables.Contact).where(tables.Contact.referral_id == _one_of(pathways))
    return counts | {PATHWAYS: len(pathways), CONTACTS: await session.scalar(held) or 0}


async def _done(session: AsyncSession, statement: Delete | Update) -> int:
    """Execute a change; return how many rows it met."""
    result = await session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount


def _one_of(ids: Sequence[UUID]) -> Any:  # noqa: ANN401 - what a column is compared with
    return any_(literal(list(ids), ARRAY(Uuid)))


async def _unread(session: AsyncSession, table: type[DeclarativeBase], mine: ColumnElement[bool]) -> int:
    """Empty every column that holds ciphertext; return how many rows held some."""
    names = ciphertexts(table)
    if not names:
        return 0
    columns = [table.__table__.c[name] for name in names]
    some = func.num_nonnulls(*columns) > 0
    return await _done(session, update(table).where(mine, some).values(dict.fromkeys(names)))


async def _forget_answers(session: AsyncSession, ids: Sequence[UUID]) -> int:
    result = await session.execute(FORGET_ANSWERS, {"ids": [str(each) for each in ids]})
    return cast("CursorResult[Any]", result).rowcount


async def _silence(session: AsyncSession, pathways: Sequence[UUID], now: datetime) -> int:
    """Empty what referrers were or were to be told, and tell them nothing more."""
    row = tables.WebhookDelivery
    theirs = row.referral_id == _one_of(pathways)
    await _done(session, update(row).where(theirs, row.settled_at.is_(None)).values(settled_at=now, outcome="given_up"))
    return await _done(session, update(row).where(theirs).values(payload={}))
