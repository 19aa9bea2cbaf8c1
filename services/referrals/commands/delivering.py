"""The worker's part of webhooks: send what is due, write down what became of it, try again later, forget it in time.

A message is claimed by moving the time at which it is due beyond the time that a try can take; no transaction is open while
a receiver thinks. A worker that dies meanwhile leaves the message due at the end of its claim, and it is sent again under
the same id: at least once. A webhook is sent one message at a time, the oldest first, but one that was not taken holds
none of the others back: receivers that need the order find it in `version`.
"""

import asyncio
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from pydantic_core import to_json
from sqlalchemy import Row, delete, or_, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.referrals.commands.posting import SECONDS, Undeliverable, is_delivered, post
from services.referrals.commands.webhooks import PURPOSE, disable, give_up
from services.referrals.domain.webhooks import DEAD_AFTER, DELAYS, asked_to_wait, next_try, signed
from services.referrals.tables import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from shared.bus import Bus
from shared.crypto import keyring
from shared.db import limit_to
from shared.settings import settings
from shared.worker import Duty

log = structlog.get_logger()

LANES = 16  # webhooks sent to at once
TURN = 10.0  # seconds that a webhook may be sent to while others wait for a lane
CLAIM = timedelta(seconds=SECONDS + 50)
LOOK_AGAIN = 1.0  # seconds
GRACE = 5.0  # seconds, of the ten that a worker has to stop
FORGET_BATCH = 5000

Sessions = async_sessionmaker[AsyncSession]

CLAIM_ONE = text(
    "UPDATE webhook_deliveries SET due_at = :until WHERE id = ("
    "SELECT id FROM webhook_deliveries WHERE endpoint_id = :endpoint_id AND settled_at IS NULL AND due_at <= :now "
    "ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, kind, payload, due_at"
).columns(WebhookDelivery.id, WebhookDelivery.kind, WebhookDelivery.payload, WebhookDelivery.due_at)
DUE = text(
    "SELECT endpoint_id FROM webhook_deliveries JOIN webhook_endpoints ON webhook_endpoints.id = endpoint_id "
    "WHERE settled_at IS NULL AND due_at <= :now AND (held_until IS NULL OR held_until <= :now) "
    "GROUP BY endpoint_id ORDER BY min(due_at)"
).columns(WebhookDelivery.endpoint_id)
# Since when a receiver has taken nothing: the oldest message given up of those made after the last one that it took.
SILENT_SINCE = text(
    "SELECT min(created_at) FROM webhook_deliveries WHERE endpoint_id = :endpoint_id AND outcome = 'given_up' "
    "AND tries > :retries AND created_at > coalesce((SELECT max(settled_at) FROM webhook_deliveries "
    "WHERE endpoint_id = :endpoint_id AND outcome = 'delivered'), '-infinity')"
)


class Claimed(NamedTuple):
    """A message to be sent now, and to whom."""

    endpoint: WebhookEndpoint
    message: Row[Any]


class Tried(NamedTuple):
    """What became of a try."""

    at: datetime
    milliseconds: int
    status: int | None = None
    trouble: str | None = None
    retry_after: str | None = None


async def deliver(sessions: Sessions, _: Bus | None = None) -> None:
    """Send what is due to every webhook, until nothing is: a slow receiver takes one lane, and no other one waits for it.

    Told to stop, it lets what is being sent come to its end for a moment, so that it need not be sent again.
    """
    lanes: dict[asyncio.Task[int], UUID] = {}
    served: dict[UUID, float] = {}
    closing = asyncio.Event()
    not_before: dict[UUID, float] = {}  # of those for whom nothing could be taken
    try:
        while True:
            busy, now = set(lanes.values()), monotonic()
            waiting = [
                each
                for each in await due(sessions, datetime.now(UTC))
                if each not in busy and not_before.get(each, 0.0) <= now
            ]
            waiting.sort(key=lambda each: served.get(each, 0.0))
            for endpoint_id in waiting[: LANES - len(lanes)]:
                served[endpoint_id] = monotonic()
                lanes[asyncio.create_task(_serve(sessions, endpoint_id, closing))] = endpoint_id
            if not lanes:
                return
            done, _pending = await asyncio.wait(lanes, timeout=LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED)
            for lane in done:
                endpoint_id = lanes.pop(lane)
                if lane.result() == 0:
                    not_before[endpoint_id] = monotonic() + LOOK_AGAIN
    finally:
        closing.set()
        if lanes:
            await asyncio.wait(lanes, timeout=GRACE)
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)


