"""What becomes of pathways and people: events as other services would announce them, and random histories of them."""

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from shared.codes import code_list
from shared.events.event import Event
from shared.events.people import PersonErased, PersonMerged, PersonRestricted, PersonUnmerged
from shared.events.referrals import (
    ContactRecorded,
    ContactRemoved,
    ReferralCorrected,
    ReferralDischarged,
    ReferralReceived,
    ReferralRemoved,
    ReferralReopened,
    ReferralTriaged,
)
from shared.events.surveys import ResponseScored

DAY = timedelta(days=1)
EDGES = (
    date(2020, 12, 31),
    date(2021, 1, 1),
    date(2021, 2, 28),
    date(2021, 3, 31),
    date(2021, 4, 1),
    date(2024, 2, 29),
)
ANXIETY = {"F400": "mobility_inventory_alone", "F401": "spin", "F431": "pcl_5"}
TYPES = ("01", "02", "02", "02", "03", "05", "06", "10")
ATTENDANCES = ("5", "5", "5", "5", "5", "6", "7", "2", "3", "3", "4", "0", None)


def person_key(number: int) -> str:
    return f"{number:032x}"


def contact(
    referral_id: UUID, on: str | date, appointment_type: str = "02", attendance: str | None = "5", **fields: Any
) -> ContactRecorded:
    given = {"contact_id": uuid4(), "planned": True, "appointment_type": appointment_type, "attendance": attendance}
    return ContactRecorded(referral_id=referral_id, on=on, **given | fields)


def uncontacted(recorded: ContactRecorded) -> ContactRemoved:
    return ContactRemoved(contact_id=recorded.contact_id, referral_id=recorded.referral_id)


def discharged(referral_id: UUID, on: str | date, end_code: str | None = "46") -> ReferralDischarged:
    return ReferralDischarged(referral_id=referral_id, discharged_on=on, end_code=end_code)


def triaged(referral_id: UUID, on: str | date, decision: str = "accepted") -> ReferralTriaged:
    return ReferralTriaged(referral_id=referral_id, decision=decision, on=on)


def corrected(received: ReferralReceived, **fields: Any) -> ReferralCorrected:
    before = received.model_dump(exclude={"source_system"})
    return ReferralCorrected(**before | fields)


def reopened(referral_id: UUID) -> ReferralReopened:
    return ReferralReopened(referral_id=referral_id)


def removed(referral_id: UUID) -> ReferralRemoved:
    return ReferralRemoved(referral_id=referral_id)


def merged(person: int, into: int) -> PersonMerged:
    return PersonMerged(person_key=person_key(person), into=person_key(into))


def unmerged(person: int) -> PersonUnmerged:
    return PersonUnmerged(person_key=person_key(person))


def restricted(person: int, *, so: bool = True) -> PersonRestricted:
    return PersonRestricted(person_key=person_key(person), restricted=so)


def erased(person: int) -> PersonErased:
    return PersonErased(person_key=person_key(person))


