"""The event contracts: what services tell each other, and nothing else about each other."""

from shared.events import people, referrals, sites, surveys
from shared.events.event import Event, contracts

__all__ = ["Event", "contracts", "people", "referrals", "sites", "surveys"]
