from tests.reporting.builders import received
from tests.reporting.conftest import Facts


async def test_a_referral_counts_on_the_day_it_was_received_both_ends_of_the_period_included(facts: Facts) -> None:
    days = ("2026-06-30", "2026-07-01", "2026-08-15", "2026-09-30", "2026-10-01")
    await facts.learn(*(received(day) for day in days))
    report = await facts.report("2026-07", "2026-09", interval="month")
    assert [row["value"] for row in report["rows"]] == [1, 1, 1]
    assert report["measure"]["national"] == "M001"
    assert report["as_of"]["events"] == 5
    (quarter,) = (await facts.report("2026-07", "2026-09", interval="quarter"))["rows"]
    assert quarter["value"] == 3
    assert quarter["period"] == {"start": "2026-07-01", "end": "2026-09-30", "label": "2026-Q3"}
