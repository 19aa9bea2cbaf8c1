"""The one typed field for national codes, and its short names."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from shared.codes.lists import ANY_ENDING, ICD_10, ICD_10_ENDING, CodeList, code_list

CODE_UNKNOWN = "code_unknown"

NAMED = 30  # a refusal names the codes of lists up to this long
ENUMERATED = 60  # OpenAPI enumerates lists up to this long
COMPILED = 200  # pydantic keeps its own copy of lists up to this long; longer ones are looked up in ours


@dataclass(frozen=True, slots=True)
class Code:
    """Says that a field holds a code of the named list: `Annotated[str, Code("ethnic_category")]`.

    Any code that was ever valid is accepted; `retired` judges dates. An `int` field takes the number or its text.
    """

    list_name: str

    @property
    def codes(self) -> CodeList:
        """The list itself."""
        return code_list(self.list_name)

    def __get_pydantic_core_schema__(self, source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check membership; every failure is `code_unknown`, and never says what was sent."""
        codes = self.codes
        schema: CoreSchema
        if source is int:
            schema = core_schema.no_info_plain_validator_function(self._number)
        elif codes.patterned or len(codes.codes) > COMPILED:
            schema = core_schema.no_info_after_validator_function(self._member, core_schema.str_schema(strict=True))
        else:
            schema = core_schema.literal_schema(list(codes.codes))
        return core_schema.custom_error_schema(
            schema,
            custom_error_type=CODE_UNKNOWN,
            custom_error_message=self.message(),
            serialization=core_schema.simple_ser_schema("int" if source is int else "str"),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the field: an enumeration for short lists, a pattern for the long ones."""
        codes = self.codes
        number = schema.get("serialization") == core_schema.simple_ser_schema("int")
        described: dict[str, Any] = {"type": "integer" if number else "string", "x-code-list": self.list_name}
        if codes.patterned:
            described["pattern"] = f"^({'|'.join(map(_written, codes.codes))})$"
        elif len(codes.codes) <= ENUMERATED:
            described["enum"] = [int(code) if number else code for code in codes.codes]
        else:
            described |= {"pattern": _shape(codes), "maxLength": max(map(len, codes.codes))}
        return described | {"description": _description(codes)}

    def message(self) -> str:
        """Say what is accepted, by name of the list and, when they are few, of the codes."""
        codes = self.codes.codes
        named = f": {', '.join(codes)}" if len(codes) <= NAMED else ""
        ending = f" ({ANY_ENDING} stands for any ending)" if named and self.codes.patterned else ""
        return f"must be a code of the list {self.list_name}{named}{ending}"

    def _member(self, value: str) -> str:
        if value not in self.codes:
            raise ValueError(CODE_UNKNOWN)
        return value

    def _number(self, value: object) -> int:
        text = str(value) if isinstance(value, int | str) else ""
        if text not in self.codes:
            raise ValueError(CODE_UNKNOWN)
        return int(text)


def _description(codes: CodeList) -> str:
    """Name the list, and the codes that are not for every date."""
    limits: dict[str, list[str]] = {}
    for code, (first, last) in codes.spans.items():
        limit = [f"from {first}"] if first else []
        limit += [f"until {last}"] if last else []
        limits.setdefault(" ".join(limit), []).append(code)
    dated = [f" Only {limit}: {', '.join(limited)}." for limit, limited in limits.items() if limit]
    return f"Code list {codes.name}.{''.join(dated)}"


def _written(code: str) -> str:
    """Return every way to write a code of a list with patterns: ICD-10 with or without its dot, or the code alone."""
    if code.endswith(ANY_ENDING):
        return f"{code.removesuffix(ANY_ENDING)}{ICD_10_ENDING}"
    return f"{code[:3]}\\.?{code[3:]}" if ICD_10.fullmatch(code) else code


def _shape(codes: CodeList) -> str:
    """Return the coarse shape of a long list's codes."""
    lengths, text = sorted(map(len, codes.codes)), "".join(codes.codes)
    letters = "".join(range_ for range_ in ("0-9", "A-Z", "a-z") if re.search(f"[{range_}]", text))
    return f"^[{letters}]{{{lengths[0]},{lengths[-1]}}}$"


ActivityLocation = Annotated[str, Code("activity_location")]
AgeBand = Annotated[str, Code("age_band")]
AppointmentType = Annotated[str, Code("appointment_type")]
Attendance = Annotated[str, Code("attendance")]
CareSpellEnd = Annotated[str, Code("care_spell_end")]
ConsultationMechanism = Annotated[str, Code("consultation_mechanism")]
Disability = Annotated[str, Code("disability")]
EmploymentStatus = Annotated[str, Code("employment_status")]
EthnicCategory = Annotated[str, Code("ethnic_category")]
ExArmedForces = Annotated[str, Code("ex_armed_forces")]
GenderIdentity = Annotated[str, Code("gender_identity")]
GenderSameAtBirth = Annotated[str, Code("gender_same_at_birth")]
ImdDecile = Annotated[int, Code("imd_decile")]
Interpreter = Annotated[str, Code("interpreter")]
Language = Annotated[str, Code("language")]
LongTermCondition = Annotated[str, Code("long_term_condition")]
Need = Annotated[str, Code("need")]
PresentingProblem = Annotated[str, Code("presenting_problem")]
Religion = Annotated[str, Code("religion")]
SexualOrientation = Annotated[str, Code("sexual_orientation")]
SourceOfReferral = Annotated[str, Code("source_of_referral_iapt")]
TherapyType = Annotated[str, Code("therapy_type")]
