"""Offers, read and found: by place, day, language, need and words."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Date, Float, Select, and_, cast, extract, false, func, literal, or_, select
from sqlalchemy.dialects.postgresql import REGCONFIG
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites import tables
from services.sites.domain import schedule as times
from services.sites.domain.offers import EARTH, Point, around
from services.sites.queries.finding import found
from services.sites.queries.register import same_language
from services.sites.schemas.offers import Offer, OfferFilters, ShownTimes
from shared.auth import Caller
from shared.days import LONDON, today
from shared.problems import FieldError, MalformedRequest

WITHDRAWN = "withdrawn"
MONDAY = date(1990, 1, 1)  # no schedule begins before it
NUMBERED = ("", "1", "2", "3", "4", "5", "-1", "-2", "-3", "-4", "-5")  # before a weekday, in a month

Schedules = Mapping[UUID, Sequence[tables.Schedule]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What an offer is looked for by; whatever is given must hold together."""

    site_id: UUID | None = None
    organisation_id: UUID | None = None
    language: str | None = None
    programme: str | None = None
    need: str | None = None
    accepting_referrals: bool | None = None
    day: times.Weekday | None = None
    open_at: datetime | None = None
    near: Point | None = None
    within: float = 5  # kilometres
    words: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """An offer that was found, with whose it is, where, when, and how far away in kilometres."""

    offer: tables.Offer
    site: tables.Site
    organisation: tables.Organisation
    schedule: Sequence[tables.Schedule]
    distance: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """A part of what a search finds, and how much it finds in all."""

    hits: Sequence[Hit]
    total: int


async def search(session: AsyncSession, wanted: Search, *, limit: int, offset: int = 0) -> Found:
    """Return what is open to the public of a search: the nearest first where it names a place, else by name."""
    offer, site, organisation = tables.Offer, tables.Site, tables.Organisation
    away = kilometres(wanted.near) if wanted.near else literal(None, Float)
    matching = select(offer.id, offer.name, away.label("away"))
    matching = matching.join(site, site.id == offer.site_id).where(*public(), *conditions(wanted))
    matches = matching.cte("found").prefix_with("MATERIALIZED")
    order = (matches.c.away, matches.c.name, matches.c.id)
    some = select(matches).order_by(*order).limit(limit).offset(offset).subquery()
    query = (
        select(offer, site, organisation, some.c.away)
        .join(some, some.c.id == offer.id)
        .join(site, site.id == offer.site_id)
        .join(organisation, organisation.id == site.organisation_id)
        .order_by(some.c.away, some.c.name, some.c.id)
        .add_columns(select(func.count()).select_from(matches).scalar_subquery())
    )
    rows = (await session.execute(query)).all()
    total = rows[0][4] if rows else 0
    if not rows and offset:
        total = await session.scalar(select(func.count()).select_from(matching.subquery())) or 0
    schedules = await schedules_of(session, [row[0].id for row in rows])
    return Found([Hit(row[0], row[1], row[2], schedules[row[0].id], row[3]) for row in rows], total)


def public() -> Iterator[ColumnElement[bool]]:
    """Return the conditions that the public hears of an offer (joined with its site): neither is gone."""
    yield tables.Offer.status != WITHDRAWN
    yield tables.Site.status != "closed"


def conditions(wanted: Search) -> Iterator[ColumnElement[bool]]:
    """Return what a search asks of offers; nothing of it needs a join."""
    offer, site = tables.Offer, tables.Site
    for name in ("site_id", "programme", "accepting_referrals", "status"):
        if (value := getattr(wanted, name)) is not None:
            yield getattr(offer, name) == value
    if wanted.language is not None:
        yield offer.languages.overlap(same_language(wanted.language))
    if wanted.need is not None:
        yield offer.needs.contains([wanted.need])
    if wanted.words is not None:
        yield offer.words.bool_op("@@")(func.to_tsquery(cast("simple", REGCONFIG), _beginnings(wanted.words)))
    if wanted.day is not None:
        yield _scheduled(_on_weekday(wanted.day, today()))
    if wanted.open_at is not None:
        yield _scheduled(_at(wanted.open_at))
    if wanted.organisation_id is not None:
        yield offer.site_id.in_(select(site.id).where(site.organisation_id == wanted.organisation_id))
    if wanted.near is not None:
        yield offer.site_id.in_(select(site.id).where(*_within(wanted.near, wanted.within)))


def kilometres(place: Point) -> ColumnElement[float]:
    """Return how far a site is from a place, as the crow flies."""
    site = tables.Site
    up, aside = func.radians(site.latitude - place.latitude) / 2, func.radians(site.longitude - place.longitude) / 2
    half_way = func.power(func.sin(up), 2) + func.cos(func.radians(place.latitude)) * func.cos(
        func.radians(site.latitude)
    ) * func.power(func.sin(aside), 2)
    distance: ColumnElement[float] = 2 * EARTH * func.asin(func.sqrt(half_way))
    return distance


async def place(session: AsyncSession, postcode: str) -> Point | None:
    """Return where a postcode is, by the sites that have it, else by those of its district; None when there are none.

    Sites whose address is redacted place nothing: a search must not find them out.
    """
    site = tables.Site
    open_ones = select(func.avg(site.latitude), func.avg(site.longitude)).where(
        site.redacted_address.is_(False), site.latitude.is_not(None)
    )
    district = postcode.split(" ", maxsplit=1)[0]
    for condition in (site.postcode == postcode, site.postcode.startswith(f"{district} ", autoescape=True)):
        latitude, longitude = (await session.execute(open_ones.where(condition))).one()
        if latitude is not None:
            return Point(latitude, longitude)
    return None


