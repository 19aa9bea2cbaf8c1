"""Kinds of dimension: by national code, by age, by a plain value, yes or no, by registered site or cluster."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any, ClassVar, Self
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Integer,
    String,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    true,
)
from sqlalchemy.orm import QueryableAttribute

from services.reporting.domain.periods import Period
from services.reporting.measures.measure import Measure
from services.reporting.tables import Pathway
from shared.codes import NOT_KNOWN, NOT_RECORDED, NOT_STATED, By, CodeList, code_list

YES_NO = ("Yes", "No")
INTENSITIES = {"low": "Low intensity only", "high": "High intensity only", "both": "Low and high intensity"}
STATES = frozenset({NOT_STATED, NOT_KNOWN, NOT_RECORDED})


@dataclass(frozen=True)
class Register:
    """The sites of the network, by id, with names that tell them apart; and their clusters."""

    sites: Mapping[UUID, str] = field(default_factory=dict)
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """The periods of a table, and the expression that says in which of them (1, 2, 3 …) a pathway is."""

    periods: Sequence[Period]
    number: ColumnElement[int]

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
    key: QueryableAttribute[Any]
    field: str | None = None  # the field of the completeness table that it depends on
    demographic: bool = False  # may be crossed with sites
    multiple: bool = False  # a pathway can be in several groups, so groups add up to more than the total
    open: bool = False  # groups are those that occur; small ones are gathered when published
    exact_only: bool = False
    of_contact: QueryableAttribute[Any] | None = None  # where contacts have a value of their own
    contact_multiple: bool = False  # a contact can be in several groups
    of_ends: bool = False  # splits only what counts on the day that pathways end

    about: ClassVar[str] = ""

    def splits(self, measure: Measure) -> bool:
        """Whether the measure can be split so."""
        return measure.of_ends or not self.of_ends

    def for_measure(self, measure: Measure) -> Self:
        """Return the same breakdown of what the measure counts: of contacts by their own value, where they have one."""
        if self.of_contact is None or not measure.of_contacts:
            return self
        return replace(self, key=self.of_contact, multiple=self.contact_multiple)

    @property
    def apart(self) -> bool:
        """Whether all contacts of a pathway, and the pathway itself, are in one group only."""
        return not self.multiple and self.key is not self.of_contact

    def join(self, tables: FromClause) -> FromClause:
        """Join what the group is read from."""
        return tables

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
class Aged(Dimension):
    """By age at the end of the period, in the bands published for that date."""

    about: ClassVar[str] = (
        "Age on the last day of the period, from the month of birth; the bands are those published for that date. "
        "Born on 29 February: the birthday is 28 February in common years."
    )

    def group(self, frame: Frame) -> ColumnElement[str]:
        """Return the band of the age, by the edition of the bands that the period's end falls in."""
        bands = code_list(self.id)
        editions: dict[tuple[str, ...], list[int]] = {}
        for number, period in enumerate(frame.periods, start=1):
            editions.setdefault(bands.valid_codes(period.end), []).append(number)
        age = (frame.last_month - self.key) // literal(12, Integer)
        found: list[tuple[ColumnElement[bool], str]] = []
        for numbers in editions.values():
            within = true() if len(editions) == 1 else frame.number.between(numbers[0], numbers[-1])
            for entry in bands.valid(frame.periods[numbers[0] - 1].end):
                above = true() if entry.lower is None else age >= entry.lower
                below = true() if entry.upper is None else age <= entry.upper
                found.append((and_(within, above, below), entry.label))
        return case((self.key.is_(None), NOT_RECORDED), *found, else_=NOT_RECORDED)

    def groups(self, on: date | None, register: Register) -> tuple[Group, ...]:
        """Return the bands of that day, or of all days, and Not recorded."""
        del register
        found = [Group(entry.label, (), entry.valid_from, entry.valid_to) for entry in code_list(self.id).valid(on)]
        return (*found, Group(NOT_RECORDED))


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


@dataclass(frozen=True, eq=False, kw_only=True)
class CoProvided(YesOrNo):
    """By whether the introducing site delivers together with the NHS, now."""

    about: ClassVar[str] = (
        "Yes: introduced by a site that is a co-provider now. No site is a no; a site not heard of yet is not recorded."
    )

    def group(self, frame: Frame) -> ColumnElement[str]:
        """Return Yes, No or Not recorded; nobody introduced by no site was introduced by a co-provider."""
        return case((Pathway.site_id.is_(None), YES_NO[1]), else_=super().group(frame))


@dataclass(frozen=True, eq=False, kw_only=True)
class RegisteredSite(Dimension):
    """By site of the register."""

    about: ClassVar[str] = "Every registered site has a row; no site, or one not heard of yet, is not recorded."

    def group(self, frame: Frame) -> ColumnElement[str]:
        """Return the site's id."""
        del frame
        return func.coalesce(cast(self.key, Text), NOT_RECORDED)

    def label(self, key: str, register: Register) -> str:
        """Return the site's name."""
        return key if key == NOT_RECORDED else register.sites.get(UUID(key), NOT_RECORDED)

    def groups(self, on: date | None, register: Register) -> tuple[Group, ...]:
        """Return the registered sites by name, and Not recorded."""
        del on
        return (*(Group(name, (str(site),)) for site, name in register.sites.items()), Group(NOT_RECORDED))


@dataclass(frozen=True, eq=False, kw_only=True)
class RegisteredCluster(Dimension):
    """By cluster of registered sites."""

    about: ClassVar[str] = (
        "Every cluster of registered sites has a row; no site, or a site of no cluster, is not recorded."
    )

    def groups(self, on: date | None, register: Register) -> tuple[Group, ...]:
        """Return the clusters by name, and Not recorded."""
        del on
        return (*(Group(name, (name,)) for name in register.clusters), Group(NOT_RECORDED))
