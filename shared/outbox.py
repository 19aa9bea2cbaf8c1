"""The outbox: an event is saved with the change it tells of, and kept: it is the truth. `relay` sends it on."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from pydantic_core import to_json
from sqlalchemy import (
    BigInteger,
    DateTime,
    Identity,
    Index,
    Integer,
    String,
    Text,
    Uuid,
    cast,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Kernel, insert_rows
from shared.events.event import PREFIX, Event
from shared.telemetry import traceparent


class Outbox(Kernel):
    """An event to be sent, or sent; never deleted, so that streams and facts can be made again from here.

    Unpublished and yet with a `stream_seq`: its message was taken out of the stream, and a new one is to stand for it.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_unpublished", "id", postgresql_where=text("published_at IS NULL")),
        Index("uq_outbox_aggregate_id_version", "aggregate_id", "version", unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(Uuid, unique=True)
    aggregate_id: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer)
    subject: Mapped[str] = mapped_column(String(80))
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    traceparent: Mapped[str] = mapped_column(String(55))
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    published_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    stream_seq: Mapped[int | None] = mapped_column(BigInteger)


class StreamSeen(Kernel):
    """The stream that this schema's events were sent to, known by its creation time."""

    __tablename__ = "stream_seen"

    created: Mapped[str] = mapped_column(String(40), primary_key=True)


class Emission(NamedTuple):
    """An event to save, its aggregate's version (1, 2, 3 … without gaps), and the trace it belongs to if not this one."""

    event: Event
    version: int
    trace: str = ""


def outbox_rows(emissions: Iterable[Emission]) -> list[dict[str, Any]]:
    """Return events as rows of the outbox, for whoever inserts them together with the change they tell of."""
    now = datetime.now(UTC)
    return [
        {
            "event_id": uuid4(),
            "aggregate_id": event.aggregate_id,
            "version": version,
            "subject": event.subject,
            "data": event.model_dump(mode="json", exclude_none=True),
            "traceparent": traceparent(trace),
            "occurred_at": now,
        }
        for event, version, trace in emissions
    ]


async def emit_all(session: AsyncSession, emissions: Iterable[Emission]) -> None:
    """Save events in the caller's transaction."""
    await insert_rows(session, Outbox, outbox_rows(emissions))


async def emit(session: AsyncSession, event: Event, *, version: int) -> None:
    """Save one event in the caller's transaction."""
    await emit_all(session, [Emission(event, version)])


def envelope(row: Any, service: str) -> dict[str, Any]:  # noqa: ANN401 - an Outbox or a row of its columns
    """Return the CloudEvent of an outbox row."""
    name, _, version = row.subject.rpartition(".")
    return {
        "specversion": "1.0",
        "id": str(row.event_id),
        "source": f"/roundtable/{service}",
        "type": f"{PREFIX}{row.subject}",
        "subject": row.aggregate_id,
        "time": row.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "dataschema": f"/events/{name}/{version}",
        "datacontenttype": "application/json",
        "aggregateid": row.aggregate_id,
        "aggregateversion": row.version,
        "traceparent": row.traceparent,
        "data": row.data,
    }


UNREAD = (
    *(column for column in Outbox.__table__.columns if column.name != "data"),
    cast(Outbox.data, Text).label("data"),
)


def travelling(row: Any, service: str) -> bytes:  # noqa: ANN401 - a row of UNREAD
    """Return an event as it travels; its data goes in unread, since reading and writing it again is half of the work."""
    around = envelope(row, service)
    data: str = around.pop("data")
    return to_json(around)[:-1] + b',"data":' + data.encode() + b"}"
