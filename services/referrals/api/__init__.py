"""How callers speak to `referrals`: one module per subject, one router each."""

from services.referrals.api import referrals

routers = (referrals.api,)
