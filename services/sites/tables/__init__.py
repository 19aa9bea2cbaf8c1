"""What `sites` keeps. Sites, and through them everything else, are isolated by row-level security."""

from services.sites.tables.engagement import Contribution, Engagement
from services.sites.tables.pathways import Pathway, PathwayContact
from services.sites.tables.readiness import Agreement, Mentorship, Readiness, Training
from services.sites.tables.register import Offer, Organisation, Removed, Schedule, Site
from services.sites.tables.schema import Base
from services.sites.tables.sessions import CommunitySession
from services.sites.tables.together import CoproductionAssessment, Goal, Question, Reflection, Signature

__all__ = [
    "Agreement",
    "Base",
    "CommunitySession",
    "Contribution",
    "CoproductionAssessment",
    "Engagement",
    "Goal",
    "Mentorship",
    "Offer",
    "Organisation",
    "Pathway",
    "PathwayContact",
    "Question",
    "Readiness",
    "Reflection",
    "Removed",
    "Schedule",
    "Signature",
    "Site",
    "Training",
]
