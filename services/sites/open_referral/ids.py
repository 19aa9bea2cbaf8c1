"""Ids of what the feed tells apart and the tables do not: made from what they belong to, the same in every system."""

from uuid import UUID, uuid5

DERIVED = UUID("3a1f6c0e-5d0b-5e0a-9c55-6f8f8d9a4b11")
TURNED = UUID("5f3c19a7-8e62-02d4-0b71-c4d8e93a6f25").int  # turns neither the version of an id nor its variant


def derived(kind: str, *parts: object) -> UUID:
    """Return the id of a thing of some kind, from what makes it that thing."""
    return uuid5(uuid5(DERIVED, kind), "\x1f".join(map(str, parts)))


def at_location(offer_id: UUID) -> UUID:
    """Return the id of "this offer, at its site"; given that one, return the offer's."""
    return UUID(int=offer_id.int ^ TURNED)
