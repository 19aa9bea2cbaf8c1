"""From FHIR's codes to ours. What no table translates is left out: not recorded is better than guessed."""

from collections.abc import Mapping

from shared.codes import code_list

SNOMED = "snomed.info/sct"
ICD_10 = ("hl7.org/fhir/sid/icd-10", "hl7.org/fhir/sid/icd-10-uk", "fhir.hl7.org.uk/id/icd-10")

# SNOMED concepts of the UK Core value set SourceOfServiceRequest.
SOURCES = {
    "1036481000000106": "B1",
    "1991000124105": "B1",
    "310434002": "B1",
    "183690008": "B1",
    "1065391000000104": "B2",
    "108161000000109": "A1",
    "185359002": "A1",
    "1052681000000105": "A2",
    "185365002": "C1",
    "1065401000000101": "F1",
}

ETHNIC_ENGLAND = "fhir.hl7.org.uk/codesystem/ukcore-ethniccategoryengland"
ETHNIC_RETIRED = "fhir.hl7.org.uk/codesystem/ukcore-ethniccategory"
# The retired code system told more apart: letters that follow the first, by the category they were a part of.
ETHNIC_PARTS = {"C": "ABCDEFGHJKLMNPQRSTUVWXY", "G": "ABCDEF", "L": "ABCDEFGHJK", "P": "ABCDE", "S": "ABCDE"}
ETHNIC_OF_RETIRED = {f"{whole}{part}": whole for whole, parts in ETHNIC_PARTS.items() for part in parts}

RELIGION_V3 = "terminology.hl7.org/codesystem/v3-religiousaffiliation"
# Only where the national list has exactly one code for the religion; the others have several, and no rule to choose by.
RELIGIONS = {"1008": "429732005", "1024": "429787006", "1047": "366740002", "1060": "429790000"}

GENDER_HL7 = "hl7.org/fhir/gender-identity"
GENDER_ABSENT = "terminology.hl7.org/codesystem/data-absent-reason"
GENDER_IDENTITIES: Mapping[str, Mapping[str, str]] = {
    GENDER_HL7: {
        "male": "1",
        "transgender-male": "1",
        "female": "2",
        "transgender-female": "2",
        "non-binary": "3",
        "other": "4",
        "non-disclose": "Z",
    },
    SNOMED: {"446151000124109": "1", "446141000124107": "2", "33791000087105": "3"},
    GENDER_ABSENT: {"asked-declined": "Z"},
}

NHS_NUMBER_STATUSES = (
    "fhir.hl7.org.uk/codesystem/ukcore-nhsnumberverificationstatusengland",
    "fhir.hl7.org.uk/codesystem/ukcore-nhsnumberverificationstatus",
)
VERIFIED = {"01", "number-present-and-verified"}

SELF = {"oneself", "self"}


def ethnic_category(system: str, code: str) -> str | None:
    """Return the national category of a code of the English code system, the retired one included."""
    code = code.upper()
    if system == ETHNIC_RETIRED:
        code = ETHNIC_OF_RETIRED.get(code, code)
    elif system != ETHNIC_ENGLAND:
        return None
    return code if code in code_list("ethnic_category") else None


def religion(system: str, code: str) -> str | None:
    """Return the SNOMED code of a religion."""
    found = code if system == SNOMED else RELIGIONS.get(code, "") if system == RELIGION_V3 else ""
    return found if found in code_list("religion") else None


def gender_identity(system: str, code: str) -> str | None:
    """Return the national code of a gender identity that somebody stated."""
    return GENDER_IDENTITIES.get(system, {}).get(code)


def language(tag: str) -> str | None:
    """Return the language of a BCP 47 tag: its first part, the shortest code there is for it."""
    first, _, rest = tag.strip().casefold().replace("_", "-").partition("-")
    if first == "sgn":  # sign languages of a region: only the British one has its own code in the list
        return "bfi" if rest.split("-")[0] in {"gb", "bfi"} else None
    return first if first in code_list("language") else None


def presenting_problem(system: str, code: str) -> str | None:
    """Return a problem of the national list; its codes are ICD-10 or SNOMED and never both."""
    if system in ICD_10:
        found = code.strip().upper()
        return found if not found.isdecimal() and found in code_list("presenting_problem") else None
    return code if system == SNOMED and code.isdecimal() and code in code_list("presenting_problem") else None
