"""Kinds of dimension: by national code, by a plain value, by intensity, yes or no; by age and by site: in their own modules."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import date
from functools import cached_property
from typing import Any, ClassVar, Self
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Integer,
    Null,
    SQLColumnExpression,
    String,
    Text,
    case,
    cast,
    column,
    func,
    literal,
    null,
    true,
)
from sqlalchemy.orm import QueryableAttribute

from services.reporting.domain.periods import Period
from services.reporting.measures.measure import Measure
from services.reporting.measures.things import Things
from shared.codes import NOT_KNOWN, NOT_RECORDED, NOT_STATED, By, CodeList, code_list

YES_NO = ("Yes", "No")
INTENSITIES = {"low": "Low intensity only", "high": "High intensity only", "both": "Low and high intensity"}
STATES = frozenset({NOT_STATED, NOT_KNOWN, NOT_RECORDED})


@dataclass(frozen=True)
class Register:
    """The sites of the network, by id, with names that tell them apart; and their clusters."""

    sites: Mapping[UUID, str] = dataclass_field(default_factory=dict)
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """The periods of a table, and the expression that says in which of them (1, 2, 3 …) a pathway is; sites it is limited to."""

    periods: Sequence[Period]
    number: ColumnElement[int]
    sites: frozenset[UUID] | None = None

    @property
    def last_month(self) -> ColumnElement[int]:
        """The number of the last month of a pathway's period; periods are of one length and follow each other."""
        first = self.periods[0]
        length = first.last_month - (first.start.year * 12 + first.start.month - 1) + 1
        return literal(first.last_month - length, Integer) + self.number * literal(length, Integer)


@dataclass(frozen=True)
class Group:
    """A row of a breakdown, the codes that are in it, and when it is in use."""

    label: str
    codes: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Dimension(ABC):
    """A way to split a figure; every pathway is in one group at least, were it Not recorded."""

    id: str
    title: str
    key: SQLColumnExpression[Any] = dataclass_field(
        default_factory=null
    )  # of a pathway; none when it splits only other things
    field: str | None = None  # the field of the completeness table that it depends on
    demographic: bool = False  # may be crossed with sites
    multiple: bool = False  # a pathway can be in several groups, so groups add up to more than the total
    open: bool = False  # groups are those that occur; small ones are gathered when published
    exact_only: bool = False
    of_contact: QueryableAttribute[Any] | None = None  # where contacts have a value of their own
    contact_multiple: bool = False  # a contact can be in several groups
    of_ends: bool = False  # splits only what counts on the day that pathways end
    of_sites: bool = False  # splits whatever is of sites
    of_things: Mapping[Things, SQLColumnExpression[Any]] = dataclass_field(default_factory=dict)
    several: FromClause | None = None  # the groups of a row, where it is of several sites

    about: ClassVar[str] = ""

    def splits(self, measure: Measure) -> bool:
        """Whether the measure can be split so."""
        if measure.things is not None:
            return self.of_sites or measure.things in self.of_things
        return not isinstance(self.key, Null) and (measure.of_ends or not self.of_ends)

    def for_measure(self, measure: Measure) -> Self:
        """Return the same breakdown of what the measure counts: of contacts by their own value, where they have one."""
        if measure.things is not None:
            return self._for_things(measure.things)
        if self.of_contact is None or not measure.of_contacts:
            return self
        return replace(self, key=self.of_contact, multiple=self.contact_multiple)

    def _for_things(self, things: Things) -> Self:
        """Return the same breakdown of other things; what is of several sites can be in several groups."""
        if things in self.of_things:
            return replace(self, key=self.of_things[things], multiple=False)
        if things.sites is None:
            return self
        several = things.groups(self.key, self.id)
        return replace(self, key=several.c.key, several=several, multiple=True)

    @property
    def apart(self) -> bool:
        """Whether all contacts of a pathway, and the pathway itself, are in one group only."""
        return not self.multiple and self.key is not self.of_contact

    def join(self, tables: FromClause) -> FromClause:
        """Join what the group is read from."""
        return tables if self.several is None else tables.outerjoin(self.several, true())

    def group(self, frame: Frame) -> ColumnElement[str]:
        """Return a pathway's group, or the key that `label` turns into it."""
        del frame
        return func.coalesce(self.key, NOT_RECORDED)

    def label(self, key: str, register: Register) -> str:
        """Return the group that a key of `group` stands for."""
        del register
        return key

    @abstractmethod
    def groups(self, on: date | None, register: Register) -> tuple[Group, ...]:
        """Return every group that has a row in a period ending on that day; without a day, every group ever."""

    def rows(self, on: date, register: Register) -> tuple[str, ...]:
        """Return the labels of the groups that always have a row."""
        return tuple(group.label for group in self.groups(on, register))

    def arranged(self, labels: Iterable[str]) -> list[str]:
        """Return groups in the order of a table's rows."""
        return sorted(labels)


