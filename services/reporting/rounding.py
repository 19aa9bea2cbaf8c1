"""Rounding, half up, on integers: Python's `round` and floats disagree with published national figures."""

from decimal import ROUND_HALF_UP, Decimal

STEP = 5  # published counts are multiples of this


def nearest(count: int | Decimal) -> int:
    """Return the nearest multiple of 5; half way is up."""
    return int((2 * count + STEP) // (2 * STEP) * STEP)


def half_up(value: Decimal, decimals: int) -> float:
    """Return a number to so many decimals."""
    return float(value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


def percent(numerator: int, denominator: int) -> int:
    """Return a whole percentage."""
    return (200 * numerator + denominator) // (2 * denominator)


def percent_to_a_tenth(numerator: int, denominator: int) -> float:
    """Return a percentage to one decimal."""
    return (2000 * numerator + denominator) // (2 * denominator) / 10
