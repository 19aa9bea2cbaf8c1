"""What reporting keeps: narrow facts, learned from events. The comments are in the database too, for whoever reads it there."""

from services.reporting.tables.community import (
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
from services.reporting.tables.pathways import (
    Contact,
    ContactSite,
    ErasedPerson,
    Pathway,
    Person,
    Restriction,
    Score,
    Site,
)
from services.reporting.tables.schema import Base

__all__ = [
    "Agreement",
    "Base",
    "Contact",
    "ContactSite",
    "Contribution",
    "CoproductionAssessment",
    "Engagement",
    "ErasedPerson",
    "Goal",
    "GoalReflection",
    "Mentorship",
    "Offer",
    "Pathway",
    "Person",
    "Question",
    "Readiness",
    "Restriction",
    "Score",
    "Session",
    "Site",
    "Training",
]
