"""Directories of others, in the form of Open Referral (HSDS 3.0), brought in through the public sites API."""
