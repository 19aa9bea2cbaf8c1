"""What `sites` announces."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.codes import Language, TherapyType
from shared.events.event import Event

OrganisationKind = Literal[
    "church", "mosque", "temple", "gurdwara", "synagogue", "community_group", "charity", "statutory", "other"
]
SiteStatus = Literal["active", "paused", "closed"]
Side = Literal["community", "statutory"]
Makers = Literal["professionals", "together", "people_using_services"]
SessionKind = Literal["workshop", "drop_in", "group", "clinic", "training", "conference", "forum", "other"]
EngagementKind = Literal["conversation", "meeting", "conference", "forum", "training", "visit", "agreement"]
Space = Literal["community", "statutory", "online"]
ResourceKind = Literal["symbolic", "relational", "material"]
GoalOutcome = Literal["met", "partly", "not_met", "dropped"]
Progress = Literal["on_track", "at_risk", "met", "not_met"]
Rung = Literal["doing_to", "doing_for", "doing_with"]
Programme = Annotated[str, Field(pattern="^[a-z0-9_]{1,64}$")]
Count = Annotated[int, Field(ge=0, le=100_000)]
Level = Annotated[int, Field(ge=0, le=4)]
Hours = Annotated[float, Field(ge=0, le=100_000)]
Slug = Annotated[str, Field(pattern="^[a-z0-9_]{1,60}$")]


class SiteRegistered(Event, subject="sites.site_registered.v1", aggregate="site_id"):
    """A co-provider site joined; its name is public, its address stays with `sites`."""

    site_id: UUID
    organisation_kind: OrganisationKind
    name: str = Field(max_length=200)
    cluster: str | None = Field(None, max_length=100)
    languages: tuple[Language, ...] = ()
    co_provider: bool
    status: SiteStatus


class SiteChanged(Event, subject="sites.site_changed.v1", aggregate="site_id"):
    """What is now known of a site; the whole picture each time."""

    site_id: UUID
    organisation_kind: OrganisationKind
    name: str = Field(max_length=200)
    cluster: str | None = Field(None, max_length=100)
    languages: tuple[Language, ...] = ()
    co_provider: bool
    status: SiteStatus


class OfferChanged(Event, subject="sites.offer_changed.v1", aggregate="offer_id"):
    """What is on offer at a site, as it is now: the whole picture each time; withdrawn says that it is gone."""

    offer_id: UUID
    site_id: UUID
    programme: Programme
    therapy_types: tuple[TherapyType, ...] = ()
    languages: tuple[Language, ...] = ()
    capacity: int | None = Field(None, ge=0)
    accepting_referrals: bool
    next_available_on: date | None = None
    designed_by: Makers
    delivered_by: Makers
    status: Literal["active", "inactive", "temporarily_closed", "withdrawn"]


class SessionHeld(Event, subject="sites.session_held.v1", aggregate="session_id"):
    """A session takes place at a site, or was called off; the whole picture each time."""

    session_id: UUID
    site_id: UUID
    offer_id: UUID | None = None
    programme: Programme
    kind: SessionKind
    starts_at: datetime
    duration_minutes: int = Field(ge=1, le=1440)
    language: Language
    facilitators: dict[Slug, Count] = Field(default_factory=dict)
    cancelled: bool = False


class AttendanceRecorded(Event, subject="sites.attendance_recorded.v1", aggregate="session_id"):
    """How many came to a session: a headcount and anonymous tallies, by code list and code."""

    session_id: UUID
    headcount: Count
    tallies: dict[Slug, dict[str, Count]] | None = None
    interpreter_used: bool | None = None


class EngagementLogged(Event, subject="sites.engagement_logged.v1", aggregate="engagement_id"):
    """Community and statutory people met: where, how long, how many of each side, what each brought."""

    engagement_id: UUID
    on: date
    kind: EngagementKind
    site_ids: tuple[UUID, ...]
    space: Space
    hours: Hours
    people_by_side: dict[Side, Count]
    resources: dict[Side, dict[ResourceKind, Count]] = Field(default_factory=dict)


class ContributionLogged(Event, subject="sites.contribution_logged.v1", aggregate="contribution_id"):
    """Hours were given, or money moved, from one side to another."""

    contribution_id: UUID
    site_id: UUID
    on: date
    hours: Hours | None = None
    paid: bool
    money_pence: int | None = Field(None, ge=0)
    from_side: Side
    to_side: Side


class TrainingRecorded(Event, subject="sites.training_recorded.v1", aggregate="training_id"):
    """People of a site were trained: a role and how many."""

    training_id: UUID
    site_id: UUID
    on: date
    role: Slug
    people: Count
    hours_each: Hours | None = None
    given_by: Side


class ReadinessAssessed(Event, subject="sites.readiness_assessed.v1", aggregate="assessment_id"):
    """A site's readiness on a day, by dimension, 0 to 4."""

    assessment_id: UUID
    site_id: UUID
    on: date
    levels: dict[Slug, Level]
    assessed_by: Side


