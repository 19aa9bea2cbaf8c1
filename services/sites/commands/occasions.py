"""On which days something can have been."""

from datetime import date

from services.sites.domain.register import joined
from shared.days import today
from shared.problems import FieldError, MalformedRequest


def happened(on: date, pointer: str = "/on", *, since: date | None = None) -> None:
    """Refuse a day that is still to come, or that lies before all engagement, or before what it follows."""
    if not joined(on, today()) or (since is not None and on < since):
        earliest = "1990" if since is None else "what it follows"
        raise out_of_range(pointer, f"Not in the future, and not before {earliest}.")


def out_of_range(pointer: str, message: str) -> MalformedRequest:
    """Return the refusal of a day that cannot be."""
    return MalformedRequest(errors=[FieldError(pointer=pointer, code="date_out_of_range", message=message)])
