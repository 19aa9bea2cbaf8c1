"""What is done about a message, by the same commands as the native doors, in one transaction with the message as it came."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals import tables
from services.referrals.commands import pathway, people
from services.referrals.commands.receiving import Arrival, receive
from services.referrals.commands.restricting import refuse_if_restricted
from services.referrals.fhir.envelope import Envelope
from services.referrals.fhir.letters import LONGEST_KEY, Letter
from services.referrals.fhir.outcomes import ChangedSince, SomebodyElse
from services.referrals.fhir.workflow import Work
from services.referrals.queries.contacts import was_seen
from services.referrals.queries.keys import PersonErased, person_key
from services.referrals.queries.people import person_to_change
from services.referrals.queries.referrals import referral_to_change
from services.referrals.schemas.pathway import Discharge, ReferralChange, Removal
from services.referrals.schemas.people import PersonChange
from services.referrals.schemas.referrals import NewPerson, NewReferral
from shared import audit
from shared.auth import Caller
from shared.codes import SourceOfReferral
from shared.crypto import keyring
from shared.days import today
from shared.events.referrals import ReferralCorrected
from shared.problems import NotFound, Problem
from shared.settings import settings
from shared.telemetry import trace_id

NOT_SEEN, SEEN = "50", "95"  # end codes of a referral that its sender withdrew


class MessagedReferral(NewReferral):
    """A referral from a message: where nobody says what its source is, none is recorded."""

    source: SourceOfReferral | None = None  # type: ignore[assignment]  # looser than natively, on purpose


@dataclass(frozen=True, slots=True)
class Done:
    """What a message led to, by our ids."""

    referral_id: UUID
    person_id: UUID
    site_id: UUID | None
    version: int


async def act(session: AsyncSession, caller: Caller, work: Work, letter: Letter, envelope: Envelope) -> Done:
    """Do what a message asks for; raises the refusal of the command that does it. The caller commits."""
    if work == "new":
        return await _receive(session, caller, letter, envelope)
    referral = await _held(session, caller, letter)
    match work:
        case "update":
            await _update(session, caller, referral, letter)
        case "cancel":
            await _cancel(session, caller, referral, letter)
        case "remove":
            await pathway.remove(session, caller, referral, Removal(reason=letter.reason))
    return Done(referral.id, referral.person_id, referral.site_id, referral.version)


async def keep(
    session: AsyncSession, caller: Caller, work: Work, done: Done, envelope: Envelope, content: bytes
) -> None:
    """Keep a message as it came, byte for byte, readable for as long as its person's key is."""
    key = await person_key(session, done.person_id)
    if key is None:
        raise PersonErased
    outside = envelope.as_kept()
    message = tables.Message(
        id=uuid4(),
        client=caller.client,
        request_id=envelope.request_id,
        correlation_id=envelope.correlation_id,
        referral_id=done.referral_id,
        person_id=done.person_id,
        site_id=done.site_id,
        kind=work,
        raw=key.seal("message", content.decode("latin-1")),  # every byte is a character, so that all come back
        headers=None if outside is None else key.seal("headers", outside),
        received_at=datetime.now(UTC),
    )
    session.add(message)
    await session.flush()


async def _receive(session: AsyncSession, caller: Caller, letter: Letter, envelope: Envelope) -> Done:
    system = _system(caller, letter)
    source_id = letter.source_id or str(envelope.request_id)
    content = dict(letter.content)
    if not letter.names_source and (usual := settings().fhir_sources.get(caller.client)):
        content["source"] = usual
    new = MessagedReferral(
        source_system=system,
        source_id=source_id,
        received_on=await _first_received_on(session, caller, system, source_id) or today(),
        note=letter.note,
        person=NewPerson.model_validate(letter.person),
        **content,
    )
    (outcome,) = await receive(session, caller, [Arrival(new, trace_id())])
    if isinstance(outcome, Problem):
        raise outcome
    referral = outcome.referral
    return Done(referral.id, referral.person_id, referral.site_id, referral.version)


