"""NATS JetStream: one stream, declared by a deploy step, verified by services, never made by them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import nats
import structlog
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeout

from shared.events.event import PREFIX, STREAM

log = structlog.get_logger()

SECOND = 1_000_000_000  # JetStream counts in nanoseconds
BATCH = 500

STREAM_CONFIG: dict[str, Any] = {
    "name": STREAM,
    "description": "Every event of every service, in the order it was stored.",
    "subjects": [f"{PREFIX}>"],
    "retention": "limits",
    "storage": "file",
    "discard": "new",
    "max_age": 0,
    "max_msgs": -1,
    "max_bytes": -1,
    "max_consumers": -1,
    "max_msg_size": 65_536,
    "duplicate_window": 600 * SECOND,
    "num_replicas": 1,
    "allow_atomic": True,
    "allow_direct": True,
}

# Who listens, and to what: whole services, so that no version of an aggregate goes unseen.
CONSUMERS: dict[str, tuple[str, ...]] = {"reporting": (f"{PREFIX}>",), "sites": (f"{PREFIX}referrals.>",)}


class StreamProblem(Exception):
    """The stream is missing, or not as it must be."""


class RefusedBatch(Exception):
    """JetStream stored nothing of an atomic batch."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One event on its way to the stream."""

    subject: str
    message_id: str
    traceparent: str
    body: bytes


@dataclass(frozen=True, slots=True)
class StreamState:
    """What the stream says of itself; `created` tells a new stream from an old one, which sequences cannot."""

    created: str
    last_sequence: int
    messages: int


def consumer_config(durable: str) -> dict[str, Any]:
    """Return what the durable pull consumer of a service must look like."""
    return {
        "durable_name": durable,
        "name": durable,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": 10 * SECOND,  # a batch takes a second at most; what a dead worker held comes again after this
        "max_deliver": -1,  # the inbox counts tries and parks; a finite number here would lose silently
        "max_ack_pending": 4 * BATCH,
        "max_waiting": 16,
        "filter_subjects": list(CONSUMERS[durable]),
        "replay_policy": "instant",
    }


class Bus:
    """A connection to JetStream that reconnects for ever and says what it hears."""

    def __init__(self, connection: Client) -> None:
        self.connection = connection

    async def ask(self, subject: str, body: Mapping[str, Any] | None = None, *, wait: float = 5) -> dict[str, Any]:
        """Call the JetStream API; raise `StreamProblem` with its description when it refuses."""
        try:
            reply = await self.connection.request(
                f"$JS.API.{subject}", json.dumps(body).encode() if body is not None else b"", timeout=wait
            )
        except (NatsTimeout, NoRespondersError) as problem:
            raise StreamProblem(f"JetStream did not answer {subject.partition('.')[0].lower()} requests") from problem
        answer: dict[str, Any] = json.loads(reply.data)
        if "error" in answer:
            raise StreamProblem(answer["error"].get("description", "refused"))
        return answer

    async def state(self) -> StreamState:
        """Return the stream's state; raise `StreamProblem` when it is missing or not configured as it must be."""
        answer = await self.ask(f"STREAM.INFO.{STREAM}")
        wrong = differences(STREAM_CONFIG, answer["config"])
        if wrong:
            raise StreamProblem(f"the stream's configuration differs: {', '.join(wrong)}")
        state = answer["state"]
        return StreamState(created=answer["created"], last_sequence=state["last_seq"], messages=state["messages"])

    async def consumer(self, durable: str) -> dict[str, Any]:
        """Return a durable consumer's information; raise `StreamProblem` when it is missing or differs."""
        answer = await self.ask(f"CONSUMER.INFO.{STREAM}.{durable}")
        wrong = differences(consumer_config(durable), answer["config"])
        if wrong:
            raise StreamProblem(f"the consumer's configuration differs: {', '.join(wrong)}")
        return answer

    async def erase(self, sequence: int) -> None:
        """Take one message out of the stream and overwrite it in its file; one that is not there any more is no trouble."""
        try:
            await self.ask(f"STREAM.MSG.DELETE.{STREAM}", {"seq": sequence, "no_erase": False})
        except StreamProblem as problem:
            if str(problem) != f"sequence {sequence} not found":
                raise

    async def publish(self, event: Outgoing) -> int:
        """Store one event; return its sequence, the first one's when it was stored before."""
        headers = {"Nats-Msg-Id": event.message_id, "traceparent": event.traceparent, "Nats-Expected-Stream": STREAM}
        reply = await self.connection.request(event.subject, event.body, timeout=5, headers=headers)
        return _sequence(reply.data)

    async def publish_batch(self, events: Sequence[Outgoing]) -> list[int]:
        """Store up to 1,000 events together with one fsync; raise `RefusedBatch` when none was stored."""
        batch_id = uuid4().hex
        last = len(events)
        for position, event in enumerate(events, start=1):
            headers = {
                "Nats-Msg-Id": event.message_id,
                "traceparent": event.traceparent,
                "Nats-Expected-Stream": STREAM,
                "Nats-Batch-Id": batch_id,
                "Nats-Batch-Sequence": str(position),
            }
            if position == last:
                headers["Nats-Batch-Commit"] = "1"
                reply = await self.connection.request(event.subject, event.body, timeout=10, headers=headers)
            else:
                await self.connection.publish(event.subject, event.body, headers=headers)
        try:
            highest = _sequence(reply.data)
        except StreamProblem as problem:
            raise RefusedBatch(str(problem)) from problem
        return list(range(highest - last + 1, highest + 1))


def _sequence(reply: bytes) -> int:
    answer = json.loads(reply)
    if "error" in answer:
        raise StreamProblem(answer["error"].get("description", "refused"))
    return int(answer["seq"])


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return the names of settings that are not as expected; what the server adds of its own does not count."""
    return [name for name, value in expected.items() if found.get(name, value if value in (0, None) else None) != value]


async def _say(problem: Exception) -> None:
    """Log what NATS reports on the side, a forbidden subject for instance: callers only see a timeout."""
    log.warning("nats_error", kind=type(problem).__name__, reason=str(problem)[:200])


@asynccontextmanager
async def connect(url: str, *, name: str) -> AsyncIterator[Bus]:
    """Connect, retrying for ever; replies go to an inbox that only this user may read."""
    user = urlsplit(url).username
    client = await nats.connect(
        url,
        name=name,
        inbox_prefix=f"_INBOX_{user}" if user else "_INBOX",
        allow_reconnect=True,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.2,
        ping_interval=10,
        max_outstanding_pings=2,
        connect_timeout=2,
        error_cb=_say,
    )
    try:
        yield Bus(client)
    finally:
        await asyncio.wait_for(client.close(), timeout=5)


async def declare(url: str) -> None:
    """Make the stream and every durable consumer what they must be. A deploy step: services never call it."""
    async with connect(url, name="declare") as bus:
        try:
            await bus.ask(f"STREAM.INFO.{STREAM}")
            verb = "UPDATE"
        except StreamProblem:
            verb = "CREATE"
        await bus.ask(f"STREAM.{verb}.{STREAM}", STREAM_CONFIG)
        for durable in CONSUMERS:
            await bus.ask(
                f"CONSUMER.CREATE.{STREAM}.{durable}", {"stream_name": STREAM, "config": consumer_config(durable)}
            )
