"""What a referral message says of the referral itself, in our words; its source is never guessed."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.referrals.fhir import crosswalks
from services.referrals.fhir.envelope import UUID_FORM, Envelope
from services.referrals.fhir.outcomes import ValueRefused
from services.referrals.fhir.persons import person_of
from services.referrals.fhir.reading import Message, codes, extensions, ods_code, same_system
from services.referrals.fhir.resources import CarePlan, Condition, HealthcareService, Organization

SOURCE = "fhir.hl7.org.uk/structuredefinition/extension-ukcore-sourceofservicerequest"
CERTAINTY = "terminology.hl7.org/codesystem/condition-ver-status"
NOT_SO = {"refuted", "entered-in-error"}
SITE = "urn:roundtable:site"  # the identifier system of our sites' ids, for ServiceRequest.performer
LONGEST_KEY = 64
LONGEST_NOTE = 4000
CUT = " […]"  # the whole of it is in the message as it came
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Letter:
    """What a message says: by which key its sender knows the referral, and what it gives of referral and person."""

    source_system: str | None
    source_id: str | None
    referral_id: UUID | None  # ours, as our answer named it
    version: int | None  # of ours that the sender knows
    content: dict[str, Any]
    person: dict[str, Any]
    note: str | None
    reason: str | None  # of a withdrawal
    names_source: bool  # whether the message names a source, understood or not


def letter_of(message: Message, envelope: Envelope) -> Letter:
    """Read a message whose workflow is known."""
    request = message.request
    sources = list(extensions(request.extension, SOURCE))
    found = {
        "source": _one(
            crosswalks.SOURCES.get(code)
            for each in sources
            for code in codes(each.value_codeable_concept, crosswalks.SNOMED)
        ),
        "site_id": _site(message),
        "presenting_problem": _presenting_problem(message),
    }
    active = request.status == "active"
    reasons = [concept.text for concept in request.reason_code]
    ours = UUID(request.id) if UUID_FORM.fullmatch(request.id) else None
    version = request.meta.version_id or ""
    return Letter(
        source_system=_sender(message) or envelope.sender,
        source_id=_source_id(message),
        referral_id=ours,
        version=int(version) if ours and re.fullmatch(r"[0-9]{1,9}", version) else None,
        content={name: value for name, value in found.items() if value is not None},
        person=person_of(message.patient()),
        note=_text([*_activities(message), *(reasons if active else [])]),
        reason=None if active else _text(reasons),
        names_source=bool(sources),
    )


def _sender(message: Message) -> str | None:
    """Return the ODS code of the organisation that sends, by reference or by identifier."""
    sender = message.header.sender
    if (organisation := message.resolve(sender, Organization)) is not None:
        return ods_code(organisation.identifier)
    return ods_code([sender.identifier]) if sender.identifier else None


def _source_id(message: Message) -> str | None:
    """Return by what the sender knows the referral: the first identifier that has a value."""
    found = next((value for each in message.request.identifier if (value := each.value.strip())), None)
    if found is not None and len(found) > LONGEST_KEY:
        raise ValueRefused(f"ServiceRequest.identifier has at most {LONGEST_KEY} characters.")
    return found


def _site(message: Message) -> UUID | None:
    """Return the co-provider site that is asked, when an identifier of ours names one."""
    found = {
        UUID(each.value.strip())
        for service in message.resolve_all(message.request.performer, HealthcareService)
        for each in service.identifier
        if same_system(each.system) == SITE and UUID_FORM.fullmatch(each.value.strip())
    }
    if len(found) > 1:
        raise ValueRefused("ServiceRequest.performer names two sites.")
    return next(iter(found), None)


def _presenting_problem(message: Message) -> str | None:
    """Return the one problem of the national list that the care plan addresses; of several, none: we do not choose."""
    return _one(
        next(_problems(condition), None)
        for plan in message.resolve_all(message.request.based_on, CarePlan)
        for condition in message.resolve_all(plan.addresses, Condition)
        if NOT_SO.isdisjoint(codes(condition.verification_status, CERTAINTY))
    )


def _problems(condition: Condition) -> Iterator[str]:
    for each in condition.code.coding:
        if (code := crosswalks.presenting_problem(same_system(each.system), each.code.strip())) is not None:
            yield code


def _one(found: Iterable[str | None]) -> str | None:
    """Return what all that were understood agree on."""
    different = set(found) - {None}
    return different.pop() if len(different) == 1 else None


def _activities(message: Message) -> Iterator[str]:
    for plan in message.resolve_all(message.request.based_on, CarePlan):
        for activity in plan.activity:
            yield from (concept.text for concept in activity.outcome_codeable_concept)
            yield activity.detail.description


def _text(parts: Iterable[str]) -> str | None:
    """Return texts as one, each once, cut where a note ends."""
    cleaned = [CONTROL.sub(" ", part).strip() for part in parts]
    whole = "\n\n".join(dict.fromkeys(filter(None, cleaned)))
    return (whole if len(whole) <= LONGEST_NOTE else whole[: LONGEST_NOTE - len(CUT)].rstrip() + CUT) or None
