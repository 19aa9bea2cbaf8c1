"""Everything that can be on record of a site, at one's own and at another's: what every test of isolation looks at."""

from dataclasses import dataclass
from uuid import UUID

import httpx

from tests.databases import Database
from tests.doors import Door
from tests.reporting.builders import Post, received
from tests.reporting.lives import contact
from tests.sites.builders import BOTH, held, offered, registered
from tests.sites.doings import a_contribution, a_session, an_engagement, recorded
from tests.sites.pathways import heard
from tests.sites.together import a_goal, a_reflection, an_assessment, days_ago, posted

# What no site's caller may see of another's: rows of their own, or of what they share.
TABLES = (
    *("organisations", "sites", "offers", "schedules", "sessions", "engagements", "contributions"),
    *("training", "readiness", "mentorships", "agreements", "assessments_of_coproduction"),
    *("goals", "goal_signatures", "goal_reflections", "questions", "pathways", "pathway_contacts"),
)
# Ids of offers that are gone from the public feed; and rows that no request reads but through its own service's commands.
WITHOUT_POLICY = {
    "removed_offers",
    *("outbox", "stream_seen", "inbox", "inbox_position", "dead_letters"),
    *("audit", "idempotency_keys", "worker_signs", "alembic_version"),
}
AGREEMENT = {"title": "Rooms", "roles": [{"responsibility": "Keys", "side": "community", "role": "caretaker"}]}
TRAINING = {"course": "Listening", "role": "volunteer", "people": 4, "given_by": "statutory"}


@dataclass
class Record:
    """The ids of all that is on record of a site, by how paths call them."""

    ids: dict[str, str]

    @property
    def site(self) -> str:
        """The site."""
        return self.ids["site_id"]

    def among(self, text: str) -> list[str]:
        """Return what of this record is named in a text."""
        return [name for name, one in self.ids.items() if one in text]


async def record_of_a_site(trust: httpx.AsyncClient, database: Database) -> Record:
    """Put one of everything on record at a new site, as a caller of all sites does, and return the ids."""
    site = await registered(trust)
    this, organisation = site["id"], site["organisation_id"]
    ids = {"site_id": this, "organisation_id": organisation}
    ids["mentee_id"] = (await registered(trust, organisation_id=organisation))["id"]
    ids["offer_id"] = offer = (await offered(trust, site_id=this))["id"]
    for name, path, body in (
        ("session_id", "/v1/sessions", a_session(this, offer_id=offer)),
        ("engagement_id", "/v1/engagements", an_engagement(this)),
        ("contribution_id", "/v1/contributions", a_contribution(this)),
        ("training_id", "/v1/training", TRAINING | {"site_id": this, "on": days_ago(5)}),
        (
            "mentorship_id",
            "/v1/mentorships",
            {"mentor_site_id": this, "mentee_site_id": ids["mentee_id"], "began_on": days_ago(9), "focus": "Welcome"},
        ),
        (
            "agreement_id",
            "/v1/agreements",
            AGREEMENT | {"site_id": this, "agreed_on": days_ago(9), "review_on": days_ago(-9)},
        ),
        ("goal_id", "/v1/goals", a_goal(sites=[this])),
        (
            "question_id",
            "/v1/questions",
            {"asked_by_site": this, "to_organisation": organisation, "text": "When?", "public": False},
        ),
        ("assessment_id", "/v1/assessments-of-coproduction", an_assessment(offer, side="community")),
    ):
        ids[name] = (await recorded(trust, path, body))["id"]
    for side in ("community", "statutory"):
        await posted(trust, f"/v1/goals/{ids['goal_id']}/sign", {"side": side, "role": "trustee"}, 200)
    said = await posted(trust, f"/v1/goals/{ids['goal_id']}/reflections", a_reflection(side="community"))
    ids["reflection_id"] = said["id"]
    ready = {"on": days_ago(3), "levels": {"space": 2}, "side": "community"}
    assessed = await trust.put(f"/v1/sites/{this}/readiness", json=ready, headers=held(0))
    assert assessed.status_code == 200, assessed.text
    introduced = received("2026-02-01", site_id=UUID(this))
    visit = contact(introduced.referral_id, "2026-02-10")
    await heard(database, Post().wrap([introduced, visit]))
    return Record(ids | {"referral_id": str(introduced.referral_id), "contact_id": str(visit.contact_id)})


async def two_records(sites: Door, database: Database) -> tuple[Record, Record]:
    """Put one of everything on record at one's own site, and at another."""
    async with sites.caller(BOTH, client="commissioner") as trust:
        return await record_of_a_site(trust, database), await record_of_a_site(trust, database)
