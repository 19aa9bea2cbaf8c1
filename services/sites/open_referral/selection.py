"""Which services the feed shows: one SELECT of everything public; what is redacted never leaves the database."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    String,
    and_,
    case,
    cast,
    false,
    func,
    literal_column,
    null,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from services.sites.domain.offers import Point, around
from services.sites.open_referral import terms
from services.sites.open_referral.asked import NEARBY, Filters
from services.sites.open_referral.terms import Kind
from services.sites.queries import offers
from services.sites.queries.register import same_language
from services.sites.tables import Offer, Organisation, Schedule, Site
from shared.days import today
from shared.db import limit_to, session_maker
from shared.problems import FieldError, Problem

MOST_WORDS = 10  # of a search
SIMPLE: ColumnElement[Any] = literal_column("'simple'::regconfig")
WHEREABOUTS = ("line_1", "line_2", "town", "postcode", "latitude", "longitude", "cluster", "accessibility")


class PostcodeUnknown(Problem):
    """No place known here has this postcode; name a place by its latitude and longitude instead."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self) -> None:
        message = "Not the postcode of a place in this feed that has coordinates."
        super().__init__(errors=[FieldError(pointer="postcode", code="postcode_unknown", message=message)])


@asynccontextmanager
async def public_view() -> AsyncIterator[AsyncSession]:
    """Open one consistent, read-only view of all sites' rows, for what is public of them."""
    async with session_maker()() as session:
        limit_to(session, None)
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        await session.execute(PLANNED_EACH_TIME)
        yield session


async def _public_view() -> AsyncIterator[AsyncSession]:
    async with public_view() as session:
        yield session


PublicView = Annotated[AsyncSession, Depends(_public_view, scope="function")]


