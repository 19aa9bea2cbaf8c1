"""Who a message is about, in our words: what is understood is taken, the rest is left out, a wrong NHS number is refused."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from services.referrals.domain import identifiers
from services.referrals.fhir import crosswalks
from services.referrals.fhir.outcomes import ValueRefused
from services.referrals.fhir.reading import codes, extensions, same_system
from services.referrals.fhir.resources import CodeableConcept, ContactPoint, HumanName, Patient
from services.referrals.schemas.referrals import NewPerson

NHS_NUMBER = "fhir.nhs.uk/id/nhs-number"
NUMBER_STATUS = "fhir.hl7.org.uk/structuredefinition/extension-ukcore-nhsnumberverificationstatus"
ETHNIC_CATEGORY = "fhir.hl7.org.uk/structuredefinition/extension-ukcore-ethniccategory"
RELIGION = "hl7.org/fhir/structuredefinition/patient-religion"
INTERPRETER = "hl7.org/fhir/structuredefinition/patient-interpreterrequired"
GENDER_OF_PERSON = "hl7.org/fhir/structuredefinition/individual-genderidentity"
GENDER_OF_PATIENT = "hl7.org/fhir/structuredefinition/patient-genderidentity"

NAMES = ("official", "usual", "", "temp", "nickname")  # in the order they are looked for; an old name is no name
FULL_DATE = re.compile(r"\d{4}-\d\d-\d\d")
PART_OF_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2]))?")
Crosswalk = Callable[[str, str], str | None]
LEAST = 1_000_000  # the rank of a telephone number that has none


def person_of(patient: Patient) -> dict[str, Any]:
    """Return the fields of a person that a message gives; raises `ValueRefused` for what must not be passed over."""
    name = _name(patient)
    given: dict[str, Any] = {
        "nhs_number": _nhs_number(patient),
        "family_name": name.family.strip(),
        "given_name": " ".join(part.strip() for part in name.given if part.strip()),
        "postcode": next(_postcodes(patient), None),
        "phone": _first(_telecoms(patient, "phone"), "phone"),
        "email": _first(_telecoms(patient, "email"), "email"),
        "ethnic_category": _coded(patient, ETHNIC_CATEGORY, crosswalks.ethnic_category),
        "religion": _coded(patient, RELIGION, crosswalks.religion),
        "gender_identity": _gender_identity(patient),
        "language": _language(patient),
        "interpreter_required": next((each.value_boolean for each in extensions(patient.extension, INTERPRETER)), None),
    }
    understood = {name: value for name, value in given.items() if value is not None and _fits(name, value)}
    return understood | _birth_date(patient)


def _fits(name: str, value: object) -> bool:
    """Tell whether a field can hold a value."""
    try:
        NewPerson.model_validate({name: value})
    except ValidationError:
        return False
    return True


def _nhs_number(patient: Patient) -> str | None:
    """Return the NHS number; one that does not check is refused, one that was not verified is not taken for theirs."""
    found = set()
    for each in patient.identifier:
        if same_system(each.system) != NHS_NUMBER or not each.value.strip():
            continue
        digits = identifiers.nhs_number(each.value)
        if digits is None:
            raise ValueRefused("The NHS number's check digit does not hold.")
        said = [
            code
            for status in extensions(each.extension, NUMBER_STATUS)
            for code in codes(status.value_codeable_concept, *crosswalks.NHS_NUMBER_STATUSES)
        ]
        if crosswalks.VERIFIED.issuperset(said):
            found.add(digits)
    if len(found) > 1:
        raise ValueRefused("The patient has two NHS numbers.")
    return next(iter(found), None)


def _birth_date(patient: Patient) -> dict[str, Any]:
    """Return the birth date when all of it is known: a year, or a month, is not taken for a day."""
    given = patient.birth_date.strip()
    if not given or PART_OF_DATE.fullmatch(given):
        return {}
    if not FULL_DATE.fullmatch(given) or not _fits("birth_date", given):
        raise ValueRefused("Patient.birthDate is not a date.")
    return {"birth_date": given}


def _name(patient: Patient) -> HumanName:
    for use in NAMES:
        for name in patient.name:
            if name.use == use and (name.family or name.given):
                return name
    return HumanName()


def _postcodes(patient: Patient) -> Iterator[str]:
    lived_in = [each for each in patient.address if each.use != "old"]
    for address in sorted(lived_in, key=lambda each: each.use != "home"):
        if (found := identifiers.postcode(address.postal_code)) is not None:
            yield found


def _telecoms(patient: Patient, system: str) -> Iterator[str]:
    """Yield how to reach the patient, best first: in BaRS that stands among the contacts, under the patient's own name."""
    themselves = [each.telecom for each in patient.contact if any(map(_is_self, each.relationship))]
    for points in (*themselves, patient.telecom):
        current = [each for each in points if each.system == system and each.use != "old"]
        yield from (_bare(each) for each in sorted(current, key=lambda each: LEAST if each.rank is None else each.rank))


def _is_self(relationship: CodeableConcept) -> bool:
    return any(each.code.strip().casefold() in crosswalks.SELF for each in relationship.coding)


def _bare(point: ContactPoint) -> str:
    return re.sub(r"^(tel|mailto):", "", point.value.strip(), flags=re.IGNORECASE)


def _first(values: Iterable[str], name: str) -> str | None:
    return next((value for value in values if _fits(name, value)), None)


def _coded(patient: Patient, url: str, translate: Crosswalk) -> str | None:
    """Return the code of an extension in our list, when the codes it gives agree."""
    found = {
        code
        for each in extensions(patient.extension, url)
        for code in _translated(each.value_codeable_concept, translate)
    }
    return found.pop() if len(found) == 1 else None


def _translated(concept: CodeableConcept | None, translate: Crosswalk) -> Iterator[str]:
    for each in concept.coding if concept else ():
        if (code := translate(same_system(each.system), each.code.strip())) is not None:
            yield code


def _gender_identity(patient: Patient) -> str | None:
    """Return what somebody says of their gender; `Patient.gender` is administrative, and says nothing of it."""
    concepts = [each.value_codeable_concept for each in extensions(patient.extension, GENDER_OF_PATIENT)]
    for each in extensions(patient.extension, GENDER_OF_PERSON):
        concepts += [part.value_codeable_concept for part in extensions(each.extension, "value")]
    found = {code for each in concepts for code in _translated(each, crosswalks.gender_identity)}
    return found.pop() if len(found) == 1 else None


def _language(patient: Patient) -> str | None:
    """Return the preferred language, or the only one; with several and none preferred, none."""
    preferred = [each for each in patient.communication if each.preferred]
    if len(preferred) != 1:
        preferred = patient.communication if len(patient.communication) == 1 else []
    for each in preferred:
        for coding in each.language.coding:
            if (code := crosswalks.language(coding.code)) is not None:
                return code
    return None
