"""Scoring, and what an answer must be: pure rules over an instrument's data; no HTTP, no database, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.surveys.instruments.pack import Instrument, Threshold

EARLIEST = date(2000, 1, 1)

Answers = Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a response cannot be scored: where, a code for programs, words for people; never the answer itself."""

    pointer: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Score:
    """What a response adds up to; no total when too many items are missing."""

    total: int | None
    missing_items: int = 0
    prorated: bool = False


def score(instrument: Instrument, answers: Answers) -> Score:
    """Add up the answers; a few missing items are made up for by the mean of the others, rounded half up."""
    given = [value for item in instrument.item_ids() if (value := answers.get(item)) is not None]
    count = len(instrument.items)
    missing = count - len(given)
    if missing == 0:
        return Score(sum(given))
    if missing > instrument.missing.prorate_up_to or not given:
        return Score(None, missing)
    return Score((2 * sum(given) * count + len(given)) // (2 * len(given)), missing, prorated=True)


def band(instrument: Instrument, total: int | None) -> str | None:
    """Return the published band of a total."""
    if total is None:
        return None
    return next((one.label for one in instrument.bands if one.lowest <= total <= one.highest), None)


def threshold(thresholds: Sequence[Threshold], on: date) -> int | None:
    """Return the cut-off in use on a day."""
    for one in thresholds:
        if (one.valid_from or date.min) <= on <= (one.valid_to or date.max):
            return one.at_least
    return None


def at_caseness(instrument: Instrument, total: int | None, on: date) -> bool | None:
    """Tell whether a total counts as a clinical case on a day; None without a total, or a threshold for that day."""
    cut = threshold(instrument.caseness, on)
    return None if total is None or cut is None else total >= cut


def reliable_change(instrument: Instrument, first: int, last: int, on: date) -> bool | None:
    """Tell whether two totals differ by more than chance, up or down; None without a threshold for that day."""
    cut = threshold(instrument.reliable_change, on)
    return None if cut is None else abs(last - first) >= cut


def objections(
    instrument: Instrument, answers: Answers | None, total: float | None, answered_on: date, today: date
) -> list[Objection]:
    """Return what speaks against a response."""
    found = []
    if not EARLIEST <= answered_on <= today:
        found.append(Objection("/answered_on", "date_out_of_range", f"Not in the future, and not before {EARLIEST}."))
    if answers is None and total is None:
        found.append(Objection("/answers", "missing", "Send answers, or a total."))
    if answers is not None:
        found += _wrong_answers(instrument, answers)
    lowest, highest = instrument.total.lowest, instrument.total.highest
    if total is not None and not (lowest <= total <= highest and float(total).is_integer()):
        message = f"A total of {instrument.code} is a whole number from {lowest} to {highest}."
        found.append(Objection("/total", "total_out_of_range", message))
    return found


def _wrong_answers(instrument: Instrument, answers: Answers) -> list[Objection]:
    """Return which items are not the instrument's, and which answers are not an item's."""
    known, values = instrument.item_ids(), instrument.values()
    said = ", ".join(str(value) for value in sorted(values))
    found = [
        Objection(f"/answers/{item}", "answer_unknown", f"One of: {said}; null when not answered.")
        for item in known
        if (value := answers.get(item)) is not None and value not in values
    ]
    if not answers.keys() <= set(known):
        found.append(Objection("/answers", "item_unknown", f"The items are {', '.join(known)}."))
    if all(answers.get(item) is None for item in known):
        found.append(Objection("/answers", "nothing_answered", "At least one item needs an answer."))
    return found


def contradicts(scored: Score, total: float | None) -> bool:
    """Tell whether a sender's total is wrong; it is compared only when every item was answered."""
    return total is not None and scored.missing_items == 0 and scored.total != total