async def due(sessions: Sessions, now: datetime) -> Iterable[UUID]:
    """Return the webhooks that something is due to, the longest waiting first."""
    async with sessions.begin() as session:
        limit_to(session, None)
        return (await session.scalars(DUE, {"now": now})).all()


async def _serve(sessions: Sessions, endpoint_id: UUID, closing: asyncio.Event) -> int:
    """Send a webhook what is due, one after the other, until nothing is or its turn is over; return how many messages."""
    ends, sent = monotonic() + TURN, 0
    try:
        while (
            monotonic() < ends
            and not closing.is_set()
            and (claimed := await claim(sessions, endpoint_id, datetime.now(UTC)))
        ):
            tried = await attempt(claimed)
            await record(sessions, claimed, tried)
            sent += 1
    except (SQLAlchemyError, OSError) as problem:  # what was claimed comes back
        log.warning("webhook_lane_failed", webhook=str(endpoint_id), kind=type(problem).__name__)
    return sent


async def claim(sessions: Sessions, endpoint_id: UUID, now: datetime) -> Claimed | None:
    """Take the oldest message that is due to a webhook; None when there is none, or it is not to be sent to."""
    async with sessions.begin() as session:
        limit_to(session, None)
        endpoint = await session.get(WebhookEndpoint, endpoint_id)
        if endpoint is None or (endpoint.held_until is not None and endpoint.held_until > now):
            return None
        if endpoint.disabled_at is not None:  # and something was written down while that was being decided
            await give_up(session, endpoint_id, now)
            return None
        row = (
            await session.execute(CLAIM_ONE, {"endpoint_id": endpoint_id, "now": now, "until": now + CLAIM})
        ).one_or_none()
    return None if row is None else Claimed(endpoint, row)


async def attempt(claimed: Claimed) -> Tried:
    """Send a message once, signed; whatever goes wrong is told by its class."""
    endpoint, message = claimed
    began, now = monotonic(), datetime.now(UTC)

    def tried(**became: Any) -> Tried:  # noqa: ANN401 - fields of Tried
        return Tried(now, round((monotonic() - began) * 1000), **became)

    try:
        body = to_json({name: message.payload[name] for name in ("type", "timestamp", "data")})
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Roundtable",
            "webhook-id": str(message.id),
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signed(str(message.id), int(now.timestamp()), body, _secrets(endpoint, now)),
        }
        told = await post(endpoint.url, headers, body)
    except Undeliverable as problem:
        return tried(trouble=problem.trouble)
    except Exception:  # its key is not in the key file, or a fault of ours: it must not stand in the others' way
        log.exception("webhook_unsendable", webhook=str(endpoint.id))
        return tried(trouble="unsendable")
    if is_delivered(told.status):
        return tried(status=told.status)
    redirected = HTTPStatus.MULTIPLE_CHOICES <= told.status < HTTPStatus.BAD_REQUEST
    return tried(status=told.status, trouble="redirected" if redirected else "refused", retry_after=told.retry_after)


