"""What sites do together with the NHS: offers, sessions, engagement, contributions, goals, questions.

Facts of events that came before this are made by `roundtable rebuild`.
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "5c1f0e7b9a42"
down_revision = "cca244b6022e"
branch_labels = None
depends_on = None

TABLES = (
    "agreements",
    "contributions",
    "coproduction_assessments",
    "engagements",
    "goal_reflections",
    "goals",
    "mentorships",
    "offers",
    "questions",
    "readiness",
    "sessions",
    "training",
)


def upgrade() -> None:
    op.create_table(
        "agreements",
        Column("agreement_id", Uuid(), nullable=False, comment="The agreement."),
        Column("site_id", Uuid(), comment="The site."),
        Column("agreed_on", Date(), comment="Day it was agreed."),
        Column("review_on", Date(), comment="Day it is to be looked at again."),
        Column("reviewed_on", Date(), comment="Day it last was."),
        Column("ended_on", Date(), comment="Day it ended."),
        PrimaryKeyConstraint("agreement_id", name=op.f("pk_agreements")),
        comment="Agreements on who answers for what at a site: their dates.",
    )
    op.create_table(
        "contributions",
        Column("contribution_id", Uuid(), nullable=False, comment="The contribution."),
        Column("site_id", Uuid(), comment="The site it was made at."),
        Column("given_on", Date(), comment="Its day."),
        Column("hours", Numeric(), comment="Hours given."),
        Column("paid", Boolean(), comment="Whether they were paid for."),
        Column("money_pence", BigInteger(), comment="Money moved, pence."),
        Column("from_side", String(length=10), comment="Who gave: community or statutory."),
        Column("to_side", String(length=10), comment="Who was given to: community or statutory."),
        PrimaryKeyConstraint("contribution_id", name=op.f("pk_contributions")),
        comment="Hours given and money moved between the sides.",
    )
    op.create_table(
        "coproduction_assessments",
        Column("assessment_id", Uuid(), nullable=False, comment="The assessment."),
        Column("offer_id", Uuid(), comment="The offer."),
        Column("site_id", Uuid(), comment="The site it is at."),
        Column("side", String(length=10), comment="Whose view: community or statutory."),
        Column("assessed_on", Date(), comment="Its day."),
        Column("principles", JSONB(none_as_null=True), comment="Level of each principle, 0 to 4."),
        Column("rung", String(length=10), comment="doing_to, doing_for or doing_with."),
        Column("designed_by", String(length=30), comment="professionals, together or people_using_services."),
        Column("delivered_by", String(length=30), comment="professionals, together or people_using_services."),
        Column(
            "recorded_at", DateTime(timezone=True), comment="When it was recorded: of two of one day, the later counts."
        ),
        PrimaryKeyConstraint("assessment_id", name=op.f("pk_coproduction_assessments")),
        comment="How co-produced each side finds an offer: six principles, 0 to 4, and a rung of the ladder.",
    )
    op.create_table(
        "engagements",
        Column("engagement_id", Uuid(), nullable=False, comment="The engagement."),
        Column("engaged_on", Date(), comment="Its day."),
        Column("kind", String(length=20), comment="conversation, meeting, forum …"),
        Column("site_ids", ARRAY(Uuid()), comment="The sites it was with, in order."),
        Column("space", String(length=20), comment="community, statutory or online."),
        Column("hours", Numeric(), comment="How long it lasted."),
        Column("community_people", Integer(), comment="How many of the community side were there."),
        Column("statutory_people", Integer(), comment="How many of the statutory side were there."),
        Column(
            "resources",
            JSONB(none_as_null=True),
            comment="How many things each side brought: side, then symbolic, relational or material.",
        ),
        PrimaryKeyConstraint("engagement_id", name=op.f("pk_engagements")),
        comment="Meetings of both sides: where, how long, how many of each, what each brought.",
    )
    op.create_table(
        "goal_reflections",
        Column("goal_id", Uuid(), nullable=False, comment="The goal."),
        Column("quarter_ended_on", Date(), nullable=False, comment="Last day of the quarter."),
        Column(
            "community_progress",
            String(length=10),
            comment="How it stands to the community side; NULL until that side reflects.",
        ),
        Column(
            "statutory_progress",
            String(length=10),
            comment="How it stands to the statutory side; NULL until that side reflects.",
        ),
        PrimaryKeyConstraint("goal_id", "quarter_ended_on", name=op.f("pk_goal_reflections")),
        comment="Goals and quarters that at least one side reflected on.",
    )
    op.create_table(
        "goals",
        Column("goal_id", Uuid(), nullable=False, comment="The goal."),
        Column("site_ids", ARRAY(Uuid()), comment="The sites it is about, in order."),
        Column("begins_on", Date(), comment="First day of its period."),
        Column("ends_on", Date(), comment="Last day of its period."),
        Column("measure_id", String(length=60), comment="The measure it is tied to."),
        Column("community_signed_on", Date(), comment="Day the community side last signed it."),
        Column("statutory_signed_on", Date(), comment="Day the statutory side last signed it."),
        Column("in_force", Boolean(), comment="Whether both sides had signed its words at the last signature."),
        Column("outcome", String(length=10), comment="met, partly, not_met or dropped; NULL is open."),
        Column("closed_on", Date(), comment="Day it was closed."),
        PrimaryKeyConstraint("goal_id", name=op.f("pk_goals")),
        comment="Shared goals that at least one side has signed, or that were closed.",
    )
    op.create_table(
        "mentorships",
        Column("mentorship_id", Uuid(), nullable=False, comment="The mentorship."),
        Column("mentor_site_id", Uuid(), comment="The site that mentors."),
        Column("mentee_site_id", Uuid(), comment="The site that is mentored."),
        Column("began_on", Date(), comment="First day."),
        Column("ended_on", Date(), comment="Last day; NULL while it goes on."),
        PrimaryKeyConstraint("mentorship_id", name=op.f("pk_mentorships")),
        comment="Sites that mentor sites, from a day and perhaps to a day.",
    )
    op.create_table(
        "offers",
        Column("offer_id", Uuid(), nullable=False, comment="The offer."),
        Column("site_id", Uuid(), comment="Where it is."),
        Column("programme", String(length=64), comment="The programme, by its short name."),
        Column("therapy_types", ARRAY(String(length=18)), comment="Codes of therapy_type, in order."),
        Column("languages", ARRAY(String(length=3)), comment="Languages, in order."),
        Column("capacity", Integer(), comment="Places; NULL when it has no limit."),
        Column("accepting_referrals", Boolean(), comment="Whether it takes referrals now."),
        Column("next_available_on", Date(), comment="Next day with a place."),
        Column("designed_by", String(length=30), comment="professionals, together or people_using_services."),
        Column("delivered_by", String(length=30), comment="professionals, together or people_using_services."),
        Column("status", String(length=20), comment="active, inactive, temporarily_closed or withdrawn."),
        PrimaryKeyConstraint("offer_id", name=op.f("pk_offers")),
        comment="What is on offer at sites, as last announced.",
    )
    op.create_table(
        "questions",
        Column("question_id", Uuid(), nullable=False, comment="The question."),
        Column("site_id", Uuid(), comment="The site that asks."),
        Column("to_organisation", Uuid(), comment="The organisation that is asked."),
        Column("asked_on", Date(), comment="Day it was asked."),
        Column("due_on", Date(), comment="Last day for the answer."),
        Column("answered_on", Date(), comment="Day it was answered."),
        Column("you_said_we_did", Boolean(), comment="Whether something was done."),
        Column(
            "left_unanswered", Boolean(), comment="Whether its day was announced to have gone by without an answer."
        ),
        PrimaryKeyConstraint("question_id", name=op.f("pk_questions")),
        comment="Questions of sites to organisations: their days, never their words.",
    )
    op.create_table(
        "readiness",
        Column("assessment_id", Uuid(), nullable=False, comment="The assessment."),
        Column("site_id", Uuid(), comment="The site."),
        Column("assessed_on", Date(), comment="Its day."),
        Column("levels", JSONB(none_as_null=True), comment="Level of each dimension, 0 to 4."),
        Column("assessed_by", String(length=10), comment="Whose view: community or statutory."),
        Column(
            "recorded_at", DateTime(timezone=True), comment="When it was recorded: of two of one day, the later counts."
        ),
        PrimaryKeyConstraint("assessment_id", name=op.f("pk_readiness")),
        comment="Assessments of sites' readiness, by dimension, 0 to 4.",
    )
    op.create_table(
        "sessions",
        Column("session_id", Uuid(), nullable=False, comment="The session."),
        Column("site_id", Uuid(), comment="Where it takes place."),
        Column("offer_id", Uuid(), comment="The offer it belongs to."),
        Column("programme", String(length=64), comment="The programme, by its short name."),
        Column("kind", String(length=20), comment="workshop, drop_in, group …"),
        Column("held_on", Date(), comment="Its day, in London."),
        Column("duration_minutes", SmallInteger(), comment="Its length."),
        Column("language", String(length=3), comment="Its language, one code for each language."),
        Column("facilitators", JSONB(none_as_null=True), comment="How many led it, by role."),
        Column("cancelled", Boolean(), comment="Called off: counts nowhere."),
        Column("headcount", Integer(), comment="How many came; NULL until that is recorded."),
        Column(
            "tallies",
            JSONB(none_as_null=True),
            comment="Of those, how many by code list and code; anonymous, and not of everybody.",
        ),
        Column("interpreter_used", Boolean(), comment="Whether an interpreter was there."),
        PrimaryKeyConstraint("session_id", name=op.f("pk_sessions")),
        comment="One row per session at a site; attendance is a headcount, nobody's name.",
    )
    op.create_table(
        "training",
        Column("training_id", Uuid(), nullable=False, comment="The training."),
        Column("site_id", Uuid(), comment="The site whose people they are."),
        Column("trained_on", Date(), comment="Its day."),
        Column("role", String(length=60), comment="What they were trained as."),
        Column("people", Integer(), comment="How many."),
        Column("hours_each", Numeric(), comment="How long it took each of them."),
        Column("given_by", String(length=10), comment="Who trained them: community or statutory."),
        PrimaryKeyConstraint("training_id", name=op.f("pk_training")),
        comment="People trained at sites: a role and how many.",
    )
    op.create_index("ix_contributions_given_on", "contributions", ["given_on"])
    op.create_index(
        "ix_coproduction_assessments_offer_id_side_assessed_on",
        "coproduction_assessments",
        ["offer_id", "side", "assessed_on"],
    )
    op.create_index("ix_engagements_engaged_on", "engagements", ["engaged_on"])
    op.create_index("ix_goals_closed_on", "goals", ["closed_on"])
    op.create_index("ix_questions_answered_on", "questions", ["answered_on"])
    op.create_index("ix_questions_asked_on", "questions", ["asked_on"])
    op.create_index("ix_readiness_site_id_assessed_on", "readiness", ["site_id", "assessed_on"])
    op.create_index("ix_sessions_held_on", "sessions", ["held_on"])
    op.create_index("ix_training_trained_on", "training", ["trained_on"])


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
