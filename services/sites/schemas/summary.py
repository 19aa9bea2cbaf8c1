"""A site's own numbers: what they are asked by, and how they are shown."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from services.sites.domain.months import MONTH, months
from services.sites.domain.quarters import Span
from services.sites.schemas.readiness import SITE
from shared.events.sites import Side


def _month(text: str) -> str:
    if not MONTH.fullmatch(text):
        raise PydanticCustomError("month", "A month such as 2026-07, from 1990-01 to 2099-12.")
    return text


Month = Annotated[
    str, AfterValidator(_month), Field(examples=["2026-07"], json_schema_extra={"pattern": f"^{MONTH.pattern}$"})
]


class Months(BaseModel):
    """Which whole months a summary is of."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    from_: Month = Field(alias="from", description="First month, included.")
    to: Month = Field(description="Last month, included; not before the first.")

    def span(self) -> Span:
        """Return their days."""
        return months(self.from_, self.to)


class Figure(BaseModel):
    """A count of people's pathways, as published everywhere: to the nearest 5, and null when it is below 5, zero too."""

    value: int | None
    status: Literal["shown", "suppressed"]


class PathwayFigures(BaseModel):
    """Pathways of people whom the site introduced, each counted on its own date, as reporting's measures of that id count."""

    referrals_received: Figure = Field(description="Received in these months (M001).")
    first_assessments: Figure = Field(description="First assessed in these months (M023).")
    accessing_services: Figure = Field(description="First treated in these months (M031).")
    ended_referrals: Figure = Field(description="Ended in these months (M056).")
    finished_course: Figure = Field(description="Ended in these months with two treatment contacts or more (M076).")


class SessionFigures(BaseModel):
    """Sessions that began in these months and were not called off, exactly."""

    held: int
    hours: float = Field(description="Their lengths together.")
    counted: int = Field(description="Of those held, how many have a headcount; the rest is not known, not nobody.")
    headcount: int = Field(description="Who came to those that were counted: visits, not different people.")


class Given(BaseModel):
    """What one side gave."""

    hours_paid: float
    hours_unpaid: float
    money_pence: int


class EngagementFigures(BaseModel):
    """Engagements that the site took part in, whole, also where other sites did too."""

    number: int
    hours: float


class TrainingFigures(BaseModel):
    """Training of the site's people."""

    courses: int
    people: int = Field(description="Places taken: somebody on two courses counts twice.")


class QuestionFigures(BaseModel):
    """Questions that the site asked in these months, as they stand today."""

    asked: int
    answered: int
    open: int = Field(description="Not answered, overdue ones included.")
    overdue: int


class GoalFigures(BaseModel):
    """Goals that the site shares."""

    in_force: int = Field(description="Signed by both sides and not closed, on the last of these days or today.")
    met: int = Field(description="Closed as met in these months.")


GIVEN: dict[str, Any] = {
    "community": {"hours_paid": 12, "hours_unpaid": 86.5, "money_pence": 0},
    "statutory": {"hours_paid": 40, "hours_unpaid": 0, "money_pence": 125000},
}
EXAMPLE_SUMMARY: dict[str, Any] = {
    "site_id": SITE,
    "from": "2026-01-01",
    "to": "2026-12-31",
    "pathways": {
        "referrals_received": {"value": 45, "status": "shown"},
        "first_assessments": {"value": 35, "status": "shown"},
        "accessing_services": {"value": 30, "status": "shown"},
        "ended_referrals": {"value": 20, "status": "shown"},
        "finished_course": {"value": None, "status": "suppressed"},
    },
    "sessions": {"held": 31, "hours": 62, "counted": 30, "headcount": 1204},
    "contributions": GIVEN,
    "engagements": {"number": 14, "hours": 33.5},
    "training": {"courses": 3, "people": 22},
    "questions": {"asked": 6, "answered": 4, "open": 2, "overdue": 1},
    "goals": {"in_force": 2, "met": 1},
}


class Summary(BaseModel):
    """A site's own numbers: its sessions and the like exactly, people's pathways as they are published."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_SUMMARY]})

    site_id: UUID
    from_: date = Field(alias="from")
    to: date
    pathways: PathwayFigures
    sessions: SessionFigures
    contributions: dict[Side, Given] = Field(description="By the side that gave.")
    engagements: EngagementFigures
    training: TrainingFigures
    questions: QuestionFigures
    goals: GoalFigures
