"""Stories that end in figures: on a whole system, what a site records and what its commissioner reads are one and the same."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.days import today
from tests.referrals.builders import a_referral
from tests.running_system import RunningSystem
from tests.sites.builders import a_site, an_offer, held
from tests.sites.doings import a_contribution, a_session, an_engagement

TRUST = "referrals:write referrals:read sites:write sites:read reports:read reports:exact"
SITE = "referrals:write referrals:read sites:write sites:read reports:read"
ON_ITS_OWN_DAYS = {"on": "2025-03-03", "attendance": "5", "appointment_type": "01"}


class Told:
    """A caller of every service of a running system."""

    def __init__(self, system: RunningSystem, http: httpx.Client) -> None:
        self.system = system
        self.http = http

    def ask(self, service: str, path: str, **asked: str) -> dict[str, Any]:
        """Return what is there; `from_` stands for `from`."""
        parameters = {name.rstrip("_"): value for name, value in asked.items()}
        answer = self.http.get(f"{self.system.url(service)}{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def tell(
        self, service: str, path: str, body: dict[str, Any], method: str = "POST", **headers: str
    ) -> dict[str, Any]:
        """Record something; return it."""
        answer = self.http.request(method, f"{self.system.url(service)}{path}", json=body, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def figure(self, measure: str, first: str, last: str, **asked: str) -> Any:
        """Return a measure's one exact value."""
        report = self.ask("reporting", f"/v1/reports/{measure}", from_=first, to=last, profile="exact", **asked)
        (row,) = report["rows"]
        return row["value"]

    def site(self, **fields: Any) -> str:
        """Register a site whose name nobody else has; return its id."""
        trust = self.tell("sites", "/v1/organisations", {"name": "Tooting trust", "kind": "mosque"})
        made: str = self.tell("sites", "/v1/sites", a_site(trust["id"], name=f"Hall {uuid4().hex[:6]}", **fields))["id"]
        return made

    def pathway(
        self, site: str, received_on: str, *contacts: dict[str, Any], ended_on: str | None = None, **more: Any
    ) -> None:
        """Record a pathway of somebody unknown, whom a site introduced."""
        sent = a_referral(person={}, site_id=site, received_on=received_on, **more)
        path = f"/v1/referrals/{self.tell('referrals', '/v1/referrals', sent)['id']}"
        for each in contacts:
            self.tell("referrals", f"{path}/contacts", ON_ITS_OWN_DAYS | each)
        if ended_on is not None:
            self.tell("referrals", f"{path}/discharge", {"on": ended_on, "end_code": "46"})


@pytest.fixture
def trust(running_system: RunningSystem) -> Iterator[Told]:
    with httpx.Client(headers=running_system.headers(TRUST), timeout=30) as http:
        yield Told(running_system, http)


@contextmanager
def app_of(system: RunningSystem, site: str) -> Iterator[Told]:
    """Speak as the app of one site."""
    token = system.roundtable("token", "--scope", SITE, "--ttl", "600", "--site", site, "--client", "hall-app").stdout
    with httpx.Client(headers={"Authorization": f"Bearer {token.strip()}"}, timeout=30) as http:
        yield Told(system, http)


def soon(so: Callable[[], bool]) -> None:
    """Wait until what was recorded is in the figures: promised within ten seconds."""
    deadline = time.monotonic() + 20
    while not so():
        assert time.monotonic() < deadline, "not in the figures in time"
        time.sleep(0.05)


