"""What a measure is: a value that says what is counted, when, and of what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import ColumnElement, Date, Integer, SQLColumnExpression, and_, literal_column, true, type_coerce
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.elements import KeyedColumnElement

from services.reporting.measures.things import Things
from services.reporting.tables import Contact, Pathway

Statistic = Literal["mean", "median", "p90", "sum", "ratio"]
Kind = Literal["count", "rate", "mean", "median", "p90", "sum", "ratio"]
About = Literal["people", "things"]

NATIONAL = "NHS England, NHS Talking Therapies monthly measures, metadata of July 2026"
ANNUAL = "NHS England, NHS Talking Therapies annual report, metadata of 2024-25"
OURS = "Roundtable: there is no national measure"

# The last day of the period, in measures of how things stood on it.
PERIOD_END: ColumnElement[date] = literal_column("periods.last", Date)


@dataclass(frozen=True, eq=False, slots=True)
class Those:
    """Some of the pathways, or contacts: said in words, and in SQL."""

    words: str
    where: SQLColumnExpression[bool]

    def who(self, words: str, where: SQLColumnExpression[bool]) -> "Those":
        """Return some of those."""
        return Those(words, and_(self.where, where))


@dataclass(frozen=True, eq=False, slots=True)
class Amount:
    """What is known of each of them as a number; means and medians are published to so many decimals, exactly to one.

    `per`: what a ratio divides its sum by, summed up too; `behind`: how many are behind a sum, too few of whom hide it;
    `rated`: whether it is made with the rate that an hour is valued at.
    """

    statistic: Statistic
    each: SQLColumnExpression[Any]
    decimals: int = 0
    per: SQLColumnExpression[Any] | None = None
    behind: SQLColumnExpression[Any] | None = None
    rated: bool = False


def days(first: SQLColumnExpression[Any], last: SQLColumnExpression[Any]) -> ColumnElement[int]:
    """Return the days from one date to another; national waits are differences of dates."""
    return type_coerce(last - first, Integer)


def all_of_them(words: str) -> Those:
    """Everything whose date lies in the period."""
    return Those(words, true())


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Measure:
    """One figure: a count; with a denominator the percentage that the numerator is of it; with an amount what is made of it.

    `when` is the date that must lie in the period; None for how things stood on the period's last day. `things`: what is
    counted when that is neither pathways nor contacts; `about`: whether a figure could point at people, or is of things alone.
    """

    id: str
    national: str | None = None
    title: str
    question: str
    unit: str = "pathways"
    source: str = NATIONAL
    when: InstrumentedAttribute[Any] | KeyedColumnElement[Any] | None
    numerator: Those
    denominator: Those | None = None
    amount: Amount | None = None
    things: Things | None = None
    about: About = "people"

    @property
    def kind(self) -> Kind:
        """What sort of figure it is."""
        if self.amount is not None:
            return self.amount.statistic
        return "count" if self.denominator is None else "rate"

    @property
    def counted(self) -> Those:
        """What is behind a figure: of a rate, its denominator."""
        return self.denominator or self.numerator

    @property
    def of_contacts(self) -> bool:
        """Whether contacts are counted, not pathways."""
        return getattr(self.when, "class_", None) is Contact

    @property
    def of_ends(self) -> bool:
        """Whether it counts on the day that pathways end."""
        return self.when is Pathway.ended_on

    @property
    def dated(self) -> str:
        """The date it counts on, in words."""
        return "last day of the period" if self.when is None else f"`{self.when.key}`"


def catalogue(measures: Iterable[Measure]) -> Mapping[str, Measure]:
    """Return measures by id; an id, national id or title that two of them claim is refused."""
    found: dict[str, Measure] = {}
    claimed = set()
    for measure in measures:
        for what, name in (("id", measure.id), ("national id", measure.national), ("title", measure.title)):
            if name is not None and (what, name) in claimed:
                raise ValueError(f"two measures claim the {what} {name}")
            claimed.add((what, name))
        found[measure.id] = measure
    return MappingProxyType(found)
