"""Recording sessions, calling them off, and counting who came."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites import tables
from services.sites.commands.recording import Registered, apply, differences, once, registration
from services.sites.commands.whose import own_site
from services.sites.domain import sessions as domain
from services.sites.domain.register import EARLIEST
from services.sites.schemas.sessions import NewAttendance, NewSession, SessionChange, Tallies
from shared import audit
from shared.auth import Caller
from shared.codes import CODE_RETIRED, retired
from shared.days import LONDON, today
from shared.events.sites import AttendanceRecorded, SessionHeld
from shared.outbox import emit
from shared.problems import FieldError, MalformedRequest, Problem

ATTENDANCE = ("headcount", "tallies", "interpreter_used")


class SessionDiffers(Problem):
    """This id is already that of a session recorded with different content."""

    status = HTTPStatus.CONFLICT


class OfferUnknown(Problem):
    """There is no such offer at this site."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self) -> None:
        message = "Name an offer of the session's own site, or none."
        super().__init__(errors=[FieldError(pointer="/offer_id", code="offer_unknown", message=message)])


class SessionNotBegun(Problem):
    """The session has not begun yet; count who came when it has."""

    status = HTTPStatus.CONFLICT


class SessionCalledOff(Problem):
    """The session was called off; nobody came to it."""

    status = HTTPStatus.CONFLICT


class SessionAttended(Problem):
    """People were counted at this session: it cannot be called off, nor moved to a day that the count does not fit."""

    status = HTTPStatus.CONFLICT


async def record_session(session: AsyncSession, caller: Caller, new: NewSession) -> Registered:
    """Record a session of a site and announce it; one with an id that was given before is recognised."""
    site_id = await own_site(session, caller, new.site_id)
    _judge_day(new.starts_at)
    programme = new.programme or domain.USUAL_PROGRAMME
    if new.offer_id is not None:
        offered = await _programme_of(session, new.offer_id, site_id)
        programme = new.programme or offered
    said = new.model_copy(update={"site_id": site_id})
    counted = dict.fromkeys(ATTENDANCE)
    row = registration(caller, said, said.model_dump(exclude={"id"}) | {"programme": programme} | counted)
    registered = await once(session, tables.CommunitySession, row, SessionDiffers)
    if registered.created:
        await emit(session, _held(row), version=1)
        await audit.record(session, [audit.entry(caller, "create", "session", row["id"])])
    return registered


async def change_session(
    session: AsyncSession, caller: Caller, held: tables.CommunitySession, change: SessionChange
) -> tables.CommunitySession:
    """Change a session that is held, and announce it as it is now."""
    changed = differences(held, change.model_dump(exclude_unset=True))
    if not changed:
        return held
    if "starts_at" in changed:
        _judge_day(changed["starts_at"])
    if changed.get("offer_id") is not None:
        await _programme_of(session, changed["offer_id"], held.site_id)
    if not _fits_count(held, changed):
        raise SessionAttended
    apply(held, changed)
    await session.flush()
    await emit(session, _held(held.__dict__), version=held.version)
    await audit.record(session, [audit.entry(caller, "update", "session", held.id, detail=" ".join(sorted(changed)))])
    return held


async def record_attendance(
    session: AsyncSession, caller: Caller, held: tables.CommunitySession, counted: NewAttendance
) -> tables.CommunitySession:
    """Say how many came to a session that is held, whole, and announce it; the same again changes nothing."""
    _judge_count(counted, _day(held.starts_at))
    if held.cancelled:
        raise SessionCalledOff
    if not domain.has_begun(held.starts_at, datetime.now(UTC)):
        raise SessionNotBegun
    sent = counted.model_dump()
    tallies = counted.tallies.model_dump(exclude_none=True) if counted.tallies else {}
    changed = differences(held, sent | {"tallies": tallies or None})
    if not changed:
        return held
    apply(held, changed)
    await session.flush()
    told = {name: getattr(held, name) for name in ATTENDANCE}
    await emit(session, AttendanceRecorded(session_id=held.id, **told), version=held.version)
    deed = audit.entry(caller, "update", "session", held.id, detail=f"attendance: {' '.join(sorted(changed))}")
    await audit.record(session, [deed])
    return held


def _held(fields: Mapping[str, Any]) -> SessionHeld:
    """Return what is announced of a session: the whole picture."""
    public = (name for name in SessionHeld.model_fields if name != "session_id")
    return SessionHeld(session_id=fields["id"], **{name: fields[name] for name in public})


async def _programme_of(session: AsyncSession, offer_id: UUID, site_id: UUID) -> str:
    """Return the programme of an offer of that site; raises `OfferUnknown`."""
    row = tables.Offer
    found = await session.scalar(select(row.programme).where(row.id == offer_id, row.site_id == site_id))
    if found is None:
        raise OfferUnknown
    return found


def _day(starts_at: datetime) -> date:
    return starts_at.astimezone(LONDON).date()


def _judge_day(starts_at: datetime) -> None:
    if not domain.plannable(_day(starts_at), today()):
        message = f"Not before {EARLIEST}, and at most five years ahead."
        raise MalformedRequest(errors=[FieldError(pointer="/starts_at", code="date_out_of_range", message=message)])


def _judge_count(counted: NewAttendance, on: date) -> None:
    """Refuse tallies of more people than came, and codes that were not in use on the day."""
    tallies = counted.tallies.model_dump(exclude_none=True) if counted.tallies else {}
    more = "The counts add up to more than the headcount."
    errors = [
        FieldError(pointer=f"/tallies/{dimension}", code="exceeds_headcount", message=more)
        for dimension in domain.overcounted(tallies, counted.headcount)
    ]
    errors += [
        FieldError(pointer=found.pointer, code=CODE_RETIRED, message=found.message) for found in retired(counted, on)
    ]
    if errors:
        raise MalformedRequest(errors=errors)


def _fits_count(held: tables.CommunitySession, changed: Mapping[str, Any]) -> bool:
    """Tell whether a change leaves room for what was counted; that nobody came fits a session that was called off."""
    if held.headcount is None:
        return True
    if changed.get("cancelled") and held.headcount > 0:
        return False
    starts_at = changed.get("starts_at", held.starts_at)
    tallies = Tallies.model_construct(**(held.tallies or {}))
    return domain.has_begun(starts_at, datetime.now(UTC)) and not retired(tallies, _day(starts_at))
