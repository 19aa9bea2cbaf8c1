"""Scored responses."""

from services.reporting.projections.listening import subscriber
from services.reporting.projections.settling import settle
from services.reporting.tables import Score
from shared.events.surveys import ResponseScored
from shared.inbox import Batch


@subscriber.on(ResponseScored)
async def response_scored(batch: Batch, event: ResponseScored) -> None:
    """Keep the score."""
    batch.learn(
        Score,
        {"response_id": event.response_id},
        referral_id=event.referral_id,
        instrument=event.instrument,
        version=event.instrument_version,
        answered_on=event.answered_on,
        total=event.total,
        subscales=event.subscales,
        missing_items=event.missing_items,
        recorded_at=batch.at,
        mode=event.mode,
        language=event.language,
    )
    batch.settle(settle, event.referral_id)
