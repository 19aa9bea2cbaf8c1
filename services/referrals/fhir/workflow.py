"""Which messages this door knows, and what each is for: judged before anything of the person is read."""

from typing import Literal

from services.referrals.fhir.outcomes import NotOffered, WorkflowUnknown
from services.referrals.fhir.reading import Message, codes, same_system
from services.referrals.fhir.resources import CarePlan

Work = Literal["new", "update", "cancel", "remove"]

EVENTS = "fhir.nhs.uk/codesystem/message-events-bars"
REASONS = "fhir.nhs.uk/codesystem/message-reason-bars"
CATEGORIES = "fhir.nhs.uk/codesystem/message-category-servicerequest"
EVENT = "servicerequest-request"
OTHER_EVENTS = {"servicerequest-response", "booking-request", "booking-response"}  # known, and not for this door
INTENTS = {"plan", "order"}
WITHDRAWN = {"revoked", "entered-in-error"}

WORK: dict[tuple[str, str], Work] = {
    ("new", "active"): "new",
    ("update", "active"): "update",
    ("update", "revoked"): "cancel",
    ("update", "entered-in-error"): "remove",
}


def judge(message: Message) -> Work:
    """Return what a message asks for; the status decides before the category, so that a withdrawal always counts."""
    event = message.header.event_coding
    if same_system(event.system) != EVENTS or event.code not in {EVENT, *OTHER_EVENTS}:
        raise WorkflowUnknown("MessageHeader.eventCoding is not an event that is known here.")
    if event.code != EVENT:
        raise NotOffered(f"Only {EVENT} is taken here.")
    reasons = codes(message.header.reason, REASONS)
    work = WORK.get((reasons[0], message.request.status)) if len(reasons) == 1 else None
    if work is None:
        raise WorkflowUnknown("MessageHeader.reason and ServiceRequest.status do not go together.")
    if work in {"new", "update"}:
        _judge_category(message)
        _judge_parts(message)
    return work


def _judge_category(message: Message) -> None:
    """Let only referrals through: a request to validate a case decision is not offered, anything else not known."""
    found = {code for concept in message.request.category for code in codes(concept, CATEGORIES)}
    if found == {"validation"}:
        raise NotOffered("Validation requests are not taken here; send a referral.")
    if found != {"referral"}:
        raise WorkflowUnknown("ServiceRequest.category does not say that this is a referral.")


def _judge_parts(message: Message) -> None:
    """Refuse an active referral that is no request, or whose care plan was withdrawn."""
    if message.request.intent not in INTENTS:
        raise WorkflowUnknown("ServiceRequest.intent is neither plan nor order.")
    if any(plan.status in WITHDRAWN for plan in message.resolve_all(message.request.based_on, CarePlan)):
        raise WorkflowUnknown("The CarePlan was withdrawn, and the ServiceRequest was not.")
