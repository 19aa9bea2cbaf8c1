"""Sites: the community organisations that deliver together with the NHS, and the places where they do.

Owns organisations, sites and what happens at them. Announces `sites.*`. Listens to `referrals.*`, for dates alone.
"""
