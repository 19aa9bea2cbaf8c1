"""What sites do, what both sides bring, and what they hold each other to."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from services.reporting.domain.contacts import language
from services.reporting.projections.listening import subscriber
from services.reporting.tables import (
    Agreement,
    Contribution,
    CoproductionAssessment,
    Engagement,
    Goal,
    GoalReflection,
    Mentorship,
    Offer,
    Question,
    Readiness,
    Session,
    Training,
)
from shared.days import LONDON
from shared.events.sites import (
    AgreementRecorded,
    AttendanceRecorded,
    ContributionLogged,
    CoproductionAssessed,
    EngagementLogged,
    GoalClosed,
    GoalReflected,
    GoalSigned,
    GoalUnsigned,
    MentorshipRecorded,
    OfferChanged,
    QuestionAnswered,
    QuestionAsked,
    QuestionLeftUnanswered,
    ReadinessAssessed,
    SessionHeld,
    TrainingRecorded,
)
from shared.inbox import Batch


@subscriber.on(OfferChanged)
async def offer_changed(batch: Batch, event: OfferChanged) -> None:
    """Replace the picture of an offer."""
    batch.learn(
        Offer,
        {"offer_id": event.offer_id},
        site_id=event.site_id,
        programme=event.programme,
        therapy_types=sorted(set(event.therapy_types)),
        languages=sorted(set(event.languages)),
        capacity=event.capacity,
        accepting_referrals=event.accepting_referrals,
        next_available_on=event.next_available_on,
        designed_by=event.designed_by,
        delivered_by=event.delivered_by,
        status=event.status,
    )


@subscriber.on(SessionHeld)
async def session_held(batch: Batch, event: SessionHeld) -> None:
    """Replace the picture of a session; how many came is told apart."""
    batch.learn(
        Session,
        {"session_id": event.session_id},
        site_id=event.site_id,
        offer_id=event.offer_id,
        programme=event.programme,
        kind=event.kind,
        held_on=event.starts_at.astimezone(LONDON).date(),
        duration_minutes=event.duration_minutes,
        language=language(event.language),
        facilitators=event.facilitators,
        cancelled=event.cancelled,
    )


@subscriber.on(AttendanceRecorded)
async def attendance_recorded(batch: Batch, event: AttendanceRecorded) -> None:
    """Keep how many came."""
    batch.learn(
        Session,
        {"session_id": event.session_id},
        headcount=event.headcount,
        tallies=event.tallies,
        interpreter_used=event.interpreter_used,
    )


@subscriber.on(EngagementLogged)
async def engagement_logged(batch: Batch, event: EngagementLogged) -> None:
    """Keep where both sides met, for how long, and what each brought."""
    batch.learn(
        Engagement,
        {"engagement_id": event.engagement_id},
        engaged_on=event.on,
        kind=event.kind,
        site_ids=sorted(set(event.site_ids)),
        space=event.space,
        hours=_number(event.hours),
        community_people=event.people_by_side.get("community", 0),
        statutory_people=event.people_by_side.get("statutory", 0),
        resources=event.resources,
    )


@subscriber.on(ContributionLogged)
async def contribution_logged(batch: Batch, event: ContributionLogged) -> None:
    """Keep what was given, and by which side to which."""
    batch.learn(
        Contribution,
        {"contribution_id": event.contribution_id},
        site_id=event.site_id,
        given_on=event.on,
        hours=_number(event.hours),
        paid=event.paid,
        money_pence=event.money_pence,
        from_side=event.from_side,
        to_side=event.to_side,
    )


@subscriber.on(TrainingRecorded)
async def training_recorded(batch: Batch, event: TrainingRecorded) -> None:
    """Keep how many were trained, and as what."""
    batch.learn(
        Training,
        {"training_id": event.training_id},
        site_id=event.site_id,
        trained_on=event.on,
        role=event.role,
        people=event.people,
        hours_each=_number(event.hours_each),
        given_by=event.given_by,
    )


@subscriber.on(ReadinessAssessed)
async def readiness_assessed(batch: Batch, event: ReadinessAssessed) -> None:
    """Keep a site's readiness on that day."""
    batch.learn(
        Readiness,
        {"assessment_id": event.assessment_id},
        site_id=event.site_id,
        assessed_on=event.on,
        levels=event.levels,
        assessed_by=event.assessed_by,
        recorded_at=batch.at,
    )


