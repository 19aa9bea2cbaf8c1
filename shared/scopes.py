"""What a token may allow: every scope there is, and what it means in one line."""

from collections.abc import Iterable
from types import MappingProxyType

SCOPES = MappingProxyType(
    {
        "referrals:write": "Record and change referrals, contacts and discharges.",
        "referrals:read": "Read referrals and contacts: coded fields and person ids, never names.",
        "people:read": "Read who a person is, and their notes; every read is audited.",
        "people:write": "Correct, restrict, merge and separate people.",
        "people:erase": "Erase a person, with a recorded decision.",
        "sites:write": "Describe organisations, sites and offers; record sessions and shared work.",
        "sites:read": "Read what sites recorded beyond the public directory.",
        "surveys:write": "Set up survey plans, enrol people and issue invitations.",
        "surveys:read": "Read survey plans, invitations, responses and scores.",
        "surveys:answer": "Send in survey responses.",
        "reports:read": "Read published figures; they are the same for everyone.",
        "reports:exact": "Read exact, unsuppressed figures; every read is audited.",
        "reports:publish": "Freeze a period and publish it.",
        "audit:read": "Read the trail of who read and changed what.",
    }
)


class UnknownScope(ValueError):
    """A scope that does not exist was asked for; the message lists those that do."""


def known(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes in catalogue order, each once; raise `UnknownScope` for any that does not exist."""
    wanted = set(scopes)
    if unknown := wanted - SCOPES.keys():
        listed = "\n".join(f"  {name:<16} {meaning}" for name, meaning in SCOPES.items())
        raise UnknownScope(f"No such scope: {', '.join(sorted(unknown))}. There are:\n{listed}")
    return tuple(name for name in SCOPES if name in wanted)