async def schedules_of(session: AsyncSession, offer_ids: Collection[UUID]) -> Schedules:
    """Return the times of these offers, in their senders' order; an offer by arrangement has none."""
    row = tables.Schedule
    times: defaultdict[UUID, list[tables.Schedule]] = defaultdict(list)
    if offer_ids:
        query = select(row).where(row.offer_id.in_(offer_ids)).order_by(row.offer_id, row.position)
        for one in await session.scalars(query):
            times[one.offer_id].append(one)
    return times


async def offer(session: AsyncSession, caller: Caller, offer_id: UUID) -> tables.Offer:
    """Return an offer that a caller may see; raises `NotFound`, also when it was withdrawn."""
    row = tables.Offer
    return await found(session, row, offer_id, and_(caller.theirs(row.site_id), row.status != WITHDRAWN))


async def offer_to_change(
    session: AsyncSession, caller: Caller, offer_id: UUID, *, withdrawn_too: bool = False
) -> tables.Offer:
    """Return an offer, held until the transaction ends; raises `NotFound`."""
    row = tables.Offer
    theirs = caller.theirs(row.site_id)
    wanted = theirs if withdrawn_too else and_(theirs, row.status != WITHDRAWN)
    return await found(session, row, offer_id, wanted, held=True)


async def offers(session: AsyncSession, caller: Caller, filters: OfferFilters) -> Select[tables.Offer]:
    """Return the query of the offers that filters find; withdrawn ones only among what changed after an instant."""
    row = tables.Offer
    near = None
    if filters.near is not None:
        near = await place(session, filters.near)
        if near is None:
            unknown = "No registered site, here or in its district, tells where this is."
            raise MalformedRequest(errors=[FieldError(pointer="near", code="postcode_unplaced", message=unknown)])
    same = ("site_id", "language", "programme", "need", "accepting_referrals", "day", "open_at", "within", "status")
    wanted = Search(near=near, words=filters.q, **{name: getattr(filters, name) for name in same})
    query = select(row).where(caller.theirs(row.site_id), *conditions(wanted))
    return query if filters.modified_after else query.where(row.status != WITHDRAWN)


def shown_offer(row: tables.Offer | Mapping[str, Any], schedule: Sequence[tables.Schedule]) -> Offer:
    """Return an offer as callers see it."""
    fields = dict(row if isinstance(row, Mapping) else row.__dict__)
    fields["schedule"] = [shown_times(one) for one in schedule]
    return Offer.model_construct(**{name: fields[name] for name in Offer.model_fields})


def without_schedule(row: tables.Offer) -> Offer:
    """Return an offer of a list, to which its times are still to be added."""
    return shown_offer(row, ())


def shown_times(row: tables.Schedule) -> ShownTimes:
    """Return one entry of a schedule as callers see it."""
    return ShownTimes.model_construct(**{name: getattr(row, name) for name in ShownTimes.model_fields})


def _beginnings(words: str) -> str:
    """Return the text search for all of these words, each whole or as a beginning, whatever signs they hold."""
    quoted = (word.replace("\\", "\\\\").replace("'", "''") for word in words.split())
    return " & ".join(f"'{word}':*" for word in quoted)


def _within(near: Point, distance: float) -> Iterator[ColumnElement[bool]]:
    """Return the conditions that a site is near a place, and may be known to be."""
    site, box = tables.Site, around(near, distance)
    yield site.latitude.between(box.south, box.north)
    yield site.longitude.between(box.west, box.east)
    yield site.redacted_address.is_(False)
    yield kilometres(near) <= distance


def _scheduled(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that an offer has such a time.

    Inside COALESCE the planner looks once for all such times and hashes them. As a join it would go by its estimate of
    how many there are, which row-level security keeps it from knowing: a search then took seconds.
    """
    row = tables.Schedule
    return func.coalesce(tables.Offer.id.in_(select(row.offer_id).where(condition)), false())


def _on_weekday(day: times.Weekday, on: date) -> ColumnElement[bool]:
    """Return the condition that a time of a schedule can still be on that weekday."""
    row = tables.Schedule
    return and_(row.byday.overlap([f"{number}{day}" for number in NUMBERED]), _not_past(on))


def _not_past(on: date) -> ColumnElement[bool]:
    return or_(tables.Schedule.valid_to.is_(None), tables.Schedule.valid_to >= on)


def _at(instant: datetime) -> ColumnElement[bool]:
    """Return the condition that a time of a schedule is at an instant: `domain.schedule.is_open`, in SQL."""
    row, there = tables.Schedule, instant.astimezone(LONDON)
    on, clock = there.date(), there.time()
    weeks = (row.dtstart - literal(MONDAY, Date)) // 7 + times.period("WEEKLY", MONDAY)
    months = extract("year", row.dtstart) * 12 + extract("month", row.dtstart)
    return and_(
        row.opens_at <= clock,
        row.closes_at > clock,
        row.dtstart <= on,
        _not_past(on),
        or_(row.byday == [], row.byday.overlap(sorted(times.days_named(on)))),
        or_(row.bymonthday == [], row.bymonthday.overlap(sorted(times.days_numbered(on)))),
        or_(
            and_(row.freq == "WEEKLY", (times.period("WEEKLY", on) - weeks) % row.interval == 0),
            and_(row.freq == "MONTHLY", (times.period("MONTHLY", on) - months) % row.interval == 0),
        ),
    )
