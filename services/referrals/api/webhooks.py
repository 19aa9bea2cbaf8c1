"""Webhooks: where a client is told what becomes of the referrals it sent, and the log of telling it."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel

from services.referrals.commands import webhooks as commands
from services.referrals.commands.webhooks import MessageErased, TooManyWebhooks, WebhookDisabled
from services.referrals.queries import webhooks as queries
from services.referrals.schemas.webhooks import (
    Delivery,
    DeliveryFilters,
    NewWebhook,
    Webhook,
    WebhookChange,
    WebhookWithSecret,
)
from services.referrals.tables import WebhookDelivery, WebhookEndpoint
from shared import audit, conditional
from shared.app import router
from shared.auth import AnyCaller, Caller, SiteUnknown, needs
from shared.conditional import ETAG, LOCATION, IfMatch
from shared.crypto import keyring
from shared.db import Session, Snapshot
from shared.idempotency import (
    Answer,
    KeyHeader,
    KeyReused,
    Once,
    OnceOnly,
    Replay,
    RequestInProgress,
    answer,
    kept_for,
    request_hash,
)
from shared.paging import Page, Paging
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses

api = router(tags=["webhooks"])

Writer = Annotated[Caller, needs("referrals:write")]
SEALED_ANSWER = "answer that shows a secret"


class OnceSealed(Once):
    """The promise of a request whose answer shows a secret: it is kept encrypted."""

    async def begin(self) -> None:
        """Raise `Replay` with the answer readable again, or as `Once` does."""
        try:
            await super().begin()
        except Replay as replay:
            kept = replay.answer
            body = keyring().open(SEALED_ANSWER, UUID(bytes=self.digest[:16]), kept.body).encode()
            raise Replay(Answer(kept.status, body, kept.headers)) from None

    async def reply(self, given: Answer) -> Response:
        """Keep the answer encrypted, and return it as it is."""
        if self.key is not None:
            sealed = keyring().seal(SEALED_ANSWER, UUID(bytes=self.digest[:16]), given.body.decode())
            await super().reply(Answer(given.status, sealed, given.headers))
        return given.response()


async def once_sealed(request: Request, session: Session, caller: AnyCaller, key: KeyHeader = None) -> OnceSealed:
    """Prepare the promise of a request whose answer shows a secret."""
    body = getattr(request.state, "json", None)
    digest = request_hash(request.method, request.scope["path"], body)
    promise = OnceSealed(session, caller, key, digest, kept_for(request))
    await promise.begin()
    return promise


OnceShown = Annotated[OnceSealed, Depends(once_sealed, scope="function")]


async def held(
    request: Request, webhook_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> WebhookEndpoint:
    """Return the caller's webhook, which nobody else can change meanwhile, at the version the caller holds."""
    found = await queries.webhook_to_change(session, caller, webhook_id)
    conditional.check(request, if_match, found.version)
    return found


Held = Annotated[WebhookEndpoint, Depends(held)]


async def held_delivery(delivery_id: UUID, webhook: Held, session: Session) -> WebhookDelivery:
    """Return a message to the webhook that is held, held as well."""
    return await queries.delivery_to_change(session, webhook.id, delivery_id)


def shows(model: type[BaseModel], status: HTTPStatus = HTTPStatus.OK) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI of an answer that shows one resource with its version."""
    return {int(status): {"model": model, "headers": ETAG}}


@api.post(
    "/v1/webhooks",
    status_code=HTTPStatus.CREATED,
    response_model=WebhookWithSecret,
    responses={
        201: {"headers": LOCATION | ETAG},
        **responses(SiteUnknown, TooManyWebhooks, RequestInProgress, KeyReused),
    },
)
async def register(once: OnceShown, caller: Writer, session: Session, new: NewWebhook) -> Response:
    """Register an address to be told what becomes of your referrals, of the token's sites. The secret is shown this once."""
    made, secret = await commands.register(session, caller, new)
    shown = queries.shown_once(made, secret)
    return await once.reply(answer(HTTPStatus.CREATED, shown, location=f"/v1/webhooks/{made.id}", version=made.version))


@api.get("/v1/webhooks")
async def read_list(filters: Annotated[Paging, Query()], caller: Writer, session: Snapshot) -> Page[Webhook]:
    """List your webhooks in the order of their registration, without their secrets."""
    return await queries.webhooks(session, caller, filters)


