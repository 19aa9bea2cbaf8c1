"""The referrals API process."""

from services.referrals.api import routers
from services.referrals.fhir import door
from services.referrals.queries import webhooks
from shared.app import create_app
from shared.fhir import FHIR

app = create_app(
    "referrals",
    *routers,
    door.api,
    about="Who was sent to us, and what became of them.",
    bulk=("/v1/referrals/bulk",),
    faces=(FHIR,),
    measures=(webhooks.measure,),
)