def lives_of_people(chance: random.Random, people: int) -> Iterator[Event]:
    """Yield what becomes of people: roots have even numbers, so that nobody is merged into somebody merged."""
    for number in range(people):
        if number % 2 and chance.random() < 0.25:
            yield merged(number, 2 * chance.randrange(people // 2))
            if chance.random() < 0.3:
                yield unmerged(number)
            if chance.random() < 0.2:
                yield merged(number, 2 * chance.randrange(people // 2))
        if chance.random() < 0.06:
            yield restricted(number)
            if chance.random() < 0.5:
                yield restricted(number, so=False)
        if chance.random() < 0.05:
            yield erased(number)


def life_of(chance: random.Random, referral: ReferralReceived, people: int, sites: Sequence[UUID]) -> Iterator[Event]:
    """Yield what becomes of a pathway, in the order in which it is recorded, which is not that of its days."""
    this = referral.referral_id
    if chance.random() < 0.7:
        decision = chance.choice(("accepted",) * 5 + ("rejected", "redirected"))
        yield triaged(this, referral.received_on + DAY * chance.randrange(12), decision)
        if decision != "accepted" and chance.random() < 0.2:
            yield reopened(this)
    contacts = list(_contacts(chance, referral, sites))
    for planned in contacts:
        if chance.random() < 0.3:
            yield planned.model_copy(update={"attendance": None, "planned": True})
        yield planned
    if chance.random() < 0.1:
        yield _correction(chance, referral, people, sites)
    yield from _ends(chance, referral, max((each.on for each in contacts), default=referral.received_on))
    for late in contacts:
        if chance.random() < 0.15:
            yield chance.choice((uncontacted(late), late.model_copy(update={"attendance": "3", "planned": True})))
    if chance.random() < 0.2:
        yield _contact(chance, this, referral.received_on + DAY * chance.randrange(200), sites)
    if chance.random() < 0.04:
        yield removed(this)


def _contacts(chance: random.Random, referral: ReferralReceived, sites: Sequence[UUID]) -> Iterator[ContactRecorded]:
    day = referral.received_on
    for _ in range(chance.choice((0, 1, 1, 2, 3, 4, 6, 8))):
        soon = (day + DAY * chance.randrange(1, most) for most in (15, 45, 150))
        day = chance.choice((day, *soon, max(day, chance.choice(EDGES))))
        yield _contact(chance, referral.referral_id, day, sites)


def _correction(
    chance: random.Random, referral: ReferralReceived, people: int, sites: Sequence[UUID]
) -> ReferralCorrected:
    return corrected(
        referral,
        site_id=chance.choice((*sites, None)),
        presenting_problem=chance.choice(("F431", "F401", None)),
        person_key=chance.choice((referral.person_key, person_key(chance.randrange(people)))),
        received_on=chance.choice((referral.received_on, referral.received_on - DAY * 3)),
    )


def _ends(chance: random.Random, referral: ReferralReceived, day: date) -> Iterator[Event]:
    """Yield a discharge, or none, or one that is undone and perhaps made again."""
    codes = (*code_list("care_spell_end").valid_codes(), "46", "47", "16", None)
    while chance.random() < 0.7:
        end = chance.choice((day, day, day + DAY * chance.randrange(30), day - DAY * 10, chance.choice(EDGES)))
        yield discharged(referral.referral_id, max(end, referral.received_on), chance.choice(codes))
        if chance.random() < 0.75:
            break
        yield reopened(referral.referral_id)


def scores_of(chance: random.Random, referral: ReferralReceived) -> Iterator[ResponseScored]:
    """Yield scores of a pathway, most of them falling: ties, some without a total, some after its end."""
    own = ANXIETY.get(referral.presenting_problem or "")
    for instrument, most in (
        ("phq_9", 27),
        ("gad_7", 21),
        (own, 500 if own == "mobility_inventory_alone" else 80),
        ("wsas", 40),
    ):
        if instrument is None or chance.random() < 0.08:
            continue
        day, falls = referral.received_on, chance.random() < 0.5
        for place in range(chance.choice((1, 2, 3, 3))):
            day += DAY * chance.choice((0, 0, 1, 5, 40))
            highest = most // 3 if falls and place else most
            total = chance.randrange(most // 2 if falls and not place else 0, highest + 1)
            yield ResponseScored(
                response_id=UUID(int=chance.getrandbits(128), version=4),
                referral_id=referral.referral_id,
                instrument=instrument,
                instrument_version="1",
                answered_on=day,
                total=None
                if chance.random() < 0.1
                else total / 100
                if instrument == "mobility_inventory_alone"
                else total,
                missing_items=0,
                mode="self",
                language="en",
            )


def _contact(chance: random.Random, referral_id: UUID, on: date, sites: Sequence[UUID]) -> ContactRecorded:
    planned = chance.random() < 0.85
    therapies = code_list("therapy_type").valid_codes()
    return contact(
        referral_id,
        on,
        chance.choice(TYPES),
        chance.choice(ATTENDANCES) if planned else chance.choice(("5", "6", None)),
        contact_id=UUID(int=chance.getrandbits(128), version=4),
        planned=planned,
        duration_minutes=chance.choice((None, 0, 30, 50, 55)),
        mechanism=chance.choice(("01", "02", "11", None)),
        therapy_types=tuple(chance.sample(therapies, chance.choice((0, 1, 1, 2)))),
        site_id=chance.choice((*sites, None, None)),
        language=chance.choice(("en", "eng", "bn", "ben", "ur", None)),
        interpreter=chance.choice(("1", "4", "X", None)),
        internet_therapy=chance.random() < 0.1,
    )
