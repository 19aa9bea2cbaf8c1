"""Two sites and nobody's, with the same human known to each: what every test of isolation looks at."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations, pairwise
from uuid import UUID, uuid4

import httpx

from services.referrals import tables
from services.referrals.commands.matcher import examine
from shared.db import limit_to, session_maker
from tests.doors import Door
from tests.referrals.builders import a_referral
from tests.referrals.pathways import a_contact

ALL = "referrals:write referrals:read people:read people:write people:erase"
HERE, THERE = uuid4(), uuid4()
NUMBER = "9434765919"

# Every table that holds something about people, with the columns that say about whom (or about which pathway).
TABLES: dict[str, tuple[str, ...]] = {
    "people": ("id",),
    "person_keys": ("person_id",),
    "demographics": ("person_id",),
    "corrections": ("person_id",),
    "erasures": ("person_id",),
    "messages": ("person_id",),
    "referrals": ("person_id",),
    "contacts": ("referral_id",),
    "match_keys": ("person_id",),
    "possible_matches": ("person_id", "other_id"),
    "merges": ("person_id", "into_id"),
    "announced_roots": ("person_id", "root_id"),
}
# What a client set up, and what it was told: isolated as its own tests say.
WEBHOOKS = {"webhook_endpoints", "webhook_deliveries", "webhook_attempts"}
# Rows with ids and pseudonyms only, which no request reads but for the trail of a person it may see.
WITHOUT_POLICY = {
    *("outbox", "stream_seen", "inbox", "inbox_position", "dead_letters"),
    *("audit", "idempotency_keys", "worker_signs", "alembic_version"),
}


@dataclass
class Household:
    """What one site (None: nobody's) has on record."""

    site: UUID | None
    people: list[str] = field(default_factory=list)
    referrals: list[str] = field(default_factory=list)
    contacts: list[str] = field(default_factory=list)

    def ids(self) -> set[str]:
        """Return every id that only this site may meet."""
        return {*self.people, *self.referrals, *self.contacts}


async def household(door: Door, site: UUID | None) -> Household:
    """Record at a site: somebody all know, twice, with a correction, a contact, a decision; and somebody like them."""
    found = Household(site)
    async with door.caller(ALL, client=f"client-{site}", sites=None if site is None else [site]) as caller:
        twin = {**a_referral()["person"], "nhs_number": None, "given_name": "Adaeze"}
        for changes in ({}, {}, {"person": twin}):
            told = await caller.post("/v1/referrals", json=a_referral(site_id=site and str(site), **changes))
            assert told.status_code == 201, told.text
            found.referrals.append(told.json()["id"])
            if told.json()["person_id"] not in found.people:
                found.people.append(told.json()["person_id"])
        contact = await caller.post(f"/v1/referrals/{found.referrals[0]}/contacts", json=a_contact())
        assert contact.status_code == 201, contact.text
        found.contacts.append(contact.json()["id"])
        change = {"phone": None, "religion": None}
        path = f"/v1/people/{found.people[0]}/demographics"
        assert (await caller.patch(path, json=change, headers={"If-Match": "*"})).status_code == 200
    assert len(found.people) == 2
    return found


async def three_households(door: Door) -> tuple[Household, Household, Household]:
    """Record at one site, at another, and for nobody's."""
    return await household(door, HERE), await household(door, THERE), await household(door, None)


async def matched() -> None:
    """Let the matcher tie records together, as the worker does."""
    while await examine(session_maker()):
        pass


async def filled(*households: Household) -> None:
    """Put a row into every table for everybody, and for every two of them, as far as the service has not."""
    everybody = [(UUID(person), each) for each in households for person in each.people]
    now = datetime.now(UTC)
    async with session_maker().begin() as session:
        limit_to(session, None)
        for person, each in everybody:
            decided = {"decided_at": now, "recorded_by": "x", "decision": b"x", "counts": {}, "messages": []}
            session.add(tables.Erasure(id=uuid4(), person_id=person, site_id=each.site, finished_at=now, **decided))
            about = {"referral_id": UUID(each.referrals[0]), "person_id": person, "site_id": each.site}
            sent = {"request_id": uuid4(), "correlation_id": uuid4(), "kind": "new", "received_at": now}
            session.add(tables.Message(id=uuid4(), client="x", **about, **sent))
            session.add(tables.MatchKey(key=b"k", person_id=person))
        for (one, _), (other, _) in combinations(sorted(everybody, key=lambda each: each[0]), 2):
            asked = {"verdict": "match", "score": 100, "reasons": [], "found_at": now}
            session.add(tables.PossibleMatch(person_id=one, other_id=other, **asked))
            session.add(tables.Merge(id=uuid4(), person_id=one, into_id=other, rule="x", merged_at=now, merged_by="x"))
        for (one, _), (other, _) in pairwise(everybody):
            session.add(tables.AnnouncedRoot(person_id=one, root_id=other))


def same(one: httpx.Response, other: httpx.Response) -> bool:
    """Tell whether two answers differ in nothing that their receiver could learn from."""

    def told(answer: httpx.Response) -> object:
        body = answer.json() if "json" in answer.headers["content-type"] else {"text": answer.text}
        return answer.status_code, body | {"trace_id": ""}, sorted(set(answer.headers) - {"content-length"})

    return told(one) == told(other)