def test_s4_the_site_that_introduced_somebody_is_not_hidden_behind_self_referral(
    running_system: RunningSystem, trust: Told
) -> None:
    site = trust.site()
    for _ in range(7):
        trust.pathway(site, "2025-02-03", source="B1")
    month = {"first": "2025-02", "last": "2025-02", "site_id": site}
    soon(lambda: bool(trust.figure("referrals_received", **month) == 7))
    by_source = trust.ask(
        "reporting",
        "/v1/reports/referrals_received",
        from_="2025-02",
        to="2025-02",
        by="source",
        site_id=site,
        profile="exact",
    )
    found = {row["group"]["source"]: row["value"] for row in by_source["rows"] if row["value"]}
    assert list(found.values()) == [7], "the national source stands beside the site, neither replaces the other"
    with app_of(running_system, site) as hall:
        own = f"/v1/sites/{site}/summary"
        soon(
            lambda: bool(
                hall.ask("sites", own, from_="2025-02", to="2025-02")["pathways"]["referrals_received"]["value"]
            )
        )
        seen = hall.ask("sites", own, from_="2025-02", to="2025-02")["pathways"]["referrals_received"]
    published = trust.ask("reporting", "/v1/reports/referrals_received", from_="2025-02", to="2025-02", site_id=site)[
        "rows"
    ]
    assert seen == {"value": published[0]["value"], "status": "shown"} == {"value": 5, "status": "shown"}


def test_s5_dropping_in_and_triage_stand_side_by_side_in_waiting_and_dropout(trust: Told) -> None:
    site = trust.site()
    offer = trust.tell("sites", "/v1/offers", an_offer(site, name="Drop in, no appointment"))
    came = trust.tell("sites", "/v1/sessions", a_session(site, kind="drop_in", offer_id=offer["id"]))
    assert came["kind"] == "drop_in"
    for _ in range(6):
        trust.pathway(site, "2025-03-03", {}, {"appointment_type": "02"}, ended_on="2025-06-02", pathway="drop_in")
        later = {"on": "2025-03-24"}
        again = [{"on": "2025-04-07", "appointment_type": "02"}, {"on": "2025-04-14", "appointment_type": "02"}]
        trust.pathway(site, "2025-03-03", later, *again, ended_on="2025-06-02", pathway="triage")
    period = {"first": "2025-03", "last": "2025-06", "site_id": site}
    soon(lambda: bool(trust.figure("ended_referrals", **period) == 12))
    waits = {
        way: trust.figure("median_days_to_first_assessment", **period, pathway=way) for way in ("drop_in", "triage")
    }
    dropped = {way: trust.figure("access_attrition", **period, pathway=way) for way in ("drop_in", "triage")}
    assert waits == {"drop_in": 0, "triage": 21}, "three weeks' wait"
    assert dropped == {"drop_in": 100, "triage": 0}


