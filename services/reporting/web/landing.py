"""The first page: what this is, what it measures, where to go on. It shows no figures, so it needs no token."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files

from services.reporting.breakdowns import DIMENSIONS
from services.reporting.measures import MEASURES

_FOLDER = files("services.reporting.web")
STYLE = _FOLDER.joinpath("landing.css").read_text(encoding="utf-8")
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def landing_page() -> str:
    """Return the page."""
    page = _FOLDER.joinpath("landing.html").read_text(encoding="utf-8")
    measures = "".join(
        f"<tr><th scope=row>{escape(measure.title)}</th><td>{escape(measure.question)}</td>"
        f"<td>{escape(measure.national or 'ours')}</td></tr>"
        for measure in MEASURES.values()
    )
    breakdowns = "".join(
        f"<li>{escape(dimension.title)}</li>" for dimension in DIMENSIONS.values() if not dimension.exact_only
    )
    for mark, text in (("<!--style-->", STYLE), ("<!--measures-->", measures), ("<!--breakdowns-->", breakdowns)):
        page = page.replace(mark, text)
    return page