async def record(sessions: Sessions, claimed: Claimed, tried: Tried) -> None:
    """Write down what became of a try: delivered, to be tried again, or given up; nothing when it was removed meanwhile.

    A message that was given up meanwhile, with its webhook, stays so unless it arrived; one that somebody asked to be sent
    again meanwhile is sent again.
    """
    endpoint_id, message_id, now = claimed.endpoint.id, claimed.message.id, datetime.now(UTC)
    log.info(
        "webhook_tried",
        webhook=str(endpoint_id),
        message=str(message_id),
        status=tried.status,
        trouble=tried.trouble,
        milliseconds=tried.milliseconds,
    )
    async with sessions.begin() as session:
        limit_to(session, None)
        endpoint = await session.scalar(
            select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).with_for_update(key_share=True)
        )
        row = WebhookDelivery
        delivery = await session.scalar(select(row).where(row.id == message_id).with_for_update())
        if endpoint is None or delivery is None:
            return
        session.add(
            WebhookAttempt(
                delivery_id=message_id,
                at=tried.at,
                status=tried.status,
                trouble=tried.trouble,
                milliseconds=tried.milliseconds,
            )
        )
        asked_again = delivery.settled_at is None and delivery.due_at != claimed.message.due_at
        given_up = delivery.settled_at is not None and tried.trouble is not None
        if asked_again or given_up:
            return
        await _settle(session, endpoint, delivery, tried, now)


async def _settle(
    session: AsyncSession, endpoint: WebhookEndpoint, delivery: WebhookDelivery, tried: Tried, now: datetime
) -> None:
    """Decide what becomes of a message, and of the webhook, after a try."""
    delivery.tries += 1
    if tried.trouble is None:
        delivery.settled_at, delivery.outcome = now, "delivered"
        return
    asked = None
    if tried.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        asked = asked_to_wait(tried.retry_after, now)
    again = next_try(delivery.tries, now, random.random(), asked)  # noqa: S311 - to spread tries, not to hide them
    if again is None:
        delivery.settled_at, delivery.outcome = now, "given_up"
    else:
        delivery.due_at = again
        if asked is not None:
            endpoint.held_until = now + min(asked, again - now)
    await session.flush()
    if tried.status == HTTPStatus.GONE:
        await _disable(session, endpoint, "gone", now)
    elif again is None:
        silent_since = await session.scalar(SILENT_SINCE, {"endpoint_id": endpoint.id, "retries": len(DELAYS)})
        if silent_since is not None and now - silent_since >= DEAD_AFTER:
            await _disable(session, endpoint, "given_up", now)


async def _disable(session: AsyncSession, endpoint: WebhookEndpoint, because: str, now: datetime) -> None:
    if endpoint.disabled_at is None:
        await disable(session, endpoint, because, now)
        log.warning("webhook_disabled", webhook=str(endpoint.id), because=because)


def _secrets(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """Return what a webhook's messages are signed with: its secret, and for a day the one before."""
    sealed = [endpoint.secret]
    if endpoint.old_secret is not None and endpoint.old_secret_until is not None and endpoint.old_secret_until > now:
        sealed.append(endpoint.old_secret)
    return [keyring().open(PURPOSE, endpoint.id, each) for each in sealed]


async def forget(sessions: Sessions, _: Bus | None = None) -> None:
    """Delete messages settled long ago, their tries with them, and secrets that no longer sign."""
    now = datetime.now(UTC)
    row, endpoint = WebhookDelivery, WebhookEndpoint
    past = row.settled_at < now - timedelta(days=settings().webhook_kept_days)
    deleted = FORGET_BATCH
    while deleted == FORGET_BATCH:
        async with sessions.begin() as session:
            limit_to(session, None)
            batch = select(row.id).where(past).order_by(row.settled_at).limit(FORGET_BATCH)
            deleted = len((await session.scalars(delete(row).where(row.id.in_(batch)).returning(row.id))).all())
    async with sessions.begin() as session:
        limit_to(session, None)
        old = or_(endpoint.old_secret_until <= now, endpoint.old_secret_until.is_(None))
        outdated = update(endpoint).where(endpoint.old_secret.is_not(None), old)
        await session.execute(outdated.values(old_secret=None, old_secret_until=None))


DUTIES = (Duty(deliver, 1.0), Duty(forget, 3600.0))
