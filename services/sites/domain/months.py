"""Whole months, and the span of days from one to another."""

import re
from datetime import date, timedelta

from services.sites.domain.quarters import Span

MONTH = re.compile(r"(199[0-9]|20[0-9]{2})-(0[1-9]|1[0-2])", re.ASCII)


def months(first: str, last: str) -> Span:
    """Return the days from one month to another, both included; months are written as 2026-07."""
    number = int(last[:4]) * 12 + int(last[5:7])  # of the month after, from 0
    after = date(number // 12, number % 12 + 1, 1)
    return Span(date(int(first[:4]), int(first[5:7]), 1), after - timedelta(days=1))
