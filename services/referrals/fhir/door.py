"""The FHIR door: a referral message in, the same message with our ids out; every refusal is an OperationOutcome."""

import asyncio
import json
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.commands.pathway import ReferralClosed
from services.referrals.commands.people import NumberInUse
from services.referrals.commands.receiving import IdTaken, ReferralDiffers, ReferralRemoved
from services.referrals.commands.restricting import PersonRestricted
from services.referrals.fhir import outcomes
from services.referrals.fhir.acting import act, keep
from services.referrals.fhir.answers import CAPABILITIES, taken
from services.referrals.fhir.envelope import Envelope, refuse_unless_acceptable
from services.referrals.fhir.examples import MESSAGE
from services.referrals.fhir.letters import letter_of
from services.referrals.fhir.reading import Message, read
from services.referrals.fhir.workflow import judge
from services.referrals.queries.keys import PersonErased
from shared.app import router
from shared.auth import Caller, SiteRequired, SiteUnknown, needs
from shared.db import Session
from shared.fhir import FHIR, MEDIA_TYPE
from shared.idempotency import Answer, KeyReused, Once, Replay, RequestInProgress, request_hash
from shared.problems import NotFound, UnsupportedMediaType

api = router(tags=["FHIR"])

Writer = Annotated[Caller, needs("referrals:write")]

PATH = "/FHIR/R4/$process-message"
SECONDS = 5.0  # after which senders hear that it took too long, and nothing happened
REMEMBERED = timedelta(days=90)  # how long a request's id is known again

IDS: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "header",
        "required": True,
        "description": what,
        "schema": {"type": "string", "format": "uuid"},
    }
    for name, what in (
        ("X-Request-Id", "Of this attempt: it takes effect once. Comes back on every answer."),
        ("X-Correlation-Id", "Of the conversation. Comes back on every answer."),
    )
]
SHAPE = {"type": "object", "required": ["resourceType", "type", "entry"]}
DESCRIBED: dict[str, Any] = {
    "parameters": IDS,
    "requestBody": {
        "required": True,
        "description": "A message Bundle of FHIR R4: MessageHeader, ServiceRequest, Patient and what they refer to.",
        "content": {
            media: {"schema": SHAPE, "examples": {"referral": {"value": MESSAGE}}}
            for media in (MEDIA_TYPE, "application/json")
        },
    },
}
REFUSALS = (
    *(outcomes.HeaderMissing, outcomes.HeaderInvalid, outcomes.MessageMalformed, outcomes.PartMissing),
    *(outcomes.WorkflowUnknown, outcomes.ValueRefused, outcomes.NotAcceptable, outcomes.TookTooLong),
    *(outcomes.AlreadyProcessed, outcomes.ChangedSince, outcomes.SomebodyElse, outcomes.VersionUnsupported),
    *(outcomes.TooCostly, outcomes.StillRunning, outcomes.NotOffered, UnsupportedMediaType, NotFound, SiteUnknown),
    *(
        SiteRequired,
        ReferralClosed,
        NumberInUse,
        ReferralDiffers,
        ReferralRemoved,
        IdTaken,
        PersonErased,
        PersonRestricted,
    ),
)
ACCEPTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The message was acted on; ServiceRequest.id is our referral's, Patient.id our person's.",
        "content": {MEDIA_TYPE: {"schema": SHAPE}},
    }
}
ABLE: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "object"}, "example": CAPABILITIES}}}
}


class FhirResponse(Response):
    """An answer in FHIR."""

    media_type = MEDIA_TYPE


@api.post(
    PATH,
    response_class=FhirResponse,
    responses=ACCEPTED | FHIR.responses(*REFUSALS),
    openapi_extra=DESCRIBED,
)
async def process_message(request: Request, caller: Writer, session: Session) -> Response:
    """Take a referral message: a new referral, an update, a cancellation or a removal; it takes effect once."""
    envelope = Envelope.of(request.headers)
    content = await request.body()
    message = Message(read(content))
    work = judge(message)
    letter = letter_of(message, envelope)
    try:
        async with asyncio.timeout(SECONDS) as limit:
            once = await _once(session, caller, envelope, content)
            done = await act(session, caller, work, letter, envelope)
            await keep(session, caller, work, done, envelope, content)
            await _remember(once)
    except TimeoutError:
        if limit.expired():
            raise outcomes.TookTooLong from None
        raise
    return taken(message, done, str(envelope.request_id)).response()


async def _once(session: AsyncSession, caller: Caller, envelope: Envelope, content: bytes) -> Once:
    """Promise that a request's id takes effect once; a failed attempt leaves nothing, and is judged afresh."""
    digest = request_hash("POST", PATH, content.decode("latin-1"))
    once = Once(session, caller, f"fhir:{envelope.request_id}", digest, REMEMBERED)
    try:
        await once.begin()
    except (Replay, KeyReused):
        raise outcomes.AlreadyProcessed from None
    except RequestInProgress:
        raise outcomes.StillRunning from None
    return once


async def _remember(once: Once) -> None:
    """Keep that this was done, and nothing of what was answered."""
    try:
        await once.reply(Answer(HTTPStatus.OK, b""))
    except RequestInProgress:
        raise outcomes.StillRunning from None


@api.get("/FHIR/R4/metadata", response_class=FhirResponse, responses=ABLE | FHIR.responses(outcomes.NotAcceptable))
async def metadata(request: Request) -> Response:
    """Say what this door can do, as a CapabilityStatement; for anybody."""
    refuse_unless_acceptable(request.headers.get("Accept"))
    return Answer(HTTPStatus.OK, json.dumps(CAPABILITIES).encode(), {"Content-Type": MEDIA_TYPE}).response()
