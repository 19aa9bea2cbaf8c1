"""What callers send to `referrals`, and what they are told."""
