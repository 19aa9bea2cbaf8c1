"""Which tables the return has, which fields they have, and what makes a field's value valid."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from shared.codes import State, code_list

Row = Mapping[str, Any]
Quality = Literal["valid", "default", "invalid", "missing"]
ALPHA_2 = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A field: its national name, where its value comes from, and the code list that judges it."""

    name: str
    key: str
    list_name: str | None = None
    dated_by: str | None = None  # the key of the date on which its code must have been valid
    mandatory: bool = False
    judge: Callable[[Any], bool] | None = None

    def quality(self, row: Row) -> Quality:
        """Say what the value is worth by the national rule: a dictionary default is neither valid nor missing."""
        value = row.get(self.key)
        if value is None or value == "":
            return "missing"
        if self.judge is not None:
            return "valid" if self.judge(value) else "invalid"
        if self.list_name is None:
            return "valid"
        listed = code_list(self.list_name)
        on: date | None = row.get(self.dated_by) if self.dated_by else None
        meanings = [entry for entry in listed.meanings(str(value)) if on is None or entry.valid(on)]
        if not meanings:
            return "invalid"
        return "default" if meanings[-1].state is State.NOT_KNOWN else "valid"


def _alpha_2(value: Any) -> bool:  # noqa: ANN401 - a language code as it was recorded
    return len(str(value)) == ALPHA_2


@dataclass(frozen=True, slots=True)
class Table:
    """One file of the return."""

    name: str
    about: str
    columns: tuple[Column, ...]


PERSON = Column("LocalPatientID", "local_patient_id", mandatory=True)
REFERRAL = Column("ServiceRequestId", "referral_id", mandatory=True)
CONTACT = Column("CareContactId", "contact_id", mandatory=True)

TABLES: tuple[Table, ...] = (
    Table(
        "IDS000Header",
        "The submission: who, for which month, made when and with what.",
        (
            Column("DatSetVer", "version", mandatory=True),
            Column("OrgID_Provider", "provider", mandatory=True),
            Column("OrgIDSubmit", "provider", mandatory=True),
            Column("PrimSystemInUse", "system", mandatory=True),
            Column("ReportingPeriodStartDate", "start", mandatory=True),
            Column("ReportingPeriodEndDate", "end", mandatory=True),
            Column("DateTimeDatSetCreate", "created", mandatory=True),
        ),
    ),
    Table(
        "IDS001MPI",
        "The person, once per submission.",
        (
            PERSON,
            Column("OrgIDLocalPatientId", "provider", mandatory=True),
            Column("NHSNumber", "nhs_number"),
            Column("PersonBirthDate", "birth_date", mandatory=True),
            Column("Postcode", "postcode"),
            Column("GenderIdentity", "gender_identity", "gender_identity"),
            Column("GenderIdentitySameAtBirth", "gender_same_at_birth", "gender_same_at_birth"),
            Column("EthnicCategory", "ethnic_category", "ethnic_category"),
            Column("ExBAFIndicator", "ex_armed_forces", "ex_armed_forces"),
            Column("LanguageCodePreferred", "language", judge=_alpha_2),
        ),
    ),
    Table(
        "IDS004EmpStatus",
        "Employment, as last recorded.",
        (
            PERSON,
            Column("EmployStatus", "employment_status", "employment_status"),
            Column("EmployStatusRecDate", "recorded_on"),
        ),
    ),
    Table(
        "IDS007DisabilityType",
        "Disabilities, one row each.",
        (PERSON, Column("DisabCode", "disability", "disability", mandatory=True)),
    ),
    Table(
        "IDS011SocPerCircumstances",
        "Religion and sexual orientation, as dated SNOMED CT codes.",
        (
            PERSON,
            Column("SocPerCircumstance", "circumstance", mandatory=True),
            Column("SocPerCircumstanceRecDate", "recorded_on", mandatory=True),
        ),
    ),
    Table(
        "IDS101Referral",
        "The referral, every month until it ends.",
        (
            REFERRAL,
            PERSON,
            Column("OrgIDComm", "commissioner"),
            Column("ReferralRequestReceivedDate", "received_on", mandatory=True),
            Column("SourceOfReferralIAPT", "source", "source_of_referral_iapt", "received_on"),
            Column("ServDischDate", "ended_on"),
            Column("EndCode", "end_code", "care_spell_end", "ended_on"),
        ),
    ),
    Table(
        "IDS201CareContact",
        "Care contacts dated in the month.",
        (
            CONTACT,
            REFERRAL,
            Column("CareContDate", "on", mandatory=True),
            Column("CareContTime", "at"),
            Column("ClinContDurOfCareCont", "duration_minutes"),
            Column("PlannedCareContIndicator", "planned"),
            Column("AttendOrDNACode", "attendance", "attendance"),
            Column("APPTYPE", "appointment_type", "appointment_type"),
            Column("ConsMechanism", "mechanism", "consultation_mechanism", "on"),
            Column("LanguageCodeTreat", "language", judge=_alpha_2),
            Column("InterpreterPresentInd", "interpreter", "interpreter"),
        ),
    ),
    Table(
        "IDS202CareActivity",
        "What was done in a contact: one row for each therapy type.",
        (
            Column("CareActId", "activity_id", mandatory=True),
            CONTACT,
            Column("ClinContactDurOfCareAct", "duration_minutes"),
            Column("CodeProcAndProcStatus", "therapy_type", "therapy_type"),
        ),
    ),
    Table(
        "IDS602LongTermCondition",
        "Long-term physical conditions.",
        (PERSON, Column("LongTermConditionCode", "condition", "long_term_condition", mandatory=True)),
    ),
    Table(
        "IDS603PresentingComplaints",
        "What the person came with.",
        (REFERRAL, Column("PresComp", "presenting_problem", "presenting_problem", mandatory=True)),
    ),
    Table(
        "IDS606CodedScoreAssessmentRefer",
        "Scored assessments answered in the month; total scores.",
        (
            REFERRAL,
            Column("CodedAssToolType", "tool", mandatory=True),
            Column("PersScore", "score", mandatory=True),
            Column("AssToolCompDate", "answered_on", mandatory=True),
        ),
    ),
)
