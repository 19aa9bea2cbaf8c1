"""What becomes of a pathway: received, corrected, triaged, ended, reopened, removed."""

from typing import Any

from services.reporting.projections.linking import link_pathways
from services.reporting.projections.listening import subscriber
from services.reporting.projections.settling import settle, settle_if_scored
from services.reporting.tables import Pathway
from shared.codes import code_list
from shared.events.referrals import (
    ReferralCorrected,
    ReferralDischarged,
    ReferralReceived,
    ReferralRemoved,
    ReferralReopened,
    ReferralTriaged,
)
from shared.inbox import Batch


@subscriber.on(ReferralReceived)
async def referral_received(batch: Batch, event: ReferralReceived) -> None:
    """Open the pathway."""
    _learn_picture(batch, event, source_system=event.source_system)
    batch.settle(settle_if_scored, event.referral_id)


@subscriber.on(ReferralCorrected)
async def referral_corrected(batch: Batch, event: ReferralCorrected) -> None:
    """Replace what the referral said, and perhaps whose it is."""
    _learn_picture(batch, event)
    batch.settle(settle, event.referral_id)


@subscriber.on(ReferralTriaged)
async def referral_triaged(batch: Batch, event: ReferralTriaged) -> None:
    """Keep the decision; a refusal ends the pathway that day unless a discharge says otherwise."""
    refused_on = None if event.decision == "accepted" else event.on
    told = {"triage_decision": event.decision, "triaged_on": event.on, "refused_on": refused_on}
    batch.learn(Pathway, {"referral_id": event.referral_id}, **told)
    batch.settle(settle, event.referral_id)


@subscriber.on(ReferralDischarged)
async def referral_discharged(batch: Batch, event: ReferralDischarged) -> None:
    """End the pathway."""
    told = {"discharged_on": event.discharged_on, "end_code": event.end_code}
    batch.learn(Pathway, {"referral_id": event.referral_id}, **told)
    batch.settle(settle, event.referral_id)


@subscriber.on(ReferralReopened)
async def referral_reopened(batch: Batch, event: ReferralReopened) -> None:
    """Undo the end, a refusal at triage too."""
    told = {"discharged_on": None, "end_code": None, "refused_on": None}
    batch.learn(Pathway, {"referral_id": event.referral_id}, **told)
    batch.settle(settle, event.referral_id)


@subscriber.on(ReferralRemoved)
async def referral_removed(batch: Batch, event: ReferralRemoved) -> None:
    """Count the pathway nowhere."""
    batch.learn(Pathway, {"referral_id": event.referral_id}, removed=True)


def _learn_picture(batch: Batch, event: ReferralReceived | ReferralCorrected, **more: Any) -> None:  # noqa: ANN401 - columns
    problem = event.presenting_problem
    batch.learn(
        Pathway,
        {"referral_id": event.referral_id},
        person_key=event.person_key,
        counts_as=event.person_key,
        received_on=event.received_on,
        source=event.source,
        site_id=event.site_id,
        pathway=event.pathway,
        programme=event.programme,
        presenting_problem=None if problem is None else code_list("presenting_problem").meanings(problem)[-1].code,
        **more,
    )
    batch.settle(link_pathways, event.person_key)
