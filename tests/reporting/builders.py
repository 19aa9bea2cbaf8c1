"""Events as other services would announce them, and random histories of them."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from shared.codes import code_list
from shared.events.event import PREFIX, Event
from shared.events.people import DemographicsRecorded
from shared.events.referrals import ReferralReceived
from shared.events.sites import SiteChanged, SiteRegistered
from shared.events.surveys import ResponseScored
from shared.inbox import Incoming, read
from tests.reporting.communities import community_life
from tests.reporting.lives import life_of, lives_of_people, person_key, scores_of


def received(on: str, person: int = 0, **fields: Any) -> ReferralReceived:
    given = {
        "referral_id": uuid4(),
        "source": "B1",
        "source_system": "iaptus",
        "pathway": "triage",
        "programme": "talking_therapies",
        **fields,
    }
    return ReferralReceived(person_key=person_key(person), received_on=date.fromisoformat(on), **given)


def known(person: int, **fields: Any) -> DemographicsRecorded:
    return DemographicsRecorded(person_key=person_key(person), **fields)


def site(name: str = "St Anne's", site_id: UUID | None = None, **fields: Any) -> SiteRegistered:
    given = {"organisation_kind": "church", "co_provider": True, "status": "active", **fields}
    return SiteRegistered(site_id=site_id or uuid4(), name=name, **given)


def scored(referral_id: UUID, **fields: Any) -> ResponseScored:
    given = {
        "response_id": uuid4(),
        "instrument": "phq_9",
        "instrument_version": "1",
        "answered_on": date(2026, 3, 1),
        "total": 12.0,
        "missing_items": 0,
        "mode": "self",
        "language": "en",
        **fields,
    }
    return ResponseScored(referral_id=referral_id, **given)


@dataclass
class Post:
    """Wraps events as they travel, counting the versions of each aggregate."""

    versions: Counter[str] = field(default_factory=Counter)

    def wrap(self, events: Iterable[Event]) -> list[Incoming]:
        """Return events as a consumer reads them."""
        return [self._wrap(event) for event in events]

    def _wrap(self, event: Event) -> Incoming:
        self.versions[event.aggregate_id] += 1
        body = {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": "/roundtable/tests",
            "type": f"{PREFIX}{event.subject}",
            "subject": event.aggregate_id,
            "time": datetime(2026, 11, 20, 10, tzinfo=UTC).isoformat(),
            "dataschema": "/events/tests/v1",
            "aggregateid": event.aggregate_id,
            "aggregateversion": self.versions[event.aggregate_id],
            "data": event.model_dump(mode="json", exclude_none=True),
        }
        return read(f"{PREFIX}{event.subject}", json.dumps(body).encode())


def history(seed: int, *, pathways: int = 400, people: int = 250, lives: bool = True) -> list[Event]:
    """Return a random but repeatable history: every list, every gap, people and sites that change, sites never announced.

    With `lives` goes on to what becomes of pathways and people; without, pathways are only received.
    """
    chance = random.Random(seed)  # noqa: S311 - a history, not a secret
    sites = [UUID(int=chance.getrandbits(128), version=4) for _ in range(7)]
    events: list[Event] = list(_sites(sites[:5]))
    for number in range(people):
        if chance.random() < 0.9:
            events += [known(number, **_demographics(chance)) for _ in range(chance.choice((1, 1, 2)))]
    referrals = [_referral(chance, people, sites) for _ in range(pathways)]
    events += referrals
    if lives:
        events += lives_of_people(chance, people)
        for referral in referrals:
            events += life_of(chance, referral, people, sites)
            events += scores_of(chance, referral)
        events += community_life(random.Random(f"{seed} together"), sites, max(8, pathways // 5))  # noqa: S311 - as above
    mixed = defaultdict(list)
    for event in events:
        mixed[event.aggregate_id].append(event)
    queues = list(mixed.values())
    shuffled: list[Event] = []
    while queues:
        queue = chance.choice(queues)
        shuffled.append(queue.pop(0))
        if not queue:
            queues.remove(queue)
    return shuffled


def _sites(ids: Sequence[UUID]) -> Iterator[Event]:
    kinds = ("church", "mosque", "charity", "temple", "other")
    for place, site_id in enumerate(ids):
        fields: dict[str, Any] = {
            "organisation_kind": kinds[place],
            "name": ("Grace Hall", "Noor Centre", "Grace Hall", "Open Door", "The Hub")[place],
            "cluster": ("north", "south", None, "north", "south")[place],
            "co_provider": place != 3,
            "status": "active",
        }
        yield SiteRegistered(site_id=site_id, **fields)
        if place == 1:
            yield SiteChanged(site_id=site_id, **fields | {"cluster": "east", "languages": ("ur", "bn")})


def _some(chance: random.Random, name: str, codes: int = 999) -> str | None:
    return chance.choice(code_list(name).valid_codes()[:codes]) if chance.random() < 0.75 else None


def _demographics(chance: random.Random) -> dict[str, Any]:
    disabilities = [code for code in (_some(chance, "disability") for _ in range(2)) if code]
    conditions = [code for code in (_some(chance, "long_term_condition") for _ in range(3)) if code]
    decile = _some(chance, "imd_decile")
    month = f"{chance.randrange(1930, 2012)}-{chance.randrange(1, 13):02}"
    return {
        "birth_month": month if chance.random() < 0.85 else None,
        "gender_identity": _some(chance, "gender_identity"),
        "gender_same_at_birth": _some(chance, "gender_same_at_birth"),
        "ethnic_category": _some(chance, "ethnic_category"),
        "language": chance.choice(("en", "bn", "ben", "ur", "ta", "so", None)),
        "interpreter_required": chance.choice((True, False, None)),
        "religion": _some(chance, "religion", 40),
        "sexual_orientation": _some(chance, "sexual_orientation"),
        "disabilities": disabilities if chance.random() < 0.8 else None,
        "employment_status": _some(chance, "employment_status"),
        "ex_armed_forces": _some(chance, "ex_armed_forces"),
        "long_term_conditions": conditions if chance.random() < 0.8 else None,
        "imd_decile": int(decile) if decile else None,
    }


def _referral(chance: random.Random, people: int, sites: Sequence[UUID]) -> ReferralReceived:
    day = date(2020, 10, 1) + timedelta(days=chance.randrange(365 * 2))
    if chance.random() < 0.2:  # edges of months, leap years
        day = chance.choice(
            (date(2020, 12, 31), date(2021, 1, 1), date(2021, 2, 28), date(2021, 3, 31), date(2021, 4, 1))
        )
    return received(
        day.isoformat(),
        chance.randrange(people),
        referral_id=UUID(int=chance.getrandbits(128), version=4),
        source=chance.choice(code_list("source_of_referral_iapt").valid_codes()),
        source_system=chance.choice(("iaptus", "pcmis", "=1+1")),
        site_id=chance.choice((*sites, None, None)),
        pathway=chance.choice(("triage", "drop_in")),
        programme=chance.choice(("talking_therapies", "self_management")),
        presenting_problem=chance.choice(("F32.1", "F329", "F400", "F401", "F41", "F431", "83482000", None)),
    )
