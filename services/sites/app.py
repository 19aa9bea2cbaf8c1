"""The HTTP face of `sites`."""

from services.sites.api import api
from shared.app import create_app

app = create_app(
    "sites", api, about="Co-provider organisations and their sites: who offers help, where, in which language."
)
