"""Which fields are asked for, and the four states each can be in: valid, not stated, not known, missing. Never merged."""

from dataclasses import dataclass

from sqlalchemy import ARRAY, Boolean, ColumnElement, Text, and_, any_, cast, false, literal
from sqlalchemy.orm import InstrumentedAttribute

from services.reporting.tables import Pathway, Person
from shared.codes import State, code_list


@dataclass(frozen=True, eq=False, slots=True)
class Field:
    """A fact that is asked for with every referral; the codes of its list say which of them are no answer."""

    id: str
    column: InstrumentedAttribute[object]
    list_name: str | None = None
    multiple: bool = False

    def codes(self, *states: State) -> list[str]:
        """Return the codes that put the field in these states."""
        listed = code_list(self.list_name).valid() if self.list_name else ()
        return [entry.code for entry in listed if entry.state in states]

    def is_in(self, state: State) -> ColumnElement[bool]:
        """Return whether the field was answered so; one answer among several codes makes it valid."""
        codes = self.codes(state)
        if not codes:
            return false()
        if not self.multiple:
            return cast(self.column, Text) == any_(literal(codes, ARRAY(Text)))
        no_answer = self.codes(State.NOT_STATED, State.NOT_KNOWN) if state is State.NOT_STATED else codes
        held = cast(self.column, ARRAY(Text))
        return and_(
            held.op("<@", return_type=Boolean())(literal(no_answer, ARRAY(Text))),
            held.op("&&", return_type=Boolean())(literal(codes, ARRAY(Text))),
        )


FIELDS = (
    Field("birth_month", Person.birth_month),
    Field("gender_identity", Person.gender_identity, "gender_identity"),
    Field("gender_same_at_birth", Person.gender_same_at_birth, "gender_same_at_birth"),
    Field("ethnic_category", Person.ethnic_category, "ethnic_category"),
    Field("language", Person.language),
    Field("interpreter_required", Person.interpreter_required),
    Field("religion", Person.religion, "religion"),
    Field("sexual_orientation", Person.sexual_orientation, "sexual_orientation"),
    Field("disabilities", Person.disabilities, "disability", multiple=True),
    Field("employment_status", Person.employment_status, "employment_status"),
    Field("ex_armed_forces", Person.ex_armed_forces, "ex_armed_forces"),
    Field("long_term_conditions", Person.long_term_conditions, "long_term_condition", multiple=True),
    Field("imd_decile", Person.imd_decile),
    Field("presenting_problem", Pathway.presenting_problem),
)
