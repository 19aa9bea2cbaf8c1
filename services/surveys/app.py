"""The HTTP face of `surveys`."""

from services.surveys.api import api
from shared.app import create_app

app = create_app("surveys", api, about="Instruments, and responses scored by their published rules.")
