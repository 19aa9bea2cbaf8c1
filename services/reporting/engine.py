"""A measure, periods, breakdowns and filters become cells by one SELECT; the cells leave sealed."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from itertools import product
from math import prod
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Select,
    SQLColumnExpression,
    Uuid,
    any_,
    column,
    exists,
    func,
    inspect,
    literal,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.cells import OTHER, Cell, Sealed
from services.reporting.dimensions import STATES, Dimension, Frame, Register
from services.reporting.domain.periods import Period
from services.reporting.measures.completeness import Field
from services.reporting.measures.measure import Amount, Measure, Statistic
from services.reporting.schemas import Filters
from services.reporting.tables import Contact, ContactSite, Pathway, Person, Restriction, Site
from shared.codes import State
from shared.inbox import InboxPosition
from shared.problems import Problem

MOST_CELLS = 100_000
STATISTICS: dict[Statistic, Callable[[Amount], ColumnElement[Any]]] = {
    "mean": lambda amount: func.avg(amount.each),
    "median": lambda amount: func.percentile_cont(0.5).within_group(amount.each),
    "p90": lambda amount: func.percentile_cont(0.9).within_group(amount.each),
}


class TableTooLarge(Problem):
    """That table would have too many cells; ask for fewer periods or breakdowns."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self) -> None:
        super().__init__(f"At most {MOST_CELLS:,} cells.")


@dataclass(frozen=True)
class Question:
    """What is asked of the facts; `sites` limits it to pathways of those sites."""

    measure: Measure
    periods: tuple[Period, ...]
    by: tuple[Dimension, ...] = ()
    filters: Filters = field(default_factory=Filters)
    sites: frozenset[UUID] | None = None


@dataclass(frozen=True)
class Standing:
    """How far the facts are: events applied, when the last was, and the periods in which the measure has nothing at all."""

    events: int
    at: datetime
    silent: frozenset[int]


async def standing(session: AsyncSession, measure: Measure, periods: Sequence[Period]) -> Standing:
    """Return how far the facts are. The first thing to read: `rebuild` swaps tables only while nobody holds this one."""
    each = _periods(periods)
    tables = _joined((), set(), of_contacts=measure.of_contacts)
    something = exists(select(literal(1)).select_from(tables).where(_dated(measure, each), *_counted(measure)))
    silent = func.array(select(each.c.number).where(~something).scalar_subquery(), type_=ARRAY(Integer))
    row = (await session.execute(select(InboxPosition.events, InboxPosition.at, silent))).one()
    return Standing(row[0], row[1], frozenset(number - 1 for number in row[2]))


async def cells(session: AsyncSession, question: Question, register: Register, silent: frozenset[int]) -> Sealed:
    """Count every cell of the table, those of groups without pathways included."""
    depth, measure = len(question.by), question.measure
    found: list[dict[tuple[str, ...], Cell]] = [{} for _ in question.periods]
    for number, *rest in await session.execute(_select(question)):
        groups = tuple(dimension.label(key, register) for dimension, key in zip(question.by, rest[:depth], strict=True))
        found[number - 1][groups] = _cell(measure, number - 1, groups, rest[depth:])
    table: list[Cell] = []
    nothing = _cell(measure, 0, (), (0,) * len(_counts(measure)))
    for place, (period, counts) in enumerate(zip(question.periods, found, strict=True)):
        labels = [
            _labels(dimension, period, register, {groups[position] for groups in counts})
            for position, dimension in enumerate(question.by)
        ]
        if len(table) + prod(map(len, labels)) > MOST_CELLS:
            raise TableTooLarge
        table += (counts.get(groups) or nothing._replace(place=place, groups=groups) for groups in product(*labels))
    return Sealed(
        tuple(table),
        measure.kind,
        _fixed(question.by),
        frozenset(silent),
        all(dimension.apart for dimension in question.by),
        measure.amount.decimals if measure.amount else 0,
    )


