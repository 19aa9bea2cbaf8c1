"""The referrals worker process."""

from shared.worker import work


async def main() -> None:
    """Relay events, seal the access log."""
    await work("referrals")
