"""For which sites a write of several is, and on which days something can have been."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.commands.whose import all_registered
from services.sites.domain.register import joined
from shared.auth import Caller, SiteRequired, SiteUnknown
from shared.days import today
from shared.problems import FieldError, MalformedRequest

FOREIGN_KEY = "23503"


async def sites_for(
    session: AsyncSession, caller: Caller, given: Iterable[UUID] | None, pointer: str = "/sites"
) -> list[UUID]:
    """Return the registered sites a write is for, each once and in order: those given if all are theirs, else their only one.

    Raises `SiteRequired` when none is given and it could be several, `SiteUnknown` when one is not theirs or nobody's.
    """
    if given is None and (caller.sites is None or len(caller.sites) > 1):
        raise _required(pointer)
    wanted = set(caller.sites or ()) if given is None else set(given)
    if not wanted or not all(map(caller.may_see, wanted)):
        raise SiteUnknown
    await all_registered(session, wanted)
    return sorted(wanted)


def _required(pointer: str) -> SiteRequired:
    """Return the refusal, pointing to where this body names its site."""
    refusal = SiteRequired()
    refusal.errors = [error.model_copy(update={"pointer": pointer}) for error in refusal.errors]
    return refusal


def happened(on: date, pointer: str = "/on", *, since: date | None = None) -> None:
    """Refuse a day that is still to come, or that lies before all engagement, or before what it follows."""
    if not joined(on, today()) or (since is not None and on < since):
        earliest = "1990" if since is None else "what it follows"
        raise out_of_range(pointer, f"Not in the future, and not before {earliest}.")


def out_of_range(pointer: str, message: str) -> MalformedRequest:
    """Return the refusal of a day that cannot be."""
    return MalformedRequest(errors=[FieldError(pointer=pointer, code="date_out_of_range", message=message)])


def names_nothing(problem: IntegrityError) -> bool:
    """Tell whether a row was refused because something that it names does not exist."""
    return getattr(problem.orig, "sqlstate", None) == FOREIGN_KEY
