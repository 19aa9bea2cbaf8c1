"""What is decided of a pathway: correction, triage, discharge, reopening, removal.

Every command takes a referral that `queries.referrals.referral_to_change` returned: it is locked until the transaction ends.
A decision that is already in force changes nothing; any other is one version, one event and one line of the log.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals import tables
from services.referrals.commands.moving import rehouse
from services.referrals.commands.restricting import refuse_if_restricted
from services.referrals.commands.webhooks import announce
from services.referrals.domain import pathway
from services.referrals.domain.pathway import Decisions, Move, Reason
from services.referrals.domain.receiving import Objection
from services.referrals.domain.webhooks import Kind
from services.referrals.queries.contacts import counted
from services.referrals.queries.keys import PersonErased, person_key
from services.referrals.schemas.pathway import Discharge, ReferralChange, Removal, Reopening, Triage
from shared import audit, days
from shared.auth import Caller
from shared.crypto import PersonKey, keyring
from shared.events.event import Event
from shared.events.referrals import (
    ReferralCorrected,
    ReferralDischarged,
    ReferralRemoved,
    ReferralReopened,
    ReferralTriaged,
)
from shared.outbox import emit
from shared.problems import FieldError, MalformedRequest, Problem

CORRECTED = tuple(name for name in ReferralCorrected.model_fields if name in tables.Referral.__table__.columns)


class ReferralClosed(Problem):
    """The referral has already ended."""

    status = HTTPStatus.CONFLICT


class TreatmentBegun(Problem):
    """Treatment has begun: the referral can be discharged, and no longer be turned away at triage."""

    status = HTTPStatus.CONFLICT


class ReferralOpen(Problem):
    """The referral has not ended: there is nothing to undo."""

    status = HTTPStatus.CONFLICT


REFUSALS: dict[Reason, type[Problem]] = {
    Reason.CLOSED: ReferralClosed,
    Reason.TREATED: TreatmentBegun,
    Reason.OPEN: ReferralOpen,
}


async def correct(
    session: AsyncSession, caller: Caller, referral: tables.Referral, change: ReferralChange
) -> tables.Referral:
    """Correct the named coded fields, after a discharge too, and announce all of them as they are now."""
    sent = change.model_dump(exclude_unset=True)
    if "site_id" in sent:
        sent["site_id"] = caller.own_site(sent["site_id"])
    changed = {name: value for name, value in sent.items() if getattr(referral, name) != value}
    if not changed:
        return referral
    judge(pathway.code_objections(ReferralChange.model_construct(**changed), referral.received_on))
    await refuse_if_restricted(session, referral.person_id)
    await _key(session, referral)  # a correction tells whose pathway it is, which nobody is told of an erased person's
    if "site_id" in changed:
        await rehouse(session, caller, referral, changed["site_id"])
    for name, value in changed.items():
        setattr(referral, name, value)
    corrected = ReferralCorrected(
        referral_id=referral.id,
        person_key=keyring().person_key(referral.person_id),
        **{name: getattr(referral, name) for name in CORRECTED},
    )
    await settle(session, referral, corrected, _deed(caller, referral, " ".join(sorted(changed))))
    await announce(session, referral, Kind.CORRECTED)
    return referral


async def triage(session: AsyncSession, caller: Caller, referral: tables.Referral, decided: Triage) -> tables.Referral:
    """Record a decision at triage, or replace the one before; a pathway in treatment is not turned away any more.

    The same decision and day again change nothing, but for a reason that was not given before.
    """
    judge(pathway.date_objections(decided.on, referral.received_on, days.today()))
    turned_away = decided.decision in pathway.REFUSALS
    await _allow(session, "refuse" if turned_away else "accept", referral)
    same = (referral.triage_decision, referral.triaged_on) == (decided.decision, decided.on)
    if same and await _says_nothing_new(session, referral, "triage_reason", decided.reason):
        return referral
    await refuse_if_restricted(session, referral.person_id)
    referral.triage_decision, referral.triaged_on = decided.decision, decided.on
    referral.triage_reason = await _sealed(session, referral, "triage_reason", decided.reason)
    event = ReferralTriaged(referral_id=referral.id, decision=decided.decision, on=decided.on)
    await settle(session, referral, event, _deed(caller, referral, f"triage {decided.decision}"))
    await announce(session, referral, Kind.TRIAGED, decided.on)
    return referral


async def discharge(
    session: AsyncSession, caller: Caller, referral: tables.Referral, ended: Discharge
) -> tables.Referral:
    """End the pathway, once; after a refusal at triage, the discharge's day counts, and its end code when it gives one."""
    found = pathway.date_objections(ended.on, referral.received_on, days.today())
    judge(found + pathway.code_objections(ended, ended.on))
    same = (referral.discharged_on, referral.end_code) == (ended.on, ended.end_code)
    if same and await _says_nothing_new(session, referral, "ended_reason", ended.reason):
        return referral
    await _allow(session, "discharge", referral)
    await refuse_if_restricted(session, referral.person_id)
    referral.discharged_on, referral.end_code = ended.on, ended.end_code
    referral.ended_reason = await _sealed(session, referral, "ended_reason", ended.reason)
    event = ReferralDischarged(referral_id=referral.id, discharged_on=ended.on, end_code=ended.end_code)
    await settle(session, referral, event, _deed(caller, referral, "discharge"))
    await announce(session, referral, Kind.DISCHARGED, ended.on)
    return referral


