"""What callers ask of reporting, and what they are told."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.reporting.domain.periods import MONTH, Interval
from shared.events.sites import OrganisationKind

Profile = Literal["published", "exact"]
Status = Literal["shown", "suppressed", "withheld", "no_data"]


def _month(text: str) -> str:
    if not MONTH.fullmatch(text):
        raise PydanticCustomError("month", "A month such as 2026-07, from 2000-01 to 2099-12.")
    return text


Month = Annotated[
    str,
    AfterValidator(_month),
    Field(
        description="A whole month, included.",
        examples=["2026-07"],
        json_schema_extra={"pattern": f"^{MONTH.pattern}$"},
    ),
]
Text = Annotated[str, StringConstraints(max_length=100)]


class Asked(BaseModel):
    """What every table is asked by. An empty parameter is an absent one."""

    model_config = ConfigDict(hide_input_in_errors=True)

    from_: Month = Field(alias="from", description="First month, included.")
    to: Month = Field(description="Last month, included.")
    profile: Profile = Field(
        "published", description="`exact` needs the scope reports:exact, is audited, and is not for publication."
    )
    format: Literal["json", "csv"] = "json"

    @model_validator(mode="before")
    @classmethod
    def _without_empty_ones(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic's own
        return {name: value for name, value in given.items() if value != ""} if isinstance(given, dict) else given


class Filters(BaseModel):
    """What a table may be limited to; in published tables each counts as a breakdown."""

    site_id: UUID | None = Field(None, description="Introduced by this site.")
    site_kind: OrganisationKind | None = Field(None, description="Introduced by a site of this kind of organisation.")
    cluster: Text | None = Field(None, description="Introduced by a site of this cluster.")
    co_provided: bool | None = Field(None, description="Introduced by a site that is a co-provider now, or not.")
    pathway: Literal["triage", "drop_in"] | None = Field(None, description="The way in.")
    programme: Text | None = Field(None, description="The programme, by its short name.")

    def dimensions(self) -> list[str]:
        """Return the breakdowns that the filters in use stand for."""
        given = [name for name in Filters.model_fields if getattr(self, name) is not None]
        return ["site" if name == "site_id" else name for name in given]


class ReportQuery(Asked, Filters):
    """What a report is asked by."""

    interval: Interval = Field(
        "total",
        description="`quarter`: calendar quarters, `from` and `to` on their edges. `year`: twelve months each, from `from` on.",
    )
    by: Annotated[str, StringConstraints(max_length=200)] = Field(
        "",
        description="Breakdowns, separated by commas: GET /v1/breakdowns.",
        examples=["ethnic_group,gender_identity"],
    )


class CompletenessQuery(Asked):
    """What completeness is asked by."""

    by: Literal["site", "source_system"] | None = Field(
        None, description="Per introducing site, or per sending system."
    )


class PeriodShown(BaseModel):
    """Whole months, both days included."""

    start: date
    end: date
    label: str = Field(examples=["2026-Q3"])


class MeasureShown(BaseModel):
    """What a figure means."""

    id: str = Field(examples=["referrals_received"])
    title: str
    kind: Literal["count", "rate", "mean", "median", "p90", "sum", "ratio"]
    unit: str
    national: str | None = Field(description="Id of the national measure that this is, or null when it is ours.")
    numerator: str = Field(description="What is counted, in words.")
    denominator: str | None = Field(description="What it is a share of, in words; null for counts.")


class CatalogueEntry(MeasureShown):
    """A measure of the catalogue."""

    question: str
    about: Literal["people", "things"] = Field(
        description="`people`: published figures are rounded and small ones suppressed. `things`: published as they are."
    )
    breakdowns: list[str] = Field(description="What it can be split by; together: GET /v1/breakdowns.")
    source: str = Field(description="Where the definition comes from.")


class AsOf(BaseModel):
    """How many events the figures are made of, and when the last of them took effect."""

    events: int
    at: datetime


class Row(BaseModel):
    """A figure. Rates and ratios carry numerator and denominator too; means and medians the number of those they are of."""

    period: PeriodShown
    group: dict[str, str] = Field(description="The group of each breakdown, by its national label.")
    numerator: int | None = None
    denominator: int | None = None
    value: float | None = Field(description="Null unless shown.")
    status: Status


class CompletenessRow(BaseModel):
    """The four states of one field; never merged. `missing`: nothing was recorded."""

    group: dict[str, str]
    field: str
    denominator: int | None
    valid: int | None
    not_stated: int | None
    not_known: int | None
    missing: int | None
    valid_percent: float | None
    status: Status


class FieldRow(BaseModel):
    """The four states of a field that a table depends on."""

    field: str
    denominator: int | None
    valid: int | None
    not_stated: int | None
    not_known: int | None
    missing: int | None
    valid_percent: float | None
    status: Status


class Report(BaseModel):
    """One table."""

    measure: MeasureShown
    profile: Profile
    notice: str | None = Field(None, description="Only with exact figures: they are not for publication.")
    as_of: AsOf
    rows: list[Row]
    completeness: list[FieldRow] = Field(description="Of the fields the table depends on; base: referrals received.")


class Completeness(BaseModel):
    """The completeness of every field; base: referrals received in the period."""

    profile: Profile
    notice: str | None = None
    as_of: AsOf
    period: PeriodShown
    rows: list[CompletenessRow]


class GroupShown(BaseModel):
    """A row of a breakdown."""

    label: str
    codes: list[str]
    valid_from: date | None = None
    valid_to: date | None = None


class BreakdownShown(BaseModel):
    """A way to split figures."""

    id: str
    title: str
    about: str
    open: bool = Field(description="Groups come with the figures; small ones are gathered into Other or suppressed.")
    multiple: bool = Field(description="A pathway can be in several groups: they may add up to more than the total.")
    profiles: list[Profile]
    groups: list[GroupShown]
    more: str | None = Field(None, description="Where the groups are when they are too many to list here.")


class Together(BaseModel):
    """What may stand together."""

    alone: list[str]
    pairs: list[tuple[str, str]]
    triples: list[tuple[str, str, str]]


class Exactly(BaseModel):
    """What may stand together in exact tables: any, up to a number."""

    at_most: int


class AllowedShown(BaseModel):
    """What may stand together, by profile."""

    published: Together
    exact: Exactly


class Breakdowns(BaseModel):
    """Every breakdown, and which may stand together."""

    dimensions: list[BreakdownShown]
    allowed: AllowedShown
