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
from services.referrals.domain.receiving import objections
from services.referrals.queries.referrals import shown
from services.referrals.schemas.referrals import NewPerson, NewReferral, Referral
from services.referrals.tables import SEALED, Demographics, Person, PersonKeyRow
from shared import audit, days
from shared.auth import Caller
from shared.crypto import Keyring, keyring
from shared.db import insert_rows, insert_together
from shared.events.people import DemographicsRecorded
from shared.events.referrals import ReferralReceived
from shared.outbox import Emission, Outbox, outbox_rows
from shared.problems import FieldError, MalformedRequest, Problem

ANNOUNCED = tuple(name for name in ReferralReceived.model_fields if name in tables.Referral.__table__.columns)
DEMOGRAPHICS = tuple(name for name in NewPerson.model_fields if name in Demographics.__table__.columns)
IDENTITY = ("id", "source_system", "source_id")


class ReferralDiffers(Problem):
    """This source_system and source_id are already recorded with different content."""

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
    session: AsyncSession, caller: Caller, arrivals: Sequence[Arrival], today: date | None = None
) -> list[Received | Problem]:
    """Record referrals, each once by its natural key; return what became of each, in order. The caller commits.

    A refusal concerns its own arrival only, and leaves nothing of it behind. Rows go in by their natural key's order, so that
    two transactions that bring the same referrals wait for each other and never in a circle.
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
    inserted = await insert_rows(session, tables.Referral, in_order, conflict="nothing", returning=", ".join(IDENTITY))
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
    await _record(session, caller, new)
    for position, outcome in (await _recognise(session, caller, repeated)).items():
        outcomes[position] = outcome
    return [outcome for outcome in outcomes if outcome is not None]


class Draft:
    """A referral about to be recorded: its row, and its person's, encrypted."""

    def __init__(self, keys: Keyring, caller: Caller, arrival: Arrival, today: date) -> None:
        new = arrival.new
        if found := objections(new, new.received_on, new.person.birth_date, today):
            raise MalformedRequest(
                errors=[FieldError(pointer=e.pointer, code=e.code, message=e.message) for e in found]
            )
        self.person_id = uuid4()
        self.trace = arrival.trace
        self.person_key, wrapped_by, wrapped = keys.new_person(self.person_id)
        self.site_id = caller.own_site(new.site_id)
        self.key_row = {
            "person_id": self.person_id,
            "site_id": self.site_id,
            "wrapped_by": wrapped_by,
            "wrapped": wrapped,
        }
        self.person = new.person
        self.pseudonym = keys.person_key(self.person_id)
        self.person_row = self._person_row(keys)
        self.row: dict[str, Any] = {
            "id": new.id or uuid4(),
            "person_id": self.person_id,
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
            "note": self.person_key.seal("note", new.note) if new.note else None,
            "status": "received",
            "version": 1,
            "created_at": datetime.now(UTC),
        }

    def _person_row(self, keys: Keyring) -> dict[str, Any]:
        row: dict[str, Any] = {"id": self.person_id, "site_id": self.site_id, "version": 1, "announced": 1}
        for name in SEALED:
            value = getattr(self.person, name)
            row[name] = None if value is None else self.person_key.seal(name, str(value))
        number = self.person.nhs_number
        row["nhs_number_index"] = keys.index("nhs_number", number) if number else None
        return row

    def demographics(self) -> dict[str, Any]:
        """Return what is known of the person by national codes; None is not recorded, which no code means."""
        return {name: getattr(self.person, name) for name in DEMOGRAPHICS}

    def answers(self) -> dict[str, Any]:
        """Return the first version of the person's demographics, with the names of what was answered."""
        demographics = self.demographics()
        return demographics | {"answered": [name for name, value in demographics.items() if value is not None]}

    def emissions(self) -> list[Emission]:
        """Return what the recording announces."""
        born, row = self.person.birth_date, self.row
        received = ReferralReceived(
            referral_id=row["id"], person_key=self.pseudonym, **{name: row[name] for name in ANNOUNCED}
        )
        recorded = DemographicsRecorded(
            person_key=self.pseudonym, birth_month=f"{born:%Y-%m}" if born else None, **self.demographics()
        )
        return [Emission(received, 1, self.trace), Emission(recorded, 1, self.trace)]


async def _record(session: AsyncSession, caller: Caller, new: Sequence[Draft]) -> None:
    """Save what belongs to new referrals: person, key, demographics, events and the log of it."""
    said = {"version": 1, "recorded_at": datetime.now(UTC), "recorded_by": caller.client}
    await insert_together(
        session,
        {
            Person: [draft.person_row for draft in new],
            PersonKeyRow: [draft.key_row for draft in new],
            Demographics: [
                {"person_id": draft.person_id, "site_id": draft.site_id, **said, **draft.answers()} for draft in new
            ],
            Outbox: outbox_rows(emission for draft in new for emission in draft.emissions()),
            audit.Audit: [
                audit.entry(caller, "create", "referral", draft.row["id"], person_id=draft.person_id, trace=draft.trace)
                for draft in new
            ],
        },
    )


async def _recognise(
    session: AsyncSession, caller: Caller, repeated: dict[int, Draft]
) -> dict[int, Received | Problem]:
    """Say of referrals that were not inserted whether they are the same as before."""
    if not repeated:
        return {}
    wanted = [(draft.row["source_system"], draft.row["source_id"]) for draft in repeated.values()]
    natural_key = tuple_(tables.Referral.source_system, tables.Referral.source_id)
    rows = await session.scalars(
        select(tables.Referral).where(tables.Referral.client == caller.client, natural_key.in_(wanted))
    )
    known = {(row.source_system, row.source_id): row for row in rows}
    outcomes: dict[int, Received | Problem] = {}
    for position, draft in repeated.items():
        found = known.get((draft.row["source_system"], draft.row["source_id"]))
        if found is None:
            outcomes[position] = IdTaken()
        elif found.content_digest != draft.row["content_digest"]:
            outcomes[position] = ReferralDiffers(existing=str(found.id))
        else:
            outcomes[position] = Received(found, created=False)
    return outcomes


def id_of(outcome: Received | Problem) -> UUID | None:
    """Return the id of a referral that is recorded."""
    if not isinstance(outcome, Received):
        return None
    found: UUID = outcome.row["id"] if isinstance(outcome.row, Mapping) else outcome.row.id
    return found