def test_the_life_of_one_site_from_a_first_conversation_to_a_signed_goal_that_was_met(
    running_system: RunningSystem, trust: Told
) -> None:
    """Two years before any service it begins; each step is in the site's own numbers, and in its commissioner's."""
    first_words = trust.tell("sites", "/v1/engagements", an_engagement(on="2023-02-14", hours=2.5))
    trust.tell(
        "sites", "/v1/engagements", an_engagement(on="2024-01-20", kind="conference", hours=7, space="statutory")
    )
    site = trust.site(joined_on="2025-02-14")
    joined = {"site_ids": [site]}
    trust.tell("sites", f"/v1/engagements/{first_words['id']}", joined, "PATCH", **held(1))
    with app_of(running_system, site) as hall:
        own = f"/v1/sites/{site}/summary"

        def numbers(first: str, last: str) -> dict[str, Any]:
            return hall.ask("sites", own, from_=first, to=last)

        assert numbers("2023-01", "2023-12")["engagements"] == {"number": 1, "hours": 2.5}
        hall.tell(
            "sites",
            f"/v1/sites/{site}/readiness",
            {"on": "2025-02-20", "levels": {"people_trained": 1, "space": 3}},
            "PUT",
            **{"If-Match": "*"},
        )
        training = {"on": "2025-03-01", "course": "Listening", "role": "community_counsellor", "people": 9}
        hall.tell("sites", "/v1/training", training | {"given_by": "statutory"})
        roles = [{"responsibility": "Clinical supervision", "side": "statutory", "role": "clinical_lead"}]
        hall.tell(
            "sites",
            "/v1/agreements",
            {"title": "At the hall", "roles": roles, "agreed_on": "2025-03-10", "review_on": "2099-03-10"},
        )
        offer = hall.tell("sites", "/v1/offers", an_offer(site, name="Talking over tea"))
        this = str(uuid4())
        hall.tell(  # an evening entered in a basement, and sent from the bus
            "sites",
            "/v1/sync",
            {
                "operations": [
                    {
                        "op_id": str(uuid4()),
                        "method": "POST",
                        "path": "/v1/sessions",
                        "body": a_session(None, id=this, offer_id=offer["id"], starts_at="2025-04-02T18:00:00Z"),
                    },
                    {
                        "op_id": str(uuid4()),
                        "method": "PUT",
                        "path": f"/v1/sessions/{this}/attendance",
                        "if_match": '"1"',
                        "body": {"headcount": 54},
                    },
                    {
                        "op_id": str(uuid4()),
                        "method": "POST",
                        "path": "/v1/contributions",
                        "body": a_contribution(None, on="2025-04-02", hours=6.25),
                    },
                ]
            },
        )
        spring = numbers("2025-02", "2025-04")
        assert spring["sessions"] == {"held": 1, "hours": 2, "counted": 1, "headcount": 54}
        assert spring["contributions"]["community"]["hours_unpaid"] == 6.25
        assert spring["training"] == {"courses": 1, "people": 9}
        treated = ({"on": "2025-05-10"}, {"on": "2025-05-20", "appointment_type": "02"})
        for _ in range(8):
            more = {"on": "2025-06-03", "appointment_type": "02"}
            hall.pathway(site, "2025-05-01", *treated, more, ended_on="2025-07-31", pathway="drop_in")
        soon(lambda: {each["value"] for each in numbers("2025-05", "2025-07")["pathways"].values()} == {10})
        pathways = numbers("2025-05", "2025-07")["pathways"]
        for measure, shown in pathways.items():
            asked = {"from_": "2025-05", "to": "2025-07", "site_id": site}
            soon(lambda measure=measure: bool(trust.figure(measure, "2025-05", "2025-07", site_id=site) == 8))  # type: ignore[misc]  # bound on purpose
            (row,) = trust.ask("reporting", f"/v1/reports/{measure}", **asked)["rows"]
            assert (shown["value"], shown["status"]) == (row["value"], row["status"]) == (10, "shown"), measure
        goal = hall.tell(
            "sites",
            "/v1/goals",
            {
                "title": "Eight people finish a course",
                "measure_id": "finished_course",
                "target": 8,
                "period": {"start": "2025-05-01", "end": "2025-12-31"},
            },
        )
        path = f"/v1/goals/{goal['id']}"
        signed = {"role": "trustee", "on": "2025-05-02"}
        assert hall.tell("sites", f"{path}/sign", signed)["in_force"] is False
        assert trust.tell("sites", f"{path}/sign", signed | {"side": "statutory"})["in_force"] is True
        reflection = {"period": "2025-Q3", "words": "They came back.", "progress": "met"}
        hall.tell("sites", f"{path}/reflections", reflection)
        trust.tell("sites", f"{path}/reflections", reflection | {"side": "statutory", "words": "Eight of eight."})
        assert numbers("2025-05", "2025-09")["goals"] == {"in_force": 1, "met": 0}
        met = trust.tell("sites", f"{path}/close", {"outcome": "met", "on": "2025-10-05"})
        assert (met["outcome"], met["in_force"]) == ("met", False)
        assert [sorted(name for name, said in each.items() if said) for each in met["reflections"]] == [
            ["community", "period", "statutory"]
        ]
        assert numbers("2025-10", "2025-10")["goals"] == {"in_force": 0, "met": 1}
        began = date.fromisoformat(hall.ask("sites", "/v1/engagements", to="2023-12-31")["items"][0]["on"])
    assert date(2025, 2, 14) - began > timedelta(days=2 * 365)
    assert began < today()
