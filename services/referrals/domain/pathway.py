"""The pathway: which moves are allowed and why a refused one is not, and what its care contacts make of it.

Whatever is derived here is derived from all contacts anew, by the national rules; nothing is counted up.
"""

from collections.abc import Iterable
from datetime import date
from enum import Enum
from typing import Literal, NamedTuple

from pydantic import BaseModel

from services.referrals.domain.receiving import Objection
from shared.codes import CODE_RETIRED, retired

Decision = Literal["accepted", "rejected", "redirected"]
Status = Literal["received", "accepted", "rejected", "redirected", "in_treatment", "discharged"]
Move = Literal["accept", "refuse", "discharge", "reopen"]

SEEN = frozenset({"5", "6"})  # attended: in time, or late and seen all the same
HAPPENED = frozenset(
    {"5", "6", "7", "3"}
)  # what cannot be said of a day to come: attended, too late to be seen, missed
NOT_YET = "0"
ASSESSMENT = frozenset({"01", "03"})
TREATMENT = frozenset({"02", "03", "05"})
REFUSALS = frozenset({"rejected", "redirected"})
COURSE = 2  # treatment contacts that a finished course has at least


class Contact(NamedTuple):
    """What counts of a care contact."""

    on: date
    planned: bool
    attendance: str | None
    appointment_type: str
    internet_therapy: bool

    @property
    def attended(self) -> bool:
        """Whether the person was seen; an unplanned contact needs no code for that."""
        return not self.planned or self.attendance in SEEN

    @property
    def is_assessment(self) -> bool:
        """Whether the person was assessed."""
        return self.attended and self.appointment_type in ASSESSMENT

    @property
    def is_treatment(self) -> bool:
        """Whether the person was treated; a log of internet therapy is treatment whatever its type."""
        return self.attended and (self.internet_therapy or self.appointment_type in TREATMENT)


class Decisions(NamedTuple):
    """What was decided of a pathway: at triage, and at its end."""

    triage: str | None = None
    triaged_on: date | None = None
    discharged_on: date | None = None

    @property
    def refused(self) -> bool:
        """Whether triage turned the referral away."""
        return self.triage in REFUSALS

    @property
    def ended_on(self) -> date | None:
        """The day it ended: that of the discharge, else that of a refusal at triage; None while it is open."""
        return self.discharged_on or (self.triaged_on if self.refused else None)


class Derived(NamedTuple):
    """What follows from decisions and contacts."""

    status: Status
    first_assessment_on: date | None
    first_treatment_on: date | None
    last_treatment_on: date | None
    treatment_contacts: int
    finished_course: bool


class Reason(Enum):
    """Why a move is not allowed."""

    CLOSED = "The pathway was discharged; reopen it first."
    TREATED = "Treatment has begun; such a pathway ends with a discharge."
    OPEN = "Neither a discharge nor a refusal at triage stands."


def derive(decisions: Decisions, contacts: Iterable[Contact]) -> Derived:
    """Return what a pathway is; contacts count up to the day it ended, that day included, whenever they were recorded."""
    end = decisions.ended_on
    counted = [contact for contact in contacts if end is None or contact.on <= end]
    assessed = [contact.on for contact in counted if contact.is_assessment]
    treated = [contact.on for contact in counted if contact.is_treatment]
    return Derived(
        status=_status(decisions, treated=bool(treated)),
        first_assessment_on=min(assessed, default=None),
        first_treatment_on=min(treated, default=None),
        last_treatment_on=max(treated, default=None),
        treatment_contacts=len(treated),
        finished_course=end is not None and len(treated) >= COURSE,
    )


def _status(decisions: Decisions, *, treated: bool) -> Status:
    """Return where a pathway stands: an end outweighs treatment, and treatment an acceptance."""
    if decisions.discharged_on is not None:
        return "discharged"
    match decisions.triage:
        case "rejected":
            return "rejected"
        case "redirected":
            return "redirected"
    if treated:
        return "in_treatment"
    return "accepted" if decisions.triage == "accepted" else "received"


def not_allowed(move: Move, decisions: Decisions, contacts: Iterable[Contact]) -> Reason | None:
    """Return why a move is not allowed, or None when it is.

    Both ways in, triage and drop-in, allow the same: a drop-in needs no triage, and may have one.
    """
    discharged = decisions.discharged_on is not None
    match move:
        case "accept" | "discharge":
            return Reason.CLOSED if discharged else None
        case "refuse":
            if discharged:
                return Reason.CLOSED
            return Reason.TREATED if any(contact.is_treatment for contact in contacts) else None
        case "reopen":
            return Reason.OPEN if decisions.ended_on is None else None


def date_objections(on: date, received_on: date, today: date, *, planned: bool = False) -> list[Objection]:
    """Return what speaks against the day of an event of a pathway; only what is planned may lie in the future."""
    found = []
    if on > today and not planned:
        found.append(Objection("/on", "in_the_future", "This cannot have happened in the future."))
    if on < received_on:
        found.append(Objection("/on", "before_referral", "Nothing of a pathway happens before it was received."))
    return found


def contact_objections(
    contact: Contact, coded: BaseModel, received_on: date, today: date, *, pointer: str = "/attendance"
) -> list[Objection]:
    """Return what speaks against a care contact; its codes are judged by its day."""
    found = date_objections(contact.on, received_on, today, planned=contact.planned)
    if not contact.planned and contact.attendance not in {None, *SEEN}:
        message = "An unplanned contact was attended: 5, 6 or none."
        found.append(Objection(pointer, "not_for_unplanned", message))
    elif contact.attendance in HAPPENED and contact.on > today:
        found.append(Objection(pointer, "in_the_future", "Nobody has attended or missed what lies in the future."))
    elif contact.attendance == NOT_YET and contact.on < today:
        found.append(
            Objection(pointer, "in_the_past", "0 says that the contact lies in the future; this one does not.")
        )
    return found + code_objections(coded, contact.on)


def code_objections(coded: BaseModel, on: date) -> list[Objection]:
    """Return the codes that were not valid on a day."""
    return [Objection(each.pointer, CODE_RETIRED, each.message) for each in retired(coded, on)]
