"""The rules of referrals, and nothing else: no HTTP, no database, no clock."""
