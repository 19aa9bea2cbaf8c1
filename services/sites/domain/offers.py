"""What an offer can be: ages in order, places where people are sent to, times that there are."""

from collections.abc import Iterator, Mapping
from datetime import date
from math import asin, cos, degrees, radians, sin, sqrt
from typing import Any, NamedTuple

from services.sites.domain.register import EARLIEST
from services.sites.domain.schedule import Entry

LATEST = date(2099, 12, 31)
EARTH = 6371.0088  # kilometres, its mean radius

OBJECTIONS = {
    "ages_reversed": "Not below `minimum_age`.",
    "capacity_exhausted": "Nobody can be sent where no place is free: not true at `capacity` 0.",
    "date_out_of_range": f"Not before {EARLIEST}, and not after {LATEST}.",
    "closes_before_opening": "After `opens_at`, on the same day; what goes on past midnight is two entries.",
    "weekday_numbered": "A numbered weekday belongs to a month; in a week it is MO to SU.",
    "monthday_in_a_week": "A day of the month belongs to MONTHLY.",
    "schedule_never": "No day at all is one of its days.",
}
Objection = tuple[str, str]


class Point(NamedTuple):
    """A place on the earth, in degrees."""

    latitude: float
    longitude: float


class Box(NamedTuple):
    """Degrees that hold everything within a distance of a place, and a little more."""

    south: float
    north: float
    west: float
    east: float


def objections(fields: Mapping[str, Any]) -> Iterator[Objection]:
    """Return where an offer is wrong, and how."""
    lower, upper = fields["minimum_age"], fields["maximum_age"]
    if lower is not None and upper is not None and lower > upper:
        yield "/maximum_age", "ages_reversed"
    if fields["accepting_referrals"] and fields["capacity"] == 0:
        yield "/accepting_referrals", "capacity_exhausted"
    if fields["next_available_on"] is not None and not EARLIEST <= fields["next_available_on"] <= LATEST:
        yield "/next_available_on", "date_out_of_range"


def schedule_objections(times: Mapping[str, Any]) -> Iterator[Objection]:
    """Return where an entry of a schedule is wrong, and how."""
    found = list(_schedule_objections(times))
    yield from found
    if not found and entry(times).never():
        yield "", "schedule_never"


def _schedule_objections(times: Mapping[str, Any]) -> Iterator[Objection]:
    for name in ("dtstart", "valid_to"):
        if times[name] is not None and not EARLIEST <= times[name] <= LATEST:
            yield f"/{name}", "date_out_of_range"
    if times["closes_at"] <= times["opens_at"]:
        yield "/closes_at", "closes_before_opening"
    if times["freq"] == "WEEKLY":
        if any(len(day) > len("MO") for day in times["byday"]):
            yield "/byday", "weekday_numbered"
        if times["bymonthday"]:
            yield "/bymonthday", "monthday_in_a_week"


def entry(times: Mapping[str, Any]) -> Entry:
    """Return an entry of a schedule as a rule that can be asked."""
    fields = {name: times[name] for name in Entry.__dataclass_fields__}
    return Entry(**fields | {name: tuple(times[name]) for name in ("byday", "bymonthday")})


def distance(one: Point, other: Point) -> float:
    """Return how many kilometres lie between two places, as the crow flies."""
    half_way = sin(radians(other.latitude - one.latitude) / 2) ** 2
    half_way += (
        cos(radians(one.latitude))
        * cos(radians(other.latitude))
        * sin(radians(other.longitude - one.longitude) / 2) ** 2
    )
    return 2 * EARTH * asin(sqrt(half_way))


def around(place: Point, kilometres: float) -> Box:
    """Return the box that holds whatever is within a distance of a place; far from the poles."""
    up = degrees(kilometres / EARTH) * 1.001
    widest = cos(radians(min(89.0, abs(place.latitude) + up)))
    aside = up / widest
    return Box(place.latitude - up, place.latitude + up, place.longitude - aside, place.longitude + aside)
