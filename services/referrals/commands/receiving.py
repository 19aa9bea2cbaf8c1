"""How a referral is recorded: one and thousands go the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus
from operator import itemgetter
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals import tables
from services.referrals.commands.attaching import Known, contradict, known
from services.referrals.commands.sealing import DEMOGRAPHICS, announcement, identity_of, sealed
from services.referrals.domain.receiving import objections
from services.referrals.queries.finding import number_lock
from services.referrals.queries.keys import PersonErased
from services.referrals.queries.referrals import shown
from services.referrals.schemas.referrals import NewReferral, Referral
from services.referrals.tables import Correction, Demographics, Person, PersonKeyRow
from shared import audit, days
from shared.auth import Caller
from shared.crypto import Keyring, keyring
from shared.db import insert_rows, insert_together
from shared.events.referrals import ReferralReceived
from shared.outbox import Emission, Outbox, outbox_rows
from shared.problems import FieldError, MalformedRequest, Problem

ANNOUNCED = tuple(name for name in ReferralReceived.model_fields if name in tables.Referral.__table__.columns)
IDENTITY = ("id", "source_system", "source_id")


class ReferralDiffers(Problem):
    """This source_system and source_id are already recorded with different content."""

    status = HTTPStatus.CONFLICT


class ReferralRemoved(Problem):
    """This source_system and source_id belong to a referral that was removed as entered in error."""

    status = HTTPStatus.CONFLICT


class IdTaken(Problem):
    """This id is already in use; let us choose one, or send another."""

    status = HTTPStatus.CONFLICT


@dataclass(frozen=True, slots=True)
class Arrival:
    """A referral at the door, with the trace of the request that brought it."""

    new: NewReferral
    trace: str


@dataclass(frozen=True, slots=True)
class Received:
    """What became of an arrival: recorded now, or recorded before."""

    row: tables.Referral | Mapping[str, Any]
    created: bool

    @property
    def referral(self) -> Referral:
        """The referral as its sender sees it."""
        return shown(self.row)


async def receive(
    session: AsyncSession,
    caller: Caller,
    arrivals: Sequence[Arrival],
    today: date | None = None,
    *,
    dry_run: bool = False,
) -> list[Received | Problem]:
    """Record referrals, each once by its natural key; return what became of each, in order. The caller commits.

    A refusal concerns its own arrival only, and leaves nothing of it behind. Locks come first, in their order, and rows go in by
    their natural key's order, so that two transactions that bring the same people or referrals wait for each other and never in
    a circle. A dry run, which is never committed, locks nobody out.
    """
    keys, today = keyring(), today or days.today()
    outcomes: list[Received | Problem | None] = [None] * len(arrivals)
    drafts: dict[int, Draft] = {}
    for position, arrival in enumerate(arrivals):
        try:
            drafts[position] = Draft(keys, caller, arrival, today)
        except Problem as refusal:
            outcomes[position] = refusal
    in_order = sorted((draft.row for draft in drafts.values()), key=itemgetter("source_system", "source_id"))
    numbers = {draft.number for draft in drafts.values() if draft.number is not None}
    inserted = await insert_rows(
        session,
        tables.Referral,
        in_order,
        conflict="nothing",
        returning=", ".join(IDENTITY),
        locks=[] if dry_run else sorted(number_lock(*number) for number in numbers),
    )
    created = {tuple(row) for row in inserted}
    new, repeated = [], {}
    for position, draft in drafts.items():
        identity = tuple(draft.row[name] for name in IDENTITY)
        if identity in created:
            created.discard(identity)  # the same twice in one request: the second is a repetition
            new.append(draft)
            outcomes[position] = Received(draft.row, created=True)
        else:
            repeated[position] = draft
    await _record(session, keys, caller, new)
    for position, outcome in (await _recognise(session, caller, repeated)).items():
        outcomes[position] = outcome
    return [outcome for outcome in outcomes if outcome is not None]


class Draft:
    """A referral about to be recorded: its row, and its person's, encrypted as if nobody knew them yet."""

    def __init__(self, keys: Keyring, caller: Caller, arrival: Arrival, today: date) -> None:
        new = arrival.new
        if found := objections(new, new.received_on, new.person.birth_date, today):
            raise MalformedRequest(
                errors=[FieldError(pointer=e.pointer, code=e.code, message=e.message) for e in found]
            )
        self.keys, self.client, self.trace, self.note = keys, caller.client, arrival.trace, new.note
        self.site_id = caller.own_site(new.site_id)
        self.identity = identity_of(new.person)
        self.demographics = {name: getattr(new.person, name) for name in DEMOGRAPHICS}
        self.answered = {name: value for name, value in self.demographics.items() if value is not None}
        self.person = self._person()
        index = self.person.row["nhs_number_index"]
        self.number = None if index is None else (self.site_id, index)
        self.row: dict[str, Any] = {
            "id": new.id or uuid4(),
            "person_id": self.person.person_id,
            "client": caller.client,
            "source_system": new.source_system,
            "source_id": new.source_id,
            "content_digest": keys.index("referral", new.model_dump_json(exclude={"id"}, exclude_none=True)),
            "received_on": new.received_on,
            "source": new.source,
            "site_id": self.site_id,
            "pathway": new.pathway,
            "programme": new.programme,
            "presenting_problem": new.presenting_problem,
            "note": self.person.key.seal("note", new.note) if new.note else None,
            "status": "received",
            "version": 1,
            "created_at": datetime.now(UTC),
        }

    def _person(self) -> Known:
        """Return the person as somebody new."""
        person_id, born_by = uuid4(), {"site_id": self.site_id}
        key, wrapped_by, wrapped = self.keys.new_person(person_id)
        self.key_row = {"person_id": person_id, **born_by, "wrapped_by": wrapped_by, "wrapped": wrapped}
        row: dict[str, Any] = {"id": person_id, **born_by, "version": 1, "announced": 1}
        row |= sealed(self.keys, key, self.identity)
        said = {"version": 1, "recorded_at": datetime.now(UTC), "recorded_by": self.client}
        first = {"person_id": person_id, **born_by, **said, "answered": list(self.answered), **self.demographics}
        return Known(row, key, self.identity.copy(), self.demographics.copy(), answers=[first])

    def first_words(self) -> Emission:
        """Return what is announced of somebody new."""
        person = self.person
        event = announcement(self.keys, person.person_id, person.identity["birth_date"], self.demographics)
        return Emission(event, 1, self.trace)

    def join(self, person: Known) -> Emission:
        """Become a referral of somebody known, who is told of what it says; return what is announced of them."""
        self.person = person
        self.row["person_id"] = person.person_id
        self.row["note"] = person.key.seal("note", self.note) if self.note else None
        given = {name: value for name, value in self.identity.items() if value is not None}
        return person.learn(self.keys, self.client, given, self.answered)._replace(trace=self.trace)

    def received(self) -> Emission:
        """Return what is announced of the referral."""
        pseudonym = self.keys.person_key(self.person.person_id)
        coded = {name: self.row[name] for name in ANNOUNCED}
        return Emission(ReferralReceived(referral_id=self.row["id"], person_key=pseudonym, **coded), 1, self.trace)


