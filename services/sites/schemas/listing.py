"""What every list of `sites` can be asked for: only what changed, and only that it did."""

from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.paging import Paging


class Listing(Paging):
    """A list in the order of registration or, after an instant, in the order of change."""

    modified_after: AwareDatetime | None = Field(
        None,
        description="Only what was registered or changed after this instant, in the order of that. Begin next time a "
        "minute before the last `modified_at` you saw; what you hold already has the version you hold.",
    )


class CompactListing(Listing):
    """A list that can also be had as little more than ids and versions."""

    compact: bool = Field(
        default=False,
        description="Only `id`, `name`, `status`, `version` and `modified_at` of each: what to fetch, cheaply.",
    )


class Compact(BaseModel):
    """One item of a compact list: what it is called, and whether a copy of it is still the newest."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "6f8f4f0e-6a55-4c1a-8f6b-6d9b4f2f7a10",
                    "name": "Beechcroft Road hall",
                    "status": "active",
                    "version": 3,
                    "modified_at": "2026-09-01T09:30:00Z",
                }
            ]
        }
    )

    id: UUID
    name: str
    status: str | None = Field(description="Null where there is no such thing, as of an organisation.")
    version: int
    modified_at: datetime
