"""What `sites` does besides answering requests: its events leave, pathways are heard of, overdue answers are told."""

from services.sites.commands import overdue
from services.sites.projections import subscriber
from shared.worker import work


async def main() -> None:
    """Work until told to stop."""
    await work("sites", subscriber, overdue.DUTIES)
