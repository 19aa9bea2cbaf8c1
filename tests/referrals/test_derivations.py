"""What a pathway is, by the national rules: against lines of plain Python over random histories, and move by move."""

import random
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from services.referrals.domain.pathway import Contact, Decisions, Move, Reason, derive, not_allowed
from tests.databases import Database
from tests.doors import Door
from tests.referrals.pathways import ALL, RECEIVED, a_contact, events, naive, opened

BEGIN = date.fromisoformat(RECEIVED)
DAYS = some.integers(0, 12).map(lambda offset: (BEGIN + timedelta(days=offset)).isoformat())
CONTACTS = some.fixed_dictionaries(
    {
        "on": DAYS,
        "planned": some.booleans(),
        "attendance": some.sampled_from([None, "5", "6", "7", "2", "3", "4", "0"]),
        "appointment_type": some.sampled_from(["01", "02", "03", "04", "05", "06", "07", "10"]),
        "internet_therapy": some.booleans(),
    }
)
TRIAGE = some.none() | some.tuples(some.sampled_from(["accepted", "rejected", "redirected"]), DAYS)


def as_day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def contact(**changes: Any) -> Contact:
    sent = {"planned": True, "internet_therapy": False} | a_contact(**changes)
    return Contact(**sent | {"on": date.fromisoformat(sent["on"])})


def plain(derived: Any) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in derived._asdict().items()}


@settings(deadline=None)
@given(some.lists(CONTACTS, max_size=8), TRIAGE, some.none() | DAYS)
def test_every_history_is_read_as_plain_python_reads_it(
    contacts: list[dict[str, Any]], triage: tuple[str, str] | None, discharged_on: str | None
) -> None:
    decision, on = triage or (None, None)
    derived = derive(Decisions(decision, as_day(on), as_day(discharged_on)), [contact(**one) for one in contacts])
    assert plain(derived) == naive(contacts, triage, discharged_on)


@settings(deadline=None)
@given(some.lists(CONTACTS, max_size=8), some.randoms())
def test_the_order_in_which_contacts_became_known_makes_no_difference(
    contacts: list[dict[str, Any]], shuffled: random.Random
) -> None:
    known = [contact(**one) for one in contacts]
    before = derive(Decisions(), known)
    shuffled.shuffle(known)
    assert derive(Decisions(), known) == before


@pytest.mark.parametrize(
    ("changes", "attended", "assessment", "treatment"),
    [
        ({"attendance": "5", "appointment_type": "01"}, True, True, False),
        ({"attendance": "6", "appointment_type": "02"}, True, False, True),
        ({"attendance": "5", "appointment_type": "03"}, True, True, True),
        ({"attendance": "5", "appointment_type": "04"}, True, False, False),
        ({"attendance": "5", "appointment_type": "05"}, True, False, True),
        ({"attendance": "5", "appointment_type": "06"}, True, False, False),
        ({"attendance": "5", "appointment_type": "10"}, True, False, False),
        ({"attendance": "5", "appointment_type": "06", "internet_therapy": True}, True, False, True),
        ({"attendance": None, "planned": False, "appointment_type": "02"}, True, False, True),
        ({"attendance": None, "planned": False, "appointment_type": "01"}, True, True, False),
        ({"attendance": None, "appointment_type": "02"}, False, False, False),
        ({"attendance": "7", "appointment_type": "03"}, False, False, False),
        ({"attendance": "3", "appointment_type": "03"}, False, False, False),
        ({"attendance": "2", "appointment_type": "03"}, False, False, False),
        ({"attendance": "4", "appointment_type": "03"}, False, False, False),
        ({"attendance": "0", "appointment_type": "03", "internet_therapy": True}, False, False, False),
    ],
)
def test_what_a_contact_counts_as(
    *, changes: dict[str, Any], attended: bool, assessment: bool, treatment: bool
) -> None:
    one = contact(**changes)
    assert (one.attended, one.is_assessment, one.is_treatment) == (attended, assessment, treatment)


@pytest.mark.parametrize(
    ("treated_on", "finished"),
    [
        ([], False),
        (["2026-03-20"], False),
        (["2026-03-20", "2026-03-20"], True),
        (["2026-03-20", "2026-05-01"], True),
        (["2026-03-20", "2026-05-02"], False),
    ],
)
def test_a_course_is_finished_by_two_treatments_up_to_the_discharge(*, treated_on: list[str], finished: bool) -> None:
    contacts = [contact(on=on) for on in treated_on]
    ended = Decisions(discharged_on=date(2026, 5, 1))
    assert derive(ended, contacts).finished_course is finished
    assert derive(Decisions(), contacts).finished_course is False, "not while it is open"


