"""The HTTP face of `sites`."""

from services.sites.api import routers
from services.sites.open_referral import api as feed
from services.sites.open_referral.answers import OPEN_TO_ALL
from services.sites.web import directory
from services.sites.web.face import Page
from shared.app import create_app

app = create_app(
    "sites",
    *routers,
    feed.api,
    feed.preflight,
    directory.api,
    about="Co-provider organisations and their sites: who offers help, where, in which language.",
    faces=(OPEN_TO_ALL, Page()),
)
