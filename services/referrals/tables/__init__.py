"""What `referrals` keeps."""

from services.referrals.tables.matching import AnnouncedRoot, MatchKey, Merge, PossibleMatch
from services.referrals.tables.people import SEALED, Correction, Demographics, Erasure, Person, PersonKeyRow
from services.referrals.tables.referrals import Contact, Message, Referral
from services.referrals.tables.schema import Base
from services.referrals.tables.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint

__all__ = [
    "SEALED",
    "AnnouncedRoot",
    "Base",
    "Contact",
    "Correction",
    "Demographics",
    "Erasure",
    "MatchKey",
    "Merge",
    "Message",
    "Person",
    "PersonKeyRow",
    "PossibleMatch",
    "Referral",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
]
