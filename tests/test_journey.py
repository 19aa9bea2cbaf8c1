"""The journey: what callers post through the front doors becomes figures, on a whole system as `roundtable up` starts it."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy import wandsworth
from shared.codes import code_list
from tests.referrals.builders import a_referral
from tests.running_system import RunningSystem

ALL = (
    "referrals:write referrals:read people:read sites:write sites:read surveys:answer surveys:read "
    "reports:read reports:exact"
)


@pytest.fixture
def http(running_system: RunningSystem) -> Iterator[httpx.Client]:
    with httpx.Client(headers=running_system.headers(ALL), timeout=30) as client:
        yield client


def report(system: RunningSystem, http: httpx.Client, **wanted: str) -> dict[str, Any]:
    answer = http.get(f"{system.url('reporting')}/v1/reports/referrals_received", params=wanted)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_evaluations_table_1_comes_out_as_it_went_in(running_system: RunningSystem, http: httpx.Client) -> None:
    said = running_system.roundtable("import", "wandsworth").stdout
    assert "9189 recorded" in said
    assert "Equal: every figure above is the evaluation's." in said
    period = {"from": "2009-09", "to": "2011-08", "interval": "year", "profile": "exact"}
    rows = report(running_system, http, by="source,source_system", **period)["rows"]
    counts = {
        (row["group"]["source"], row["group"]["source_system"], row["period"]["start"]): row["value"] for row in rows
    }
    for line in wandsworth.TABLE_1:
        label = code_list("source_of_referral_iapt").label(line.source)
        for period_of, count in zip(wandsworth.PERIODS, line.counts, strict=True):
            assert counts.get((label, line.system, period_of.start.isoformat()), 0) == count, line.name
    totals = report(running_system, http, **period)["rows"]
    assert [row["value"] for row in totals] == [5463, 3726]
    again = running_system.roundtable("import", "wandsworth").stdout
    assert "0 recorded, 9189 there already" in again


def test_published_figures_of_it_are_rounded_and_small_ones_suppressed(
    running_system: RunningSystem, http: httpx.Client
) -> None:
    running_system.roundtable("import", "wandsworth")
    rows = report(running_system, http, **{"from": "2009-09", "to": "2011-08", "interval": "year", "by": "source"})[
        "rows"
    ]
    shown = {(row["group"]["source"], row["period"]["start"][:4]): (row["value"], row["status"]) for row in rows}
    labels = {line.source: code_list("source_of_referral_iapt").label(line.source) for line in wandsworth.TABLE_1}
    assert shown[labels["A1"], "2009"] == (4540, "shown")
    assert shown[labels["C1"], "2009"] == (5, "shown")
    assert shown[labels["C1"], "2010"] == (None, "suppressed"), "four people"
    assert shown[labels["D1"], "2009"] == (None, "suppressed"), "one person"
    assert shown[labels["H1"], "2010"] == (None, "suppressed"), "nobody: not to be told from one"
    assert all(value is None or value % 5 == 0 for value, _ in shown.values())


def test_somebody_drops_in_at_a_temple_and_is_counted_there(running_system: RunningSystem, http: httpx.Client) -> None:
    sites, referrals, surveys = (running_system.url(name) for name in ("sites", "referrals", "surveys"))
    trust = http.post(f"{sites}/v1/organisations", json={"name": "Temple Trust", "kind": "temple"})
    assert trust.status_code == 201, trust.text
    name = f"Temple hall {uuid4().hex[:6]}"
    site = http.post(
        f"{sites}/v1/sites",
        json={
            "organisation_id": trust.json()["id"],
            "name": name,
            "cluster": "Battersea",
            "address": {"line_1": "1 Example Road", "town": "London"},
            "postcode": "SW11 1AA",
            "languages": ["ta", "en"],
            "redacted_address": False,
            "co_provider": True,
            "joined_on": "2024-09-01",
            "status": "active",
        },
    )
    assert site.status_code == 201, site.text
    posted = a_referral(received_on="2025-02-03", pathway="drop_in", site_id=site.json()["id"])
    referral = http.post(f"{referrals}/v1/referrals", json=posted)
    assert referral.status_code == 201, referral.text
    scored = http.post(
        f"{surveys}/v1/responses",
        json={
            "referral_id": referral.json()["id"],
            "instrument": "gad_7",
            "answered_on": "2025-02-10",
            "mode": "face_to_face",
            "language": "ta",
            "helper": "interpreter",
            "answers": {f"gad7_{item}": 1 for item in range(1, 8)},
        },
    )
    assert (scored.status_code, scored.json()["total"]) == (201, 7), scored.text

    def counted_at(site_name: str) -> int:
        wanted = {"from": "2025-02", "to": "2025-02", "by": "site,pathway", "profile": "exact"}
        rows = report(running_system, http, **wanted)["rows"]
        here = [row["value"] for row in rows if row["group"]["site"] == site_name and row["value"]]
        return sum(here)

    deadline = time.monotonic() + 10
    while counted_at(name) != 1:
        assert time.monotonic() < deadline, "not in the report within ten seconds"
    assert "whole" in running_system.roundtable("audit", "verify").stdout


def test_facts_made_again_from_the_outboxes_equal_the_live_ones(running_system: RunningSystem) -> None:
    checked = running_system.roundtable("rebuild", "--check", check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "equal" in checked.stdout


def test_nothing_was_set_aside(running_system: RunningSystem) -> None:
    assert "Nothing is set aside." in running_system.roundtable("dead-letters", "list").stdout
