"""What `reporting` does besides answering requests: it turns others' events into facts."""

from services.reporting.projections import subscriber
from shared.worker import work


async def main() -> None:
    """Work until told to stop."""
    await work("reporting", subscriber)
