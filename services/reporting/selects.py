"""The SELECT behind a table: which rows count, in which period, in which groups."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
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

from services.reporting.dimensions import Dimension, Frame
from services.reporting.domain.periods import Period
from services.reporting.measures.measure import Amount, Measure, Statistic
from services.reporting.measures.things import USABLE, Things
from services.reporting.schemas import Filters
from services.reporting.tables import Contact, ContactSite, Pathway, Person, Site

STATISTICS: dict[Statistic, Callable[[Amount], ColumnElement[Any]]] = {
    "sum": lambda amount: func.coalesce(func.sum(amount.each), 0),
    "mean": lambda amount: func.avg(amount.each),
    "median": lambda amount: func.percentile_cont(0.5).within_group(amount.each),
    "p90": lambda amount: func.percentile_cont(0.9).within_group(amount.each),
}


@dataclass(frozen=True)
class Question:
    """What is asked of the facts; `sites` limits it to what is of those sites."""

    measure: Measure
    periods: tuple[Period, ...]
    by: tuple[Dimension, ...] = ()
    filters: Filters = field(default_factory=Filters)
    sites: frozenset[UUID] | None = None


def table(question: Question) -> Select[Any]:
    """Return the one SELECT behind a table: period, groups, and the counts."""
    measure, periods = question.measure, question.periods
    tables = joined(question.by, read_by(question.by, question.filters), measure)
    if measure.when is None:
        each = numbered(periods)
        number: ColumnElement[int] = each.c.number
        tables = each.join(tables, true())  # whatever stands on the last day of each
    else:
        starts, _ = _days(periods)
        number = literal(1, Integer) if len(periods) == 1 else func.width_bucket(measure.when, starts, type_=Integer)
    frame = Frame(periods, number, question.sites)
    groups = [dimension.group(frame) for dimension in question.by]
    shown: list[ColumnElement[Any]] = [number, *groups, *counts(measure)]
    columns = [column.label(f"column_{place}") for place, column in enumerate(shown)]
    statement = select(*columns).select_from(tables)
    # by position: the same parameter given twice is two parameters, which PostgreSQL does not take for the same expression
    return limited(statement, question).group_by(*(literal_column(str(place + 1)) for place in range(1 + len(groups))))


def counts(measure: Measure) -> list[ColumnElement[Any]]:
    """Return what is counted of a group: numerator and denominator, then how many pathways or people are behind them."""
    if (amount := measure.amount) is not None:
        if amount.per is not None:
            return [func.coalesce(func.sum(each), 0) for each in (amount.each, amount.per)]
        behind = func.count() if amount.behind is None else func.coalesce(func.sum(amount.behind), 0)
        people = func.count(Pathway.counts_as.distinct()) if measure.things is None else behind
        return [func.count(), people, STATISTICS[amount.statistic](amount)]
    those = [] if measure.denominator is None else [measure.numerator.where]
    pathways = func.count(Contact.referral_id.distinct())
    return [
        *(func.count().filter(where) for where in those),
        func.count(),
        *(each for each in (*(pathways.filter(where) for where in those), pathways) if measure.of_contacts),
    ]


def limited(statement: Select[Any], question: Question) -> Select[Any]:
    """Keep what is asked about."""
    measure, filters, periods = question.measure, question.filters, question.periods
    statement = statement.where(*counted(measure))
    if measure.when is not None:
        statement = statement.where(measure.when.between(periods[0].start, periods[-1].end))
    if measure.things is not None:
        return statement.where(*_of_things(measure.things, question))
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


def _of_things(things: Things, question: Question) -> Iterator[SQLColumnExpression[bool]]:
    """Yield what limits things to what is asked about; filters that they do not have were refused."""
    filters = question.filters
    if filters.site_id is not None:
        yield things.of_one(filters.site_id)
    of_site = {"organisation_kind": filters.site_kind, "cluster": filters.cluster}
    if given := {name: value for name, value in of_site.items() if value is not None}:
        yield things.where_site(**given)
    if filters.programme is not None and things.programme is not None:
        yield things.programme == filters.programme
    if question.sites is not None:
        own = literal(sorted(question.sites), ARRAY(Uuid))
        yield things.of_any(own)
        # a row of several sites has a group for each: those of others' sites are not the caller's
        yield from (each.key == any_(own) for each in question.by if each.id == "site" and each.several is not None)


def nothing_in(measure: Measure, each: Any) -> ColumnElement[bool]:  # noqa: ANN401 - an alias of periods
    """Return whether a period has nothing for a measure: nobody behind it, or, of things alone, none recorded at all."""
    dated = true() if measure.when is None else measure.when.between(each.c.first, each.c.last)
    those = [] if measure.about == "things" else counted(measure)
    return ~exists(select(literal(1)).select_from(joined((), (), measure)).where(dated, *those))


def counted(measure: Measure) -> list[SQLColumnExpression[bool]]:
    """Return what is behind a figure: nothing entered in error, and nobody whose record may not be used."""
    if measure.things is not None:
        return [measure.counted.where]
    return [measure.counted.where, *USABLE, *([~Contact.removed] if measure.of_contacts else [])]


def read_by(by: Sequence[Dimension], filters: Filters) -> set[Any]:
    """Return the tables that breakdowns and filters read."""
    read = {getattr(dimension.key, "parent", None) for dimension in by}
    if any(value is not None for value in (filters.site_kind, filters.cluster, filters.co_provided)):
        read |= {inspect(Site), inspect(ContactSite)}
    return read


def joined(by: Sequence[Dimension], read: Collection[Any], measure: Measure) -> FromClause:
    """Return what a measure counts, with what is known of its people and sites."""
    if measure.things is not None:
        return _joined_things(measure.things, by, read)
    tables: FromClause = Pathway.__table__
    if measure.of_contacts:
        tables = tables.join(Contact, Contact.referral_id == Pathway.referral_id)
    if inspect(Person) in read:
        tables = tables.outerjoin(Person, Person.person_key == Pathway.counts_as)
    if inspect(Site) in read:
        tables = tables.outerjoin(Site, Site.site_id == Pathway.site_id)
    if measure.of_contacts and inspect(ContactSite) in read:
        tables = tables.outerjoin(ContactSite, ContactSite.site_id == Contact.site_id)
    for dimension in by:
        tables = dimension.join(tables)
    return tables


def _joined_things(things: Things, by: Sequence[Dimension], read: Collection[Any]) -> FromClause:
    """Return things, with what is known of the site they are of; of several sites each breakdown joins its own groups."""
    tables = things.rows
    if inspect(Site) in read and things.site is not None:
        tables = tables.outerjoin(Site, Site.site_id == things.site)
    for dimension in by:
        tables = dimension.join(tables)
    return tables


def numbered(periods: Sequence[Period]) -> Any:  # noqa: ANN401 - a table-valued alias
    """Return the periods as a table: number, first and last day."""
    days = (column("first", Date), column("last", Date))
    return func.unnest(*_days(periods)).table_valued(*days, with_ordinality="number").render_derived(name="periods")


def _days(periods: Sequence[Period]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return the first and the last days of periods, as arrays."""
    starts, ends = ([period.start for period in periods], [period.end for period in periods])
    return literal(starts, ARRAY(Date)), literal(ends, ARRAY(Date))
