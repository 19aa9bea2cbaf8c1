"""What a session can be, and how many can have come to it."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from services.sites.domain.register import EARLIEST

AHEAD = timedelta(days=5 * 366)
USUAL_PROGRAMME = "talking_therapies"


def plannable(on: date, today: date) -> bool:
    """Tell whether a session can be on that day: as early as any site, and at most five years ahead."""
    return EARLIEST <= on <= today + AHEAD


def has_begun(starts_at: datetime, now: datetime) -> bool:
    """Tell whether people can have come already."""
    return starts_at <= now


def overcounted(tallies: Mapping[str, Mapping[str, int]], headcount: int) -> list[str]:
    """Return the dimensions whose counts add up to more people than came; fewer were perhaps not asked."""
    return [dimension for dimension, counts in tallies.items() if sum(counts.values()) > headcount]
