"""Telling referrers: where, and what; a message is written down in the transaction of the change it tells of."""

import secrets
from base64 import b64encode
from datetime import UTC, date, datetime
from http import HTTPStatus
from uuid import UUID, uuid4

from pydantic_core import to_json
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals import tables
from services.referrals.commands.posting import refuse_unless_public
from services.referrals.domain.webhooks import OLD_SECRET_SIGNS, SECRET_BYTES, SECRET_PREFIX, TEST, Kind
from services.referrals.schemas.webhooks import NewWebhook, WebhookChange
from services.referrals.tables import WebhookDelivery, WebhookEndpoint
from shared import audit
from shared.auth import Caller, SiteUnknown
from shared.crypto import keyring
from shared.db import lock_key
from shared.problems import Problem

MOST = 20  # webhooks of one client: a change is told that often
PURPOSE = "webhook secret"

ANNOUNCE = text(
    "INSERT INTO webhook_deliveries (id, endpoint_id, referral_id, kind, payload, created_at, due_at, tries) "
    "SELECT gen_random_uuid(), id, :referral_id, :kind, CAST(:payload AS jsonb), :now, :now, 0 FROM webhook_endpoints "
    "WHERE client = :client AND disabled_at IS NULL AND CAST(:kind AS varchar) = ANY (kinds) "
    "AND (sites IS NULL OR CAST(:site_id AS uuid) = ANY (sites))"
)


class TooManyWebhooks(Problem):
    """This client has as many webhooks as it may; change or remove one."""

    status = HTTPStatus.CONFLICT


class WebhookDisabled(Problem):
    """The webhook is disabled; enable it first."""

    status = HTTPStatus.CONFLICT


class MessageErased(Problem):
    """What this message told was erased with the person it was about."""

    status = HTTPStatus.GONE


async def announce(session: AsyncSession, referral: tables.Referral, kind: str, on: date | None = None) -> None:
    """Have the referral's sender told of a change that the row already shows, once for each webhook that wants to know.

    One statement; raises ValueError for a kind that is none.
    """
    now = datetime.now(UTC)
    told = {
        "referral_id": referral.id,
        "source_system": referral.source_system,
        "source_id": referral.source_id,
        "status": referral.status,
        "on": on,
        "end_code": referral.end_code,
        "version": referral.version,
    }
    payload = {"type": Kind(kind), "timestamp": now, "data": told}
    await session.execute(
        ANNOUNCE,
        {
            "referral_id": referral.id,
            "kind": str(Kind(kind)),
            "payload": to_json(payload).decode(),
            "now": now,
            "client": referral.client,
            "site_id": referral.site_id,
        },
    )


async def register(session: AsyncSession, caller: Caller, new: NewWebhook) -> tuple[WebhookEndpoint, str]:
    """Register a webhook for the referrals that this client sent, of the token's sites; return it and its secret."""
    if caller.sites is not None and not caller.sites:
        raise SiteUnknown
    await refuse_unless_public(new.url)
    lock = lock_key("referrals", "webhooks", caller.client)
    await session.execute(select(func.pg_advisory_xact_lock(lock)))
    row = WebhookEndpoint
    if (await session.scalar(select(func.count()).where(row.client == caller.client)) or 0) >= MOST:
        raise TooManyWebhooks
    endpoint_id, secret = uuid4(), new_secret()
    endpoint = WebhookEndpoint(
        id=endpoint_id,
        client=caller.client,
        sites=None if caller.sites is None else sorted(caller.sites),
        url=new.url,
        kinds=[str(kind) for kind in new.kinds],
        secret=keyring().seal(PURPOSE, endpoint_id, secret),
        version=1,
        created_at=datetime.now(UTC),
    )
    session.add(endpoint)
    await _flushed(session, caller, "create", endpoint_id)
    return endpoint, secret


