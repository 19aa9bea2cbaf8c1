"""Pages made of templates: escaped, styled from within, and with nothing from anybody else's server."""

import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

import segno
from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from services.sites.web.words import Words, chosen, spoken
from shared import handbook

ROOT = "/directory"


def squeezed(style: str) -> str:
    """Return a style sheet without the white space that only its writers need."""
    return re.sub(r" ?([{};,]) ?", r"\1", " ".join(style.split()))


STYLE = squeezed(files("services.sites.web").joinpath("directory.css").read_text(encoding="utf-8"))
CONTENT_SECURITY_POLICY = handbook.content_security_policy(STYLE).replace("form-action 'none'", "form-action 'self'")
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",  # a search, or a refuge's page, is nobody else's business
    "Vary": "Accept-Language, Accept-Encoding",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of a page: in which language, whether a link asked for that one, and what else the link said."""

    words: Words
    asked_for: bool
    path: str
    query: Mapping[str, str]
    reads_gzip: bool = False

    def link(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """Return a link of ours, which stays in a language that was asked for."""
        given = dict(query or {}) | ({"lang": self.words.code} if self.asked_for else {})
        return f"{path}?{urlencode(given)}" if given else path

    def languages(self) -> Sequence[tuple[Words, str]]:
        """Return the page's other languages, each with the link to it."""
        return [(words, self.in_language(code)) for code, words in spoken().items() if code != self.words.code]

    def in_language(self, code: str) -> str:
        """Return the link to this page in another language."""
        return f"{self.path}?{urlencode({**self.query, 'lang': code})}"


def visit(request: Request, query: Mapping[str, str] | None = None) -> Visit:
    """Return how a page is visited; `query` is what of its link is repeated in ours."""
    given = request.query_params.get("lang")
    words = chosen(given, request.headers.get("accept-language", ""))
    reads_gzip = "gzip" in request.headers.get("accept-encoding", "").lower()
    return Visit(words, given == words.code, request.url.path, query or {}, reads_gzip)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("services.sites.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters["calling"] = calling
    return templates


def calling(sentence: str, number: str) -> Markup:
    """Return a sentence in which a tap on a telephone number calls it."""
    before, _, after = sentence.partition(number)
    return Markup('{}<a href="tel:{}" dir="ltr">{}</a>{}').format(before, number.replace(" ", ""), number, after)


def page(name: str, visit: Visit, *, status: HTTPStatus = HTTPStatus.OK, **shown: Any) -> HTMLResponse:  # noqa: ANN401 - whatever the template shows
    """Return a page in the visit's language."""
    template = _templates().get_template(f"{name}.html")
    content = template.render(visit=visit, words=visit.words, root=ROOT, style=Markup(STYLE), **shown)  # noqa: S704 - our own style
    headers = {**HEADERS, "Content-Language": visit.words.code}
    if visit.reads_gzip:
        packed = gzip.compress(content.encode(), compresslevel=5, mtime=0)
        return HTMLResponse(packed, status, {**headers, "Content-Encoding": "gzip"})
    return HTMLResponse(content, status, headers)


def gone(visit: Visit) -> HTMLResponse:
    """Return the page that stands where nothing is."""
    return page("gone", visit, status=HTTPStatus.NOT_FOUND)


def qr_code(address: str) -> Markup:
    """Return an address as a QR code that stands in the page: dark on light whatever the page's colours."""
    drawn = segno.make(address, error="m", micro=False).svg_inline(
        scale=4, border=4, dark="#000", light="#fff", omitsize=True
    )
    return Markup(drawn)  # noqa: S704 - drawn by segno: numbers, no text
