"""The end of a pathway, and undoing it."""

import asyncio
from typing import Any

import pytest

from tests.databases import Database
from tests.doors import Door
from tests.referrals.pathways import ALL, a_contact, events, met, opened, said, status

CLOSED = (409, "/problems/referral-closed")


async def test_a_pathway_ends_once_with_or_without_a_code(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        coded, uncoded = await opened(caller), await opened(caller)
        told = await said(caller, coded, "discharge", on="2026-05-01", end_code="50")
        assert (told["status"], told["discharged_on"], told["end_code"]) == ("discharged", "2026-05-01", "50")
        assert (await said(caller, uncoded, "discharge", on="2026-05-01"))["end_code"] is None
    assert (await events(database, coded))[-1] == (
        "discharged",
        {"referral_id": told["id"], "discharged_on": "2026-05-01", "end_code": "50"},
    )
    assert "end_code" not in (await events(database, uncoded))[-1][1]


async def test_the_same_discharge_again_is_the_same_and_any_other_is_refused(
    referrals: Door, database: Database
) -> None:
    first = {"on": "2026-05-01", "end_code": "46", "reason": "As agreed."}
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        told = await said(caller, path, "discharge", **first)
        assert await said(caller, path, "discharge", **first) == told
        assert await said(caller, path, "discharge", on="2026-05-01", end_code="46") == told
        others: list[dict[str, Any]] = [
            first | {"on": "2026-05-02"},
            first | {"end_code": "47"},
            {"on": "2026-05-01"},
            first | {"reason": "Moved away."},
        ]
        for other in others:
            refused = await caller.post(f"{path}/discharge", json=other)
            assert (refused.status_code, refused.json()["type"]) == CLOSED, other
    assert [name for name, _ in await events(database, path)] == ["received", "discharged"]


async def test_a_discharge_after_a_refusal_replaces_its_day_and_reopening_undoes_both(
    referrals: Door, database: Database
) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        await said(caller, path, "triage", decision="rejected", on="2026-03-09", reason="Too far.")
        await met(caller, path, on="2026-03-15", appointment_type="01")
        assert (await caller.get(path)).json()["first_assessment_on"] is None, "it was after the end"
        ended = await said(caller, path, "discharge", on="2026-03-20", end_code="95")
        assert (ended["status"], ended["triage_decision"], ended["end_code"]) == ("discharged", "rejected", "95")
        assert ended["first_assessment_on"] == "2026-03-15", "the discharge's day is the end"
        open_again = await said(caller, path, "reopen", reason="A namesake was meant.")
        assert (open_again["status"], open_again["discharged_on"], open_again["end_code"]) == ("received", None, None)
        assert (open_again["triage_decision"], open_again["triaged_on"]) == (None, None)
        read = (await caller.get(path)).json()
        assert (read["triage_reason"], read["ended_reason"]) == (None, "A namesake was meant.")
        refused = await caller.post(f"{path}/reopen", json={"reason": "Once more."})
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/referral-open")
        assert (await said(caller, path, "triage", decision="accepted", on="2026-03-21"))["status"] == "accepted"
    names = [name for name, _ in await events(database, path)]
    assert names == ["received", "triaged", "contact_recorded", "discharged", "reopened", "triaged"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([("triage", {"decision": "rejected", "on": "2026-03-09"})], "received"),
        ([("triage", {"decision": "redirected", "on": "2026-03-09"})], "received"),
        ([("discharge", {"on": "2026-03-09"})], "received"),
        (
            [("triage", {"decision": "accepted", "on": "2026-03-09"}), ("discharge", {"on": "2026-04-09"})],
            "accepted",
        ),
    ],
)
async def test_reopening_undoes_what_closed_it_and_lets_an_acceptance_stand(
    referrals: Door, before: list[tuple[str, dict[str, Any]]], after: str
) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        for move, body in before:
            await said(caller, path, move, **body)
        assert (await said(caller, path, "reopen", reason="By mistake."))["status"] == after
        treated = await opened(caller)
        for move, body in before:
            await said(caller, treated, move, **body)
        await met(caller, treated, on="2026-06-01")
        assert await status(caller, treated) != "in_treatment"
        again = await said(caller, treated, "reopen", reason="By mistake.")
    assert (again["status"], again["first_treatment_on"]) == ("in_treatment", "2026-06-01"), "open, all contacts count"


async def test_reopening_needs_an_end_and_a_reason(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        await said(caller, path, "triage", decision="accepted", on="2026-03-09")
        await met(caller, path)
        refused = await caller.post(f"{path}/reopen", json={"reason": "By mistake."})
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/referral-open")
        for body in ({}, {"reason": None}, {"reason": " "}, {"reason": "x" * 4001}, {"reason": "\x00"}):
            missing = await caller.post(f"{path}/reopen", json=body)
            assert (missing.status_code, missing.json().get("errors", [{"pointer": "/reason"}])[0]["pointer"]) == (
                422,
                "/reason",
            ), body


@pytest.mark.parametrize(
    ("on", "code", "accepted"),
    [
        ("2020-08-31", "43", True),
        ("2020-08-31", "46", False),
        ("2020-09-01", "43", False),
        ("2020-09-01", "46", True),
        ("2020-09-01", "50", True),
        ("2020-09-01", "99", False),
    ],
)
async def test_an_end_code_is_judged_by_the_day_of_the_discharge(
    referrals: Door, *, on: str, code: str, accepted: bool
) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller, received_on="2020-01-06")
        told = await caller.post(f"{path}/discharge", json={"on": on, "end_code": code})
    assert told.status_code == (200 if accepted else 422)
    if not accepted:
        assert told.json()["errors"][0]["pointer"] == "/end_code"


async def test_of_two_discharges_at_once_one_wins(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        for _ in range(5):
            path = await opened(caller)
            bodies = [{"on": f"2026-05-0{number}", "end_code": "46"} for number in range(1, 5)]
            answers = await asyncio.gather(*(caller.post(f"{path}/discharge", json=body) for body in bodies))
            assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
            (won,) = [body for body, answer in zip(bodies, answers, strict=True) if answer.status_code == 200]
            assert (await caller.get(path)).json()["discharged_on"] == won["on"]
            assert [name for name, _ in await events(database, path)] == ["received", "discharged"]


async def test_changes_of_one_pathway_at_once_are_all_kept_in_one_order(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        answers = await asyncio.gather(
            *(caller.post(f"{path}/contacts", json=a_contact(on=f"2026-04-{n:02}")) for n in range(1, 6)),
            caller.post(f"{path}/triage", json={"decision": "accepted", "on": "2026-03-09"}),
            caller.patch(path, json={"programme": "long_term_conditions"}, headers={"If-Match": "*"}),
            caller.post(f"{path}/discharge", json={"on": "2026-04-30"}),
            *(caller.post(f"{path}/contacts", json=a_contact(on=f"2026-05-{n:02}")) for n in range(1, 3)),
        )
        allowed = {200, 201, 409}  # triage may come after the discharge
        assert {answer.status_code for answer in answers} <= allowed
        read = (await caller.get(path)).json()
    assert (read["treatment_contacts"], read["last_treatment_on"]) == (5, "2026-04-05")
    assert (read["finished_course"], read["programme"]) == (True, "long_term_conditions")
    made = sum(answer.status_code != 409 for answer in answers)
    assert len(await events(database, path)) == 1 + made == read["version"]