async def states(
    session: AsyncSession, question: Question, fields: Sequence[Field], register: Register, silent: frozenset[int]
) -> Sealed:
    """Count the four states of fields over the whole of the question's periods."""
    by = question.by
    answered = [
        count
        for each in fields
        for count in (
            func.count(each.column),
            *(func.count().filter(each.is_in(state)) for state in (State.NOT_STATED, State.NOT_KNOWN)),
        )
    ]
    frame = Frame(question.periods, literal(1))
    groups = [dimension.group(frame).label(f"group_{place}") for place, dimension in enumerate(by)]
    needed = {inspect(each.column).parent for each in fields} | _needed(by, question.filters)
    columns: list[ColumnElement[Any]] = [*groups, func.count(), *answered]
    statement = _limited(select(*columns).select_from(_joined(by, needed)), question)
    rows = await session.execute(statement.group_by(*(literal_column(str(place + 1)) for place in range(len(by)))))
    found: dict[tuple[str, ...], Sequence[int]] = {}
    for row in rows:
        labels = tuple(dimension.label(key, register) for dimension, key in zip(by, row[: len(by)], strict=True))
        found[labels] = row[len(by) :]
    listed = [
        _labels(dimension, question.periods[-1], register, {groups[place] for groups in found})
        for place, dimension in enumerate(by)
    ]
    nothing = (0,) * (1 + len(answered))
    return Sealed(
        tuple(
            Cell(each.id, labels, _four(found.get(labels, nothing), place))
            for labels in product(*listed)
            for place, each in enumerate(fields)
        ),
        "states",
        _fixed(by),
        frozenset(each.id for each in fields) if silent else frozenset(),
    )


def _four(counts: Sequence[int], place: int) -> tuple[int, int, int, int]:
    """Return valid, not stated, not known and missing of the field at a place, from what was counted of it."""
    held, not_stated, not_known = counts[1 + 3 * place : 4 + 3 * place]
    return held - not_stated - not_known, not_stated, not_known, counts[0] - held


def _select(question: Question) -> Select[Any]:
    """Return the one SELECT behind a table: period, groups, and the counts."""
    measure, periods = question.measure, question.periods
    tables = _joined(question.by, _needed(question.by, question.filters), of_contacts=measure.of_contacts)
    if measure.when is None:
        each = _periods(periods)
        number: ColumnElement[int] = each.c.number
        tables = each.join(tables, true())  # whatever stands on the last day of each
    else:
        starts, _ = _days(periods)
        number = literal(1, Integer) if len(periods) == 1 else func.width_bucket(measure.when, starts, type_=Integer)
    frame = Frame(periods, number)
    groups = [dimension.group(frame) for dimension in question.by]
    shown: list[ColumnElement[Any]] = [number, *groups, *_counts(measure)]
    columns = [column.label(f"column_{place}") for place, column in enumerate(shown)]
    statement = select(*columns).select_from(tables)
    # by position: the same parameter given twice is two parameters, which PostgreSQL does not take for the same expression
    return _limited(statement, question).group_by(*(literal_column(str(place + 1)) for place in range(1 + len(groups))))


def _counts(measure: Measure) -> list[ColumnElement[Any]]:
    """Return what is counted of a group: numerator and denominator, then how many pathways or people are behind them."""
    if measure.amount is not None:
        return [
            func.count(),
            func.count(Pathway.counts_as.distinct()),
            STATISTICS[measure.amount.statistic](measure.amount),
        ]
    those = [] if measure.denominator is None else [measure.numerator.where]
    behind = func.count(Contact.referral_id.distinct())
    return [
        *(func.count().filter(where) for where in those),
        func.count(),
        *(counted for counted in (*(behind.filter(where) for where in those), behind) if measure.of_contacts),
    ]


def _cell(measure: Measure, place: int, groups: tuple[str, ...], counted: Sequence[Any]) -> Cell:
    """Return what was counted of a group as a cell."""
    if measure.amount is not None:
        pathways, people, value = counted
        return Cell(place, groups, (pathways,), (people,), None if not pathways else Decimal(str(value)))
    counts = 1 if measure.denominator is None else 2
    return Cell(place, groups, tuple(counted[:counts]), tuple(counted[counts:]))


