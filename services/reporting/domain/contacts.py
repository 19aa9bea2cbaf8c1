"""What a care contact counts as, by the national rules."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal

from shared.codes import code_list

ATTENDED = frozenset({"5", "6"})
MISSED = frozenset({"3", "7"})  # did not come, or came too late to be seen
CANCELLED = frozenset({"2", "4"})  # by the patient, by the provider
NOT_KEPT = MISSED | {"2"}  # by the patient, one way or another
ASSESSES = frozenset({"01", "03"})
TREATS = frozenset({"02", "03", "05"})

Intensity = Literal["low", "high", "both"]


def is_attended(attendance: str | None, *, planned: bool) -> bool:
    """Whether the patient was seen; an unplanned contact needs no attendance code."""
    return attendance in ATTENDED or not planned


def is_assessment(appointment_type: str, *, attended: bool) -> bool:
    """Whether it assessed the patient."""
    return attended and appointment_type in ASSESSES


def is_treatment(appointment_type: str, *, attended: bool, internet_therapy: bool) -> bool:
    """Whether it counts towards a course of treatment: follow-ups and employment support never do."""
    return attended and (appointment_type in TREATS or internet_therapy)


def intensity(therapy_types: Iterable[str]) -> Intensity | None:
    """Return the intensity of a contact's therapies; None when it had none that is low or high."""
    groups = {code_list("therapy_type").group(code) for code in therapy_types}
    low, high = "Low intensity" in groups, "High intensity" in groups
    if low and high:
        return "both"
    return "low" if low else "high" if high else None


def language(code: str | None) -> str | None:
    """Return the one code kept for a language that has two, such as bn and ben."""
    return None if code is None else _kept_codes()[code_list("language").row(code, by="label")]


@cache
def _kept_codes() -> Mapping[str, str]:
    """Return the longest code of each language by its name."""
    found: dict[str, str] = {}
    for code, name in code_list("language").rows(by="label").items():
        found[name] = max(found.get(name, ""), code, key=len)
    return found
