"""What pages show of services and places: made here once, so that no template ever holds a redacted address."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import quote
from uuid import UUID

from services.sites import tables
from services.sites.domain.register import shows_address, website
from services.sites.queries.offers import Hit
from services.sites.web import times
from services.sites.web.tongues import Tongue, tongues
from services.sites.web.words import Words
from shared.codes import code_list
from shared.days import LONDON

MILE = 1.609344  # kilometres
MAP = "https://www.openstreetmap.org/?mlat={latitude:.5f}&mlon={longitude:.5f}#map=17/{latitude:.5f}/{longitude:.5f}"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """An address that may be shown, and where a map shows it."""

    lines: Sequence[str]
    map: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """A site: its address, and what could give it away, only where they may be shown."""

    id: UUID
    name: str
    organisation: str
    organisation_about: str | None
    website: str | None
    whereabouts: Whereabouts | None
    access: str | None
    closed: bool
    languages: Sequence[Tongue]


@dataclass(frozen=True, slots=True)
class Contact:
    """A way to get in touch: what it is, how it is written, and what a tap on it does."""

    kind: str
    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Service:
    """A service in words."""

    id: UUID
    name: str
    about: str
    place: Place
    distance: str | None
    when: Sequence[str]
    notes: Sequence[str]
    next_time: str | None
    open_now: bool
    closed: bool
    accepting: bool
    available: str | None
    languages: Sequence[Tongue]
    needs: Sequence[str]
    help: Sequence[str]
    ages: str | None
    cost: str | None
    contacts: Sequence[Contact]
    ask: str


def place(site: tables.Site, organisation: tables.Organisation) -> Place:
    """Return a site as everybody may see it; also how to get around it stays out when its address does."""
    shown = shows_address(redacted=site.redacted_address, may_write=False)
    return Place(
        id=site.id,
        name=site.name,
        organisation=organisation.name,
        organisation_about=organisation.description,
        website=website(organisation.website) if organisation.website else None,
        whereabouts=_whereabouts(site) if shown else None,
        access=site.accessibility if shown else None,
        closed=site.status != "active",
        languages=tongues(site.languages),
    )


def _whereabouts(site: tables.Site) -> Whereabouts:
    lines = [line for line in (site.line_1, site.line_2, site.town, site.postcode) if line]
    if site.latitude is None or site.longitude is None:
        return Whereabouts(lines, None)
    return Whereabouts(lines, MAP.format(latitude=site.latitude, longitude=site.longitude))


def service(hit: Hit, words: Words, now: datetime) -> Service:
    """Return a service as everybody may see it, in the page's language."""
    offer, today = hit.offer, now.astimezone(LONDON).date()
    where, contacts = place(hit.site, hit.organisation), _contacts(hit.offer)
    closed = where.closed or offer.status != "active"
    therapies = code_list("therapy_type")
    return Service(
        id=offer.id,
        name=offer.name,
        about=offer.description,
        place=where,
        distance=_distance(words, hit.distance),
        when=times.in_words(words, hit.schedule, today),
        notes=list(dict.fromkeys(one.description for one in hit.schedule if one.description)),
        next_time=None if closed else times.next_time(words, hit.schedule, now),
        open_now=not closed and times.is_open(hit.schedule, now),
        closed=closed,
        accepting=offer.accepting_referrals and not closed,
        available=_available(words, offer, today),
        languages=tongues(offer.languages),
        needs=[words.need(code) for code in offer.needs],
        help=list(dict.fromkeys(therapies.label(code) or code for code in offer.therapy_types)),
        ages=_ages(words, offer),
        cost=offer.fees,
        contacts=contacts or _website(where.website),
        ask=words("ask_there" if where.whereabouts else "ask_organisation"),
    )


def _distance(words: Words, kilometres: float | None) -> str | None:
    if kilometres is None:
        return None
    miles = kilometres / MILE
    return words("distance_short") if miles < 1 else words("distance", miles=f"{miles:.0f}")


def _available(words: Words, offer: tables.Offer, today: date) -> str | None:
    free = offer.next_available_on
    return None if free is None or free < today else words("available_from", date=words.date(free))


def _ages(words: Words, offer: tables.Offer) -> str | None:
    match offer.minimum_age, offer.maximum_age:
        case None, None:
            return None
        case lower, None:
            return words("ages_from", minimum=lower)
        case None, upper:
            return words("ages_to", maximum=upper)
        case lower, upper:
            return words("ages_between", minimum=lower, maximum=upper)


def _contacts(offer: tables.Offer) -> list[Contact]:
    found = []
    if offer.phone:
        number = "".join(sign for sign in offer.phone if sign in "+0123456789")
        found.append(Contact("phone", offer.phone, f"tel:{number}"))
    if offer.email:
        found.append(Contact("email", offer.email, f"mailto:{quote(offer.email, safe='@')}"))
    if offer.url and (address := website(offer.url)):
        found += _website(address)
    return found


def _website(address: str | None) -> list[Contact]:
    if address is None:
        return []
    return [Contact("website", address.partition("://")[2].rstrip("/"), address)]
