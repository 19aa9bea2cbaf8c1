"""Triage: what was decided, when, and what a second thought may change."""

import pytest

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import rows
from tests.referrals.pathways import ALL, day, events, met, opened, said, status


@pytest.mark.parametrize("decision", ["accepted", "rejected", "redirected"])
async def test_a_decision_is_shown_with_its_day_and_announced(
    referrals: Door, database: Database, decision: str
) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        told = await said(caller, path, "triage", decision=decision, on="2026-03-09", reason="Okafor's sister called.")
        read = await caller.get(path)
    assert (told["status"], told["triage_decision"], told["triaged_on"]) == (decision, decision, "2026-03-09")
    assert (told["discharged_on"], told["end_code"]) == (None, None), "only a discharge says these"
    assert "triage_reason" not in told, "answers to writes are kept for a day and hold no free text"
    assert read.json()["triage_reason"] == "Okafor's sister called."
    assert [name for name, _ in await events(database, path)] == ["received", "triaged"]
    (_, triaged) = (await events(database, path))[-1]
    assert triaged == {"referral_id": told["id"], "decision": decision, "on": "2026-03-09"}


async def test_a_reason_is_sealed_and_for_those_who_may_read_people(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller, referrals.caller("referrals:read") as analyst:
        path = await opened(caller)
        await said(caller, path, "triage", decision="rejected", on="2026-03-09", reason="Lives with Okafor.")
        coded = (await analyst.get(path)).json()
        listed = (await caller.get("/v1/referrals")).text
    assert "triage_reason" not in coded
    assert "Okafor" not in listed
    (row,) = await rows(database, "referrals")
    assert b"Okafor" not in row["triage_reason"]
    for table in ("audit", "outbox"):
        assert "Okafor" not in str(await rows(database, table))


async def test_the_same_decision_again_changes_nothing_and_a_different_one_replaces_it(
    referrals: Door, database: Database
) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        first = await said(caller, path, "triage", decision="rejected", on="2026-03-09", reason="Too far.")
        again = await said(caller, path, "triage", decision="rejected", on="2026-03-09")
        repeated = await said(caller, path, "triage", decision="rejected", on="2026-03-09", reason="Too far.")
        assert first == again == repeated
        other = await said(caller, path, "triage", decision="accepted", on="2026-03-10")
        assert (other["status"], other["version"]) == ("accepted", 3)
        assert (await caller.get(path)).json()["triage_reason"] is None, "a reason belongs to its decision"
        said_why = await said(caller, path, "triage", decision="accepted", on="2026-03-10", reason="Near enough.")
    assert said_why["version"] == 4, "a reason that was not given before is kept"
    assert [name for name, _ in await events(database, path)] == ["received", "triaged", "triaged", "triaged"]


async def test_a_pathway_with_treatment_is_not_turned_away(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        await met(caller, path)
        for decision in ("rejected", "redirected"):
            refused = await caller.post(f"{path}/triage", json={"decision": decision, "on": "2026-03-09"})
            assert (refused.status_code, refused.json()["type"]) == (409, "/problems/treatment-begun")
        accepted = await said(caller, path, "triage", decision="accepted", on="2026-03-09")
    assert accepted["status"] == "in_treatment"


async def test_treatment_that_was_planned_or_missed_leaves_triage_free(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        await met(caller, path, attendance="3")
        await met(caller, path, on=day(7), attendance=None)
        assert (await said(caller, path, "triage", decision="redirected", on="2026-03-09"))["status"] == "redirected"


async def test_treatment_recorded_late_keeps_a_refusal_from_being_repeated_otherwise(referrals: Door) -> None:
    """Whenever the contact was, and whether or not it counts: who was treated was not turned away."""
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        await said(caller, path, "triage", decision="rejected", on="2026-03-09")
        await met(caller, path, on="2026-03-20")
        assert await status(caller, path) == "rejected"
        refused = await caller.post(f"{path}/triage", json={"decision": "redirected", "on": "2026-03-09"})
        assert refused.json()["type"] == "/problems/treatment-begun"
        assert (await said(caller, path, "triage", decision="accepted", on="2026-03-09"))["status"] == "in_treatment"


async def test_after_a_discharge_nothing_is_decided_at_triage(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        await said(caller, path, "triage", decision="accepted", on="2026-03-09")
        await said(caller, path, "discharge", on="2026-05-01")
        for decision in ("accepted", "rejected", "redirected"):
            refused = await caller.post(f"{path}/triage", json={"decision": decision, "on": "2026-03-09"})
            assert (refused.status_code, refused.json()["type"]) == (409, "/problems/referral-closed")


async def test_a_drop_in_needs_no_triage_and_may_have_one(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        untriaged, triaged = await opened(caller, pathway="drop_in"), await opened(caller, pathway="drop_in")
        await met(caller, untriaged, planned=False, attendance=None, appointment_type="03")
        assert await status(caller, untriaged) == "in_treatment"
        assert (await said(caller, triaged, "triage", decision="accepted", on="2026-03-02"))["status"] == "accepted"
        ended = await said(caller, untriaged, "discharge", on="2026-04-01", end_code="46")
    assert (ended["triage_decision"], ended["status"]) == (None, "discharged")


@pytest.mark.parametrize(
    ("on", "code"), [(day(1), "in_the_future"), ("2026-03-01", "before_referral"), ("tomorrow", "date_parsing")]
)
@pytest.mark.parametrize("move", ["triage", "discharge"])
async def test_nothing_is_decided_in_the_future_or_before_the_referral(
    referrals: Door, move: str, on: str, code: str
) -> None:
    body = {"on": on} | ({"decision": "accepted"} if move == "triage" else {})
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        refused = await caller.post(f"{path}/{move}", json=body)
        assert (refused.status_code, refused.json()["errors"][0]) == (
            422,
            refused.json()["errors"][0] | {"pointer": "/on", "code": code},
        )
        for edge in ("2026-03-02", day(0)):
            fresh = await opened(caller)
            await said(caller, fresh, move, **body | {"on": edge})
