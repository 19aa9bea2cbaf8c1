"""What an answer says: something, that the person would not say, that nobody knows, or nothing at all. Never merged."""

from typing import Literal

from shared.codes import State, code_list

AnswerState = Literal["recorded", "not_stated", "not_known", "missing"]

LISTS = {
    "gender_identity": "gender_identity",
    "gender_same_at_birth": "gender_same_at_birth",
    "ethnic_category": "ethnic_category",
    "religion": "religion",
    "sexual_orientation": "sexual_orientation",
    "disabilities": "disability",
    "employment_status": "employment_status",
    "ex_armed_forces": "ex_armed_forces",
    "long_term_conditions": "long_term_condition",
}
"""The fields whose code lists have codes that are no answer."""


def state(name: str, value: object) -> AnswerState:
    """Return the state of a field; one answer among several codes makes it recorded, and no codes at all are missing."""
    if value is None or value == []:
        return "missing"
    if name not in LISTS:
        return "recorded"
    codes = value if isinstance(value, list) else [value]
    found = {code_list(LISTS[name]).state(str(code)) for code in codes}
    if State.RECORDED in found:
        return "recorded"
    return "not_stated" if State.NOT_STATED in found else "not_known"
