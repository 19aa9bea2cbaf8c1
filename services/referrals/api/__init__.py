"""How callers speak to `referrals`: one module per subject, one router each."""

from services.referrals.api import contacts, erasure, matches, pathway, people, referrals, sync, webhooks

routers = (referrals.api, pathway.api, contacts.api, erasure.api, matches.api, people.api, sync.api, webhooks.api)
