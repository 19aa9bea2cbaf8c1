"""What was done and given before and around the services: when it can have been, and what it must say."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from services.sites.domain.register import EARLIEST


def happened(on: date, today: date) -> bool:
    """Tell whether something can have happened on that day, which may lie years before any site."""
    return EARLIEST <= on <= today


def says_something(hours: Decimal | None, money_pence: int | None) -> bool:
    """Tell whether a contribution says what was given: hours, money or both."""
    return hours is not None or money_pence is not None


def moved(money_pence: int | None, from_side: str, to_side: str) -> bool:
    """Tell whether money, if there was any, went from one side to the other."""
    return money_pence is None or from_side != to_side


def brought(resources: Iterable[Mapping[str, str]]) -> dict[str, dict[str, int]]:
    """Count what each side brought, by kind; what it was stays with `sites`."""
    found: dict[str, Counter[str]] = {}
    for resource in resources:
        found.setdefault(resource["side"], Counter())[resource["kind"]] += 1
    return {side: dict(kinds) for side, kinds in found.items()}
