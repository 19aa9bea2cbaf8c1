"""What courses of treatment led to, by PHQ-9 and the anxiety measure of the problem."""

from sqlalchemy import not_
from sqlalchemy.orm import InstrumentedAttribute

from services.reporting.measures.ended import finished
from services.reporting.measures.measure import ANNUAL, NATIONAL, OURS, Amount, Measure, Those
from services.reporting.tables import Pathway

_cases = finished.who("Finished a course in the period, those not at caseness left out", not_(Pathway.not_at_caseness))


def _outcome(words: str, is_so: InstrumentedAttribute[bool]) -> Those:
    return finished.who(f"Finished a course in the period and {words}", is_so)


_recovered = _outcome("recovered", Pathway.recovered)
_reliably_recovered = _outcome("recovered reliably", Pathway.reliably_recovered)
_improved = _outcome("improved reliably", Pathway.reliably_improved)
_deteriorated = _outcome("deteriorated reliably", Pathway.reliably_deteriorated)
_unchanged = _outcome("did not change reliably", Pathway.reliably_unchanged)

counts = tuple(
    Measure(
        id=name,
        national=national,
        title=title,
        question=f"How many who finished a course of treatment in the period {words}?",
        when=Pathway.ended_on,
        numerator=those,
    )
    for name, national, title, words, those in (
        ("recovered", "M191", "Recovered", "recovered", _recovered),
        ("reliably_recovered", "M193", "Recovered reliably", "recovered reliably", _reliably_recovered),
        ("reliably_improved", "M185", "Improved reliably", "improved reliably", _improved),
        ("reliably_unchanged", "M187", "Did not change reliably", "did not change reliably", _unchanged),
        ("reliably_deteriorated", "M189", "Deteriorated reliably", "deteriorated reliably", _deteriorated),
    )
)
rates = tuple(
    Measure(
        id=name,
        national=national,
        title=title,
        question=f"Of those who finished a course of treatment in the period{of}, what share {words}?",
        unit="percent",
        source=NATIONAL if national else ANNUAL,
        when=Pathway.ended_on,
        numerator=those,
        denominator=_cases if of else finished,
    )
    for name, national, title, words, those, of in (
        ("recovery_rate", "M192", "Recovery rate", "recovered", _recovered, " and were not below caseness at first"),
        (
            "reliable_recovery",
            "M195",
            "Reliable recovery rate",
            "recovered reliably",
            _reliably_recovered,
            " and were not below caseness at first",
        ),
        ("reliable_improvement", "M186", "Reliable improvement rate", "improved reliably", _improved, ""),
        ("no_reliable_change", None, "No reliable change rate", "did not change reliably", _unchanged, ""),
        (
            "reliable_deterioration",
            "M1010",
            "Reliable deterioration rate",
            "deteriorated reliably",
            _deteriorated,
            "",
        ),
    )
)
paired_scores = Measure(
    id="paired_scores",
    title="Paired scores",
    question="Of those who finished a course of treatment in the period, what share has two scores of both measures?",
    unit="percent",
    source=OURS,
    when=Pathway.ended_on,
    numerator=_outcome("has a first and a last PHQ-9 and anxiety score", Pathway.paired),
    denominator=finished,
)
mean_scores = tuple(
    Measure(
        id=f"mean_{which}_{instrument}",
        title=f"Mean {which} {name}",
        question=f"What was the mean {which} {name} of those who finished a course of treatment in the period with two scores?",
        unit="score",
        source=OURS,
        when=Pathway.ended_on,
        numerator=finished.who(f"Finished a course in the period with two {name} scores", last.is_not(None)),
        amount=Amount("mean", score, decimals=1),
    )
    for instrument, name, first, last in (
        ("phq_9", "PHQ-9", Pathway.first_phq_9, Pathway.last_phq_9),
        ("gad_7", "GAD-7", Pathway.first_gad_7, Pathway.last_gad_7),
    )
    for which, score in (("first", first), ("last", last))
)
