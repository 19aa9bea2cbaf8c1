"""Whether two records are the same human: match, possible match or no match, with a score and the reasons for it.

Equal NHS numbers whose check digit holds are a match (score 100), unless family name and birth date both contradict them: then
people decide (a possible match, 60-94). Different NHS numbers are no match, unless family name, given name, birth date and
postcode all agree: then people decide (60).

Without both numbers, points are added up and cut off at 0 and 100:

| field | equal | nearly | differs | not known to both |
|---|---|---|---|---|
| family name | 25 | 25 x similarity from 0.85 on | -10 | 0 |
| given name | 20 | 20 x similarity from 0.85 on; 12 for an initial | -10 | 0 |
| birth date | 30 | 20 with day and month swapped, or one digit off | -15 | 0 |
| postcode | 20 | 8 for the same outward part | 0: people move | 0 |
| phone, e-mail | 5 each | | 0: households share them | 0 |

From 95 on it is a match, which only happens when family name, given name, birth date and postcode all agree: anything less
stops at 94. From 60 on it is possible, and people decide. Twins at one address (65) are asked about, and never merged by rule.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.referrals.domain.identifiers import nhs_number
from services.referrals.domain.likeness import likeness

Verdict = Literal["match", "possible_match", "no_match"]

MATCH = 95
POSSIBLE = 60
SURE = 100
SIMILAR = 0.85
EQUAL = {"family_name": 25, "given_name": 20, "birth_date": 30, "postcode": 20, "phone": 5, "email": 5}
INITIAL, NEARLY_BORN, SAME_OUTWARD = 12, 20, 8
DIFFERS = {"family_name": -10, "given_name": -10, "birth_date": -15}
DECISIVE = tuple(f"{name}_equal" for name in ("family_name", "given_name", "birth_date", "postcode"))

# Letters that Unicode takes for letters of their own, where people's keyboards do not have them.
PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\N{LATIN SMALL LETTER DOTLESS I}": "i"}
)
UNKNOWN = frozenset({"unknown", "not known", "anonymous", "none", "na", "n a", "not given", "not stated"})
APOSTROPHES = re.compile("['’ʼ`´‘]")  # noqa: RUF001 - the signs that people type for one
PLACEHOLDER_BIRTH = date(1900, 1, 1)


def plain(name: str | None) -> str | None:
    """Return a name without case, accents, punctuation and the order of its parts; None when it says nothing."""
    if name is None:
        return None
    if name.isascii() and name.isalpha():
        return None if name.casefold() in UNKNOWN else name.casefold()
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold().translate(PLAIN_LETTERS))
    bare = "".join(letter for letter in APOSTROPHES.sub("", letters) if not unicodedata.combining(letter))
    # vowel signs of many scripts are marks (Mc, Mn) and belong to the name
    parts = "".join(one if one.isalpha() or unicodedata.category(one)[0] == "M" else " " for one in bare).split()
    text = " ".join(parts)
    return None if not parts or text in UNKNOWN else " ".join(sorted(parts))


def _phone(text: str | None) -> str | None:
    digits = re.sub(r"\D", "", text or "")
    digits = re.sub(r"^(00)?44(?=\d{9,10}$)", "0", re.sub(r"^((?:00)?44)0(?=\d{9,10}$)", r"\1", digits))
    return digits or None


def _born(text: str | date | None) -> date | None:
    born = date.fromisoformat(text) if isinstance(text, str) else text
    return None if born == PLACEHOLDER_BIRTH else born


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a record says somebody is, in the one spelling that records are compared in; None is not known."""

    nhs_number: str | None = None
    family_name: str | None = None
    given_name: str | None = None
    birth_date: date | None = None
    postcode: str | None = None
    phone: str | None = None
    email: str | None = None

    @classmethod
    def of(cls, fields: Mapping[str, str | None]) -> "Identity":
        """Return the identity in a record's fields, as they were recorded."""
        return cls(
            nhs_number=nhs_number(fields.get("nhs_number") or ""),
            family_name=plain(fields.get("family_name")),
            given_name=plain(fields.get("given_name")),
            birth_date=_born(fields.get("birth_date")),
            postcode=re.sub(r"\s", "", fields.get("postcode") or "").upper() or None,
            phone=_phone(fields.get("phone")),
            email=(fields.get("email") or "").strip().casefold() or None,
        )

    def blocking_keys(self) -> frozenset[tuple[str, str]]:
        """Return what this record shares with records that it could match: kind and value, each to be hashed.

        Records that differ in more than one of names, birth date and postcode may share nothing, and are then not found.
        """
        born = None if self.birth_date is None else self.birth_date.isoformat()
        names = [self.family_name, self.given_name]
        both = None if None in names else " ".join(sorted(filter(None, names)))  # also found with the two swapped
        kinds: dict[str, Iterable[str | None]] = {
            "nhs_number": (self.nhs_number,),
            "birth_date+family_name": (born, self.family_name),
            "birth_date+given_name": (born, self.given_name),
            "birth_date+postcode": (born, self.postcode),
            "names+postcode": (both, self.postcode),
            "names+birth_month": (both, born and born[:7]),  # the day mistyped
            "names+birthday": (
                both,
                born and "-".join(sorted((born[5:7], born[8:]))),
            ),  # swapped, or the year mistyped
        }
        return frozenset((kind, "\x1f".join(filter(None, parts))) for kind, parts in kinds.items() if None not in parts)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found when two records were compared; the same whichever comes first."""

    verdict: Verdict
    score: int
    reasons: tuple[str, ...]


def compare(one: Identity, other: Identity) -> Comparison:
    """Compare two records by the rules above."""
    found = dict([*_numbers(one, other), *_names(one, other), *_birth(one, other), *_rest(one, other)])
    reasons = tuple(found)
    agree = all(reason in found for reason in DECISIVE)
    score = max(0, min(sum(found.values()), SURE - 1 if agree else MATCH - 1))
    if "nhs_number_equal" in found:
        if {"family_name_differs", "birth_date_differs"} <= found.keys():
            return Comparison("possible_match", max(score, POSSIBLE), (*reasons, "nhs_number_contradicted"))
        return Comparison("match", SURE, reasons)
    if "nhs_number_differs" in found:
        return Comparison("possible_match", POSSIBLE, reasons) if agree else Comparison("no_match", 0, reasons)
    return Comparison(_verdict(score), score, reasons)


def _verdict(score: int) -> Verdict:
    if score >= MATCH:
        return "match"
    return "possible_match" if score >= POSSIBLE else "no_match"


Findings = list[tuple[str, int]]


def _numbers(one: Identity, other: Identity) -> Findings:
    if one.nhs_number is None or other.nhs_number is None:
        return []
    return [("nhs_number_equal" if one.nhs_number == other.nhs_number else "nhs_number_differs", 0)]


def _names(one: Identity, other: Identity) -> Findings:
    """Compare family and given name, each with its own kind or, when that is what was typed, with the other."""
    straight = {(one.family_name, one.given_name), (other.family_name, other.given_name)}
    swapped = {(one.family_name, one.given_name), (other.given_name, other.family_name)}
    if None not in next(iter(straight)) and len(swapped) == 1 < len(straight):
        return [("names_swapped", EQUAL["family_name"] + EQUAL["given_name"])]
    found = []
    for name in ("family_name", "given_name"):
        here, there = getattr(one, name), getattr(other, name)
        if here is not None and there is not None:
            found.append(_name(name, here, there))
    return found


def _name(name: str, here: str, there: str) -> tuple[str, int]:
    if here == there:
        return f"{name}_equal", EQUAL[name]
    if name == "given_name" and 1 in {len(here), len(there)} and here[0] == there[0]:
        return f"{name}_initial", INITIAL
    alike = likeness(here, there)
    return (f"{name}_similar", round(EQUAL[name] * alike)) if alike >= SIMILAR else (f"{name}_differs", DIFFERS[name])


def _birth(one: Identity, other: Identity) -> Findings:
    here, there = one.birth_date, other.birth_date
    if here is None or there is None:
        return []
    if here == there:
        return [("birth_date_equal", EQUAL["birth_date"])]
    if (here.year, here.month, here.day) == (there.year, there.day, there.month):
        return [("birth_date_swapped", NEARLY_BORN)]
    if sum(a != b for a, b in zip(here.isoformat(), there.isoformat(), strict=True)) == 1:
        return [("birth_date_one_digit_off", NEARLY_BORN)]
    return [("birth_date_differs", DIFFERS["birth_date"])]


def _rest(one: Identity, other: Identity) -> Findings:
    found: Findings = []
    if one.postcode is not None and other.postcode is not None:
        if one.postcode == other.postcode:
            found.append(("postcode_equal", EQUAL["postcode"]))
        elif one.postcode[:-3] == other.postcode[:-3]:
            found.append(("postcode_outward_equal", SAME_OUTWARD))
        else:
            found.append(("postcode_differs", 0))
    found += [
        (f"{name}_equal", EQUAL[name])
        for name in ("phone", "email")
        if getattr(one, name) is not None and getattr(one, name) == getattr(other, name)
    ]
    return found
