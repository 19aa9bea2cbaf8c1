"""The public feed: organisations, sites and offers as Open Referral UK 3.0 (HSDS) tells them, to anybody."""
