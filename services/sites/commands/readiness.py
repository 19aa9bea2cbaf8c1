"""Recording how a site grows into delivering: training, readiness, mentoring."""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.commands.occasions import happened, out_of_range
from services.sites.commands.recording import Registered, apply, differences, once, registration
from services.sites.commands.sides import speaking
from services.sites.commands.whose import names_nothing, own_site
from services.sites.schemas.readiness import (
    MentorshipChange,
    NewMentorship,
    NewReadiness,
    NewTraining,
    TrainingChange,
)
from services.sites.tables import Mentorship, Readiness, Training
from shared import audit
from shared.auth import Caller, SiteUnknown
from shared.events.sites import MentorshipRecorded, ReadinessAssessed, TrainingRecorded
from shared.outbox import emit
from shared.problems import FieldError, MalformedRequest, Problem


class TrainingDiffers(Problem):
    """This id is already that of training recorded with different content."""

    status = HTTPStatus.CONFLICT


class MentorshipDiffers(Problem):
    """This id is already that of a mentorship recorded with different content."""

    status = HTTPStatus.CONFLICT


async def record_training(session: AsyncSession, caller: Caller, new: NewTraining) -> Registered:
    """Record that people of a site were trained; training with an id that was given before is recognised."""
    said = new.model_copy(update={"site_id": await own_site(session, caller, new.site_id)})
    happened(new.on)
    row = registration(caller, said, said.model_dump(exclude={"id"}))
    registered = await once(session, Training, row, TrainingDiffers)
    if registered.created:
        await emit(session, _trained(row), version=1)
        await audit.record(session, [audit.entry(caller, "create", "training", row["id"])])
    return registered


async def change_training(
    session: AsyncSession, caller: Caller, training: Training, change: TrainingChange
) -> Training:
    """Change training that is held, and announce it as it is now."""
    changed = differences(training, change.model_dump(exclude_unset=True))
    if not changed:
        return training
    if "on" in changed:
        happened(changed["on"])
    apply(training, changed)
    await session.flush()
    await emit(session, _trained(training.__dict__), version=training.version)
    named = " ".join(sorted(changed))
    await audit.record(session, [audit.entry(caller, "update", "training", training.id, detail=named)])
    return training


def _trained(fields: Mapping[str, Any]) -> TrainingRecorded:
    told = {name: fields[name] for name in TrainingRecorded.model_fields if name != "training_id"}
    return TrainingRecorded(training_id=fields["id"], **told)


async def assess_readiness(session: AsyncSession, caller: Caller, site_id: UUID, new: NewReadiness) -> None:
    """Record a side's view of a held site's readiness on a day; that of the same side and day before it is corrected."""
    side = speaking(caller, new.side)
    happened(new.on)
    before = await session.scalar(
        select(Readiness).where(Readiness.site_id == site_id, Readiness.on == new.on, Readiness.assessed_by == side)
    )
    if before is not None and before.levels == new.levels:
        return
    if before is not None:
        apply(before, {"levels": new.levels})
        assessment_id, version = before.id, before.version
    else:
        fields = {"site_id": site_id, "on": new.on, "levels": new.levels, "assessed_by": side}
        row = Readiness(**registration(caller, new, fields | {"id": uuid4()}))
        session.add(row)
        assessment_id, version = row.id, 1
    await session.flush()
    event = ReadinessAssessed(
        assessment_id=assessment_id, site_id=site_id, on=new.on, levels=new.levels, assessed_by=side
    )
    await emit(session, event, version=version)
    deed: audit.Action = "create" if before is None else "update"
    await audit.record(session, [audit.entry(caller, deed, "readiness", assessment_id)])


async def record_mentorship(session: AsyncSession, caller: Caller, new: NewMentorship) -> Registered:
    """Record that one site mentors another, of which one is the caller's; one with an id given before is recognised."""
    if not (caller.may_see(new.mentor_site_id) or caller.may_see(new.mentee_site_id)):
        raise SiteUnknown
    if new.mentor_site_id == new.mentee_site_id:
        same = FieldError(pointer="/mentee_site_id", code="same_site", message="Another site than the mentor.")
        raise MalformedRequest(errors=[same])
    _judge_days(new.began_on, new.ended_on)
    row = registration(caller, new, new.model_dump(exclude={"id"}))
    try:
        registered = await once(session, Mentorship, row, MentorshipDiffers)
    except IntegrityError as problem:  # the other site is not the caller's to look at
        if names_nothing(problem):
            raise SiteUnknown from None
        raise
    if registered.created:
        await emit(session, _mentored(row), version=1)
        await audit.record(session, [audit.entry(caller, "create", "mentorship", row["id"])])
    return registered


async def change_mentorship(
    session: AsyncSession, caller: Caller, mentorship: Mentorship, change: MentorshipChange
) -> Mentorship:
    """Change a mentorship that is held, and announce it as it is now."""
    changed = differences(mentorship, change.model_dump(exclude_unset=True))
    if not changed:
        return mentorship
    _judge_days(changed.get("began_on", mentorship.began_on), changed.get("ended_on", mentorship.ended_on))
    apply(mentorship, changed)
    await session.flush()
    await emit(session, _mentored(mentorship.__dict__), version=mentorship.version)
    named = " ".join(sorted(changed))
    await audit.record(session, [audit.entry(caller, "update", "mentorship", mentorship.id, detail=named)])
    return mentorship


def _judge_days(began_on: date, ended_on: date | None) -> None:
    happened(began_on, "/began_on")
    if ended_on is not None and ended_on < began_on:
        raise out_of_range("/ended_on", "Not before it began.")


def _mentored(fields: Mapping[str, Any]) -> MentorshipRecorded:
    told = {name: fields[name] for name in MentorshipRecorded.model_fields if name != "mentorship_id"}
    return MentorshipRecorded(mentorship_id=fields["id"], **told)
