"""What a referral must be to be recorded at all."""

from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel

from shared.codes import CODE_RETIRED, retired

EARLIEST = date(2000, 1, 1)
OLDEST_BIRTH = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why something that reads well still cannot be: where, a code for programs, words for people."""

    pointer: str
    code: str
    message: str


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
