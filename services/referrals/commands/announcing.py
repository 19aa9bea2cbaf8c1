"""Telling reporting which records count as one human, and what is known of that human."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.commands.sealing import DEMOGRAPHICS, announcement
from services.referrals.queries.records import UNREADABLE, among
from services.referrals.tables import AnnouncedRoot, Correction, Demographics, Person, PersonKeyRow
from shared.crypto import Keyring, keyring
from shared.db import insert_rows
from shared.events.event import Event
from shared.events.people import DemographicsRecorded, PersonMerged, PersonUnmerged
from shared.outbox import Emission, emit_all

COUNT_UP = text(
    "UPDATE people SET announced = announced + n.count "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:counts AS integer[])) AS n(id, count) "
    "WHERE people.id = n.id RETURNING people.id, announced"
)
LAST_SAID = text(
    "SELECT DISTINCT ON (aggregate_id) aggregate_id, data FROM outbox "
    "WHERE aggregate_id = ANY (CAST(:keys AS varchar[])) AND subject = :subject ORDER BY aggregate_id, version DESC"
).columns(data=JSONB)


async def announce(session: AsyncSession, before: Mapping[UUID, UUID], roots: Mapping[UUID, UUID]) -> None:
    """Announce of held records as whom each counts now, where that changed, and what is known of those who stand for several.

    `before` is as whom records were last announced.
    """
    keys = keyring()
    events: list[tuple[UUID, Event]] = []
    moved, home = [], []
    for one, root in roots.items():
        if root == before.get(one, one):
            continue
        if root == one:
            events.append((one, PersonUnmerged(person_key=keys.person_key(one))))
            home.append(one)
        else:
            events.append((one, PersonMerged(person_key=keys.person_key(one), into=keys.person_key(root))))
            moved.append({"person_id": one, "root_id": root})
    await insert_rows(session, AnnouncedRoot, moved, conflict="update", key=["person_id"])
    if home:
        await session.execute(delete(AnnouncedRoot).where(among(AnnouncedRoot.person_id, home)))
    events += await _pictures(session, keys, before, roots)
    await _emit(session, events)


async def _emit(session: AsyncSession, events: list[tuple[UUID, Event]]) -> None:
    """Save events of held people, each with the next version of its own."""
    if not events:
        return
    counts = Counter(one for one, _ in events)
    told = await session.execute(COUNT_UP, {"ids": list(counts), "counts": list(counts.values())})
    version = {row.id: row.announced - counts[row.id] for row in told}
    emissions = []
    for one, event in events:
        version[one] += 1
        emissions.append(Emission(event, version[one]))
    await emit_all(session, emissions)


async def _pictures(
    session: AsyncSession, keys: Keyring, before: Mapping[UUID, UUID], roots: Mapping[UUID, UUID]
) -> list[tuple[UUID, Event]]:
    """Return what is known of everybody who stands for several records, or did until now, where it was not said before."""
    clusters = defaultdict(list)
    for one, root in roots.items():
        clusters[root].append(one)
    stood = set(before) | set(before.values())
    telling = {root: members for root, members in clusters.items() if len(members) > 1 or root in stood}
    if not telling:
        return []
    answers = await _answers(session, keys, [one for members in telling.values() for one in members])
    pictures = {}
    for root, members in telling.items():
        picture = combined(answer for one in members for answer in answers[one])
        born = picture.pop("birth_date", None)
        pictures[root] = announcement(keys, root, born, dict.fromkeys(DEMOGRAPHICS) | picture)
    said = await _last_said(session, [picture.person_key for picture in pictures.values()])
    return [
        (root, picture)
        for root, picture in pictures.items()
        if picture.model_dump(mode="json", exclude_none=True) != said.get(picture.person_key)
    ]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one record says now of one field, and since when."""

    field: str
    value: Any
    at: datetime
    person_id: UUID


def combined(answers: Iterable[Answer]) -> dict[str, Any]:
    """Return per field what was answered last; a withdrawn answer is none, so another record's older one stands."""
    last: dict[str, Answer] = {}
    for answer in answers:
        known = last.get(answer.field)
        if answer.value is not None and (known is None or (answer.at, answer.person_id) > (known.at, known.person_id)):
            last[answer.field] = answer
    return {field: answer.value for field, answer in last.items()}


async def _answers(session: AsyncSession, keys: Keyring, ids: Collection[UUID]) -> dict[UUID, list[Answer]]:
    """Return what each of these records says now, field by field."""
    found: dict[UUID, dict[str, Answer]] = {one: {} for one in ids}
    row = Demographics
    for version in await session.scalars(select(row).where(among(row.person_id, ids)).order_by(row.version)):
        of = found[version.person_id]
        for name in DEMOGRAPHICS:
            value = getattr(version, name)
            is_new = name in version.answered or name not in of or of[name].value != value
            of[name] = Answer(name, value, version.recorded_at if is_new else of[name].at, version.person_id)
    for one, born, at in await _births(session, keys, ids):
        found[one]["birth_date"] = Answer("birth_date", born, at, one)
    return {one: list(answers.values()) for one, answers in found.items()}


async def _births(session: AsyncSession, keys: Keyring, ids: Collection[UUID]) -> list[tuple[UUID, date, datetime]]:
    corrected = (
        select(func.max(Correction.corrected_at))
        .where(Correction.person_id == Person.id, Correction.field == "birth_date")
        .scalar_subquery()
    )
    query = (
        select(Person.id, Person.birth_date, PersonKeyRow.wrapped_by, PersonKeyRow.wrapped)
        .add_columns(func.coalesce(corrected, Person.created_at).label("at"))
        .join(PersonKeyRow, PersonKeyRow.person_id == Person.id)
        .where(among(Person.id, ids), Person.birth_date.is_not(None))
    )
    found = []
    for row in await session.execute(query):
        with suppress(*UNREADABLE):  # unreadable: the matcher said so; nothing is concluded from it
            key = keys.open_person(row.id, row.wrapped_by, row.wrapped)
            found.append((row.id, date.fromisoformat(key.open("birth_date", row.birth_date)), row.at))
    return found


async def _last_said(session: AsyncSession, person_keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the last picture that was announced of each person."""
    found = await session.execute(LAST_SAID, {"keys": list(person_keys), "subject": DemographicsRecorded.subject})
    return {row.aggregate_id: row.data for row in found}
