"""The first page: what this is, what it measures, where to go on. It shows no figures, so it needs no token."""

from functools import cache
from html import escape
from importlib.resources import files

from services.reporting.breakdowns import DIMENSIONS
from services.reporting.measures import MEASURES
from shared import handbook

_FOLDER = files("services.reporting.web")
STYLE = handbook.STYLE + _FOLDER.joinpath("landing.css").read_text(encoding="utf-8")
CONTENT_SECURITY_POLICY = handbook.content_security_policy(STYLE)


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
