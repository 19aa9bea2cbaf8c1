"""What is counted besides pathways and contacts: rows of what sites and both sides did, each of a site or of several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    SQLColumnExpression,
    Text,
    Uuid,
    any_,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    select,
    true,
    union_all,
    values,
)
from sqlalchemy.orm import aliased

from services.reporting.tables import (
    Contribution,
    CoproductionAssessment,
    Engagement,
    Goal,
    GoalReflection,
    Pathway,
    Question,
    Readiness,
    Restriction,
    Session,
    Site,
    Training,
)

SIDES = ("community", "statutory")
_site = aliased(Site, name="its_site")  # apart from the one that a breakdown joins

# Pathways that may be behind a figure: nothing entered in error, and nobody whose record may not be used.
USABLE: Sequence[ColumnElement[bool]] = (
    ~Pathway.removed,
    *(
        ~exists().where(Restriction.person_key == key, Restriction.restricted.is_(True))
        for key in (Pathway.person_key, Pathway.counts_as)
    ),
)


@dataclass(frozen=True, eq=False, slots=True)
class Things:
    """Rows that are counted, and the site, or the sites, that each is of."""

    rows: FromClause
    site: Any = None  # a column of ids
    sites: Any = None  # or one of arrays of them
    programme: Any = None

    def of_one(self, site: UUID) -> ColumnElement[bool]:
        """Return whether a row is of this site, or of this one among others."""
        return literal(site, Uuid) == (any_(self.sites) if self.site is None else self.site)

    def of_any(self, wanted: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return whether a row is of one of these sites at least."""
        found: ColumnElement[bool] = self.sites.overlap(wanted) if self.site is None else self.site == any_(wanted)
        return found

    def where_site(self, **equal: Any) -> ColumnElement[bool]:  # noqa: ANN401 - values of columns
        """Return whether a row is of a site that has these values."""
        own = any_(self.sites) if self.site is None else self.site
        return exists().where(_site.site_id == own, *(getattr(_site, name) == value for name, value in equal.items()))

    def groups(self, key: SQLColumnExpression[Any], name: str) -> Any:  # noqa: ANN401 - a lateral alias
        """Return the different values that a row's several sites have, one row each; an unknown site has none of them."""
        each = func.unnest(self.sites).table_valued(column("site_id", Uuid), name=f"{name}_sites").render_derived()
        several = each.outerjoin(Site, Site.site_id == each.c.site_id)
        return select(key.label("key")).distinct().select_from(several).lateral(f"{name}_of_several")


SESSIONS = Things(Session.__table__, Session.site_id, programme=Session.programme)
ENGAGEMENTS = Things(Engagement.__table__, sites=Engagement.site_ids)
CONTRIBUTIONS = Things(Contribution.__table__, Contribution.site_id)
TRAINING = Things(Training.__table__, Training.site_id)
GOALS = Things(Goal.__table__, sites=Goal.site_ids)
QUESTIONS = Things(Question.__table__, Question.site_id)
LADDER = Things(CoproductionAssessment.__table__, CoproductionAssessment.site_id)

_sides = values(column("side", Text), name="sides").data([(side,) for side in SIDES])
present = (
    select(
        Engagement.engaged_on,
        Engagement.kind,
        Engagement.space,
        Engagement.site_ids,
        Engagement.hours,
        _sides.c.side,
        case((_sides.c.side == SIDES[0], Engagement.community_people), else_=Engagement.statutory_people).label(
            "people"
        ),
    )
    .join_from(Engagement, _sides, true())
    .subquery("present")
)
PRESENT = Things(present, sites=present.c.site_ids)  # a side at an engagement

_pair = ("key", "value")
_by_side = func.jsonb_each(Engagement.resources).table_valued(*_pair, name="by_side").render_derived().lateral()
_by_kind = func.jsonb_each_text(_by_side.c.value).table_valued(*_pair, name="by_kind").render_derived().lateral()
brought = (
    select(
        Engagement.engaged_on,
        Engagement.site_ids,
        Engagement.space,
        Engagement.kind,
        _by_side.c.key.label("side"),
        _by_kind.c.key.label("resource"),
        cast(_by_kind.c.value, Integer).label("number"),
    )
    .join_from(Engagement, _by_side, true())
    .join(_by_kind, true())
    .subquery("brought")
)
BROUGHT = Things(brought, sites=brought.c.site_ids)  # things of one kind that a side brought to an engagement


def _levels(table: Any, column_: Any, name: str, *columns: Any) -> Any:  # noqa: ANN401 - tables and columns
    """Return an assessment's levels, one row each."""
    each = func.jsonb_each_text(column_).table_valued(*_pair, name=f"{name}_each").render_derived().lateral()
    shown = (*columns, each.c.key.label("dimension"), cast(each.c.value, Integer).label("level"))
    return select(*shown).join_from(table, each, true()).subquery(name)


readiness = _levels(
    Readiness,
    Readiness.levels,
    "readiness_levels",
    Readiness.assessment_id,
    Readiness.site_id,
    Readiness.assessed_on,
    Readiness.assessed_by,
    Readiness.recorded_at,
)
READINESS = Things(readiness, readiness.c.site_id)  # a level of one dimension
principles = _levels(
    CoproductionAssessment,
    CoproductionAssessment.principles,
    "principle_levels",
    CoproductionAssessment.assessment_id,
    CoproductionAssessment.offer_id,
    CoproductionAssessment.site_id,
    CoproductionAssessment.side,
    CoproductionAssessment.assessed_on,
    CoproductionAssessment.recorded_at,
)
PRINCIPLES = Things(principles, principles.c.site_id)  # a level of one principle

reflections = (
    select(
        GoalReflection.quarter_ended_on,
        GoalReflection.community_progress,
        GoalReflection.statutory_progress,
        Goal.site_ids,
    )
    .join_from(GoalReflection, Goal, Goal.goal_id == GoalReflection.goal_id, isouter=True)
    .subquery("reflections")
)
REFLECTIONS = Things(reflections, sites=reflections.c.site_ids)  # a goal in a quarter

introductions = union_all(
    select(
        Pathway.site_id,
        Pathway.received_on.label("introduced_or_held_on"),
        Pathway.programme,
        literal(1, Integer).label("referrals"),
        literal(0, Integer).label("sessions"),
    ).where(Pathway.site_id.is_not(None), *USABLE),
    select(Session.site_id, Session.held_on, Session.programme, literal(0, Integer), literal(1, Integer)).where(
        Session.cancelled.is_(False)
    ),
).subquery("introductions")
INTRODUCTIONS = Things(introductions, introductions.c.site_id, programme=introductions.c.programme)
