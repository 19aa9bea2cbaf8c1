"""How refusals look below /directory: a page with the crisis lines, never JSON."""

from starlette.responses import Response

from services.sites.web.pages import HEADERS, ROOT, Visit, page
from services.sites.web.words import FIRST, spoken
from shared.faces import Face
from shared.problems import Problem


class Page(Face):
    """A refusal as a page, in English: what is wrong may be that nothing else can be read."""

    below = ROOT
    media_type = "text/html"

    def refusal(self, problem: Problem) -> Response:
        """Return a problem in plain words."""
        visit = Visit(spoken()[FIRST], asked_for=False, path=ROOT, query={})
        answer = page("refused", visit, status=problem.status, problem=problem)
        answer.headers.update({**problem.headers, **HEADERS})
        return answer
