"""Agreeing who answers for what, and looking at it again."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.commands.occasions import happened, out_of_range
from services.sites.commands.recording import Registered, apply, differences, once, registration
from services.sites.commands.whose import own_site
from services.sites.schemas.agreements import AgreementChange, NewAgreement, Review
from services.sites.tables import Agreement
from shared import audit
from shared.auth import Caller
from shared.events.sites import AgreementRecorded
from shared.outbox import emit
from shared.problems import Problem


class AgreementDiffers(Problem):
    """This id is already that of an agreement recorded with different content."""

    status = HTTPStatus.CONFLICT


class AgreementEnded(Problem):
    """The agreement has ended; there is nothing left to review."""

    status = HTTPStatus.CONFLICT


async def agree(session: AsyncSession, caller: Caller, new: NewAgreement) -> Registered:
    """Record an agreement of a site and announce its dates; one with an id that was given before is recognised."""
    said = new.model_copy(update={"site_id": await own_site(session, caller, new.site_id)})
    fields = said.model_dump(exclude={"id"}) | {"reviewed_on": None}
    _judge(fields)
    registered = await once(session, Agreement, registration(caller, said, fields), AgreementDiffers)
    if registered.created:
        await emit(session, _agreed(registered.fields), version=1)
        await audit.record(session, [audit.entry(caller, "create", "agreement", registered.fields["id"])])
    return registered


async def change_agreement(
    session: AsyncSession, caller: Caller, agreement: Agreement, change: AgreementChange
) -> Agreement:
    """Change an agreement that is held, or end it, and announce its dates."""
    changed = differences(agreement, change.model_dump(exclude_unset=True))
    if not changed:
        return agreement
    _judge(agreement.__dict__ | changed)
    return await _changed(session, caller, agreement, changed)


async def review(session: AsyncSession, caller: Caller, agreement: Agreement, reviewed: Review) -> Agreement:
    """Say that an agreement that is held was looked at, and when it is to be next; the same again changes nothing."""
    happened(reviewed.on, since=agreement.agreed_on)
    if reviewed.next_review_on <= reviewed.on:
        raise out_of_range("/next_review_on", "After the review.")
    changed = differences(agreement, {"reviewed_on": reviewed.on, "review_on": reviewed.next_review_on})
    if not changed:
        return agreement
    if agreement.ended_on is not None:
        raise AgreementEnded
    return await _changed(session, caller, agreement, changed)


async def _changed(
    session: AsyncSession, caller: Caller, agreement: Agreement, changed: Mapping[str, Any]
) -> Agreement:
    apply(agreement, changed)
    await session.flush()
    await emit(session, _agreed(agreement.__dict__), version=agreement.version)
    named = " ".join(sorted(changed))
    await audit.record(session, [audit.entry(caller, "update", "agreement", agreement.id, detail=named)])
    return agreement


def _judge(fields: Mapping[str, Any]) -> None:
    """Refuse days that cannot be in this order."""
    happened(fields["agreed_on"], "/agreed_on")
    if fields["review_on"] <= fields["agreed_on"]:
        raise out_of_range("/review_on", "After it was agreed.")
    if fields["ended_on"] is not None and fields["ended_on"] < fields["agreed_on"]:
        raise out_of_range("/ended_on", "Not before it was agreed.")


def _agreed(fields: Mapping[str, Any]) -> AgreementRecorded:
    told = {name: fields[name] for name in AgreementRecorded.model_fields if name != "agreement_id"}
    return AgreementRecorded(agreement_id=fields["id"], **told)
