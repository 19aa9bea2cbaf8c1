"""Getting in: referrals received."""

from services.reporting.measures.measure import Measure, all_of_them
from services.reporting.tables import Pathway

referrals_received = Measure(
    id="referrals_received",
    national="M001",
    title="Referrals received",
    question="How many referrals were received in the period?",
    unit="referrals",
    source="NHS England, NHS Talking Therapies monthly measures, metadata of July 2026",
    when=Pathway.received_on,
    numerator=all_of_them("Referrals received in the period"),
)