async def _first_received_on(session: AsyncSession, caller: Caller, system: str, source_id: str) -> date | None:
    """Return the day on which a referral was first received: sent again on another day, it is the same."""
    row = tables.Referral
    query = select(row.received_on).where(
        row.client == caller.client, row.source_system == system, row.source_id == source_id
    )
    found: date | None = await session.scalar(query)
    return found


async def _held(session: AsyncSession, caller: Caller, letter: Letter) -> tables.Referral:
    """Return the referral that a later message is about, locked; raises `NotFound`, or that it is not the one it seems."""
    referral = await _by_our_id(session, caller, letter)
    if referral is None:
        referral = await referral_to_change(session, caller, await _by_their_key(session, caller, letter))
    elif letter.version is not None and letter.version < referral.version:
        raise ChangedSince
    number = letter.person.get("nhs_number")
    if number is not None:
        row = tables.Person
        known = await session.scalar(select(row.nhs_number_index).where(row.id == referral.person_id))
        if known is not None and known != keyring().index("nhs_number", number):
            raise SomebodyElse
    return referral


async def _by_our_id(session: AsyncSession, caller: Caller, letter: Letter) -> tables.Referral | None:
    if letter.referral_id is None:
        return None
    try:
        return await referral_to_change(session, caller, letter.referral_id)
    except NotFound:
        return None


async def _by_their_key(session: AsyncSession, caller: Caller, letter: Letter) -> UUID:
    row = tables.Referral
    query = select(row.id).where(
        row.client == caller.client,
        row.source_system == _system(caller, letter),
        row.source_id == letter.source_id,
    )
    found: UUID | None = await session.scalar(query)
    if letter.source_id is None or found is None:
        raise NotFound("No referral has this ServiceRequest.id or identifier.")
    return found


def _system(caller: Caller, letter: Letter) -> str:
    """Return whose key the referral's is: the sender's organisation, else the system that was let in."""
    return letter.source_system or caller.client[:LONGEST_KEY]


async def _update(session: AsyncSession, caller: Caller, referral: tables.Referral, letter: Letter) -> None:
    """Correct what the message gives of referral and person; what it does not mention stays."""
    await refuse_if_restricted(session, referral.person_id)
    before = referral.version
    is_new = await _note(session, referral, letter.note)
    await pathway.correct(session, caller, referral, ReferralChange.model_validate(letter.content))
    if is_new and referral.version == before:
        corrected = ReferralCorrected(
            referral_id=referral.id,
            person_key=keyring().person_key(referral.person_id),
            **{name: getattr(referral, name) for name in pathway.CORRECTED},
        )
        deed = audit.entry(caller, "update", "referral", referral.id, person_id=referral.person_id, detail="note")
        await pathway.settle(session, referral, corrected, deed)
    if letter.person:
        person = await person_to_change(session, caller, referral.person_id)
        await people.correct(session, caller, person, PersonChange.model_validate(letter.person), today())


async def _note(session: AsyncSession, referral: tables.Referral, note: str | None) -> bool:
    """Replace the referral's note by a newer one; tell whether it differs. The older one stays in its own message."""
    key = await person_key(session, referral.person_id)
    if note is None or key is None or (referral.note is not None and key.open("note", referral.note) == note):
        return False
    referral.note = key.seal("note", note)
    return True


async def _cancel(session: AsyncSession, caller: Caller, referral: tables.Referral, letter: Letter) -> None:
    """End a referral that its sender withdrew; one that is already ended so, stays as it is."""
    if referral.discharged_on is not None and referral.end_code in {NOT_SEEN, SEEN}:
        return
    code = SEEN if await was_seen(session, referral.id) else NOT_SEEN
    await pathway.discharge(session, caller, referral, Discharge(on=today(), end_code=code, reason=letter.reason))
