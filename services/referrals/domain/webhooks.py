"""What referrers are told, how it is signed, and when it is tried again. Pure: no clock, no network."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from hmac import digest


class Kind(StrEnum):
    """What happened to a referral. `referral.received` is not among them: whoever sent it was answered."""

    TRIAGED = "referral.triaged"
    """Accepted, rejected or redirected; `on` is the day of the decision, `status` the decision."""
    IN_TREATMENT = "referral.in_treatment"
    """The first treatment contact was attended; `on` is its day."""
    DISCHARGED = "referral.discharged"
    """The pathway ended; `on` is the day, `end_code` says how."""
    REOPENED = "referral.reopened"
    """A discharge recorded by mistake was undone; `status` is what it is again."""
    REMOVED = "referral.removed"
    """Entered in error: it no longer exists."""
    CORRECTED = "referral.corrected"
    """A coded field was corrected; read the referral to see which."""


TEST = "webhook.test"
"""Sent on request only, to every endpoint whatever its kinds; says nothing of anybody."""

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long to wait after the first try, the second, …; after the last, the message is given up."""
JITTER = 0.2  # of a delay, added at most, so that a receiver that comes back is not met by everything at once
LONGEST_ASKED = timedelta(hours=24)  # of what a receiver may ask for by Retry-After
DEAD_AFTER = timedelta(days=5)  # without one message delivered
OLD_SECRET_SIGNS = timedelta(hours=24)
SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with
SECRET_BYTES = 32


def next_try(tries: int, now: datetime, spread: float, asked: timedelta | None = None) -> datetime | None:
    """Return when to try again after so many failed tries, not before what the receiver asked; None: give up.

    `spread`, from 0 to 1, places it within the jitter.
    """
    if tries > len(DELAYS):
        return None
    delay = DELAYS[tries - 1] * (1 + JITTER * spread)
    return now + max(delay, min(asked or timedelta(), LONGEST_ASKED))


def asked_to_wait(retry_after: str | None, now: datetime) -> timedelta | None:
    """Return how long a receiver asked to be left alone, in seconds or until a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) <= 9:  # noqa: PLR2004 - some thirty years
        return timedelta(seconds=int(retry_after))
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(until - now, timedelta()) if until.tzinfo else None


def signed(message_id: str, timestamp: int, body: bytes, secrets: Iterable[str]) -> str:
    """Return the `webhook-signature` of a message: one for each secret (Standard Webhooks, symmetric, v1)."""
    content = f"{message_id}.{timestamp}.".encode() + body
    keys = (b64decode(secret.removeprefix(SECRET_PREFIX)) for secret in secrets)
    return " ".join(f"v1,{b64encode(digest(key, content, 'sha256')).decode()}" for key in keys)
