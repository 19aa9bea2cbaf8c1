"""Measures of what sites and both sides do, in plain Python over the same events."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.reporting.domain.periods import periods
from shared.codes import NOT_RECORDED, code_list
from shared.days import LONDON
from shared.events import sites as told
from shared.events.event import Event
from tests.reporting.oracle import Oracle

SIDES = ("community", "statutory")
PAID = {True: "Yes", False: "No"}


@dataclass
class Thing:
    """What is counted: its day, its sites, its groups, and the numbers that are known of it."""

    on: date | None
    sites: tuple[UUID, ...]
    number: Any = 1
    per: int = 0
    counts: bool = True
    groups: dict[str, str | None] = field(default_factory=dict)


class Community:
    """Holds a community life: of every event the last picture, of goals and questions all of it."""

    def __init__(self, events: Iterable[Event]) -> None:
        events = list(events)
        self.network = Oracle(events)
        self.last: dict[type[Event], dict[str, Any]] = {}
        self.goals: dict[UUID, list[Any]] = {}
        for event in events:
            self.last.setdefault(type(event), {})[event.aggregate_id] = event
            if isinstance(event, told.GoalSigned | told.GoalReflected | told.GoalClosed):
                self.goals.setdefault(event.goal_id, []).append(event)

    def all(self, kind: type[Any]) -> list[Any]:
        """Return the last picture of everything of a kind."""
        return list(self.last[kind].values())

    def groups(self, thing: Thing, name: str) -> set[str]:
        """Return the groups of one thing in one breakdown."""
        if name not in {"site", "site_kind", "cluster"}:
            return {thing.groups[name] or NOT_RECORDED}
        known = [self.network.sites.get(each) for each in thing.sites]
        if name == "site":
            return {self.network.name(each.site_id) if each else NOT_RECORDED for each in known}
        attribute = {"site_kind": "organisation_kind"}.get(name, name)
        return {getattr(each, attribute, None) or NOT_RECORDED for each in known}


def _sessions(life: Community) -> Iterator[tuple[Any, Thing]]:
    came = life.last[told.AttendanceRecorded]
    for each in life.all(told.SessionHeld):
        language = code_list("language").row(each.language, by="label")
        groups = {"session_kind": each.kind, "programme": each.programme, "delivery_language": language}
        attended = came.get(each.aggregate_id)
        if not each.cancelled:
            on = each.starts_at.astimezone(LONDON).date()
            yield each, Thing(on, (each.site_id,), attended and attended.headcount, 1, attended is not None, groups)


def sessions(life: Community) -> Iterator[Thing]:
    yield from (thing for _, thing in _sessions(life))


def counted_sessions(life: Community) -> Iterator[Thing]:
    yield from (thing for thing in sessions(life) if thing.counts)


def session_hours(life: Community) -> Iterator[Thing]:
    for each, thing in _sessions(life):
        thing.number = Decimal(each.duration_minutes) / 60
        yield thing


def introduced(life: Community) -> Iterator[Thing]:
    for each in life.network.referrals:
        if each.site_id:
            yield Thing(each.received_on, (each.site_id,), 1, 0, groups={"programme": each.programme})
    for thing in sessions(life):
        thing.number = 0
        yield thing


def engagements(life: Community) -> Iterator[Thing]:
    for each in life.all(told.EngagementLogged):
        groups = {"engagement_kind": each.kind, "space": each.space}
        yield Thing(each.on, each.site_ids, Decimal(str(each.hours)), groups=groups)


def people(life: Community) -> Iterator[Thing]:
    for each in life.all(told.EngagementLogged):
        for side in SIDES:
            groups = {"engagement_kind": each.kind, "space": each.space, "side": side}
            yield Thing(each.on, each.site_ids, each.people_by_side.get(side, 0), groups=groups)


def person_hours(life: Community) -> Iterator[Thing]:
    for each in life.all(told.EngagementLogged):
        for side in SIDES:
            groups = {"engagement_kind": each.kind, "space": each.space, "side": side}
            number = Decimal(str(each.hours)) * each.people_by_side.get(side, 0)
            yield Thing(each.on, each.site_ids, number, groups=groups)


def resources(life: Community) -> Iterator[Thing]:
    for each in life.all(told.EngagementLogged):
        for side, brought in each.resources.items():
            for kind, number in brought.items():
                groups = {"engagement_kind": each.kind, "space": each.space, "side": side, "resource_kind": kind}
                yield Thing(each.on, each.site_ids, number, groups=groups)


def contributions(*, hours: bool = True, paid: bool | None = None, rate: int | None = None) -> Any:
    def given(life: Community) -> Iterator[Thing]:
        for each in life.all(told.ContributionLogged):
            way = "within a side" if each.from_side == each.to_side else f"{each.from_side} to {each.to_side}"
            groups = {"side": each.from_side, "direction": way, "paid": PAID[each.paid]}
            number = each.hours if hours else each.money_pence
            if number is not None and paid in {None, each.paid}:
                exactly = Decimal(str(number)) * (rate or 1) / (1 if hours and rate is None else 100)
                yield Thing(each.on, (each.site_id,), exactly, groups=groups)

    return given


def training(life: Community) -> Iterator[Thing]:
    for each in life.all(told.TrainingRecorded):
        yield Thing(each.on, (each.site_id,), each.people, groups={"side": each.given_by, "role": each.role})


def readiness(life: Community, end: date) -> Iterator[Thing]:
    latest: dict[UUID, Any] = {}
    for each in sorted(life.all(told.ReadinessAssessed), key=lambda each: (each.on, each.assessment_id)):
        if each.on <= end:
            latest[each.site_id] = each
    for site, each in latest.items():
        for name, level in each.levels.items():
            yield Thing(None, (site,), level, groups={"side": each.assessed_by, "readiness_dimension": name})


def _views(life: Community, end: date) -> Iterator[Any]:
    latest: dict[tuple[UUID, str], Any] = {}
    for each in sorted(life.all(told.CoproductionAssessed), key=lambda each: (each.on, each.assessment_id)):
        if each.on <= end:
            latest[each.offer_id, each.side] = each
    yield from latest.values()


def principles(life: Community, end: date) -> Iterator[Thing]:
    for each in _views(life, end):
        for name, level in each.principles.items():
            yield Thing(None, (each.site_id,), level, groups={"side": each.side, "principle": name})


def ladder(life: Community, end: date) -> Iterator[Thing]:
    for each in _views(life, end):
        yield Thing(None, (each.site_id,), groups={"side": each.side, "rung": each.rung})


def in_force(life: Community, end: date) -> Iterator[Thing]:
    for goal in life.goals.values():
        signatures = [each for each in goal if isinstance(each, told.GoalSigned)]
        closed = next((each for each in goal if isinstance(each, told.GoalClosed)), None)
        latest = {each.side: each.signed_on for each in signatures}
        if signatures[-1].in_force and max(latest.values()) <= end and (closed is None or closed.closed_on > end):
            outcome = closed.outcome if closed else None
            yield Thing(None, signatures[-1].site_ids, groups={"goal_outcome": outcome})


def closed(life: Community) -> Iterator[Thing]:
    for each in life.all(told.GoalClosed):
        (sites,) = {signed.site_ids for signed in life.goals[each.goal_id] if isinstance(signed, told.GoalSigned)}
        yield Thing(each.closed_on, sites, counts=each.outcome == "met", groups={"goal_outcome": each.outcome})


def reflected(life: Community) -> Iterator[Thing]:
    for goal in life.goals.values():
        quarters: dict[str, set[str]] = {}
        for each in goal:
            if isinstance(each, told.GoalReflected):
                quarters.setdefault(each.period, set()).add(each.side)
        for quarter, by in quarters.items():
            month = f"{quarter[:4]}-{3 * int(quarter[-1]):02}"
            (period,) = periods(month, month, "month")
            yield Thing(period.end, goal[0].site_ids, counts=len(by) == 2)


def asked(life: Community) -> Iterator[Thing]:
    yield from (Thing(each.asked_on, (each.asked_by_site,)) for each in life.all(told.QuestionAsked))


def answered(life: Community) -> Iterator[Thing]:
    for each in life.all(told.QuestionAnswered):
        question = life.last[told.QuestionAsked][each.aggregate_id]
        yield Thing(each.answered_on, (question.asked_by_site,), counts=each.answered_on <= question.due_on)


def overdue(life: Community, end: date) -> Iterator[Thing]:
    for each in life.all(told.QuestionAsked):
        answer = life.last[told.QuestionAnswered].get(each.aggregate_id)
        if each.due_on < end and (answer is None or answer.answered_on > end):
            yield Thing(None, (each.asked_by_site,))


RATE = 1234  # pence
DATED: dict[str, Callable[[Community], Iterator[Thing]]] = {
    "sessions_held": sessions,
    "session_hours": session_hours,
    "sessions_counted": sessions,
    "session_headcount": counted_sessions,
    "headcount_per_session": counted_sessions,
    "referrals_introduced_per_session": introduced,
    "people_trained": training,
    "engagements": engagements,
    "engagement_hours": engagements,
    "engagement_people": people,
    "engagement_person_hours": person_hours,
    "resources_brought": resources,
    "contribution_hours": contributions(),
    "unpaid_hours": contributions(paid=False),
    "paid_hours": contributions(paid=True),
    "money_moved": contributions(hours=False),
    "value_of_hours": contributions(rate=RATE),
    "goals_closed": closed,
    "goals_met": closed,
    "goals_reflected_on_by_both": reflected,
    "questions_asked": asked,
    "questions_answered": answered,
    "questions_answered_in_time": answered,
}
STANDING: dict[str, Callable[[Community, date], Iterator[Thing]]] = {
    "mean_readiness": readiness,
    "mean_principles": principles,
    "views_on_the_ladder": ladder,
    "goals_in_force": in_force,
    "questions_overdue": overdue,
}
