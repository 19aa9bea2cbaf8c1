"""How callers speak to `sites`: one module per subject, one router each."""

from services.sites.api import (
    agreements,
    coproduction,
    engagement,
    goals,
    offers,
    questions,
    readiness,
    register,
    sessions,
    summary,
    sync,
)

routers = (
    register.api,
    offers.api,
    sessions.api,
    engagement.api,
    readiness.api,
    agreements.api,
    goals.api,
    questions.api,
    coproduction.api,
    summary.api,
    sync.api,
)