@subscriber.on(MentorshipRecorded)
async def mentorship_recorded(batch: Batch, event: MentorshipRecorded) -> None:
    """Keep who mentors whom, and how long."""
    batch.learn(
        Mentorship,
        {"mentorship_id": event.mentorship_id},
        mentor_site_id=event.mentor_site_id,
        mentee_site_id=event.mentee_site_id,
        began_on=event.began_on,
        ended_on=event.ended_on,
    )


@subscriber.on(AgreementRecorded)
async def agreement_recorded(batch: Batch, event: AgreementRecorded) -> None:
    """Keep an agreement's dates."""
    batch.learn(
        Agreement,
        {"agreement_id": event.agreement_id},
        site_id=event.site_id,
        agreed_on=event.agreed_on,
        review_on=event.review_on,
        reviewed_on=event.reviewed_on,
        ended_on=event.ended_on,
    )


@subscriber.on(GoalSigned)
async def goal_signed(batch: Batch, event: GoalSigned) -> None:
    """Replace the picture of a goal, and keep which side signed it when."""
    signed: dict[str, Any] = {f"{event.side}_signed_on": event.signed_on}
    batch.learn(
        Goal,
        {"goal_id": event.goal_id},
        site_ids=sorted(set(event.site_ids)),
        begins_on=event.begins_on,
        ends_on=event.ends_on,
        measure_id=event.measure_id,
        in_force=event.in_force,
        **signed,
    )


@subscriber.on(GoalUnsigned)
async def goal_unsigned(batch: Batch, event: GoalUnsigned) -> None:
    """Take both signatures back: they were for other words."""
    batch.learn(Goal, {"goal_id": event.goal_id}, in_force=False, community_signed_on=None, statutory_signed_on=None)


@subscriber.on(GoalReflected)
async def goal_reflected(batch: Batch, event: GoalReflected) -> None:
    """Keep how the goal stood to that side in that quarter."""
    key = {"goal_id": event.goal_id, "quarter_ended_on": _last_day(event.period)}
    batch.learn(GoalReflection, key, **{f"{event.side}_progress": event.progress})


@subscriber.on(GoalClosed)
async def goal_closed(batch: Batch, event: GoalClosed) -> None:
    """Keep how the goal ended."""
    batch.learn(Goal, {"goal_id": event.goal_id}, outcome=event.outcome, closed_on=event.closed_on)


@subscriber.on(QuestionAsked)
async def question_asked(batch: Batch, event: QuestionAsked) -> None:
    """Keep who asks whom, and until when an answer is due."""
    batch.learn(
        Question,
        {"question_id": event.question_id},
        site_id=event.asked_by_site,
        to_organisation=event.to_organisation,
        asked_on=event.asked_on,
        due_on=event.due_on,
    )


@subscriber.on(QuestionAnswered)
async def question_answered(batch: Batch, event: QuestionAnswered) -> None:
    """Keep the day of the answer."""
    told = {"answered_on": event.answered_on, "you_said_we_did": event.you_said_we_did}
    batch.learn(Question, {"question_id": event.question_id}, **told)


@subscriber.on(QuestionLeftUnanswered)
async def question_left_unanswered(batch: Batch, event: QuestionLeftUnanswered) -> None:
    """Keep that its day went by without an answer."""
    batch.learn(Question, {"question_id": event.question_id}, due_on=event.due_on, left_unanswered=True)


@subscriber.on(CoproductionAssessed)
async def coproduction_assessed(batch: Batch, event: CoproductionAssessed) -> None:
    """Keep how co-produced a side finds an offer."""
    batch.learn(
        CoproductionAssessment,
        {"assessment_id": event.assessment_id},
        offer_id=event.offer_id,
        site_id=event.site_id,
        side=event.side,
        assessed_on=event.on,
        principles=event.principles,
        rung=event.rung,
        designed_by=event.designed_by,
        delivered_by=event.delivered_by,
        recorded_at=batch.at,
    )


def _number(hours: float | None) -> Decimal | None:
    """Return hours as they were written, so that sums of them are exact."""
    return None if hours is None else Decimal(str(hours))


def _last_day(quarter: str) -> date:
    """Return the last day of a quarter that is written as 2026-Q3."""
    year, number = int(quarter[:4]), int(quarter[-1])
    return date(year + number // 4, 3 * number % 12 + 1, 1) - timedelta(days=1)
