"""Everything that changes something in `referrals`, and its refusals."""
