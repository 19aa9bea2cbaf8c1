"""The referrals worker process."""

from services.referrals.commands import cleaning, delivering, matcher
from shared.worker import work


async def main() -> None:
    """Relay events, seal the access log, tell referrers, find records of one human."""
    await work("referrals", duties=[*delivering.DUTIES, *cleaning.DUTIES, *matcher.DUTIES])
