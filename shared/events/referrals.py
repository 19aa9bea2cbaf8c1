"""What `referrals` announces of pathways."""

from datetime import date
from uuid import UUID

from pydantic import Field

from shared.codes import PresentingProblem, SourceOfReferral
from shared.events.event import Event


class ReferralReceived(Event, subject="referrals.received.v1", aggregate="referral_id"):
    """Somebody was referred, or came by themselves; the site is the one that introduced them."""

    referral_id: UUID
    person_key: str = Field(pattern="^[0-9a-f]{32}$")
    received_on: date
    source: SourceOfReferral
    source_system: str = Field(max_length=64)
    site_id: UUID | None = None
    pathway: str = Field(pattern="^(triage|drop_in)$")
    programme: str = Field(pattern="^[a-z0-9_]{1,64}$")
    presenting_problem: PresentingProblem | None = None
