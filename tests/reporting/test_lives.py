"""What becomes of pathways and people, as the figures show it: one small story each."""

import csv
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.reporting.domain.thresholds import thresholds
from services.reporting.measures import MEASURES
from services.reporting.rounding import percent_to_a_tenth
from shared.events.event import Event
from shared.events.referrals import ReferralReceived
from tests.reporting.builders import known, received, scored, site
from tests.reporting.conftest import Facts
from tests.reporting.lives import (
    contact,
    corrected,
    discharged,
    erased,
    merged,
    removed,
    reopened,
    restricted,
    triaged,
    uncontacted,
    unmerged,
)

PUBLISHED_RATES = Path(__file__).parents[3] / "shared" / "reference" / "national" / "england_annual_2017_2021.csv"


async def figure(facts: Facts, measure: str, first: str = "2026-01", last: str = "2026-12", **parameters: Any) -> Any:
    (row,) = (await facts.report(first, last, measure=measure, **parameters))["rows"]
    return row["value"] if MEASURES[measure].kind != "rate" else (row["numerator"], row["denominator"])


def course(
    referral: ReferralReceived, phq: tuple[float, ...], gad: tuple[float, ...], worry: str = "gad_7"
) -> list[Event]:
    """Return two treatment contacts, scores on the days given by their place, and a discharge on the last of May."""
    this = referral.referral_id
    told: list[Event] = [referral, contact(this, "2026-03-01"), contact(this, "2026-03-20")]
    for instrument, totals in (("phq_9", phq), (worry, gad)):
        told += [
            scored(this, instrument=instrument, total=total, answered_on=date(2026, 3, 1 + place))
            for place, total in enumerate(totals)
        ]
    return [*told, discharged(this, "2026-05-31")]


@pytest.mark.parametrize(
    ("phq", "gad", "so"),
    [
        ((15, 9), (12, 7), {"recovered", "reliably_improved", "reliably_recovered"}),
        (
            (10, 9),
            (7, 7),
            {"recovered", "reliably_unchanged"},
        ),  # a case by one of the two, and changed by less than six
        ((15, 10), (12, 7), {"reliably_improved"}),  # still a case
        ((15, 9), (7, 11), {"reliably_unchanged"}),  # one fell, one rose: both reliably
        ((9, 15), (7, 7), {"reliably_deteriorated"}),
        ((9, 9), (7, 7), {"reliably_unchanged"}),  # never a case
        ((15, 9), (12,), set()),  # no pair
        ((15, 20, 9), (12, 7), {"recovered", "reliably_improved", "reliably_recovered"}),  # first and last count
    ],
)
async def test_outcomes_are_told_from_the_first_and_the_last_scores(
    facts: Facts, phq: tuple[float, ...], gad: tuple[float, ...], so: set[str]
) -> None:
    await facts.learn(*course(received("2026-02-01"), phq, gad))
    names = ("recovered", "reliably_recovered", "reliably_improved", "reliably_unchanged", "reliably_deteriorated")
    assert {name for name in names if await figure(facts, name)} == so
    below = phq[0] < 10 and gad[0] < 8
    assert await figure(facts, "recovery_rate") == (int("recovered" in so), 0 if below else 1)
    assert await figure(facts, "reliable_improvement") == (int("reliably_improved" in so), 1)


@pytest.mark.parametrize(
    ("problem", "worry", "gad", "improved"),
    [
        ("F400", "mobility_inventory_alone", (3.03, 2.3), 1),  # 0.73 exactly, and 2.3 is no case
        ("F400", "mobility_inventory_alone", (3.02, 2.3), 0),
        ("F401", "spin", (30, 20), 1),
        ("F401", "gad_7", (12, 8), 1),  # no SPIN: GAD-7 counts
        (None, "spin", (30, 20), 0),  # not that problem's
    ],
)
async def test_the_anxiety_measure_is_that_of_the_problem_where_there_is_a_pair(
    facts: Facts, problem: str | None, worry: str, gad: tuple[float, ...], improved: int
) -> None:
    await facts.learn(*course(received("2026-02-01", presenting_problem=problem), (20, 20), gad, worry))
    assert await figure(facts, "reliably_improved") == improved


async def test_scores_and_contacts_after_the_end_do_not_change_the_pathway_but_appointments_count(facts: Facts) -> None:
    referral = received("2026-02-01")
    late = [
        contact(referral.referral_id, "2026-06-01"),
        scored(referral.referral_id, instrument="phq_9", total=27, answered_on=date(2026, 6, 1)),
    ]
    await facts.learn(*course(referral, (15, 9), (12, 7)), *late)
    assert await figure(facts, "recovered") == 1
    assert await figure(facts, "contacts_per_finished_course") == 2.0
    assert await figure(facts, "appointments") == 3


