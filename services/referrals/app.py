"""The referrals API process."""

from services.referrals.api import routers
from shared.app import create_app

app = create_app(
    "referrals", *routers, about="Who was sent to us, and what became of them.", bulk=("/v1/referrals/bulk",)
)
