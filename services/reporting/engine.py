"""A measure, periods, breakdowns and filters become cells by one SELECT; the cells leave sealed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from itertools import product
from math import prod
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Integer, func, inspect, literal, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting import selects
from services.reporting.cells import OTHER, Cell, Sealed
from services.reporting.dimensions import STATES, Dimension, Frame, Register
from services.reporting.domain.periods import Period
from services.reporting.measures.completeness import Field
from services.reporting.measures.measure import Measure
from services.reporting.selects import Question
from shared.codes import State
from shared.inbox import InboxPosition
from shared.problems import Problem
from shared.settings import settings

MOST_CELLS = 100_000


class TableTooLarge(Problem):
    """That table would have too many cells; ask for fewer periods or breakdowns."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self) -> None:
        super().__init__(f"At most {MOST_CELLS:,} cells.")


class NoRateSet(Problem):
    """No rate has been set that hours could be valued at."""

    status = HTTPStatus.CONFLICT


@dataclass(frozen=True)
class Standing:
    """How far the facts are: events applied, when the last was, and the periods in which the measure has nothing at all."""

    events: int
    at: datetime
    silent: frozenset[int]


async def standing(session: AsyncSession, measure: Measure, periods: Sequence[Period]) -> Standing:
    """Return how far the facts are. The first thing to read: `rebuild` swaps tables only while nobody holds this one."""
    if measure.amount is not None and measure.amount.rated and settings().hour_rate_pence is None:
        raise NoRateSet
    each = selects.numbered(periods)
    silent = func.array(
        select(each.c.number).where(selects.nothing_in(measure, each)).scalar_subquery(), type_=ARRAY(Integer)
    )
    row = (await session.execute(select(InboxPosition.events, InboxPosition.at, silent))).one()
    return Standing(row[0], row[1], frozenset(number - 1 for number in row[2]))


async def cells(session: AsyncSession, question: Question, register: Register, silent: frozenset[int]) -> Sealed:
    """Count every cell of the table, those of groups without pathways included."""
    depth, measure = len(question.by), question.measure
    found: list[dict[tuple[str, ...], Cell]] = [{} for _ in question.periods]
    for number, *rest in await session.execute(selects.table(question)):
        groups = tuple(dimension.label(key, register) for dimension, key in zip(question.by, rest[:depth], strict=True))
        found[number - 1][groups] = _cell(measure, number - 1, groups, rest[depth:])
    table: list[Cell] = []
    nothing = _cell(measure, 0, (), (0,) * len(selects.counts(measure)))
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
        measure.about == "things",
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
    frame = Frame(question.periods, literal(1), question.sites)
    groups = [dimension.group(frame).label(f"group_{place}") for place, dimension in enumerate(by)]
    read = {inspect(each.column).parent for each in fields} | selects.read_by(by, question.filters)
    columns: list[ColumnElement[Any]] = [*groups, func.count(), *answered]
    statement = selects.limited(select(*columns).select_from(selects.joined(by, read, question.measure)), question)
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


def _cell(measure: Measure, place: int, groups: tuple[str, ...], counted: Sequence[Any]) -> Cell:
    """Return what was counted of a group as a cell."""
    if measure.amount is not None:
        if measure.kind == "ratio":
            top, bottom = map(int, counted)
            return Cell(place, groups, (top, bottom))
        number, behind, value = counted
        known = number or measure.kind == "sum"  # nothing at all adds up to 0, but has no mean
        return Cell(place, groups, (number,), (int(behind),), Decimal(str(value)) if known else None)
    counts = 1 if measure.denominator is None else 2
    return Cell(place, groups, tuple(counted[:counts]), tuple(counted[counts:]))


def _labels(dimension: Dimension, period: Period, register: Register, seen: set[str]) -> list[str]:
    """Return the groups that have a row: all of a closed list, those that occur of an open one, and never fewer than occur."""
    always = dimension.rows(period.end, register)
    others = dimension.arranged(seen.difference(always))
    return [*others, OTHER, *always] if dimension.open else [*always, *others]


def _fixed(by: Iterable[Dimension]) -> tuple[frozenset[str] | None, ...]:
    return tuple(STATES if dimension.open else None for dimension in by)