async def test_a_refusal_at_triage_ends_the_pathway_until_a_discharge_or_a_reopening_says_otherwise(
    facts: Facts,
) -> None:
    referral = received("2026-02-01")
    this = referral.referral_id
    await facts.learn(referral, triaged(this, "2026-02-10", "redirected"))
    assert await figure(facts, "ended_signposted", "2026-02", "2026-02") == 1
    assert await figure(facts, "waiting_for_treatment", "2026-02", "2026-02") == 0
    await facts.learn(discharged(this, "2026-03-05", None))
    assert await figure(facts, "ended_signposted", "2026-03", "2026-03") == 1, "its day, and the refusal's code"
    await facts.learn(reopened(this))
    assert await figure(facts, "ended_referrals") == 0
    assert await figure(facts, "waiting_for_treatment", "2026-03", "2026-03") == 1
    await facts.learn(discharged(this, "2026-04-05", None))
    assert await figure(facts, "ended_no_reason", "2026-04", "2026-04") == 1


async def test_standing_counts_are_as_things_stood_on_the_last_day(facts: Facts) -> None:
    referral = received("2026-01-10")
    this = referral.referral_id
    await facts.learn(
        referral, contact(this, "2026-02-20", "03"), contact(this, "2026-04-01"), discharged(this, "2026-05-10")
    )
    months = (await facts.report("2026-01", "2026-05", measure="waiting_for_treatment", interval="month"))["rows"]
    assert [row["value"] for row in months] == [1, 0, 0, 0, 0]
    rows = (await facts.report("2026-01", "2026-05", measure="open_without_activity_within_60_days", interval="month"))[
        "rows"
    ]
    assert [row["value"] for row in rows] == [0, 1, 1, 1, 0]


async def test_who_misses_the_last_contact_and_stays_away_has_stopped_attending_until_another_is_planned(
    facts: Facts,
) -> None:
    referral = received("2026-01-10")
    this = referral.referral_id
    await facts.learn(referral, contact(this, "2026-01-20"), contact(this, "2026-02-01", attendance="3"))
    assert await figure(facts, "stopped_attending", "2026-01", "2026-03") == (0, 1), "31 March is 58 days later"
    assert await figure(facts, "stopped_attending", "2026-01", "2026-04") == (1, 1)
    await facts.learn(contact(this, "2026-09-01", attendance="0"))
    assert await figure(facts, "stopped_attending", "2026-01", "2026-04") == (0, 1)


async def test_a_removed_referral_and_a_removed_contact_count_nowhere(facts: Facts) -> None:
    one, other = received("2026-02-01"), received("2026-02-01")
    seen = [contact(each.referral_id, "2026-03-01") for each in (one, other, other)]
    await facts.learn(one, other, *seen)
    assert (await figure(facts, "appointments"), await figure(facts, "accessing_services")) == (3, 2)
    await facts.learn(uncontacted(seen[0]), removed(other.referral_id))
    assert (await figure(facts, "appointments"), await figure(facts, "accessing_services")) == (0, 0)
    assert await figure(facts, "referrals_received") == 1


async def test_a_correction_replaces_the_picture_and_whose_it_is(facts: Facts) -> None:
    referral = received("2026-02-01", 1)
    await facts.learn(known(1, gender_identity="1"), known(2, gender_identity="2"), referral)
    changed = corrected(referral, person_key=known(2).person_key, received_on=date(2026, 3, 1))
    await facts.learn(changed)
    rows = (await facts.report("2026-03", "2026-03", by="gender_identity"))["rows"]
    assert [row["group"]["gender_identity"] for row in rows if row["value"]] == ["Female (including trans women)"]


async def genders(facts: Facts) -> dict[str, int]:
    rows = (await facts.report("2026-02", "2026-02", by="gender_identity"))["rows"]
    return {row["group"]["gender_identity"].split()[0]: row["value"] for row in rows if row["value"]}


async def test_a_merged_person_counts_as_the_other_until_they_are_separated(facts: Facts) -> None:
    await facts.learn(
        merged(1, 2), received("2026-02-01", 1), known(1, gender_identity="1"), known(2, gender_identity="2")
    )
    assert await genders(facts) == {"Female": 1}
    await facts.learn(received("2026-02-01", 1))
    assert await genders(facts) == {"Female": 2}, "pathways that come later too"
    await facts.learn(unmerged(1))
    assert await genders(facts) == {"Male": 2}


async def test_a_restricted_person_is_in_no_figure_while_it_lasts_merged_or_not(facts: Facts) -> None:
    await facts.learn(received("2026-02-01", 1), received("2026-02-01", 2), merged(1, 2))
    await facts.learn(restricted(1))
    assert await figure(facts, "referrals_received") == 1
    await facts.learn(restricted(1, so=False), restricted(2))
    assert await figure(facts, "referrals_received") == 0, "it is one human"
    await facts.learn(restricted(2, so=False))
    assert await figure(facts, "referrals_received") == 2


