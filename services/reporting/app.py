"""The HTTP face of `reporting`."""

from services.reporting.api import api
from services.reporting.examples import with_examples
from shared.app import create_app

app = create_app(
    "reporting",
    api,
    about="Measures on national definitions, completeness beside every figure, and disclosure control nothing goes around.",
    needs_worker=True,
)
_openapi = app.openapi
app.openapi = lambda: with_examples(_openapi())  # type: ignore[method-assign] # FastAPI's documented way
