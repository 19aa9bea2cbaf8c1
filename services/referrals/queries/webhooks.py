"""Webhooks and their deliveries, read. A client sees its own, and with a token of some sites those of these sites only."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, func, literal, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.schemas.webhooks import Attempt, Delivery, DeliveryFilters, Webhook, WebhookWithSecret
from services.referrals.tables import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from shared import telemetry
from shared.auth import Caller
from shared.db import limit_to, session_maker
from shared.paging import Page, Paging, page
from shared.problems import NotFound

SHOWN = tuple(name for name in Webhook.model_fields if name in WebhookEndpoint.__table__.columns)


def shown(row: WebhookEndpoint) -> Webhook:
    """Return a webhook as its client sees it."""
    return Webhook(**{name: getattr(row, name) for name in SHOWN}, enabled=row.disabled_at is None)


def shown_once(row: WebhookEndpoint, secret: str) -> WebhookWithSecret:
    """Return a webhook with the secret it just got."""
    return WebhookWithSecret(**shown(row).model_dump(), secret=secret)


def shown_delivery(row: WebhookDelivery, attempts: Iterable[WebhookAttempt] = ()) -> Delivery:
    """Return a delivery as its client sees it."""
    return Delivery(
        id=row.id,
        kind=row.kind,
        referral_id=row.referral_id,
        status=row.outcome or "pending",
        next_try_at=None if row.settled_at else row.due_at,
        created_at=row.created_at,
        settled_at=row.settled_at,
        attempts=[Attempt.model_validate(each, from_attributes=True) for each in attempts],
    )


def theirs(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that a webhook is the caller's: its client's, and of no site that the token does not cover."""
    row = WebhookEndpoint
    covered = true() if caller.sites is None else row.sites.contained_by(literal(list(caller.sites), ARRAY(Uuid)))
    return and_(row.client == caller.client, covered)


async def webhook(session: AsyncSession, caller: Caller, webhook_id: UUID) -> WebhookEndpoint:
    """Return a webhook of the caller's; raises `NotFound`."""
    row = WebhookEndpoint
    found = await session.scalar(select(row).where(row.id == webhook_id, theirs(caller)))
    if found is None:
        raise NotFound
    return found


async def webhook_to_change(session: AsyncSession, caller: Caller, webhook_id: UUID) -> WebhookEndpoint:
    """Return a webhook of the caller's, held until the transaction ends; raises `NotFound`.

    Messages to it may be written down meanwhile: whoever changes a referral never waits here.
    """
    row = WebhookEndpoint
    query = select(row).where(row.id == webhook_id, theirs(caller))
    found = await session.scalar(query.with_for_update(key_share=True))
    if found is None:
        raise NotFound
    return found


async def webhooks(session: AsyncSession, caller: Caller, filters: Paging) -> Page[Webhook]:
    """Return a page of the caller's webhooks in the order of their registration."""
    row = WebhookEndpoint
    return await page(session, select(row).where(theirs(caller)), (row.created_at, row.id), filters, shown)


async def delivery(session: AsyncSession, webhook_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """Return a message to a webhook; raises `NotFound`."""
    row = WebhookDelivery
    found = await session.scalar(select(row).where(row.id == delivery_id, row.endpoint_id == webhook_id))
    if found is None:
        raise NotFound
    return found


async def delivery_to_change(session: AsyncSession, webhook_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """Return a message to a webhook, held until the transaction ends; raises `NotFound`."""
    row = WebhookDelivery
    query = select(row).where(row.id == delivery_id, row.endpoint_id == webhook_id)
    found = await session.scalar(query.with_for_update())
    if found is None:
        raise NotFound
    return found


async def told(session: AsyncSession, row: WebhookDelivery) -> Delivery:
    """Return a delivery with its attempts."""
    return shown_delivery(row, await _attempts(session, [row.id]))


async def deliveries(session: AsyncSession, webhook_id: UUID, filters: DeliveryFilters) -> Page[Delivery]:
    """Return a page of the messages to a webhook, with their attempts, in the order they were made."""
    row = WebhookDelivery
    query = select(row).where(row.endpoint_id == webhook_id)
    if filters.status == "pending":
        query = query.where(row.settled_at.is_(None))
    elif filters.status is not None:
        query = query.where(row.outcome == filters.status)
    found = await page(session, query, (row.created_at, row.id), filters, shown_delivery, webhook=webhook_id)
    of: dict[UUID, Delivery] = {each.id: each for each in found.items}
    for attempt in await _attempts(session, of):
        of[attempt.delivery_id].attempts.append(Attempt.model_validate(attempt, from_attributes=True))
    return found


async def _attempts(session: AsyncSession, of: Iterable[UUID]) -> Iterable[WebhookAttempt]:
    row = WebhookAttempt
    return await session.scalars(select(row).where(row.delivery_id.in_(of)).order_by(row.id))


MEASURES = text(
    "SELECT count(*) FILTER (WHERE settled_at IS NULL) AS waiting, "
    "coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE settled_at IS NULL AND due_at <= now())), 0) AS overdue, "
    "count(*) FILTER (WHERE outcome = 'given_up') AS given_up FROM webhook_deliveries"
)


async def measure() -> None:
    """Bring the metrics of webhooks up to date, over all sites: they are counts of messages."""
    async with session_maker()() as session:
        limit_to(session, None)
        row = (await session.execute(MEASURES)).one()
        asked = func.coalesce(WebhookEndpoint.disabled_because, "asked") == "asked"
        disabled = await session.scalar(select(func.count()).select_from(WebhookEndpoint).where(~asked))
    telemetry.WEBHOOKS_WAITING.labels("referrals").set(row.waiting)
    telemetry.WEBHOOKS_OVERDUE_SECONDS.labels("referrals").set(float(row.overdue))
    telemetry.WEBHOOKS_GIVEN_UP.labels("referrals").set(row.given_up)
    telemetry.WEBHOOKS_DISABLED.labels("referrals").set(disabled or 0)
