"""Which side speaks: the community's, or the statutory one."""

from http import HTTPStatus

from shared.auth import Caller
from shared.events.sites import Side
from shared.problems import FieldError, MalformedRequest, Problem


class SideNotYours(Problem):
    """The token speaks for the community's side only."""

    status = HTTPStatus.FORBIDDEN


def speaking(caller: Caller, given: Side | None, pointer: str = "/side") -> Side:
    """Return the side a caller speaks for: the community's when limited to sites, else the one they name.

    Raises `SideNotYours` when a caller limited to sites names the other, `MalformedRequest` when a caller of all sites
    names none.
    """
    if caller.sites is not None:
        if given not in {None, "community"}:
            raise SideNotYours
        return "community"
    if given is None:
        raise MalformedRequest(
            errors=[FieldError(pointer=pointer, code="missing", message="Name the side you speak for.")]
        )
    return given
