"""Everything that changes something in `surveys`, and its refusals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.surveys import domain, tables
from services.surveys.instruments import Instrument, instruments
from services.surveys.schemas import NewResponse
from shared import audit, days
from shared.auth import Caller
from shared.db import insert_rows
from shared.events.surveys import ResponseScored
from shared.outbox import emit
from shared.problems import FieldError, MalformedRequest, Problem


class InstrumentUnknown(Problem):
    """There is no such instrument."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self) -> None:
        message = f"One of: {', '.join(instruments())}."
        super().__init__(errors=[FieldError(pointer="/instrument", code="instrument_unknown", message=message)])


class TotalDiffers(Problem):
    """The total is not what the answers add up to."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self) -> None:
        message = "Correct it, or leave it out: it is computed from the answers."
        super().__init__(errors=[FieldError(pointer="/total", code="total_differs", message=message)])


class ResponseDiffers(Problem):
    """This id is already that of a response with different content."""

    status = HTTPStatus.CONFLICT


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a response: recorded now, or recorded before."""

    fields: Mapping[str, Any]
    created: bool


async def record_response(session: AsyncSession, caller: Caller, new: NewResponse) -> Answered:
    """Score a response, keep it and announce its total; one with an id that was sent before is recognised."""
    instrument = instruments().get(new.instrument)
    if instrument is None:
        raise InstrumentUnknown
    row = _row(caller, new, instrument, judged(instrument, new))
    if not await insert_rows(session, tables.Response, [row], conflict="nothing", key=["id"], returning="id"):
        return await _recognise(session, row)
    told = {name: row[name] for name in ResponseScored.model_fields if name in row}
    await emit(session, ResponseScored(response_id=row["id"], **told), version=1)
    await audit.record(session, [audit.entry(caller, "create", "response", row["id"])])
    return Answered(row, created=True)


def judged(instrument: Instrument, new: NewResponse) -> domain.Score:
    """Return a response's score; refuses one that cannot be, saying where and never what."""
    today = days.today()
    if found := domain.objections(instrument, new.answers, new.total, new.answered_on, today):
        raise MalformedRequest(errors=[FieldError(pointer=e.pointer, code=e.code, message=e.message) for e in found])
    if new.answers is None:
        return domain.Score(None if new.total is None else int(new.total))
    score = domain.score(instrument, new.answers)
    if domain.contradicts(score, new.total):
        raise TotalDiffers
    return score


def _row(caller: Caller, new: NewResponse, instrument: Instrument, score: domain.Score) -> dict[str, Any]:
    """Return a response's row."""
    answers = new.answers
    return {
        "id": new.id or uuid4(),
        "referral_id": new.referral_id,
        "site_id": caller.own_site(new.site_id),
        "instrument": instrument.code,
        "instrument_version": instrument.version,
        "answered_on": new.answered_on,
        "mode": new.mode,
        "language": new.language,
        "helper": new.helper,
        "answers": None if answers is None else {item: value for item, value in answers.items() if value is not None},
        "total": score.total,
        "missing_items": score.missing_items,
        "prorated": score.prorated,
        "sent_by": caller.client,
        "content_digest": sha256(new.model_dump_json(exclude={"id"}, exclude_defaults=True).encode()).digest(),
        "version": 1,
        "created_at": datetime.now(UTC),
    }


async def _recognise(session: AsyncSession, row: Mapping[str, Any]) -> Answered:
    """Return the response with this id, if the same caller sent the same; what they may not see differs."""
    found = await session.get(tables.Response, row["id"])
    if found is None or (found.sent_by, found.content_digest) != (row["sent_by"], row["content_digest"]):
        raise ResponseDiffers
    return Answered(found.__dict__, created=False)