async def change(
    session: AsyncSession, caller: Caller, endpoint: WebhookEndpoint, change: WebhookChange
) -> WebhookEndpoint:
    """Change a webhook that is held; disabling it gives up what is still to be sent, which can be resent later."""
    sent = change.model_dump(exclude_unset=True)
    enabled: bool | None = sent.pop("enabled", None)
    changed = {name: value for name, value in sent.items() if getattr(endpoint, name) != value}
    if "url" in changed:
        await refuse_unless_public(change.url)
    if enabled is not None and enabled == (endpoint.disabled_at is None):
        enabled = None
    if not changed and enabled is None:
        return endpoint
    for name, value in changed.items():
        setattr(endpoint, name, value)
    if enabled is False:
        await disable(session, endpoint, "asked", datetime.now(UTC))
    else:
        if enabled:
            endpoint.disabled_at = endpoint.disabled_because = endpoint.held_until = None
        endpoint.version += 1
    named = sorted([*changed, *(["enabled"] if enabled is not None else [])])
    await _flushed(session, caller, "update", endpoint.id, " ".join(named))
    return endpoint


async def disable(session: AsyncSession, endpoint: WebhookEndpoint, because: str, now: datetime) -> None:
    """Send no more to a webhook that is held, for a reason: what was still to be sent is given up."""
    endpoint.disabled_at, endpoint.disabled_because = now, because
    endpoint.version += 1
    await give_up(session, endpoint.id, now)


async def give_up(session: AsyncSession, endpoint_id: UUID, now: datetime) -> None:
    """Settle whatever is still to be sent to a webhook as given up."""
    row = WebhookDelivery
    waiting = update(row).where(row.endpoint_id == endpoint_id, row.settled_at.is_(None))
    await session.execute(waiting.values(settled_at=now, outcome="given_up"))


async def remove(session: AsyncSession, caller: Caller, endpoint: WebhookEndpoint) -> None:
    """Forget a webhook that is held, its secrets and the log of its deliveries."""
    await session.delete(endpoint)
    await _flushed(session, caller, "delete", endpoint.id)


async def rotate(session: AsyncSession, caller: Caller, endpoint: WebhookEndpoint) -> str:
    """Give a webhook that is held a new secret, and return it; for a day the old one signs as well."""
    secret = new_secret()
    endpoint.old_secret, endpoint.old_secret_until = endpoint.secret, datetime.now(UTC) + OLD_SECRET_SIGNS
    endpoint.secret = keyring().seal(PURPOSE, endpoint.id, secret)
    endpoint.version += 1
    await _flushed(session, caller, "update", endpoint.id, "secret")
    return secret


async def test(session: AsyncSession, caller: Caller, endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Have a message that tells of nothing sent to a webhook that is held, as any other message is."""
    _refuse_if_disabled(endpoint)
    now = datetime.now(UTC)
    delivery = WebhookDelivery(
        id=uuid4(),
        endpoint_id=endpoint.id,
        kind=TEST,
        payload={"type": TEST, "timestamp": now.isoformat().replace("+00:00", "Z"), "data": {}},
        created_at=now,
        due_at=now,
        tries=0,
    )
    session.add(delivery)
    await _flushed(session, caller, "execute", endpoint.id, "test")
    return delivery


async def resend(session: AsyncSession, caller: Caller, endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> None:
    """Have a message sent again now, whatever became of it, under the id it had and with all its tries before it."""
    _refuse_if_disabled(endpoint)
    if not delivery.payload:
        raise MessageErased
    delivery.due_at, delivery.tries = datetime.now(UTC), 0
    delivery.settled_at = delivery.outcome = None
    await _flushed(session, caller, "execute", endpoint.id, "resend")


def new_secret() -> str:
    """Return a secret as Standard Webhooks writes one."""
    return SECRET_PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _refuse_if_disabled(endpoint: WebhookEndpoint) -> None:
    if endpoint.disabled_at is not None:
        raise WebhookDisabled


async def _flushed(
    session: AsyncSession, caller: Caller, action: audit.Action, webhook_id: UUID, detail: str | None = None
) -> None:
    """Write a change with its entry in the access log."""
    await session.flush()
    await audit.record(session, [audit.entry(caller, action, "webhook", webhook_id, detail=detail)])
