"""Sites of the network."""

from services.reporting.projections.listening import subscriber
from services.reporting.tables import Site
from shared.events.sites import SiteChanged, SiteRegistered
from shared.inbox import Batch


@subscriber.on(SiteRegistered)
async def site_registered(batch: Batch, event: SiteRegistered) -> None:
    """Take the site into the network."""
    _learn_site(batch, event)


@subscriber.on(SiteChanged)
async def site_changed(batch: Batch, event: SiteChanged) -> None:
    """Replace the picture of a site."""
    _learn_site(batch, event)


def _learn_site(batch: Batch, event: SiteRegistered | SiteChanged) -> None:
    batch.learn(
        Site,
        {"site_id": event.site_id},
        name=event.name,
        organisation_kind=event.organisation_kind,
        cluster=event.cluster,
        languages=sorted(set(event.languages)),
        co_provider=event.co_provider,
        status=event.status,
    )
