"""Appointments, and what became of them; every contact counts on its own day."""

from services.reporting.domain.contacts import ATTENDED
from services.reporting.measures.ended import finished
from services.reporting.measures.measure import OURS, Amount, Measure, Those, all_of_them
from services.reporting.tables import Contact, Pathway

_every = all_of_them("Contacts dated in the period, whatever became of them")


def _by_attendance(code: str) -> Those:
    return Those(f"Contacts dated in the period with attendance code {code}", Contact.attendance == code)


appointments = Measure(
    id="appointments",
    national="M082",
    title="Appointments",
    question="How many care contacts were dated in the period, kept or not?",
    unit="contacts",
    when=Contact.contact_on,
    numerator=_every,
)
attended = Measure(
    id="attended",
    title="Attended appointments",
    question="How many care contacts of the period were attended, or took place unplanned?",
    unit="contacts",
    source=OURS,
    when=Contact.contact_on,
    numerator=Those(
        f"Contacts dated in the period with attendance code {' or '.join(sorted(ATTENDED))}, or unplanned",
        Contact.attended,
    ),
)
by_attendance = tuple(
    Measure(
        id=name,
        national=national,
        title=title,
        question=f"How many care contacts of the period {words}?",
        unit="contacts",
        when=Contact.contact_on,
        numerator=_by_attendance(code),
    )
    for name, national, code, title, words in (
        ("cancelled_by_patient", "M083", "2", "Cancelled by the patient", "did the patient cancel"),
        ("did_not_attend", "M084", "3", "Did not attend", "did the patient not come to, without a word"),
        ("cancelled_by_provider", "M085", "4", "Cancelled by the provider", "did the provider cancel or postpone"),
        ("attended_on_time", "M086", "5", "Attended on time", "were attended on time"),
        ("attended_late", "M087", "6", "Attended late", "were attended late"),
        ("arrived_too_late", "M088", "7", "Arrived too late to be seen", "did the patient come to too late to be seen"),
    )
)
dna_rate = Measure(
    id="dna_rate",
    title="Did not attend, of all appointments",
    question="Of the care contacts dated in the period, what share did the patient not come to, without a word?",
    unit="percent",
    source=OURS,
    when=Contact.contact_on,
    numerator=_by_attendance("3"),
    denominator=_every,
)
minutes_per_contact = Measure(
    id="minutes_per_contact",
    title="Minutes per treatment contact",
    question="How long was a treatment contact of the period, on average?",
    unit="minutes",
    source=OURS,
    when=Contact.contact_on,
    numerator=Those(
        "Treatment contacts dated in the period with a length above 0",
        Contact.treatment & (Contact.duration_minutes > 0),
    ),
    amount=Amount("mean", Contact.duration_minutes),
)
minutes_per_pathway = Measure(
    id="minutes_per_pathway",
    title="Minutes per finished course",
    question="How many minutes of treatment contacts did a course of treatment finished in the period have, on average?",
    unit="minutes",
    source=OURS,
    when=Pathway.ended_on,
    numerator=finished,
    amount=Amount("mean", Pathway.minutes),
)
contacts_per_finished_course = Measure(
    id="contacts_per_finished_course",
    title="Treatment contacts per finished course",
    question="How many treatment contacts did a course of treatment finished in the period have, on average?",
    unit="contacts",
    source=OURS,
    when=Pathway.ended_on,
    numerator=finished,
    amount=Amount("mean", Pathway.treatment_contacts, decimals=1),
)
