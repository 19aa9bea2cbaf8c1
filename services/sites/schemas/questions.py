"""Questions and answers as they are sent, as they are shown, and as the public log shows them."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.sites.schemas.goals import Words
from services.sites.schemas.listing import Listing
from services.sites.schemas.readiness import RECORDED, SITE, OwnId
from services.sites.schemas.words import SEVERAL_LINES, Flag, Strict, absent
from shared.days import Day
from shared.events.sites import Slug
from shared.paging import Paging

Standing = Literal["open", "overdue", "answered"]
Outcome = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=SEVERAL_LINES)]
EXAMPLE_QUESTION: dict[str, Any] = {
    "asked_by_site": SITE,
    "to_organisation": "5e0f8a3c-96a1-4b0e-9f57-7f3f6b2c1d10",
    "text": "When will the evening group have an interpreter for Tamil?",
    "topic": "interpreters",
    "asked_on": "2026-10-01",
    "due_on": "2026-10-29",
    "public": True,
}
ANSWERED: dict[str, Any] = {
    "status": "answered",
    "overdue": False,
    "answer": "From the first week of November, on Tuesdays.",
    "answered_on": "2026-10-20",
    "you_said_we_did": "An interpreter comes to the evening group every Tuesday.",
}


EXAMPLE_NAMES: dict[str, Any] = {
    "asked_by": {"id": SITE, "name": "Beechcroft Road hall"},
    "to": {"id": EXAMPLE_QUESTION["to_organisation"], "name": "South West London NHS Trust"},
}


class NewQuestion(Strict):
    """A question of a site to an organisation that answers to it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_QUESTION]})

    id: UUID | None = OwnId
    asked_by_site: UUID | None = Field(None, description="May be left out by a caller limited to one site.")
    to_organisation: UUID
    text: Words = Field(description="Published, unless `public` is false: name nobody.")
    topic: Slug | None = None
    asked_on: Day | None = Field(None, description="Today when left out; not in the future.")
    due_on: Day | None = Field(None, description="28 days after it was asked when left out.")
    public: Flag = Field(default=True, description="Whether question and answer stand in the public log.")


class QuestionChange(Strict):
    """Whether a question and its answer stand in the public log; its words stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"public": False}]})

    public: Flag = Field(default_factory=absent)


class NewAnswer(Strict):
    """An answer, or what was done since it was given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{name: ANSWERED[name] for name in ("answer", "you_said_we_did")}]}
    )

    answer: Words | None = Field(None, description="May be left out when only `you_said_we_did` is added.")
    you_said_we_did: Outcome | None = Field(None, description="What was done; may come later.")


class Question(BaseModel):
    """A question as it stands."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_QUESTION | RECORDED | ANSWERED]})

    id: UUID
    asked_by_site: UUID
    to_organisation: UUID
    text: str
    topic: str | None
    asked_on: date
    due_on: date
    public: bool
    status: Literal["open", "answered"]
    overdue: bool = Field(description="Whether its day has passed without an answer.")
    answer: str | None
    answered_on: date | None
    you_said_we_did: str | None
    version: int
    created_at: datetime
    modified_at: datetime


class QuestionFilters(Listing):
    """What a list of questions may be limited to; all filters hold together."""

    asked_by_site: UUID | None = None
    to_organisation: UUID | None = None
    topic: Slug | None = None
    public: bool | None = None
    status: Standing | None = Field(None, description="`open` are all that wait, `overdue` those whose day has passed.")


class Named(BaseModel):
    """A site or organisation, by its public name."""

    id: UUID
    name: str


class PublicQuestion(BaseModel):
    """A question in the public log: what was asked and answered, by which site and organisation, never by whom."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": RECORDED["id"],
                    **EXAMPLE_NAMES,
                    **{name: EXAMPLE_QUESTION[name] for name in ("text", "topic", "asked_on", "due_on")},
                    **ANSWERED,
                }
            ]
        }
    )

    id: UUID
    asked_by: Named
    to: Named
    text: str
    topic: str | None
    asked_on: date
    due_on: date
    status: Literal["open", "answered"]
    overdue: bool
    answer: str | None
    answered_on: date | None
    you_said_we_did: str | None


class PublicFilters(Paging):
    """What the public log may be limited to; all filters hold together."""

    asked_by_site: UUID | None = None
    to_organisation: UUID | None = None
    topic: Slug | None = None
    status: Standing | None = Field(None, description="`open` are all that wait, `overdue` those whose day has passed.")
