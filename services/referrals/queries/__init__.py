"""Reads of `referrals` worth naming."""