def _limited(statement: Select[Any], question: Question) -> Select[Any]:
    """Keep the pathways, or contacts, that are asked about."""
    measure, filters, periods = question.measure, question.filters, question.periods
    statement = statement.where(*_counted(measure))
    if measure.when is not None:
        statement = statement.where(measure.when.between(periods[0].start, periods[-1].end))
    where: Any = ContactSite if measure.of_contacts else Site
    equal = {
        (Contact if measure.of_contacts else Pathway).site_id: filters.site_id,
        where.organisation_kind: filters.site_kind,
        where.cluster: filters.cluster,
        Pathway.pathway: filters.pathway,
        Pathway.programme: filters.programme,
    }
    statement = statement.where(*(column == value for column, value in equal.items() if value is not None))
    if filters.co_provided is not None:
        right = Site.co_provider.is_(filters.co_provided)
        statement = statement.where(right if filters.co_provided else or_(Pathway.site_id.is_(None), right))
    if question.sites is not None:
        statement = statement.where(Pathway.site_id == any_(literal(list(question.sites), ARRAY(Uuid))))
    return statement


def _dated(measure: Measure, each: Any) -> ColumnElement[bool]:  # noqa: ANN401 - an alias
    """Return whether the measure's date is in the period; what stands on its last day says so itself."""
    return true() if measure.when is None else measure.when.between(each.c.first, each.c.last)


def _counted(measure: Measure) -> list[SQLColumnExpression[bool]]:
    """Return what is behind a figure: nothing entered in error, and nobody whose record may not be used."""
    restricted = (
        exists().where(Restriction.person_key == key, Restriction.restricted.is_(True))
        for key in (Pathway.person_key, Pathway.counts_as)
    )
    return [
        measure.counted.where,
        ~Pathway.removed,
        *(~each for each in restricted),
        *([~Contact.removed] if measure.of_contacts else []),
    ]


def _needed(by: Sequence[Dimension], filters: Filters) -> set[Any]:
    """Return the tables that breakdowns and filters read."""
    needed = {inspect(dimension.key).parent for dimension in by}
    if any(value is not None for value in (filters.site_kind, filters.cluster, filters.co_provided)):
        needed |= {inspect(Site), inspect(ContactSite)}
    return needed


def _joined(by: Sequence[Dimension], needed: Collection[Any], *, of_contacts: bool = False) -> FromClause:
    """Return pathways, or contacts with their pathways, with what is known of their people and sites."""
    tables: FromClause = Pathway.__table__
    if of_contacts:
        tables = tables.join(Contact, Contact.referral_id == Pathway.referral_id)
    if inspect(Person) in needed:
        tables = tables.outerjoin(Person, Person.person_key == Pathway.counts_as)
    if inspect(Site) in needed:
        tables = tables.outerjoin(Site, Site.site_id == Pathway.site_id)
    if of_contacts and inspect(ContactSite) in needed:
        tables = tables.outerjoin(ContactSite, ContactSite.site_id == Contact.site_id)
    for dimension in by:
        tables = dimension.join(tables)
    return tables


def _labels(dimension: Dimension, period: Period, register: Register, seen: set[str]) -> list[str]:
    """Return the groups that have a row: all of a closed list, those that occur of an open one, and never fewer than occur."""
    always = dimension.rows(period.end, register)
    others = dimension.arranged(seen.difference(always))
    return [*others, OTHER, *always] if dimension.open else [*always, *others]


def _fixed(by: Iterable[Dimension]) -> tuple[frozenset[str] | None, ...]:
    return tuple(STATES if dimension.open else None for dimension in by)


def _periods(periods: Sequence[Period]) -> Any:  # noqa: ANN401 - a table-valued alias
    """Return the periods as a table: number, first and last day."""
    days = (column("first", Date), column("last", Date))
    return func.unnest(*_days(periods)).table_valued(*days, with_ordinality="number").render_derived(name="periods")


def _days(periods: Sequence[Period]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return the first and the last days of periods, as arrays."""
    starts, ends = ([period.start for period in periods], [period.end for period in periods])
    return literal(starts, ARRAY(Date)), literal(ends, ARRAY(Date))
