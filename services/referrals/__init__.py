"""Referrals: who was sent to us, or came by themselves, and what became of them.

Owns people (identified, encrypted), referrals and demographics. Announces `referrals.*` and `people.*`. Listens to nothing yet.
"""
