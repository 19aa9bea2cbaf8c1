"""Webhooks as clients register them, and as they are shown with what became of their messages."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.referrals.domain.webhooks import Kind
from services.referrals.schemas.referrals import Strict
from shared.paging import Paging

Status = Literal["pending", "delivered", "given_up"]


def _each_once(kinds: list[Kind]) -> list[Kind]:
    return list(dict.fromkeys(kinds))


def absent() -> Any:  # noqa: ANN401 - stands where a field was not sent, whatever its type; see `model_fields_set`
    """Return what a change holds for a field that it does not name."""
    return None


Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2000,
        description="An https address of a public host: port 443, or 1024 and above; redirects are not followed.",
    ),
]
Kinds = Annotated[
    list[Kind],
    Field(min_length=1, max_length=20, description="What to be told of."),
    AfterValidator(_each_once),
]
EXAMPLE: dict[str, Any] = {
    "url": "https://referrer.example/roundtable",
    "kinds": ["referral.triaged", "referral.in_treatment", "referral.discharged"],
}
REGISTERED: dict[str, Any] = EXAMPLE | {
    "id": "0f5a3f0e-4a51-4d5b-9d3a-7a4c4b1f2c11",
    "enabled": True,
    "disabled_because": None,
    "sites": None,
    "old_secret_until": None,
    "version": 1,
    "created_at": "2026-09-01T09:30:00Z",
}


class NewWebhook(Strict):
    """Where a client wants to be told of its own referrals, and of what."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    url: Url
    kinds: Kinds


class WebhookChange(Strict):
    """The fields to change; those not named stay. Enabling begins with the next change, and nothing is sent late."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kinds": ["referral.discharged"], "enabled": True}]})

    url: Url = Field(default_factory=absent)
    kinds: Kinds = Field(default_factory=absent)
    enabled: Annotated[bool, Field(strict=True)] = Field(default_factory=absent)


class Webhook(BaseModel):
    """A registered webhook; its secret is shown once, when it is made."""

    model_config = ConfigDict(json_schema_extra={"examples": [REGISTERED]})

    id: UUID
    url: str
    kinds: list[str]
    enabled: bool
    disabled_because: str | None = Field(
        description="`asked`: by its client. `gone`: the receiver answered 410. `given_up`: nothing was delivered for days."
    )
    sites: list[UUID] | None = Field(description="Those of the token that registered it: whose referrals; null: all.")
    old_secret_until: datetime | None = Field(description="Until when the secret before this one signs as well.")
    version: int
    created_at: datetime


class WebhookWithSecret(Webhook):
    """A webhook with its new secret, which is never shown again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [REGISTERED | {"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}]}
    )

    secret: str = Field(description="`whsec_` and the key by which messages are signed, in base64.")


class Attempt(BaseModel):
    """One try to deliver a message."""

    at: datetime
    status: int | None = Field(description="Of the answer; null when there was none.")
    trouble: str | None = Field(
        description="`address_refused`, `name_unresolved`, `connect_failed`, `tls_failed`, `timed_out`, `broken_off`, "
        "`redirected`, `refused` (any other answer that is not 2xx) or `unsendable` (for a reason on our side)."
    )
    milliseconds: int


class Delivery(BaseModel):
    """One message to one webhook, and every try to deliver it."""

    id: UUID = Field(description="The message's `webhook-id`, the same at every try.")
    kind: str
    referral_id: UUID | None
    status: Status
    next_try_at: datetime | None = Field(description="Not before; null once it is settled.")
    created_at: datetime
    settled_at: datetime | None
    attempts: list[Attempt]


class DeliveryFilters(Paging):
    """What a list of deliveries may be limited to."""

    status: Status | None = None