NOTHING, TREATED = [contact(attendance="3")], [contact()]
OPEN = Decisions()
ACCEPTED = Decisions("accepted", BEGIN)
REJECTED, REDIRECTED = Decisions("rejected", BEGIN), Decisions("redirected", BEGIN)
DISCHARGED = Decisions(None, None, BEGIN)
BOTH = Decisions("rejected", BEGIN, BEGIN)
MOVES: list[tuple[Decisions, list[Contact], dict[Move, Reason | None]]] = [
    (OPEN, NOTHING, {"accept": None, "refuse": None, "discharge": None, "reopen": Reason.OPEN}),
    (OPEN, TREATED, {"accept": None, "refuse": Reason.TREATED, "discharge": None, "reopen": Reason.OPEN}),
    (ACCEPTED, NOTHING, {"accept": None, "refuse": None, "discharge": None, "reopen": Reason.OPEN}),
    (ACCEPTED, TREATED, {"accept": None, "refuse": Reason.TREATED, "discharge": None, "reopen": Reason.OPEN}),
    (REJECTED, NOTHING, {"accept": None, "refuse": None, "discharge": None, "reopen": None}),
    (REJECTED, TREATED, {"accept": None, "refuse": Reason.TREATED, "discharge": None, "reopen": None}),
    (REDIRECTED, NOTHING, {"accept": None, "refuse": None, "discharge": None, "reopen": None}),
    (
        DISCHARGED,
        NOTHING,
        {"accept": Reason.CLOSED, "refuse": Reason.CLOSED, "discharge": Reason.CLOSED, "reopen": None},
    ),
    (
        DISCHARGED,
        TREATED,
        {"accept": Reason.CLOSED, "refuse": Reason.CLOSED, "discharge": Reason.CLOSED, "reopen": None},
    ),
    (BOTH, NOTHING, {"accept": Reason.CLOSED, "refuse": Reason.CLOSED, "discharge": Reason.CLOSED, "reopen": None}),
]


@pytest.mark.parametrize(("decisions", "contacts", "verdicts"), MOVES)
def test_which_moves_are_allowed_and_why_the_others_are_not(
    decisions: Decisions, contacts: list[Contact], verdicts: dict[Move, Reason | None]
) -> None:
    assert {move: not_allowed(move, decisions, contacts) for move in verdicts} == verdicts


@pytest.mark.parametrize("seed", range(4))
async def test_random_walks_through_the_door_end_where_plain_python_does(
    referrals: Door, database: Database, seed: int
) -> None:
    """Every change recomputes everything: after each, the referral shown is what was sent adds up to."""
    dice = random.Random(seed)  # noqa: S311 - a walk to be repeated, not a secret
    contacts: dict[str, dict[str, Any]] = {}
    triage: tuple[str, str] | None = None
    discharged_on: str | None = None
    changes = 0
    async with referrals.caller(ALL) as caller:
        path = await opened(caller, pathway=dice.choice(["triage", "drop_in"]))
        for _ in range(40):
            on = (BEGIN + timedelta(days=dice.randrange(12))).isoformat()
            sent = a_contact(
                on=on,
                attendance=dice.choice(["5", "6", "3", None]),
                appointment_type=dice.choice(["01", "02", "03", "06"]),
            )
            match dice.choice(["record", "record", "change", "withdraw", "triage", "discharge", "reopen"]):
                case "record":
                    told = await caller.post(f"{path}/contacts", json=sent)
                    contacts[told.json()["id"]] = sent
                    changes += 1
                case "change" if contacts:
                    one = dice.choice(list(contacts))
                    told = await caller.put(f"/v1/contacts/{one}", json=sent, headers={"If-Match": "*"})
                    changes += contacts[one] != sent
                    contacts[one] = sent
                case "withdraw" if contacts:
                    one = dice.choice(list(contacts))
                    told = await caller.delete(f"/v1/contacts/{one}")
                    del contacts[one]
                    changes += 1
                case "triage":
                    decision = dice.choice(["accepted", "rejected", "redirected"])
                    told = await caller.post(f"{path}/triage", json={"decision": decision, "on": on})
                    if told.status_code == 200:
                        changes += triage != (decision, on)
                        triage = (decision, on)
                case "discharge":
                    told = await caller.post(f"{path}/discharge", json={"on": on})
                    changes += told.status_code == 200 and discharged_on != on
                    discharged_on = on if told.status_code == 200 else discharged_on
                case "reopen":
                    told = await caller.post(f"{path}/reopen", json={"reason": "A mistake."})
                    if told.status_code == 200:
                        changes += 1
                        discharged_on = None
                        triage = triage if triage and triage[0] == "accepted" else None
                case _:
                    continue
            assert told.status_code in {200, 201, 204, 409}, told.text
            shown = (await caller.get(path)).json()
            expected = naive(list(contacts.values()), triage, discharged_on)
            assert {name: shown[name] for name in expected} == expected, f"seed {seed}"
    assert len(await events(database, path)) == 1 + changes == shown["version"]
