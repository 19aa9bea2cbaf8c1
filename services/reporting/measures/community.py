"""What sites do: sessions, how many come, whom they introduce, who is trained, how ready they are."""

from sqlalchemy import ColumnElement, Integer, Numeric, and_, exists, literal, tuple_
from sqlalchemy.orm import aliased

from services.reporting.measures.measure import OURS, PERIOD_END, Amount, Measure, Those, all_of_them
from services.reporting.measures.things import INTRODUCTIONS, READINESS, SESSIONS, TRAINING, introductions, readiness
from services.reporting.tables import Pathway, Readiness, Session, Training

_held = Those("Sessions dated in the period and not called off", Session.cancelled.is_(False))
_counted = _held.who("Sessions of the period whose headcount is recorded", Session.headcount.is_not(None))

sessions_held = Measure(
    id="sessions_held",
    title="Sessions held",
    question="How many sessions took place at sites in the period?",
    unit="sessions",
    source=OURS,
    when=Session.held_on,
    numerator=_held,
    things=SESSIONS,
    about="things",
)
session_hours = Measure(
    id="session_hours",
    title="Hours of sessions",
    question="How many hours did the sessions of the period last, together?",
    unit="hours",
    source=OURS,
    when=Session.held_on,
    numerator=_held,
    amount=Amount("sum", Session.duration_minutes / literal(60, Numeric)),
    things=SESSIONS,
    about="things",
)
sessions_counted = Measure(
    id="sessions_counted",
    title="Sessions with a headcount",
    question="Of the sessions of the period, for what share is it recorded how many came?",
    unit="percent",
    source=OURS,
    when=Session.held_on,
    numerator=_counted,
    denominator=_held,
    things=SESSIONS,
    about="things",
)
session_headcount = Measure(
    id="session_headcount",
    title="Headcount of sessions",
    question="How many came to the sessions of the period, each counted as often as they came?",
    unit="people",
    source=OURS,
    when=Session.held_on,
    numerator=_counted,
    amount=Amount("sum", Session.headcount, behind=Session.headcount),
    things=SESSIONS,
)
headcount_per_session = Measure(
    id="headcount_per_session",
    title="Headcount per session",
    question="How many came to a session of the period, on average?",
    unit="people per session",
    source=OURS,
    when=Session.held_on,
    numerator=Those("Those who came to sessions of the period", _counted.where),
    denominator=_counted,
    amount=Amount("ratio", Session.headcount, per=literal(1, Integer)),
    things=SESSIONS,
)
referrals_introduced = Measure(
    id="referrals_introduced",
    title="Referrals introduced by sites",
    question="How many referrals received in the period did a site of the network introduce?",
    unit="referrals",
    source=OURS,
    when=Pathway.received_on,
    numerator=Those(
        "Referrals received in the period that name the site that introduced them", Pathway.site_id.is_not(None)
    ),
)
referrals_introduced_per_session = Measure(
    id="referrals_introduced_per_session",
    title="Referrals introduced per session",
    question="For each session that sites held in the period, how many referrals did they introduce?",
    unit="referrals per session",
    source=OURS,
    when=introductions.c.introduced_or_held_on,
    numerator=all_of_them("Referrals received in the period that a site introduced"),
    denominator=all_of_them("Sessions of the period, not called off"),
    amount=Amount("ratio", introductions.c.referrals, per=introductions.c.sessions),
    things=INTRODUCTIONS,
)
people_trained = Measure(
    id="people_trained",
    title="People trained",
    question="How many people of sites were trained in the period, each counted as often as they were?",
    unit="people",
    source=OURS,
    when=Training.trained_on,
    numerator=all_of_them("People trained in the period"),
    amount=Amount("sum", Training.people, behind=Training.people),
    things=TRAINING,
)

_other = aliased(Readiness, name="other_readiness")


def _latest_readiness() -> ColumnElement[bool]:
    later = tuple_(_other.assessed_on, _other.recorded_at, _other.assessment_id) > tuple_(
        readiness.c.assessed_on, readiness.c.recorded_at, readiness.c.assessment_id
    )
    return and_(
        readiness.c.assessed_on <= PERIOD_END,
        ~exists().where(_other.site_id == readiness.c.site_id, _other.assessed_on <= PERIOD_END, later),
    )


mean_readiness = Measure(
    id="mean_readiness",
    title="Readiness of sites",
    question="How ready were sites on the period's last day, by the latest assessment of each, from 0 to 4?",
    unit="level, 0 to 4",
    source=OURS,
    when=None,
    numerator=Those("Levels of each site's latest assessment by the period's last day", _latest_readiness()),
    amount=Amount("mean", readiness.c.level, decimals=1),
    things=READINESS,
    about="things",
)
