"""What sites and both sides do: events as `sites` would announce them, and random histories of them."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from uuid import UUID, uuid4

from shared.events import sites as told
from shared.events.event import Event

DAY = timedelta(days=1)
SIDES = ("community", "statutory")
PRINCIPLES = ("assets", "capabilities", "mutuality", "networks", "blurring_roles", "catalysts")
READY = ("people", "premises", "governance")


def session(site_id: UUID, on: str = "2026-03-02", **fields: Any) -> told.SessionHeld:
    given = {
        "session_id": uuid4(),
        "programme": "self_management",
        "kind": "workshop",
        "starts_at": datetime.fromisoformat(f"{on}T10:00:00+00:00"),
        "duration_minutes": 90,
        "language": "en",
    }
    return told.SessionHeld(site_id=site_id, **given | fields)


def came(held: told.SessionHeld, headcount: int) -> told.AttendanceRecorded:
    return told.AttendanceRecorded(session_id=held.session_id, headcount=headcount)


def engagement(*site_ids: UUID, on: str = "2026-03-02", **fields: Any) -> told.EngagementLogged:
    given = {
        "engagement_id": uuid4(),
        "kind": "meeting",
        "space": "community",
        "hours": 2.0,
        "people_by_side": {"community": 6, "statutory": 2},
    }
    return told.EngagementLogged(site_ids=site_ids, on=on, **given | fields)


def contribution(site_id: UUID, on: str = "2026-03-02", **fields: Any) -> told.ContributionLogged:
    given = {"contribution_id": uuid4(), "paid": False, "from_side": "community", "to_side": "statutory"}
    return told.ContributionLogged(site_id=site_id, on=on, **given | fields)


def ready(site_id: UUID, on: str, **levels: int) -> told.ReadinessAssessed:
    return told.ReadinessAssessed(assessment_id=uuid4(), site_id=site_id, on=on, levels=levels, assessed_by="community")


def signed(goal_id: UUID, side: str, on: str, *site_ids: UUID, in_force: bool) -> told.GoalSigned:
    return told.GoalSigned(
        goal_id=goal_id,
        side=side,
        signed_on=on,
        in_force=in_force,
        site_ids=site_ids,
        begins_on="2026-01-01",
        ends_on="2026-12-31",
    )


def question(site_id: UUID, asked: str, due: str) -> told.QuestionAsked:
    return told.QuestionAsked(
        question_id=uuid4(), asked_by_site=site_id, to_organisation=uuid4(), asked_on=asked, due_on=due
    )


def found(offer_id: UUID, site_id: UUID, side: str, on: str, rung: str, **principles: int) -> told.CoproductionAssessed:
    return told.CoproductionAssessed(
        assessment_id=uuid4(),
        offer_id=offer_id,
        site_id=site_id,
        side=side,
        on=on,
        principles=principles,
        rung=rung,
        designed_by="together",
        delivered_by="together",
    )


def community_life(chance: random.Random, sites: Sequence[UUID], size: int = 60) -> Iterator[Event]:
    """Yield a random community life of two years: things that change, that are called off, of sites never announced."""
    for _ in range(size):
        for kind in (_session, _engagement, _contribution, _question, _training, _readiness, _goal):
            yield from kind(chance, sites)
    offers = [(_id(chance), chance.choice(sites)) for _ in range(6)]
    for offer_id, site_id in offers:
        yield from _offer(chance, offer_id, site_id)
    for _ in range(size):
        yield _view(chance, *chance.choice(offers))
    for _ in range(5):
        mentor, mentee = chance.sample(sites, 2)
        began = _day(chance)
        ids = {"mentorship_id": _id(chance), "mentor_site_id": mentor, "mentee_site_id": mentee}
        yield told.MentorshipRecorded(**ids, began_on=began)
        yield told.MentorshipRecorded(**ids, began_on=began, ended_on=began + 90 * DAY)
        agreement = {"agreement_id": _id(chance), "site_id": mentor, "agreed_on": began}
        yield told.AgreementRecorded(**agreement, review_on=began + 200 * DAY)


def _id(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)


def _day(chance: random.Random) -> date:
    edges = (date(2020, 12, 31), date(2021, 1, 1), date(2021, 3, 31), date(2021, 4, 1), date(2021, 10, 31))
    return chance.choice(edges) if chance.random() < 0.2 else date(2020, 10, 1) + DAY * chance.randrange(730)


def _several(chance: random.Random, sites: Sequence[UUID]) -> tuple[UUID, ...]:
    return tuple(chance.sample(sites, chance.choice((1, 1, 2, 3))))


def _session(chance: random.Random, sites: Sequence[UUID]) -> Iterator[Event]:
    on = _day(chance)
    held = told.SessionHeld(
        session_id=_id(chance),
        site_id=chance.choice(sites),
        programme=chance.choice(("self_management", "family", "talking_therapies")),
        kind=chance.choice(get_args(told.SessionKind)),
        starts_at=datetime(on.year, on.month, on.day, chance.choice((0, 10, 23)), 30, tzinfo=UTC),
        duration_minutes=chance.choice((25, 60, 90)),
        language=chance.choice(("en", "eng", "bn", "ur")),
        facilitators={"volunteer": 2},
    )
    yield held
    if chance.random() < 0.8:
        tallies = {"ethnic_category": {"N": 3}} if chance.random() < 0.5 else None
        for headcount in chance.choices(range(60), k=chance.choice((1, 2))):
            yield told.AttendanceRecorded(session_id=held.session_id, headcount=headcount, tallies=tallies)
    if chance.random() < 0.2:
        yield held.model_copy(update={"cancelled": chance.random() < 0.7, "site_id": chance.choice(sites)})


def _engagement(chance: random.Random, sites: Sequence[UUID]) -> Iterator[Event]:
    met = told.EngagementLogged(
        engagement_id=_id(chance),
        on=_day(chance) - DAY * chance.choice((0, 0, 3000)),
        kind=chance.choice(get_args(told.EngagementKind)),
        site_ids=_several(chance, sites),
        space=chance.choice(get_args(told.Space)),
        hours=chance.choice((0.25, 1.1, 2.0, 33.33)),
        people_by_side={side: chance.randrange(12) for side in SIDES if chance.random() < 0.8},
        resources={
            side: {kind: chance.randrange(3) for kind in get_args(told.ResourceKind) if chance.random() < 0.5}
            for side in SIDES
            if chance.random() < 0.6
        },
    )
    yield met
    if chance.random() < 0.2:
        yield met.model_copy(update={"hours": 0.5, "resources": {}})


def _contribution(chance: random.Random, sites: Sequence[UUID]) -> Iterator[Event]:
    given, to = chance.choice(SIDES), chance.choice(SIDES)
    yield told.ContributionLogged(
        contribution_id=_id(chance),
        site_id=chance.choice(sites),
        on=_day(chance),
        hours=chance.choice((None, 0.35, 1.5, 12.0)),
        paid=chance.random() < 0.4,
        money_pence=chance.choice((None, 0, 1, 12345)),
        from_side=given,
        to_side=to,
    )


def _question(chance: random.Random, sites: Sequence[UUID]) -> Iterator[Event]:
    asked = _day(chance)
    due = asked + DAY * chance.randrange(40)
    this = {"question_id": _id(chance)}
    yield told.QuestionAsked(
        **this, asked_by_site=chance.choice(sites), to_organisation=_id(chance), asked_on=asked, due_on=due
    )
    late = chance.random() < 0.5
    if late:
        yield told.QuestionLeftUnanswered(**this, due_on=due)
    if chance.random() < 0.7:
        answered = due + DAY * chance.randrange(1, 50) if late else asked + (due - asked) * chance.choice((0, 1))
        yield told.QuestionAnswered(**this, answered_on=answered, you_said_we_did=chance.random() < 0.5)


def _training(chance: random.Random, sites: Sequence[UUID]) -> Iterator[Event]:
    yield told.TrainingRecorded(
        training_id=_id(chance),
        site_id=chance.choice(sites),
        on=_day(chance),
        role=chance.choice(("listener", "facilitator", "trustee")),
        people=chance.randrange(9),
        hours_each=chance.choice((None, 2.5)),
        given_by=chance.choice(SIDES),
    )


def _readiness(chance: random.Random, sites: Sequence[UUID]) -> Iterator[Event]:
    yield told.ReadinessAssessed(
        assessment_id=_id(chance),
        site_id=chance.choice(sites),
        on=_day(chance),
        levels={name: chance.randrange(5) for name in READY if chance.random() < 0.8},
        assessed_by=chance.choice(SIDES),
    )


def _goal(chance: random.Random, sites: Sequence[UUID]) -> Iterator[Event]:
    this, site_ids, on = _id(chance), _several(chance, sites), _day(chance)
    held: set[str] = set()
    for _ in range(chance.choice((1, 2, 2, 3))):  # the third one is for other words
        side = chance.choice(sorted(set(SIDES) - held) or SIDES)
        held = held | {side} if len(held) < len(SIDES) else {side}
        yield told.GoalSigned(
            goal_id=this,
            side=side,
            signed_on=on,
            in_force=len(held) == len(SIDES),
            site_ids=site_ids,
            begins_on=on,
            ends_on=on + 300 * DAY,
        )
        on += DAY * chance.randrange(40)
    for _ in range(chance.randrange(4)):
        period = f"{chance.choice((2020, 2021, 2022))}-Q{chance.choice((1, 2, 3, 4))}"
        yield told.GoalReflected(
            goal_id=this, side=chance.choice(SIDES), period=period, progress=chance.choice(get_args(told.Progress))
        )
    if chance.random() < 0.5:
        yield told.GoalClosed(
            goal_id=this, outcome=chance.choice(get_args(told.GoalOutcome)), closed_on=on + DAY * chance.randrange(200)
        )


def _offer(chance: random.Random, offer_id: UUID, site_id: UUID) -> Iterator[Event]:
    for status in ("active", chance.choice(("inactive", "withdrawn"))):
        yield told.OfferChanged(
            offer_id=offer_id,
            site_id=site_id,
            programme="family",
            languages=("ur", "bn"),
            capacity=chance.choice((None, 12)),
            accepting_referrals=status == "active",
            designed_by="together",
            delivered_by="people_using_services",
            status=status,
        )


def _view(chance: random.Random, offer_id: UUID, site_id: UUID) -> told.CoproductionAssessed:
    return told.CoproductionAssessed(
        assessment_id=_id(chance),
        offer_id=offer_id,
        site_id=site_id,
        side=chance.choice(SIDES),
        on=_day(chance),
        principles={name: chance.randrange(5) for name in PRINCIPLES},
        rung=chance.choice(get_args(told.Rung)),
        designed_by=chance.choice(get_args(told.Makers)),
        delivered_by=chance.choice(get_args(told.Makers)),
    )