async def test_an_erased_person_leaves_pathways_that_lead_to_nobody_even_those_that_come_later(facts: Facts) -> None:
    await facts.learn(
        known(1, gender_identity="1"),
        known(2, gender_identity="2"),
        merged(3, 1),
        received("2026-02-01", 1),
        received("2026-02-01", 3),
    )
    await facts.learn(erased(1))
    await facts.learn(received("2026-02-01", 1), merged(2, 1), received("2026-02-01", 2))
    assert await genders(facts) == {"Not": 3, "Female": 1}, "nobody counts as somebody erased"
    admin = await asyncpg.connect(facts.database.admin_dsn)
    key = known(1).person_key
    for table, column in (
        ("pathways", "person_key"),
        ("pathways", "counts_as"),
        ("persons", "person_key"),
        ("persons", "into_key"),
    ):
        assert not await admin.fetchval(f"SELECT count(*) FROM reporting.{table} WHERE {column} = $1", key)  # noqa: S608 - ours
    await admin.close()


async def test_appointments_are_where_they_happen_and_pathways_where_people_came_from(facts: Facts) -> None:
    here, there = UUID(int=1), UUID(int=2)
    referral = received("2026-02-01", site_id=here)
    await facts.learn(
        site("Here", here), site("There", there), referral, contact(referral.referral_id, "2026-02-03", site_id=there)
    )
    for measure, where in (("appointments", "There"), ("accessing_services", "Here")):
        rows = (await facts.report("2026-02", "2026-02", measure=measure, by="site"))["rows"]
        assert [row["group"]["site"] for row in rows if row["value"]] == [where]
        assert await figure(facts, measure, site_id=str(here if where == "Here" else there)) == 1
    assert await figure(facts, "appointments", site_id=str(here)) == 0


async def test_how_pathways_end_adds_up(borough: Facts) -> None:
    ways = ("not_seen", "seen_not_treated", "treated_once", "finished_course")
    counts = [await figure(borough, name, "2020-10", "2022-09") for name in ways]
    assert sum(counts) == await figure(borough, "ended_referrals", "2020-10", "2022-09")
    assert counts[0] + counts[1] == await figure(borough, "ended_untreated", "2020-10", "2022-09")
    shares = [
        (await borough.report("2020-10", "2022-09", measure=name))["rows"][0]["value"]
        for name in ("finished_of_treated", "access_attrition")
    ]
    assert sum(shares) == pytest.approx(100)
    codes = [
        name
        for name in MEASURES
        if name.startswith("ended_") and "by" not in name and MEASURES[name].numerator.words.count("end code")
    ]
    every = [await figure(borough, name, "2020-10", "2022-09") for name in codes if MEASURES[name].kind == "count"]
    assert sum(every) == await figure(borough, "ended_referrals", "2020-10", "2022-09")


async def test_published_appointments_need_five_pathways_and_means_ten_people(facts: Facts) -> None:
    alone = received("2026-02-01", 1)
    await facts.learn(alone, *(contact(alone.referral_id, "2026-02-03") for _ in range(20)))
    assert await figure(facts, "appointments", profile="published") is None, "twenty appointments of one person"
    many = [received("2026-02-01", person) for person in range(2, 11)]
    await facts.learn(*many, *(contact(each.referral_id, "2026-02-08", duration_minutes=50) for each in many))
    assert await figure(facts, "appointments", profile="published") == 30
    assert await figure(facts, "minutes_per_contact", profile="published") is None, "nine people"
    tenth = received("2026-02-01", 99)
    await facts.learn(tenth, contact(tenth.referral_id, "2026-02-08", duration_minutes=54))
    (row,) = (await facts.report("2026-02", "2026-02", measure="minutes_per_contact", profile="published"))["rows"]
    assert (row["denominator"], row["value"]) == (10, 50)
    assert await figure(facts, "minutes_per_contact") == 50.4


def test_thresholds_begin_a_case_at_a_score_or_above_one_and_the_special_ones_come_first() -> None:
    anxiety = [each.problem for each in thresholds() if each.side == "anxiety"]
    assert anxiety[-1] is None
    assert None not in anxiety[:-1]


@pytest.mark.skipif(not PUBLISHED_RATES.exists(), reason="the national figures are not here")
def test_national_rates_come_out_as_printed() -> None:
    names = {
        "percentage_recovery": "count_recovery",
        "percentage_reliable_recovery": "count_reliable_recovery",
        "percentage_improvement": "count_improvement",
        "percentage_deterioration": "count_deterioration",
        "percentage_no_reliable_change": "count_no_reliable_change",
    }
    compared = 0
    for row in csv.DictReader(PUBLISHED_RATES.read_text().splitlines()):
        for rate, count in names.items():
            try:
                numerator, finished, printed = (
                    int(row[count]),
                    int(row["count_finished_course_treatment"]),
                    float(row[rate]),
                )
                cases = finished - int(row["count_not_at_caseness"])
            except ValueError:
                continue  # a figure that was not published
            denominator = cases if "recovery" in rate else finished
            assert percent_to_a_tenth(numerator, denominator) == printed, (
                row["reporting_period"],
                row["variable_a"],
                rate,
            )
            compared += 1
    assert compared > 1000
