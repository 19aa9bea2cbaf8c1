"""What an NHS number and a postcode are."""

import re
from operator import mul

NHS_NUMBER = re.compile(r"\d{10}")
POSTCODE = re.compile(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}")


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
