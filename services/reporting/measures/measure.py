"""What a measure is: a value that says what is counted, when, and of what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Literal

from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import InstrumentedAttribute

Kind = Literal["count", "rate"]


@dataclass(frozen=True, eq=False, slots=True)
class Those:
    """Some of the pathways: said in words, and in SQL."""

    words: str
    where: ColumnElement[bool]


def all_of_them(words: str) -> Those:
    """Every pathway whose date lies in the period."""
    return Those(words, true())


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Measure:
    """One figure. Without a denominator it is a count, with one the percentage that the numerator is of it."""

    id: str
    national: str | None
    title: str
    question: str
    unit: str
    source: str
    when: InstrumentedAttribute[date | None]
    numerator: Those
    denominator: Those | None = None

    @property
    def kind(self) -> Kind:
        """What sort of figure it is."""
        return "count" if self.denominator is None else "rate"


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