async def reopen(
    session: AsyncSession, caller: Caller, referral: tables.Referral, reopening: Reopening
) -> tables.Referral:
    """Undo an end recorded by mistake: a discharge, and a refusal at triage. An acceptance stands."""
    await _allow(session, "reopen", referral)
    await refuse_if_restricted(session, referral.person_id)
    referral.discharged_on = referral.end_code = None
    if referral.triage_decision in pathway.REFUSALS:
        referral.triage_decision = referral.triaged_on = referral.triage_reason = None
    referral.ended_reason = await _sealed(session, referral, "ended_reason", reopening.reason)
    event = ReferralReopened(referral_id=referral.id)
    await settle(session, referral, event, _deed(caller, referral, "reopen"))
    await announce(session, referral, Kind.REOPENED)
    return referral


async def remove(session: AsyncSession, caller: Caller, referral: tables.Referral, removal: Removal) -> tables.Referral:
    """Take a referral out of everything as entered in error; its row stays for the audit. Once removed, it stays so."""
    if referral.removed_at is not None:
        return referral
    await refuse_if_restricted(session, referral.person_id)
    referral.removed_at = datetime.now(UTC)
    if removal.reason is not None:
        referral.ended_reason = await _sealed(session, referral, "ended_reason", removal.reason)
    event = ReferralRemoved(referral_id=referral.id)
    await settle(session, referral, event, _deed(caller, referral, None, "delete"))
    await announce(session, referral, Kind.REMOVED)
    return referral


async def settle(session: AsyncSession, referral: tables.Referral, event: Event, deed: Mapping[str, Any]) -> None:
    """Derive a locked pathway anew and save the change of it: one version, one event, one line of the log."""
    await session.flush()
    derived = pathway.derive(decisions(referral), await counted(session, referral.id))
    for name, value in derived._asdict().items():
        setattr(referral, name, value)
    referral.version += 1
    await session.flush()
    await emit(session, event, version=referral.version)
    await audit.record(session, [dict(deed)])


def _deed(
    caller: Caller, referral: tables.Referral, detail: str | None, action: audit.Action = "update"
) -> dict[str, Any]:
    return audit.entry(caller, action, "referral", referral.id, person_id=referral.person_id, detail=detail)


def decisions(referral: tables.Referral) -> Decisions:
    """Return what was decided of a referral."""
    return Decisions(referral.triage_decision, referral.triaged_on, referral.discharged_on)


def judge(found: Sequence[Objection]) -> None:
    """Raise `MalformedRequest` with whatever speaks against a change."""
    if found:
        errors = [FieldError(pointer=each.pointer, code=each.code, message=each.message) for each in found]
        raise MalformedRequest(errors=errors)


async def _allow(session: AsyncSession, move: Move, referral: tables.Referral) -> None:
    """Raise the refusal of a move that is not allowed as things stand."""
    reason = pathway.not_allowed(move, decisions(referral), await counted(session, referral.id))
    if reason is not None:
        raise REFUSALS[reason](reason.value)


async def _key(session: AsyncSession, referral: tables.Referral) -> PersonKey:
    """Return the key of a referral's person; raises `PersonErased` when there is none any more."""
    key = await person_key(session, referral.person_id)
    if key is None:
        raise PersonErased
    return key


async def _sealed(session: AsyncSession, referral: tables.Referral, name: str, words: str | None) -> bytes | None:
    """Return words sealed under the person's key."""
    return None if words is None else (await _key(session, referral)).seal(name, words)


async def _says_nothing_new(session: AsyncSession, referral: tables.Referral, name: str, words: str | None) -> bool:
    """Tell whether a reason is none, or the one recorded."""
    before: bytes | None = getattr(referral, name)
    if words is None or before is None:
        return words is None
    return (await _key(session, referral)).open(name, before) == words
