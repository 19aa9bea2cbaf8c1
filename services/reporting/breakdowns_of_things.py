"""Breakdowns of what sites and both sides do; pathways are not split so."""

from typing import get_args

from sqlalchemy import SQLColumnExpression, case

from services.reporting.dimensions import Attribute, Dimension, YesOrNo
from services.reporting.measures.things import (
    BROUGHT,
    CONTRIBUTIONS,
    ENGAGEMENTS,
    GOALS,
    LADDER,
    PRESENT,
    PRINCIPLES,
    READINESS,
    SESSIONS,
    SIDES,
    TRAINING,
    brought,
    present,
    principles,
    readiness,
)
from services.reporting.tables import Contribution, CoproductionAssessment, Engagement, Goal, Session, Training
from shared.events.sites import EngagementKind, GoalOutcome, ResourceKind, Rung, SessionKind, Space

_direction: SQLColumnExpression[str] = case(
    (Contribution.from_side == Contribution.to_side, "within a side"),
    (Contribution.from_side == SIDES[0], "community to statutory"),
    (Contribution.from_side == SIDES[1], "statutory to community"),
)

COMMUNITY: tuple[Dimension, ...] = (
    Attribute(
        id="session_kind", title="Kind of session", values=get_args(SessionKind), of_things={SESSIONS: Session.kind}
    ),
    Attribute(
        id="side",
        title="Side: who was there, who brought or gave it, who trained, whose view it is",
        values=SIDES,
        of_things={
            PRESENT: present.c.side,
            BROUGHT: brought.c.side,
            CONTRIBUTIONS: Contribution.from_side,
            TRAINING: Training.given_by,
            READINESS: readiness.c.assessed_by,
            PRINCIPLES: principles.c.side,
            LADDER: CoproductionAssessment.side,
        },
    ),
    Attribute(
        id="engagement_kind",
        title="Kind of engagement",
        values=get_args(EngagementKind),
        of_things={ENGAGEMENTS: Engagement.kind, PRESENT: present.c.kind, BROUGHT: brought.c.kind},
    ),
    Attribute(
        id="space",
        title="Whose space it was in",
        values=get_args(Space),
        of_things={ENGAGEMENTS: Engagement.space, PRESENT: present.c.space, BROUGHT: brought.c.space},
    ),
    Attribute(
        id="resource_kind",
        title="Kind of resource",
        values=get_args(ResourceKind),
        of_things={BROUGHT: brought.c.resource},
    ),
    Attribute(
        id="direction",
        title="From which side to which",
        values=("community to statutory", "statutory to community", "within a side"),
        of_things={CONTRIBUTIONS: _direction},
    ),
    YesOrNo(id="paid", title="Paid for", of_things={CONTRIBUTIONS: Contribution.paid}),
    Attribute(id="role", title="What people were trained as", of_things={TRAINING: Training.role}, open=True),
    Attribute(
        id="readiness_dimension",
        title="Dimension of readiness",
        of_things={READINESS: readiness.c.dimension},
        open=True,
    ),
    Attribute(
        id="principle", title="Principle of co-production", of_things={PRINCIPLES: principles.c.dimension}, open=True
    ),
    Attribute(
        id="rung", title="Rung of the ladder", values=get_args(Rung), of_things={LADDER: CoproductionAssessment.rung}
    ),
    Attribute(
        id="goal_outcome", title="How goals ended", values=get_args(GoalOutcome), of_things={GOALS: Goal.outcome}
    ),
)
WITH_SIDE = ("engagement_kind", "space", "resource_kind", "principle", "rung")  # may be published together with `side`
