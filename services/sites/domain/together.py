"""What both sides look at together: readiness by dimension, the principles of co-production, and how far apart they see them."""

from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from services.sites.domain.quarters import quarter_of

DIMENSIONS = MappingProxyType(
    {
        "leadership": "Somebody answers for the work and has time for it",
        "space": "A room that is private, reachable and safe",
        "people_trained": "Enough people are trained, and there is cover for them",
        "safeguarding": "Worries about somebody's safety reach those who must act",
        "data_protection": "What people tell is kept and shared as they were promised",
        "language": "People are met in the languages they speak",
        "links_with_services": "Named contacts in the services, and ways to and from them",
        "sustainability": "Money, people and agreements reach beyond this year",
    }
)
PRINCIPLES = MappingProxyType(
    {
        "assets": "People are seen for what they can do",
        "capabilities": "What people can do grows here",
        "mutuality": "Giving and receiving go both ways",
        "networks": "People support each other, beyond the service",
        "blurring_roles": "Who helps and who is helped is not fixed",
        "catalysts": "Services make things possible rather than do them all",
    }
)


def gaps(community: Mapping[str, int], statutory: Mapping[str, int]) -> dict[str, int]:
    """Return by principle how much higher the community's side sees it."""
    return {name: community[name] - statutory[name] for name in PRINCIPLES}


def by_quarter(assessments: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """Return each side's last assessment of each quarter, oldest quarter first; they come in the order of their days."""
    quarters: dict[str, dict[str, Any]] = {}
    for each in assessments:
        quarters.setdefault(quarter_of(each.on), {})[each.side] = each
    return quarters


def overdue(due: date, settled: date | None, today: date) -> bool:
    """Tell whether a day has passed without what was due on it."""
    return settled is None and due < today
