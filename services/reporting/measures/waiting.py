"""How long people wait: to an assessment, to treatment, from the first treatment to the second; and without any activity."""

from sqlalchemy import Date, func, type_coerce

from services.reporting.measures.access import open_pathways, span, within
from services.reporting.measures.ended import finished
from services.reporting.measures.measure import OURS, PERIOD_END, Amount, Measure, Statistic, all_of_them, days
from services.reporting.tables import Pathway

_to_assessment = days(Pathway.received_on, Pathway.first_assessment_on)
_to_treatment = days(Pathway.received_on, Pathway.first_treatment_on)
_to_second = days(Pathway.first_treatment_on, Pathway.second_treatment_on)

standards = tuple(
    Measure(
        id=f"treated_within_{weeks}_weeks",
        national=national,
        title=f"Treated within {weeks} weeks",
        question=f"Of those who finished a course of treatment in the period, what share was first treated within {weeks} weeks?",
        unit="percent",
        when=Pathway.ended_on,
        numerator=finished.who(
            f"Finished a course in the period, first treated at most {weeks * 7} days after the referral",
            _to_treatment <= weeks * 7,
        ),
        denominator=finished,
    )
    for weeks, national in ((6, "M053"), (18, "M055"))
)

_second = all_of_them("Second treatment contact in the period")
second_treatment = Measure(
    id="second_treatment",
    national="M184",
    title="Second treatments",
    question="How many pathways had their second treatment contact in the period?",
    when=Pathway.second_treatment_on,
    numerator=_second,
)
second_treatment_counts = tuple(
    Measure(
        id=f"second_treatment_{span(*band)[0]}",
        national=national,
        title=f"Second treatments, {span(*band)[1]} after the first",
        question=f"How many second treatments in the period came {span(*band)[1]} after the first?",
        when=Pathway.second_treatment_on,
        numerator=_second.who(
            f"Second treatment contact in the period, {span(*band)[1]} after the first", within(_to_second, *band)
        ),
    )
    for national, band in (("M121", (None, 28)), ("M046", (29, None)), ("M122", (29, 90)), ("M047", (91, None)))
)
second_treatment_rates = tuple(
    Measure(
        id=f"{counted.id}_rate",
        national=national,
        title=f"{counted.title}, of all",
        question=f"Of the second treatments in the period, what share came {span(*band)[1]} after the first?",
        unit="percent",
        when=Pathway.second_treatment_on,
        numerator=counted.numerator,
        denominator=_second,
    )
    for counted, national, band in zip(
        second_treatment_counts,
        ("M123", "M124", "M125", "M126"),
        ((None, 28), (29, None), (29, 90), (91, None)),
        strict=True,
    )
)

_STATISTICS: tuple[tuple[Statistic, str, str], ...] = (
    ("median", "Median", "half"),
    ("p90", "90th percentile of", "nine in ten"),
)
waits = tuple(
    Measure(
        id=f"{statistic}_days_to_{what}",
        title=f"{title} days to {words}",
        question=f"How many days after the referral had {share} of those first {done} in the period been {done}?",
        unit="days",
        source=OURS,
        when=when,
        numerator=all_of_them(f"First {done} in the period"),
        amount=Amount(statistic, waited),
    )
    for what, words, done, when, waited in (
        ("first_assessment", "the first assessment", "assessed", Pathway.first_assessment_on, _to_assessment),
        ("first_treatment", "the first treatment", "treated", Pathway.first_treatment_on, _to_treatment),
    )
    for statistic, title, share in _STATISTICS
)

_last_treated = type_coerce(Pathway.treated_on[func.width_bucket(PERIOD_END, Pathway.treated_on)], Date)
_silent = days(_last_treated, PERIOD_END)
open_without_activity = tuple(
    Measure(
        id=f"open_without_activity_{span(*band)[0]}",
        national=national,
        title=f"Open, last treated {span(*band)[1]} before",
        question=f"How many open pathways were last treated {span(*band)[1]} before the period's last day?",
        when=None,
        numerator=open_pathways.who(
            f"Open on the period's last day, last treatment contact {span(*band)[1]} before it", within(_silent, *band)
        ),
    )
    for national, band in (("M019", (None, 60)), ("M020", (61, 90)), ("M021", (91, 120)), ("M022", (121, None)))
)
