"""Schedules of HSDS as ours: what recurs, between two times of the same day; and what is left over of each."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from services.sites.domain.offers import schedule_objections
from services.sites.domain.schedule import usual
from services.sites.open_referral.shapes import Schedule
from services.sites.schemas.offers import Times

CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(:00(\.0+)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
TAKEN = {
    "id",
    "service_id",
    "service_at_location_id",
    "freq",
    "interval",
    "byday",
    "bymonthday",
    "dtstart",
    "valid_to",
} | {
    "opens_at",
    "closes_at",
    "description",
}


def schedule(told: Sequence[Schedule]) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """Return the entries that can be held as the API takes them, and whatever cannot by where it stood."""
    entries: list[dict[str, Any]] = []
    left: dict[str, Any] = {}
    for place, each in enumerate(told):
        path = f"schedules/{place}"
        entry = _entry(each)
        if entry is None:
            left[path] = each.told()
            continue
        if entry not in entries:
            entries.append(entry)
        rest = each.model_dump(mode="json", exclude_none=True, exclude=TAKEN)
        if rest.get("valid_from") == entry["dtstart"]:
            del rest["valid_from"]
        left |= {f"{path}/{name}": value for name, value in rest.items()}
        if not entry["bymonthday"] and each.bymonthday:
            left[f"{path}/bymonthday"] = each.bymonthday
        for name in ("opens_at", "closes_at"):
            if (zone := CLOCK.fullmatch(getattr(each, name) or "")) and zone[5]:
                left[f"{path}/{name}"] = getattr(each, name)
    return entries, left


def _entry(told: Schedule) -> dict[str, Any] | None:
    """Return an entry of a schedule, or None for one that cannot be held; times are read as London's clocks show them."""
    opens, closes = CLOCK.fullmatch(told.opens_at or ""), CLOCK.fullmatch(told.closes_at or "")
    first = told.dtstart or told.valid_from
    if opens is None or closes is None or first is None or told.freq is None:
        return None
    weekly = told.freq == "WEEKLY"
    try:
        asked = Times.model_validate(
            {
                "freq": told.freq,
                "interval": int(told.interval or 1),
                "byday": _parts(told.byday),
                "bymonthday": [] if weekly else [int(day) for day in _parts(told.bymonthday)],
                "dtstart": first,
                "valid_to": told.valid_to,
                "opens_at": f"{opens[1]}:{opens[2]}",
                "closes_at": f"{closes[1]}:{closes[2]}",
                "description": told.description,
            }
        )
    except (ValidationError, ValueError):
        return None
    named, numbered = usual(asked.freq, asked.byday, asked.bymonthday, asked.dtstart)
    if list(schedule_objections(asked.model_dump() | {"byday": named, "bymonthday": numbered})):
        return None
    return asked.model_dump(mode="json") | {"byday": named, "bymonthday": numbered}


def _parts(text: str | None) -> list[str]:
    return [part.strip().upper() for part in (text or "").split(",") if part.strip()]
