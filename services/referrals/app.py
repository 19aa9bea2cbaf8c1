"""The referrals API process."""

from services.referrals.api import api
from shared.app import create_app

app = create_app("referrals", api, about="Who was sent to us, and what became of them.", bulk=("/v1/referrals/bulk",))