@api.get("/v1/webhooks/{webhook_id}", response_model=Webhook, responses=shows(Webhook) | responses(NotFound))
async def read(webhook_id: UUID, caller: Writer, session: Snapshot) -> Response:
    """Read a webhook of yours, without its secret."""
    found = await queries.webhook(session, caller, webhook_id)
    return answer(HTTPStatus.OK, queries.shown(found), version=found.version).response()


@api.patch(
    "/v1/webhooks/{webhook_id}",
    response_model=Webhook,
    responses=shows(Webhook)
    | responses(NotFound, PreconditionRequired, PreconditionFailed, RequestInProgress, KeyReused),
)
async def change(once: OnceOnly, webhook: Held, caller: Writer, session: Session, change: WebhookChange) -> Response:
    """Change a webhook's address or kinds, disable or enable it. Disabling gives up what is still to be sent."""
    changed = await commands.change(session, caller, webhook, change)
    return await once.reply(answer(HTTPStatus.OK, queries.shown(changed), version=changed.version))


@api.delete(
    "/v1/webhooks/{webhook_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=responses(NotFound, PreconditionFailed, RequestInProgress, KeyReused),
)
async def remove(once: OnceOnly, webhook: Held, caller: Writer, session: Session) -> Response:
    """Remove a webhook, with its secret and the log of its deliveries."""
    await commands.remove(session, caller, webhook)
    return await once.reply(Answer(HTTPStatus.NO_CONTENT, b""))


@api.post(
    "/v1/webhooks/{webhook_id}/rotate",
    response_model=WebhookWithSecret,
    responses=shows(WebhookWithSecret) | responses(NotFound, PreconditionFailed, RequestInProgress, KeyReused),
)
async def rotate(once: OnceShown, webhook: Held, caller: Writer, session: Session) -> Response:
    """Make a new secret, shown this once; for 24 hours the one before signs too, so each message has two signatures."""
    secret = await commands.rotate(session, caller, webhook)
    return await once.reply(answer(HTTPStatus.OK, queries.shown_once(webhook, secret), version=webhook.version))


@api.post(
    "/v1/webhooks/{webhook_id}/test",
    status_code=HTTPStatus.ACCEPTED,
    response_model=Delivery,
    responses={
        202: {"headers": LOCATION},
        **responses(NotFound, PreconditionFailed, WebhookDisabled, RequestInProgress, KeyReused),
    },
)
async def test(once: OnceOnly, webhook: Held, caller: Writer, session: Session) -> Response:
    """Send a message of kind `webhook.test`; look at its delivery to see what became of it."""
    made = await commands.test(session, caller, webhook)
    location = f"/v1/webhooks/{webhook.id}/deliveries/{made.id}"
    return await once.reply(answer(HTTPStatus.ACCEPTED, queries.shown_delivery(made), location=location))


@api.get("/v1/webhooks/{webhook_id}/deliveries", responses=responses(NotFound))
async def read_deliveries(
    webhook_id: UUID, filters: Annotated[DeliveryFilters, Query()], caller: Writer, session: Session
) -> Page[Delivery]:
    """List what was sent to a webhook or is to be, in the order it was made, with every try. The read is audited."""
    await queries.webhook(session, caller, webhook_id)
    found = await queries.deliveries(session, webhook_id, filters)
    await audit.record(
        session, [audit.entry(caller, "read", "webhook deliveries", webhook_id, detail=f"rows={len(found.items)}")]
    )
    return found


@api.get("/v1/webhooks/{webhook_id}/deliveries/{delivery_id}", responses=responses(NotFound))
async def read_delivery(webhook_id: UUID, delivery_id: UUID, caller: Writer, session: Session) -> Delivery:
    """Read what became of one message, with every try. The read is audited."""
    await queries.webhook(session, caller, webhook_id)
    found = await queries.delivery(session, webhook_id, delivery_id)
    await audit.record(session, [audit.entry(caller, "read", "webhook deliveries", webhook_id, detail="rows=1")])
    return await queries.told(session, found)


@api.post(
    "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/resend",
    status_code=HTTPStatus.ACCEPTED,
    response_model=Delivery,
    responses=responses(NotFound, PreconditionFailed, WebhookDisabled, MessageErased, RequestInProgress, KeyReused),
)
async def resend(
    once: OnceOnly,
    webhook: Held,
    delivery: Annotated[WebhookDelivery, Depends(held_delivery)],
    caller: Writer,
    session: Session,
) -> Response:
    """Send a message again now, whatever became of it, under the same `webhook-id` and with all its tries before it."""
    await commands.resend(session, caller, webhook, delivery)
    return await once.reply(answer(HTTPStatus.ACCEPTED, await queries.told(session, delivery)))