async def _record(session: AsyncSession, keys: Keyring, caller: Caller, new: Sequence[Draft]) -> None:
    """Save what belongs to new referrals: person, key, demographics, events and the log of it.

    A restricted person's referral is attached, and what it says kept, as anybody's: to keep is not to use.
    """
    there = await known(session, keys, (draft.number for draft in new if draft.number is not None))
    held = {id(person): person for people in there.values() for person in people}
    strangers, joined, emissions, deeds = [], [], [], []
    for draft in new:
        alike = there.setdefault(draft.number, []) if draft.number is not None else []
        person = next((one for one in alike if not contradict(draft.identity, one.identity)), None)
        if person is None:
            alike.append(draft.person)
            strangers.append(draft)
            said = draft.first_words()
        else:
            joined.append(draft)
            said = draft.join(person)
        emissions += [draft.received(), said]
        referral_id, person_id = draft.row["id"], draft.person.person_id
        deeds.append(audit.entry(caller, "create", "referral", referral_id, person_id=person_id, trace=draft.trace))
    people = {id(draft.person): draft.person for draft in new}
    await insert_together(
        session,
        {
            Person: [draft.person.row for draft in strangers],
            PersonKeyRow: [draft.key_row for draft in strangers],
            Demographics: [answer for person in people.values() for answer in person.answers],
            Correction: [correction for person in people.values() for correction in person.corrections],
            Outbox: outbox_rows(emissions),
            audit.Audit: deeds,
        },
    )
    if joined:
        changed = [person.row for which, person in people.items() if which in held]
        await insert_rows(session, Person, changed, conflict="update", key=["id"])
        await insert_rows(session, tables.Referral, [draft.row for draft in joined], conflict="update", key=["id"])


async def _recognise(
    session: AsyncSession, caller: Caller, repeated: dict[int, Draft]
) -> dict[int, Received | Problem]:
    """Say of referrals that were not inserted whether they are the same as before."""
    if not repeated:
        return {}
    wanted = [(draft.row["source_system"], draft.row["source_id"]) for draft in repeated.values()]
    natural_key = tuple_(tables.Referral.source_system, tables.Referral.source_id)
    rows = await session.execute(
        select(tables.Referral, Person.erased_at)
        .join(Person, Person.id == tables.Referral.person_id)
        .where(tables.Referral.client == caller.client, natural_key.in_(wanted), caller.theirs(tables.Referral.site_id))
    )
    before = {(row.Referral.source_system, row.Referral.source_id): row for row in rows}
    outcomes: dict[int, Received | Problem] = {}
    for position, draft in repeated.items():
        row = before.get((draft.row["source_system"], draft.row["source_id"]))
        outcomes[position] = (
            IdTaken() if row is None else _judged(draft, row.Referral, erased=row.erased_at is not None)
        )
    return outcomes


def _judged(draft: Draft, found: tables.Referral, *, erased: bool) -> Received | Problem:
    """Say what a referral is to the one that has its natural key."""
    if erased:
        return PersonErased()
    if found.removed_at is not None:
        return ReferralRemoved()
    if found.content_digest != draft.row["content_digest"]:
        return ReferralDiffers(existing=str(found.id))
    return Received(found, created=False)


def id_of(outcome: Received | Problem) -> UUID | None:
    """Return the id of a referral that is recorded."""
    if not isinstance(outcome, Received):
        return None
    found: UUID = outcome.row["id"] if isinstance(outcome.row, Mapping) else outcome.row.id
    return found
