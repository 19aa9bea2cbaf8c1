"""The BaRS-shaped door: referrals that come as FHIR messages."""
