"""Care contacts, planned, held, missed and cancelled."""

from services.reporting.domain.contacts import intensity, is_assessment, is_attended, is_treatment, language
from services.reporting.projections.listening import subscriber
from services.reporting.projections.settling import settle
from services.reporting.tables import Contact
from shared.events.referrals import ContactRecorded, ContactRemoved
from shared.inbox import Batch


@subscriber.on(ContactRecorded)
async def contact_recorded(batch: Batch, event: ContactRecorded) -> None:
    """Replace the picture of a contact."""
    attended = is_attended(event.attendance, planned=event.planned)
    batch.learn(
        Contact,
        {"contact_id": event.contact_id},
        referral_id=event.referral_id,
        contact_on=event.on,
        planned=event.planned,
        attendance=event.attendance,
        appointment_type=event.appointment_type,
        attended=attended,
        assessment=is_assessment(event.appointment_type, attended=attended),
        treatment=is_treatment(event.appointment_type, attended=attended, internet_therapy=event.internet_therapy),
        internet_therapy=event.internet_therapy,
        duration_minutes=event.duration_minutes,
        mechanism=event.mechanism,
        therapy_types=sorted(set(event.therapy_types)) or None,
        intensity=intensity(event.therapy_types),
        site_id=event.site_id,
        language=language(event.language),
        interpreter=event.interpreter,
        group_session_id=event.group_session_id,
        removed=False,
    )
    batch.settle(settle, event.referral_id)


@subscriber.on(ContactRemoved)
async def contact_removed(batch: Batch, event: ContactRemoved) -> None:
    """Count the contact nowhere."""
    batch.learn(Contact, {"contact_id": event.contact_id}, referral_id=event.referral_id, removed=True)
    batch.settle(settle, event.referral_id)
