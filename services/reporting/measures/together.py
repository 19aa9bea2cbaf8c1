"""What both sides hold each other to: goals, questions, and how co-produced they find what is on offer."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, tuple_
from sqlalchemy.orm import aliased

from services.reporting.measures.measure import OURS, PERIOD_END, Amount, Measure, Those, all_of_them
from services.reporting.measures.things import (
    GOALS,
    LADDER,
    PRINCIPLES,
    QUESTIONS,
    REFLECTIONS,
    principles,
    reflections,
)
from services.reporting.tables import CoproductionAssessment, Goal, Question

_both_signed = Goal.in_force.is_(True) & (
    func.greatest(Goal.community_signed_on, Goal.statutory_signed_on) <= PERIOD_END
)
goals_in_force = Measure(
    id="goals_in_force",
    title="Goals in force",
    question="How many shared goals were in force on the period's last day?",
    unit="goals",
    source=OURS,
    when=None,
    numerator=Those(
        "Goals signed by both sides and not closed by the period's last day",
        _both_signed & or_(Goal.closed_on.is_(None), Goal.closed_on > PERIOD_END),
    ),
    things=GOALS,
    about="things",
)
goals_closed = Measure(
    id="goals_closed",
    title="Goals closed",
    question="How many shared goals were closed in the period, however they ended?",
    unit="goals",
    source=OURS,
    when=Goal.closed_on,
    numerator=all_of_them("Goals closed in the period"),
    things=GOALS,
    about="things",
)
goals_met = Measure(
    id="goals_met",
    title="Goals met",
    question="Of the shared goals closed in the period, what share was met?",
    unit="percent",
    source=OURS,
    when=Goal.closed_on,
    numerator=Those("Goals closed in the period as met", Goal.outcome == "met"),
    denominator=all_of_them("Goals closed in the period"),
    things=GOALS,
    about="things",
)
goals_reflected_on_by_both = Measure(
    id="goals_reflected_on_by_both",
    title="Goals reflected on by both sides",
    question="Of the goals that a side reflected on in quarters ending in the period, on what share did both?",
    unit="percent",
    source=OURS,
    when=reflections.c.quarter_ended_on,
    numerator=Those(
        "Goals, each quarter anew, that both sides reflected on",
        reflections.c.community_progress.is_not(None) & reflections.c.statutory_progress.is_not(None),
    ),
    denominator=all_of_them("Goals, each quarter anew, that a side at least reflected on"),
    things=REFLECTIONS,
    about="things",
)

questions_asked = Measure(
    id="questions_asked",
    title="Questions asked",
    question="How many questions did sites ask in the period?",
    unit="questions",
    source=OURS,
    when=Question.asked_on,
    numerator=all_of_them("Questions asked in the period"),
    things=QUESTIONS,
    about="things",
)
questions_answered = Measure(
    id="questions_answered",
    title="Questions answered",
    question="How many questions of sites were answered in the period?",
    unit="questions",
    source=OURS,
    when=Question.answered_on,
    numerator=all_of_them("Questions answered in the period"),
    things=QUESTIONS,
    about="things",
)
questions_answered_in_time = Measure(
    id="questions_answered_in_time",
    title="Questions answered in time",
    question="Of the questions answered in the period, what share had its answer by the day it was due?",
    unit="percent",
    source=OURS,
    when=Question.answered_on,
    numerator=Those("Questions answered in the period by the day due", Question.answered_on <= Question.due_on),
    denominator=all_of_them("Questions answered in the period"),
    things=QUESTIONS,
    about="things",
)
questions_overdue = Measure(
    id="questions_overdue",
    title="Questions overdue",
    question="How many questions of sites were without an answer on the period's last day, and past the day it was due?",
    unit="questions",
    source=OURS,
    when=None,
    numerator=Those(
        "Questions due before the period's last day, and not answered by then",
        (Question.due_on < PERIOD_END) & or_(Question.answered_on.is_(None), Question.answered_on > PERIOD_END),
    ),
    things=QUESTIONS,
    about="things",
)

_other = aliased(CoproductionAssessment, name="other_assessments")


def _latest(own: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a table, or the columns of one
    """Return whether an assessment is the last of its offer and side by the period's last day."""
    later = tuple_(_other.assessed_on, _other.recorded_at, _other.assessment_id) > tuple_(
        own.assessed_on, own.recorded_at, own.assessment_id
    )
    same = (_other.offer_id == own.offer_id, _other.side == own.side, _other.assessed_on <= PERIOD_END)
    return and_(own.assessed_on <= PERIOD_END, ~exists().where(*same, later))


mean_principles = Measure(
    id="mean_principles",
    title="Principles of co-production",
    question="How co-produced were offers found on the period's last day, by each side's latest view, from 0 to 4?",
    unit="level, 0 to 4",
    source=OURS,
    when=None,
    numerator=Those(
        "Levels of the latest assessment of each offer by each side, by the period's last day", _latest(principles.c)
    ),
    amount=Amount("mean", principles.c.level, decimals=1),
    things=PRINCIPLES,
    about="things",
)
views_on_the_ladder = Measure(
    id="views_on_the_ladder",
    title="Rungs of the ladder",
    question="On which rung did each side see each offer on the period's last day?",
    unit="views of offers",
    source=OURS,
    when=None,
    numerator=Those(
        "Latest assessments of each offer by each side, by the period's last day", _latest(CoproductionAssessment)
    ),
    things=LADDER,
    about="things",
)