@dataclass(frozen=True, eq=False, kw_only=True)
class Coded(Dimension):
    """By national code: its label, or the group in which it is published."""

    list_name: str = ""
    by: By = "group"

    about: ClassVar[str] = "National groups."

    @property
    def codes(self) -> CodeList:
        """The code list."""
        return code_list(self.list_name or self.id)

    @cached_property
    def _pairs(self) -> tuple[list[str], list[str]]:
        rows = self.codes.rows(by=self.by)
        return list(rows), list(rows.values())

    @cached_property
    def _listed(self) -> Any:  # noqa: ANN401 - a table-valued alias
        """The code list as a table: one row per code, with its group."""
        codes, rows = (literal(values, ARRAY(Text)) for values in self._pairs)
        listed = func.unnest(codes, rows).table_valued(
            column("code", Text), column("row", Text), name=f"{self.id}_list"
        )
        return listed.render_derived()

    @cached_property
    def _held(self) -> Any:  # noqa: ANN401 - a lateral alias
        """The several codes of a pathway, as rows."""
        return (
            func.unnest(self.key)
            .table_valued(column("code", String), name=f"{self.id}_held")
            .render_derived()
            .lateral()
        )

    def join(self, tables: FromClause) -> FromClause:
        """Join the code list, by way of a person's several codes when there can be several."""
        if not self.multiple:
            return tables.outerjoin(self._listed, self._listed.c.code == cast(self.key, Text))
        tables = tables.outerjoin(self._held, true())
        return tables.outerjoin(self._listed, self._listed.c.code == cast(self._held.c.code, Text))

    def group(self, frame: Frame) -> ColumnElement[str]:
        """Return the code's row in the list."""
        del frame
        return func.coalesce(self._listed.c.row, NOT_RECORDED)

    def groups(self, on: date | None, register: Register) -> tuple[Group, ...]:
        """Return the list's groups, then Not stated and Not known where it has them, and Not recorded."""
        del on, register
        held: dict[str, list[str]] = {}
        for code, row in zip(*self._pairs, strict=True):
            held.setdefault(row, []).append(code)
        return tuple(Group(row, tuple(held.get(row, ()))) for row in self.codes.breakdown(by=self.by))

    def rows(self, on: date, register: Register) -> tuple[str, ...]:
        """Return every group; of an open list only the states, since its other groups come with the figures."""
        if self.open:
            return tuple(row for row in self.codes.breakdown(by=self.by) if row in STATES)
        return super().rows(on, register)

    def arranged(self, labels: Iterable[str]) -> list[str]:
        """Return groups in the order of the list."""
        return sorted(labels, key=self._order.__getitem__)

    @cached_property
    def _order(self) -> Mapping[str, int]:
        return {row: place for place, row in enumerate(self.codes.breakdown(by=self.by))}


@dataclass(frozen=True, eq=False, kw_only=True)
class Attribute(Dimension):
    """By a plain value of the fact."""

    values: tuple[str, ...] = ()

    about: ClassVar[str] = "The value as recorded."

    def groups(self, on: date | None, register: Register) -> tuple[Group, ...]:
        """Return the values there can be, and Not recorded."""
        del on, register
        return (*(Group(value, (value,)) for value in self.values), Group(NOT_RECORDED))


@dataclass(frozen=True, eq=False, kw_only=True)
class Intensity(Dimension):
    """By intensity of treatment: of a pathway, of all of its treatment contacts together."""

    about: ClassVar[str] = "By the therapies of treatment contacts; of an appointment, by its own."

    def label(self, key: str, register: Register) -> str:
        """Return the group's name."""
        del register
        return INTENSITIES.get(key, key)

    def groups(self, on: date | None, register: Register) -> tuple[Group, ...]:
        """Return low only, high only, both, and Not recorded."""
        del on, register
        return (*(Group(name, (key,)) for key, name in INTENSITIES.items()), Group(NOT_RECORDED))


@dataclass(frozen=True, eq=False, kw_only=True)
class YesOrNo(Dimension):
    """By a yes or a no."""

    about: ClassVar[str] = "Yes or no."

    def group(self, frame: Frame) -> ColumnElement[str]:
        """Return Yes, No or Not recorded."""
        del frame
        return case((self.key.is_(True), YES_NO[0]), (self.key.is_(False), YES_NO[1]), else_=NOT_RECORDED)

    def groups(self, on: date | None, register: Register) -> tuple[Group, ...]:
        """Return Yes, No and Not recorded."""
        del on, register
        return (Group("Yes", ("true",)), Group("No", ("false",)), Group(NOT_RECORDED))
