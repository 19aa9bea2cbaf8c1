"""A site's own numbers, by the definitions that its commissioner sees."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.sites.queries import summary as queries
from services.sites.queries.register import site
from services.sites.schemas.summary import Months, Summary
from shared.app import router
from shared.auth import Caller, needs
from shared.db import Snapshot
from shared.problems import FieldError, MalformedRequest, NotFound, responses

api = router(tags=["summary"])

Reader = Annotated[Caller, needs("sites:read")]


@api.get("/v1/sites/{site_id}/summary", responses=responses(NotFound))
async def read_summary(site_id: UUID, asked: Annotated[Months, Query()], caller: Reader, session: Snapshot) -> Summary:
    """Return a site's own numbers over whole months.

    What the site recorded is counted exactly. Pathways of people whom it introduced are counted by the same national
    definitions as in reporting, and shown as published there: to the nearest 5, and not at all below 5.
    """
    found = await site(session, caller, site_id)
    days = asked.span()
    if days.end < days.start:
        raise MalformedRequest(
            errors=[FieldError(pointer="to", code="before_from", message="Not before the first month.")]
        )
    return await queries.summary(session, found.id, days)
