"""Getting in: referrals, first assessments, first treatments, and who still waits on the period's last day."""

from sqlalchemy import ColumnElement, or_

from services.reporting.measures.measure import PERIOD_END, Measure, Those, all_of_them, days
from services.reporting.tables import Pathway

BANDS = ((None, 28), (29, 56), (57, 90), (91, None))  # days waited, both ends included

referrals_received = Measure(
    id="referrals_received",
    national="M001",
    title="Referrals received",
    question="How many referrals were received in the period?",
    unit="referrals",
    when=Pathway.received_on,
    numerator=all_of_them("Referrals received in the period"),
)

_assessed = all_of_them("First assessment in the period")
_assessment_wait = days(Pathway.received_on, Pathway.first_assessment_on)
first_assessments = Measure(
    id="first_assessments",
    national="M023",
    title="First assessments",
    question="How many people's pathways had their first assessment in the period?",
    when=Pathway.first_assessment_on,
    numerator=_assessed,
)


def within(waited: ColumnElement[int], least: int | None, most: int | None) -> ColumnElement[bool]:
    """Return whether so many days are between two numbers, both included."""
    if least is None:
        return waited <= most
    return waited >= least if most is None else waited.between(least, most)


def span(least: int | None, most: int | None) -> tuple[str, str]:
    """Return a band of days as part of an id, and in words."""
    if least is None:
        return f"within_{most}_days", f"within {most} days"
    return (
        (f"over_{least - 1}_days", f"over {least - 1} days")
        if most is None
        else (
            f"{least}_to_{most}_days",
            f"{least} to {most} days",
        )
    )


first_assessments_by_wait = tuple(
    Measure(
        id=f"first_assessments_{span(*band)[0]}",
        national=national,
        title=f"First assessments, {span(*band)[1]} after the referral",
        question=f"How many first assessments in the period came {span(*band)[1]} after the referral was received?",
        when=Pathway.first_assessment_on,
        numerator=_assessed.who(
            f"First assessment in the period, {span(*band)[1]} after the referral was received",
            within(_assessment_wait, *band),
        ),
    )
    for national, band in zip(("M024", "M025", "M026", "M027"), BANDS, strict=True)
)

ended_before_assessment = Measure(
    id="ended_before_assessment",
    national="M028",
    title="Ended before an assessment",
    question="How many pathways ended in the period without ever having been assessed?",
    when=Pathway.ended_on,
    numerator=Those("Ended in the period without a first assessment", Pathway.first_assessment_on.is_(None)),
)

_treated = all_of_them("First treatment contact in the period")
_treatment_wait = days(Pathway.received_on, Pathway.first_treatment_on)
accessing_services = Measure(
    id="accessing_services",
    national="M031",
    title="Accessing services",
    question="How many pathways had their first treatment contact in the period?",
    when=Pathway.first_treatment_on,
    numerator=_treated,
)
accessing_services_by_wait = tuple(
    Measure(
        id=f"accessing_services_{span(*band)[0]}",
        national=national,
        title=f"Accessing services, {span(*band)[1]} after the referral",
        question=f"How many first treatments in the period came {span(*band)[1]} after the referral was received?",
        when=Pathway.first_treatment_on,
        numerator=_treated.who(
            f"First treatment contact in the period, {span(*band)[1]} after the referral was received",
            within(_treatment_wait, *band),
        ),
    )
    for national, band in zip(
        ("M032", "M033", "M034", "M035", "M036", "M037"), (*BANDS, (None, 42), (None, 126)), strict=True
    )
)

_open = or_(Pathway.ended_on.is_(None), Pathway.ended_on > PERIOD_END) & (Pathway.received_on <= PERIOD_END)
open_pathways = Those("Received and not ended by the period's last day", _open)
_waited = days(Pathway.received_on, PERIOD_END)

_unassessed = open_pathways.who(
    "Open on the period's last day, and not assessed by then",
    or_(Pathway.first_assessment_on.is_(None), Pathway.first_assessment_on > PERIOD_END),
)
waiting_for_assessment = Measure(
    id="waiting_for_assessment",
    national="M029",
    title="Waiting for an assessment",
    question="How many open pathways had not been assessed on the period's last day?",
    when=None,
    numerator=_unassessed,
)
waiting_for_assessment_over_90_days = Measure(
    id="waiting_for_assessment_over_90_days",
    national="M030",
    title="Waiting for an assessment for over 90 days",
    question="How many open pathways had not been assessed on the period's last day, over 90 days after the referral?",
    when=None,
    numerator=_unassessed.who(
        "Open on the period's last day, not assessed by then, received over 90 days before", within(_waited, 91, None)
    ),
)

_untreated = open_pathways.who(
    "Open on the period's last day, and not treated by then",
    or_(Pathway.first_treatment_on.is_(None), Pathway.first_treatment_on > PERIOD_END),
)
waiting_for_treatment = Measure(
    id="waiting_for_treatment",
    national="M038",
    title="Waiting for treatment",
    question="How many open pathways had not been treated on the period's last day?",
    when=None,
    numerator=_untreated,
)
waiting_for_treatment_by_wait = tuple(
    Measure(
        id=f"waiting_for_treatment_{span(*band)[0]}",
        national=national,
        title=f"Waiting for treatment, {span(*band)[1]}",
        question=f"How many open pathways had not been treated on the period's last day, {span(*band)[1]} after the referral?",
        when=None,
        numerator=_untreated.who(
            f"Open on the period's last day, not treated by then, received {span(*band)[1]} before",
            within(_waited, *band),
        ),
    )
    for national, band in (
        ("M039", (None, 14)),
        ("M040", (None, 28)),
        ("M041", (None, 42)),
        ("M042", (None, 84)),
        ("M043", (None, 126)),
        ("M044", (127, None)),
        ("M045", (91, None)),
    )
)
