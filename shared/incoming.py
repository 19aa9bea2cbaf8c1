"""What comes from the stream, read as far as it can be."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from pydantic import ValidationError

from shared.events.event import PREFIX, Envelope, Event, contracts

UNREADABLE = UUID("6f6a39ab-1c0d-4c0b-9d4a-3b8f5b8f9a41")  # namespace of ids for messages that carry none


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came; `event` is None when it cannot be read, and `reason` then says why."""

    event_id: UUID
    aggregate_id: str
    version: int
    subject: str
    body: str
    tries: int = 1
    traceparent: str | None = None
    occurred_at: datetime | None = None
    event: Event | None = None
    reason: str = ""

    @property
    def is_last(self) -> bool:
        """Whether this ends its aggregate: it takes effect whatever is missing, and nothing after it does."""
        return self.event is not None and self.event.last


def read(subject: str, body: bytes, tries: int = 1) -> Incoming:
    """Read a message; never fails, since what cannot be read must be set aside and named."""
    raw = body.decode(errors="replace").replace("\x00", "")
    name = subject.removeprefix(PREFIX)
    try:
        envelope = Envelope.model_validate_json(body)
    except ValidationError:
        return Incoming(
            uuid5(UNREADABLE, raw), f"unreadable:{uuid5(UNREADABLE, raw)}", 1, name, raw, tries, reason="not an event"
        )
    contract, event, reason = contracts().get(name), None, ""
    if contract is None:
        reason = "unknown event or version"
    else:
        try:
            event = contract.model_validate(envelope.data)
        except ValidationError:
            reason = "does not fit its contract"
    return Incoming(
        envelope.id,
        envelope.aggregateid,
        envelope.aggregateversion,
        name,
        raw,
        tries,
        envelope.traceparent,
        envelope.time,
        event,
        reason,
    )