class MentorshipRecorded(Event, subject="sites.mentorship_recorded.v1", aggregate="mentorship_id"):
    """One site mentors another, from a day and perhaps to a day."""

    mentorship_id: UUID
    mentor_site_id: UUID
    mentee_site_id: UUID
    began_on: date
    ended_on: date | None = None


class AgreementRecorded(Event, subject="sites.agreement_recorded.v1", aggregate="agreement_id"):
    """Who answers for what at a site was agreed, reviewed or ended: the dates only."""

    agreement_id: UUID
    site_id: UUID
    agreed_on: date
    review_on: date
    reviewed_on: date | None = None
    ended_on: date | None = None


class GoalSigned(Event, subject="sites.goal_signed.v1", aggregate="goal_id"):
    """A side signed a shared goal; in force once both have."""

    goal_id: UUID
    side: Side
    signed_on: date
    in_force: bool
    site_ids: tuple[UUID, ...]
    begins_on: date
    ends_on: date
    measure_id: Slug | None = None


class GoalUnsigned(Event, subject="sites.goal_unsigned.v1", aggregate="goal_id"):
    """A goal's words were changed: the signatures under it were for others, and it is not in force until both sign again."""

    goal_id: UUID


class GoalReflected(Event, subject="sites.goal_reflected.v1", aggregate="goal_id"):
    """A side reflected on a goal in a period: that it did, and how it stands."""

    goal_id: UUID
    side: Side
    period: str = Field(pattern=r"^20\d\d-Q[1-4]$")
    progress: Progress


class GoalClosed(Event, subject="sites.goal_closed.v1", aggregate="goal_id"):
    """A goal was closed: met, partly, not met or dropped."""

    goal_id: UUID
    outcome: GoalOutcome
    closed_on: date


class QuestionAsked(Event, subject="sites.question_asked.v1", aggregate="question_id"):
    """A site asked an organisation a question; its words stay with `sites`."""

    question_id: UUID
    asked_by_site: UUID
    to_organisation: UUID
    asked_on: date
    due_on: date


class QuestionAnswered(Event, subject="sites.question_answered.v1", aggregate="question_id"):
    """A question was answered, and whether something was done."""

    question_id: UUID
    answered_on: date
    you_said_we_did: bool


class QuestionLeftUnanswered(Event, subject="sites.question_left_unanswered.v1", aggregate="question_id"):
    """A question went past its day without an answer."""

    question_id: UUID
    due_on: date


class CoproductionAssessed(Event, subject="sites.coproduction_assessed.v1", aggregate="assessment_id"):
    """How co-produced a side finds an offer: six principles, 0 to 4, and a rung of the ladder."""

    assessment_id: UUID
    offer_id: UUID
    site_id: UUID
    side: Side
    on: date
    principles: dict[Slug, Level]
    rung: Rung
    designed_by: Makers
    delivered_by: Makers
