"""What sites keep of pathways: days and the site that introduced the person, never whose they are.

Every projection only learns columns, so late, early and repeated events give the same rows; what they add up to is made anew
at each reading.
"""

from services.sites.domain.pathways import is_assessment, is_attended, is_treatment
from services.sites.tables import Pathway, PathwayContact
from shared.events.referrals import (
    ContactRecorded,
    ContactRemoved,
    ReferralCorrected,
    ReferralDischarged,
    ReferralReceived,
    ReferralRemoved,
    ReferralReopened,
    ReferralTriaged,
)
from shared.inbox import Batch, Subscriber

subscriber = Subscriber("sites")


@subscriber.on(ReferralReceived)
async def referral_received(batch: Batch, event: ReferralReceived) -> None:
    """Begin the pathway."""
    _learn(batch, event, site_id=event.site_id, received_on=event.received_on)


@subscriber.on(ReferralCorrected)
async def referral_corrected(batch: Batch, event: ReferralCorrected) -> None:
    """Replace the day, and the site that introduced the person."""
    _learn(batch, event, site_id=event.site_id, received_on=event.received_on)


@subscriber.on(ReferralRemoved)
async def referral_removed(batch: Batch, event: ReferralRemoved) -> None:
    """Count the pathway nowhere."""
    _learn(batch, event, removed=True)


@subscriber.on(ReferralTriaged)
async def referral_triaged(batch: Batch, event: ReferralTriaged) -> None:
    """Note a refusal: it ends the pathway that day unless a discharge says otherwise."""
    _learn(batch, event, refused_on=None if event.decision == "accepted" else event.on)


@subscriber.on(ReferralDischarged)
async def referral_discharged(batch: Batch, event: ReferralDischarged) -> None:
    """End the pathway."""
    _learn(batch, event, discharged_on=event.discharged_on)


@subscriber.on(ReferralReopened)
async def referral_reopened(batch: Batch, event: ReferralReopened) -> None:
    """Undo the end, a refusal at triage too."""
    _learn(batch, event, discharged_on=None, refused_on=None)


@subscriber.on(ContactRecorded)
async def contact_recorded(batch: Batch, event: ContactRecorded) -> None:
    """Replace what a contact counts as."""
    attended = is_attended(event.attendance, planned=event.planned)
    batch.learn(
        PathwayContact,
        {"contact_id": event.contact_id},
        referral_id=event.referral_id,
        on=event.on,
        assessment=is_assessment(event.appointment_type, attended=attended),
        treatment=is_treatment(event.appointment_type, attended=attended, internet_therapy=event.internet_therapy),
    )


@subscriber.on(ContactRemoved)
async def contact_removed(batch: Batch, event: ContactRemoved) -> None:
    """Count the contact nowhere."""
    nothing = {"on": None, "assessment": False, "treatment": False}
    batch.learn(PathwayContact, {"contact_id": event.contact_id}, referral_id=event.referral_id, **nothing)


def _learn(
    batch: Batch,
    event: ReferralReceived
    | ReferralCorrected
    | ReferralRemoved
    | ReferralTriaged
    | ReferralDischarged
    | ReferralReopened,
    **columns: object,
) -> None:
    batch.learn(Pathway, {"referral_id": event.referral_id}, **columns)
