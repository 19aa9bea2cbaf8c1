"""Leaving early. There is no national dropout rate: each of these says by its name, and its denominator, what it is."""

from sqlalchemy import ColumnElement

from services.reporting.measures.access import open_pathways
from services.reporting.measures.ended import ended, ever_treated, finished, treated_just_once, untreated
from services.reporting.measures.measure import OURS, PERIOD_END, Measure, Those, days
from services.reporting.tables import Pathway

SILENT_FOR = 60  # days


def _by_code(words: str, *codes: str) -> Those:
    where: ColumnElement[bool] = Pathway.ended_code.in_(codes)
    return Those(words, where)


access_attrition = Measure(
    id="access_attrition",
    national="M288",
    title="Access attrition",
    question="Of those who ended in the period having been treated, what share had exactly one treatment contact?",
    unit="percent",
    when=Pathway.ended_on,
    numerator=treated_just_once,
    denominator=ever_treated,
)
ended_before_treatment = Measure(
    id="ended_before_treatment",
    national="M077",
    title="Ended before treatment, of all who ended",
    question="Of those who ended in the period, what share was never treated (M153 of M056)?",
    unit="percent",
    when=Pathway.ended_on,
    numerator=untreated,
    denominator=ended,
)
never_attended_or_once = Measure(
    id="never_attended_or_once",
    title="Never treated, or once",
    question="Of those who ended in the period, what share had no treatment contact or one?",
    unit="percent",
    source=OURS,
    when=Pathway.ended_on,
    numerator=Those("Ended in the period with no treatment contact or one", Pathway.treatment_contacts <= 1),
    denominator=ended,
)
ended_early_47_of_finished = Measure(
    id="ended_early_47_of_finished",
    title="Ended earlier than planned (code 47), of finished courses",
    question="Of those who finished a course of treatment in the period, what share ended earlier than the professional planned?",
    unit="percent",
    source=OURS,
    when=Pathway.ended_on,
    numerator=finished.who(
        "Ended in the period with two treatment contacts or more, and end code 47", Pathway.ended_code == "47"
    ),
    denominator=finished,
)
ended_early_47_of_treated = Measure(
    id="ended_early_47_of_treated",
    title="Ended earlier than planned (code 47), of those taken on by end code",
    question="Of those whose end code says that they were taken on for treatment, what share ended earlier than planned?",
    unit="percent",
    source=OURS,
    when=Pathway.ended_on,
    numerator=_by_code("Ended in the period with end code 47", "47"),
    denominator=_by_code("Ended in the period with end code 46, 47, 48, 49 or 96", "46", "47", "48", "49", "96"),
)
incomplete_assessment_16 = Measure(
    id="incomplete_assessment_16",
    title="Dropped out of assessment (code 16), of those not taken on by end code",
    question="Of those whose end code says that they were seen and not taken on, what share dropped out of the assessment?",
    unit="percent",
    source=OURS,
    when=Pathway.ended_on,
    numerator=_by_code("Ended in the period with end code 16", "16"),
    denominator=_by_code(
        "Ended in the period with end code 10 to 14, 16, 17 or 95", "10", "11", "12", "13", "14", "16", "17", "95"
    ),
)
_more_than_once = Those("Ended in the period with more than one treatment contact", Pathway.treatment_contacts > 1)
early_end_2_to_4 = Measure(
    id="early_end_2_to_4",
    title="Ended after two to four treatment contacts",
    question="Of those who ended in the period after more than one treatment contact, what share had two to four?",
    unit="percent",
    source=OURS,
    when=Pathway.ended_on,
    numerator=_more_than_once.who(
        "Ended in the period with two to four treatment contacts", Pathway.treatment_contacts.between(2, 4)
    ),
    denominator=_more_than_once,
)
_attended = open_pathways.who(
    "Open on the period's last day, with an attended contact up to then", Pathway.first_attended_on <= PERIOD_END
)
stopped_attending = Measure(
    id="stopped_attending",
    title="Stopped attending",
    question="Of those open on the period's last day who had ever attended, what share has stayed away for over 60 days?",
    unit="percent",
    source=OURS,
    when=None,
    numerator=_attended.who(
        "Every contact of the last day missed or cancelled by the patient, that day over 60 days before the period's last, "
        "and no contact, past or planned, dated later",
        (days(Pathway.last_contact_on, PERIOD_END) > SILENT_FOR) & Pathway.last_contact_kept.is_(False),
    ),
    denominator=_attended,
)
