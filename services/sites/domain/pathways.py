"""What a care contact counts as, by the national rules, and how a figure about people is shown."""

ATTENDED = frozenset({"5", "6"})  # in time, or late and seen all the same
ASSESSES = frozenset({"01", "03"})
TREATS = frozenset({"02", "03", "05"})
COURSE = 2  # treatment contacts that a finished course has at least
STEP = 5  # shown counts are multiples of this


def is_attended(attendance: str | None, *, planned: bool) -> bool:
    """Tell whether the person was seen; an unplanned contact needs no code for that."""
    return not planned or attendance in ATTENDED


def is_assessment(appointment_type: str, *, attended: bool) -> bool:
    """Tell whether a contact assessed the person."""
    return attended and appointment_type in ASSESSES


def is_treatment(appointment_type: str, *, attended: bool, internet_therapy: bool) -> bool:
    """Tell whether a contact treated the person; a log of internet therapy does, whatever its type."""
    return attended and (internet_therapy or appointment_type in TREATS)


def shown_count(count: int, below: int) -> int | None:
    """Return a count of people to the nearest 5; None when it is too small, zero included."""
    return None if count < below else (count + STEP // 2) // STEP * STEP
