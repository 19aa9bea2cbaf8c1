"""How pathways end: unseen, untreated, treated once, after a course of treatment; and by end code."""

from sqlalchemy import not_

from services.reporting.measures.measure import Measure, Those, all_of_them
from services.reporting.tables import Pathway

ended = all_of_them("Pathways that ended in the period")
finished = Those("Ended in the period with two treatment contacts or more", Pathway.finished_course)
untreated = Those("Ended in the period without a treatment contact", Pathway.first_treatment_on.is_(None))
ever_treated = Those("Ended in the period with a treatment contact or more", Pathway.first_treatment_on.is_not(None))
treated_just_once = Those("Ended in the period with one treatment contact", Pathway.treatment_contacts == 1)

ended_referrals = Measure(
    id="ended_referrals",
    national="M056",
    title="Ended pathways",
    question="How many pathways ended in the period?",
    when=Pathway.ended_on,
    numerator=ended,
)
not_seen = Measure(
    id="not_seen",
    national="M073",
    title="Ended, not seen",
    question="How many pathways ended in the period without any attended contact?",
    when=Pathway.ended_on,
    numerator=Those("Ended in the period without an attended contact", Pathway.care_contacts == 0),
)
seen_not_treated = Measure(
    id="seen_not_treated",
    national="M074",
    title="Ended, seen but not treated",
    question="How many pathways ended in the period with attended contacts, none of them treatment?",
    when=Pathway.ended_on,
    numerator=Those(
        "Ended in the period with attended contacts, none of them treatment",
        (Pathway.care_contacts > 0) & (Pathway.treatment_contacts == 0),
    ),
)
treated_once = Measure(
    id="treated_once",
    national="M075",
    title="Ended, treated once",
    question="How many pathways ended in the period with exactly one treatment contact?",
    when=Pathway.ended_on,
    numerator=treated_just_once,
)
finished_course = Measure(
    id="finished_course",
    national="M076",
    title="Finished a course of treatment",
    question="How many pathways ended in the period with two treatment contacts or more?",
    when=Pathway.ended_on,
    numerator=finished,
)
ended_untreated = Measure(
    id="ended_untreated",
    national="M153",
    title="Ended before treatment",
    question="How many pathways ended in the period without ever having been treated?",
    when=Pathway.ended_on,
    numerator=untreated,
)
finished_of_treated = Measure(
    id="finished_of_treated",
    national="M081",
    title="Finished a course, of those ever treated",
    question="Of those who ended in the period having been treated, what share finished a course of treatment?",
    unit="percent",
    when=Pathway.ended_on,
    numerator=finished,
    denominator=ever_treated,
)

CODES = (
    ("not_suitable", "M057", "10", "not suitable"),
    ("signposted", "M058", "11", "signposted elsewhere"),
    ("mutual_agreement", "M059", "12", "by mutual agreement after advice and support"),
    ("referred_elsewhere", "M060", "13", "referred to another therapy service"),
    ("declined", "M061", "14", "declined the treatment offered"),
    ("deceased_assessed_only", "M062", "17", "died, not taken on"),
    ("unknown_assessed_only", "M063", "95", "not known how, not taken on"),
    ("completed", "M066", "46", "treatment completed by mutual agreement"),
    ("deceased_treated", "M069", "49", "died in treatment"),
    ("unknown_treated", "M070", "96", "not known how, in treatment"),
    ("incomplete_assessment", "M340", "16", "dropped out of assessment"),
    ("before_patient_requested", "M341", "48", "earlier than the patient requested"),
    ("not_assessed", "M342", "50", "not assessed"),
    ("before_professional_planned", "M344", "47", "earlier than the professional planned"),
)
ended_by_code = tuple(
    Measure(
        id=f"ended_{name}",
        national=national,
        title=f"Ended: {words}",
        question=f"How many pathways ended in the period with end code {code}, {words}?",
        when=Pathway.ended_on,
        numerator=Those(f"Ended in the period with end code {code}", Pathway.ended_code == code),
    )
    for name, national, code, words in CODES
)
ended_invalid = Measure(
    id="ended_invalid",
    national="M071",
    title="Ended: a code no longer in use",
    question="How many pathways ended in the period with an end code that is not one of today's fourteen?",
    when=Pathway.ended_on,
    numerator=Those(
        "Ended in the period with an end code that is not one of the fourteen",
        not_(Pathway.ended_code.in_([code for _, _, code, _ in CODES])),
    ),
)
ended_no_reason = Measure(
    id="ended_no_reason",
    national="M072",
    title="Ended: no code recorded",
    question="How many pathways ended in the period without an end code?",
    when=Pathway.ended_on,
    numerator=Those("Ended in the period without an end code", Pathway.ended_code.is_(None)),
)
