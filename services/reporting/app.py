"""The HTTP face of `reporting`."""

from services.reporting.api import api
from shared.app import create_app

app = create_app(
    "reporting",
    api,
    about="Measures on national definitions, completeness beside every figure, and disclosure control nothing goes around.",
    needs_worker=True,
)