def unless_redacted(column: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """Return a column of a site where its whereabouts are public, else NULL."""
    return case((Site.redacted_address, null()), else_=column)


# A plan made for any limit at all sorts everything before it takes a page.
PLANNED_EACH_TIME = text("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")
LAST_MODIFIED = func.greatest(Offer.modified_at, Site.modified_at, Organisation.modified_at)
JOINED = (Site, Offer.site_id == Site.id), (Organisation, Site.organisation_id == Organisation.id)


def _columns() -> list[ColumnElement[Any]]:
    """Return everything the feed may show of an offer, its site and organisation, by prefixed names."""
    private = {"registered_by", "content_digest", "version", "modified_at", "words"}
    columns: list[ColumnElement[Any]] = [LAST_MODIFIED.label("last_modified")]
    for prefix, table in (("offer", Offer), ("site", Site), ("organisation", Organisation)):
        for column in table.__table__.columns:
            name = column.key
            if name not in private:
                shown = unless_redacted(column) if table is Site and name in WHEREABOUTS else column
                columns.append(shown.label(f"{prefix}_{name}"))
    return columns


COLUMNS = _columns()


def offered() -> Select[Any]:
    """Return the query of the ids of all offers; conditions may ask about their sites."""
    return select(Offer.id).join(Site, Offer.site_id == Site.id)


def services(chosen: Select[Any], *order: SQLColumnExpression[Any]) -> Select[Any]:
    """Return the query of everything that the feed shows of a few chosen offers: what is wide is fetched last."""
    few = chosen.order_by(*order).subquery()
    query = select(*COLUMNS).select_from(Offer).join(few, few.c.id == Offer.id)
    for table, on in JOINED:
        query = query.join(table, on)
    return query.order_by(*order)


async def place(session: AsyncSession, filters: Filters) -> Point | None:
    """Return the place that filters name; raises `PostcodeUnknown`. Redacted sites place no postcode."""
    if filters.latitude is not None and filters.longitude is not None:
        return Point(filters.latitude, filters.longitude)
    if filters.postcode is None:
        return None
    point = await offers.place(session, filters.postcode)
    if point is None:
        raise PostcodeUnknown
    return point


def near(point: Point, within: float) -> ColumnElement[bool]:
    """Return the condition that a site is within so many metres of a place, and that this may be known."""
    box = around(point, within / 1000)
    return and_(
        ~Site.redacted_address,
        Site.latitude.between(box.south, box.north),
        Site.longitude.between(box.west, box.east),
        offers.kilometres(point) <= within / 1000,
    )


def _since(instant: datetime) -> ColumnElement[bool]:
    """Return the condition that an offer, its site or its organisation changed at an instant or later."""
    others = select(Site.id).join(Organisation, Site.organisation_id == Organisation.id)
    changed = others.where(or_(Site.modified_at >= instant, Organisation.modified_at >= instant))
    return or_(Offer.modified_at >= instant, Offer.site_id.in_(changed))


def _schedule(filters: Filters) -> ColumnElement[bool]:
    """Return the condition that one entry of a schedule, not over yet, meets all that is asked of times."""
    on: list[ColumnElement[bool]] = [
        or_(Schedule.valid_to.is_(None), Schedule.valid_to >= today()),
    ]
    if filters.day is not None:
        names = [f"{number}{filters.day}" for number in ("", *range(1, 6), *range(-5, 0))]
        on.append(Schedule.byday.overlap(names))
    if filters.start_time is not None:
        on.append(Schedule.opens_at >= filters.start_time)
    if filters.end_time is not None:
        on.append(Schedule.closes_at <= filters.end_time)
    return Offer.id.in_(select(Schedule.offer_id).where(*on))


def _words(search: str) -> Iterator[ColumnElement[bool]]:
    """Return the conditions that each word, or one that begins so, stands in what is public of a service's words."""
    of_the_place = func.to_tsvector(
        SIMPLE, func.concat_ws(" ", Site.name, unless_redacted(Site.town), Organisation.name)
    )
    for word in search.split()[:MOST_WORDS]:
        quoted = word.replace("\\", "\\\\").replace("'", "''")
        beginning = func.to_tsquery(SIMPLE, f"'{quoted}':*")
        places = select(Site.id).join(Organisation, Site.organisation_id == Organisation.id)
        yield or_(
            Offer.words.bool_op("@@")(beginning),
            Offer.site_id.in_(places.where(of_the_place.bool_op("@@")(beginning))),
        )


def _given(column: SQLColumnExpression[Any]) -> Callable[[str | None], ColumnElement[bool]]:
    return lambda code: column.is_not(None) if code is None else column == code


def _among(column: InstrumentedAttribute[list[str]]) -> Callable[[str | None], ColumnElement[bool]]:
    return lambda code: func.cardinality(column) > 0 if code is None else column.overlap([code])


def _language(code: str | None) -> ColumnElement[bool]:
    return func.cardinality(Offer.languages) > 0 if code is None else Offer.languages.overlap(same_language(code))


def _organisation_kind(code: str | None) -> ColumnElement[bool]:
    return (
        true() if code is None else Site.organisation_id.in_(select(Organisation.id).where(Organisation.kind == code))
    )


def _is(*cases: tuple[str, SQLColumnExpression[bool]]) -> Callable[[str | None], SQLColumnExpression[bool]]:
    known = dict(cases)
    return lambda code: or_(*known.values()) if code is None else known.get(code, false())


STATUS_HIDDEN = Site.status != "active"
HAVE: Mapping[str, Callable[[str | None], SQLColumnExpression[bool]]] = {
    "accepting_referrals": _is(("yes", Offer.accepting_referrals), ("no", ~Offer.accepting_referrals)),
    "availability": _is(
        ("capacity", Offer.capacity.is_not(None)), ("next_available_on", Offer.next_available_on.is_not(None))
    ),
    "need": _among(Offer.needs),
    "language": _language,
    "therapy_type": _among(Offer.therapy_types),
    "programme": _given(Offer.programme),
    "designed_by": _given(Offer.designed_by),
    "delivered_by": _given(Offer.delivered_by),
    "offer_status": lambda code: and_(STATUS_HIDDEN, true() if code is None else Offer.status == code),
    "organisation_kind": _organisation_kind,
    "participation": _is(
        ("co_provider", Site.co_provider), ("not_co_provider", ~Site.co_provider), ("joined_on", true())
    ),
    "site_status": _given(Site.status),
    "cluster": _given(unless_redacted(Site.cluster)),
    "accessibility": _is(("described", unless_redacted(Site.accessibility).is_not(None))),
}


def having(kind: Kind, code: str | None = None) -> SQLColumnExpression[bool]:
    """Return the condition that a service has a term, or any of a taxonomy's."""
    return HAVE[kind.code](code)


async def open_codes(session: AsyncSession) -> list[tuple[Kind, str]]:
    """Return the terms of open taxonomies that something has: languages, programmes, clusters."""
    shown = offered().where(*offers.public())
    cluster = cast(unless_redacted(Site.cluster), String)
    clusters = (
        select(cluster).where(cluster.is_not(None), Site.id.in_(shown.with_only_columns(Offer.site_id))).distinct()
    )
    together = await session.execute(shown.with_only_columns(Offer.languages, Offer.programme).distinct())
    languages, programmes = set[str](), set[str]()
    for some, programme in together:
        languages.update(some)
        programmes.add(programme)
    known = (code for code in await session.scalars(clusters) if code is not None)
    in_use = {"language": languages, "programme": programmes, "cluster": set(known)}
    return [(terms.kinds()[kind], code) for kind, codes in in_use.items() for code in sorted(codes)]


async def term_of(session: AsyncSession, term_id: UUID) -> tuple[Kind, str] | None:
    """Return the taxonomy and code of a term, or None when there is none with this id."""
    fixed = terms.fixed_terms().get(term_id)
    if fixed is not None:
        return fixed
    return next((each for each in await open_codes(session) if each[0].term(each[1]).id == term_id), None)


async def conditions(session: AsyncSession, filters: Filters, point: Point | None) -> list[SQLColumnExpression[bool]]:
    """Return what holds for the services that filters leave; raises `PostcodeUnknown`."""
    only_since = filters.only_since is not None
    found: list[SQLColumnExpression[bool]] = [] if only_since else list(offers.public())
    if filters.modified_after is not None:
        found.append(_since(filters.modified_after))
    if filters.search is not None:
        found += _words(filters.search)
    if filters.minimum_age is not None:
        found.append(Offer.minimum_age >= filters.minimum_age)
    if filters.maximum_age is not None:
        found.append(Offer.maximum_age <= filters.maximum_age)
    if {filters.day, filters.start_time, filters.end_time} != {None}:
        found.append(_schedule(filters))
    if filters.organization_id is not None:
        found.append(Site.organisation_id == filters.organization_id)
    if filters.taxonomy_id is not None:
        kind = terms.by_id().get(filters.taxonomy_id)
        found.append(having(kind) if kind else false())
    if filters.taxonomy_term_id is not None:
        term = await term_of(session, filters.taxonomy_term_id)
        found.append(having(*term) if term else false())
    if point is not None:
        found.append(near(point, filters.proximity or NEARBY))
    return found


async def count(session: AsyncSession, where: Sequence[SQLColumnExpression[bool]]) -> int:
    """Return how many services there are of which this holds."""
    return int(await session.scalar(offered().where(*where).with_only_columns(func.count())) or 0)


def order(point: Point | None) -> list[SQLColumnExpression[Any]]:
    """Return the order of a list: nearest first where a place is named, else that of registration."""
    return [*([offers.kilometres(point)] if point else []), Offer.created_at, Offer.id]
