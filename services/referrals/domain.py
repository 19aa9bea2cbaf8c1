"""The rules of referrals, and nothing else: no HTTP, no database, no clock."""

import re
from dataclasses import dataclass
from datetime import date
from operator import mul

from pydantic import BaseModel

from shared.codes import CODE_RETIRED, retired

EARLIEST = date(2000, 1, 1)
OLDEST_BIRTH = date(1900, 1, 1)
NHS_NUMBER = re.compile(r"\d{10}")
POSTCODE = re.compile(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Objection:
    """Why something that reads well still cannot be: where, a code for programs, words for people."""

    pointer: str
    code: str
    message: str


def nhs_number(text: str) -> str | None:
    """Return an NHS number's ten digits, or None when its check digit does not hold (modulus 11; 10 is never valid)."""
    digits = re.sub(r"[ -]", "", text)
    if not NHS_NUMBER.fullmatch(digits) or not digits.isascii():
        return None
    total = sum(map(mul, map(int, digits), range(10, 0, -1)))  # the check digit has weight 1, so that all add up to 11s
    return digits if total % 11 == 0 else None


def postcode(text: str) -> str | None:
    """Return a postcode in its usual spelling, or None when it has not the form of one."""
    squeezed = re.sub(r"\s+", "", text).upper()
    if not POSTCODE.fullmatch(squeezed):
        return None
    return f"{squeezed[:-3]} {squeezed[-3:]}"


def objections(referral: BaseModel, received_on: date, birth_date: date | None, today: date) -> list[Objection]:
    """Return what speaks against a referral on the day it is recorded; codes are judged by the day it was received."""
    found = []
    if received_on > today:
        found.append(Objection("/received_on", "in_the_future", "A referral cannot have been received in the future."))
    if received_on < EARLIEST:
        found.append(Objection("/received_on", "too_early", f"No referral before {EARLIEST} is accepted."))
    if birth_date is not None and not OLDEST_BIRTH <= birth_date <= received_on:
        found.append(
            Objection(
                "/person/birth_date", "implausible", "A birth date lies in or after 1900 and not after the referral."
            )
        )
    found += [Objection(each.pointer, CODE_RETIRED, each.message) for each in retired(referral, received_on)]
    return found
