"""What `surveys` does besides answering requests: its events leave, its audit trail is sealed."""

from shared.worker import work


async def main() -> None:
    """Work until told to stop."""
    await work("surveys")
