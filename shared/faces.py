"""How refusals look: problem+json everywhere, but for paths whose standard has a form of its own."""

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from shared import problems
from shared.problems import Problem, ProblemBody

WEARING = "roundtable.face"  # in an ASGI scope: the face of its path


class Face:
    """The usual face: RFC 9457. Another is a subclass, given to `create_app`, and holds for the paths `below` it."""

    below: str = "/"
    media_type: str = problems.MEDIA_TYPE
    shape: str = "Problem"

    def refusal(self, problem: Problem) -> Response:
        """Return a problem as this face shows it."""
        return problem.response()

    def echoed(self, _: Headers) -> Mapping[str, str]:
        """Return what every answer repeats of its request's headers; it wins over our own."""
        return {}

    def responses(self, *refusals: type[Problem]) -> dict[int | str, dict[str, Any]]:
        """Return the OpenAPI `responses` for these refusals."""
        return problems.responses(*refusals)

    def schemas(self) -> dict[str, Any]:
        """Return the OpenAPI schemas that `responses` refers to."""
        shape = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        return {**shape.pop("$defs", {}), self.shape: shape}


USUAL = Face()


def face_of(path: str, faces: Iterable[Face]) -> Face:
    """Return the face that answers below a path wear."""
    return next((face for face in faces if path.startswith(face.below)), USUAL)


def refusal(scope: Scope, problem: Problem) -> Response:
    """Return a problem as the path's face shows it."""
    face: Face = scope.get(WEARING, USUAL)
    return face.refusal(problem)
