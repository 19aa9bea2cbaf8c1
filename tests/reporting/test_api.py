"""How callers ask for figures, and what they are told."""

import csv
import json
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from jsonschema import Draft202012Validator

from services.reporting.breakdowns import DIMENSIONS, PUBLISHED
from services.reporting.examples import BREAKDOWNS, CATALOGUE_ENTRY, COMPLETENESS, REPORT
from services.reporting.measures import MEASURES
from services.reporting.schemas import Breakdowns, CatalogueEntry, Completeness, Report
from shared.events.event import Event
from tests.reporting.builders import received, site
from tests.reporting.conftest import Facts
from tests.reporting.oracle import Oracle

REPORTS = "/v1/reports/referrals_received"
ABOUT_PEOPLE = [
    "referrals_received",
    "ended_referrals",
    *(name for name, each in MEASURES.items() if each.about == "people" and each.kind == "sum"),
]
YEARS: dict[str, Any] = {"from_": "2020-10", "to": "2022-09"}


async def test_a_published_report_has_the_promised_body(borough: Facts) -> None:
    answer = await borough.get(REPORTS, **YEARS, by="ethnic_group", interval="year")
    body = answer.json()
    Report.model_validate(body)
    assert body["measure"] == {
        "id": "referrals_received",
        "title": "Referrals received",
        "kind": "count",
        "unit": "referrals",
        "national": "M001",
        "numerator": "Referrals received in the period",
        "denominator": None,
    }
    assert body["profile"] == "published"
    assert set(body["rows"][0]) == {"period", "group", "value", "status"}
    assert [row["group"]["ethnic_group"] for row in body["rows"][:8]] == [
        "White",
        "Mixed",
        "Asian or Asian British",
        "Black or Black British",
        "Other Ethnic Groups",
        "Not stated",
        "Not known",
        "Not recorded",
    ]
    assert [row["field"] for row in body["completeness"]] == ["ethnic_category"]
    assert answer.headers["Cache-Control"] == "private, no-cache"


async def test_no_published_table_shows_one_to_four_or_an_unrounded_number(borough: Facts) -> None:
    async with borough.door.caller("reports:read") as caller:
        for together in (*((name,) for name in PUBLISHED.alone), *PUBLISHED.pairs, *PUBLISHED.triples):
            measure = next((name for name in ABOUT_PEOPLE if splits(name, together)), None)
            if measure is None:
                continue  # it splits things alone, which are shown as they are
            wanted = {"from": "2020-10", "to": "2022-09", "interval": "year", "by": ",".join(together)}
            body = (await caller.get(f"/v1/reports/{measure}", params=wanted)).json()
            assert body["rows"], together
            for row in body["rows"]:
                hidden = (row["status"], row["value"]) == ("suppressed", None)
                assert hidden or (row["status"] == "shown" and safe(row["value"])), (together, row)
                assert set(row["group"]) == set(together)
            for row in body["completeness"]:
                figures = (row[name] for name in ("denominator", "valid", "not_stated", "not_known", "missing"))
                assert all(figure is None or safe(figure) for figure in figures), (together, row)


def splits(measure: str, together: tuple[str, ...]) -> bool:
    """Tell whether a measure can be split so."""
    return all(DIMENSIONS[name].splits(MEASURES[measure]) for name in together)


def safe(figure: int) -> bool:
    """Tell whether a count may be published."""
    return figure >= 5 and figure % 5 == 0


async def test_every_group_of_a_closed_list_has_a_row_in_every_period(borough: Facts) -> None:
    rows = (await borough.get(REPORTS, **YEARS, interval="month", by="pathway,imd_decile")).json()["rows"]
    assert len(rows) == 24 * 3 * 11


async def test_open_lists_gather_small_groups_and_registered_sites_always_have_a_row(
    borough: Facts, borough_history: list[Event]
) -> None:
    rows = (await borough.get(REPORTS, **YEARS, by="religion")).json()["rows"]
    groups = [row["group"]["religion"] for row in rows]
    assert groups[-4:] == ["Other or suppressed", "Not stated", "Not known", "Not recorded"]
    oracle = Oracle(borough_history)
    names = sorted(oracle.name(site_id) for site_id in oracle.sites)
    rows = (await borough.get(REPORTS, from_="2026-01", to="2026-01", by="site")).json()["rows"]
    assert [row["group"]["site"] for row in rows] == [*names, "Not recorded"]
    assert {row["status"] for row in rows} == {"no_data"}
    assert sum(name.startswith("Grace Hall (") for name in names) == 2, "two of one name are told apart"


async def test_exact_figures_need_their_scope_are_audited_never_kept_and_say_what_they_are(facts: Facts) -> None:
    await facts.learn(*(received("2026-07-01") for _ in range(3)))
    wanted: dict[str, Any] = {"from_": "2026-07", "to": "2026-07", "by": "source", "profile": "exact"}
    assert (await facts.get(REPORTS, "reports:read", **wanted)).status_code == 403
    admin = await asyncpg.connect(facts.database.admin_dsn)
    assert await admin.fetchval("SELECT count(*) FROM reporting.audit") == 0
    answer = await facts.get(REPORTS, "reports:exact", **wanted)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers
    assert "not for publication" in answer.json()["notice"]
    assert {row["value"] for row in answer.json()["rows"]} == {0, 3}
    row = await admin.fetchrow("SELECT client, action, resource, resource_id, detail FROM reporting.audit")
    await admin.close()
    assert row is not None
    assert tuple(row) == ("iaptus", "read", "exact figures", "referrals_received", "by=source interval=total filters=")
    published = await facts.get(REPORTS, "reports:read", **wanted | {"profile": "published"})
    assert "3" not in {str(row["value"]) for row in published.json()["rows"]}


async def test_without_an_audit_row_there_are_no_exact_figures(facts: Facts) -> None:
    admin = await asyncpg.connect(facts.database.admin_dsn)
    await admin.execute("REVOKE INSERT ON reporting.audit FROM roundtable_reporting")
    await admin.close()
    answer = await facts.get(REPORTS, "reports:exact", from_="2026-07", to="2026-07", profile="exact")
    assert answer.status_code == 500
    assert "rows" not in answer.text


async def test_exact_figures_of_a_caller_limited_to_sites_are_those_of_its_sites(facts: Facts) -> None:
    mine, theirs = uuid4(), uuid4()
    await facts.learn(site("Mine", mine), site("Theirs", theirs))
    await facts.learn(*(received("2026-07-01", site_id=each) for each in (mine, theirs, theirs, None)))
    wanted = {"from": "2026-07", "to": "2026-07", "by": "site", "profile": "exact"}
    async with facts.door.caller("reports:exact reports:read", sites=[mine]) as caller:
        rows = (await caller.get(REPORTS, params=wanted)).json()["rows"]
        assert {row["group"]["site"]: row["value"] for row in rows} == {"Mine": 1, "Not recorded": 0}
        assert (await caller.get(REPORTS, params=wanted | {"site_id": str(theirs)})).status_code == 404
        published = (await caller.get(REPORTS, params=wanted | {"profile": "published"})).json()["rows"]
    async with facts.door.caller("reports:read") as everyone:
        assert (await everyone.get(REPORTS, params=wanted | {"profile": "published"})).json()["rows"] == published


async def test_the_counts_of_a_report_move_with_its_etag(facts: Facts) -> None:
    await facts.learn(*(received("2026-07-01") for _ in range(7)))
    wanted = {"from": "2026-07", "to": "2026-07"}
    async with facts.door.caller("reports:read") as caller:
        first = await caller.get(REPORTS, params=wanted)
        again = await caller.get(REPORTS, params=wanted, headers={"If-None-Match": f'W/{first.headers["ETag"]}, "x"'})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        other = await caller.get(
            REPORTS, params=wanted | {"by": "source"}, headers={"If-None-Match": first.headers["ETag"]}
        )
        assert other.status_code == 200
        await facts.learn(received("2026-07-01"))
        moved = await caller.get(REPORTS, params=wanted, headers={"If-None-Match": first.headers["ETag"]})
    assert moved.status_code == 200
    assert (first.json()["rows"][0]["value"], moved.json()["rows"][0]["value"]) == (5, 10)
    assert first.json()["as_of"]["events"] + 1 == moved.json()["as_of"]["events"]


async def test_a_csv_is_long_tidy_and_says_suppressed_with_a_star(facts: Facts) -> None:
    await facts.learn(*(received("2026-07-01") for _ in range(8)))
    answer = await facts.get(
        REPORTS, from_="2026-07", to="2026-09", by="source_group", interval="quarter", format="csv"
    )
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    name = "referrals_received_2026-07_2026-09_by_source_group.csv"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert {(row["source_group"], row["value"], row["status"]) for row in rows if row["value"] != "*"} == {
        ("Self Referral", "10", "shown")
    }
    assert {row["period"] for row in rows} == {"2026-Q3"}
    assert {row["status"] for row in rows if row["value"] == "*"} == {"suppressed"}


async def test_no_spreadsheet_takes_a_label_for_a_formula(borough: Facts) -> None:
    answer = await borough.get(REPORTS, "reports:exact", **YEARS, by="source_system", profile="exact", format="csv")
    assert "exact-not-for-publication" in answer.headers["Content-Disposition"]
    assert "'=1+1" in {row["source_system"] for row in csv.DictReader(StringIO(answer.text))}


@pytest.mark.parametrize(
    ("parameters", "pointer", "says"),
    [
        ({"from_": "2026-13", "to": "2026-12"}, "from", "2026-07"),
        ({"from_": "2026-02", "to": "2026-01"}, "to", "before"),
        ({"to": "2026-01"}, "from", "required"),
        ({"from_": "2026-02", "to": "2026-06", "interval": "quarter"}, "from", "January, April"),
        ({"from_": "2026-01", "to": "2026-05", "interval": "quarter"}, "to", "March, June"),
        ({"from_": "2026-01", "to": "2026-11", "interval": "year"}, "to", "twelve"),
        ({"from_": "2026-01", "to": "2026-01", "interval": "week"}, "interval", "'month', 'quarter'"),
        ({"from_": "2026-01", "to": "2026-01", "by": "shoe_size"}, "by", "ethnic_group"),
        ({"from_": "2026-01", "to": "2026-01", "by": "source,source"}, "by", "twice"),
        ({"from_": "2026-01", "to": "2026-01", "by": "end_code"}, "by", "end"),
        ({"from_": "2026-01", "to": "2026-01", "by": "source,religion"}, "by", "may not be published together"),
        ({"from_": "2026-01", "to": "2026-01", "by": "source_system"}, "by", "profile=exact"),
        ({"from_": "2026-01", "to": "2026-01", "by": "source", "cluster": "north"}, "by", "a filter counts"),
        ({"from_": "2026-01", "to": "2026-01", "site_id": "12"}, "site_id", "UUID"),
        ({"from_": "2026-01", "to": "2026-01", "site_kind": "pub"}, "site_kind", "church"),
        ({"from_": "2026-01", "to": "2026-01", "bye": "source"}, "bye", "by"),
        ({"from_": "2026-01", "to": "2026-01", "Ada Okafor": "1"}, "*", "There is no such parameter"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_parameter_with_what_can(
    borough: Facts, parameters: dict[str, Any], pointer: str, says: str
) -> None:
    answer = await borough.get(REPORTS, **parameters)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert says in error["message"]
    for echo in ("shoe_size", "pub'", "Okafor", "2026-13"):
        assert echo not in answer.text


async def test_exact_tables_have_at_most_three_breakdowns_and_filters_do_not_count(borough: Facts) -> None:
    wanted: dict[str, Any] = YEARS | {"profile": "exact", "scope": "reports:exact"}
    by = "source_group,gender_identity,pathway"
    assert (await borough.get(REPORTS, **wanted, by=by, cluster="north", programme="x")).status_code == 200
    assert (await borough.get(REPORTS, **wanted, by=f"{by},site")).status_code == 422
    too_large = await borough.get(REPORTS, **wanted, by="source,ethnic_category,presenting_problem", interval="month")
    assert (too_large.status_code, too_large.json()["type"]) == (422, "/problems/table-too-large")


async def test_an_unknown_measure_is_not_there_whatever_else_is_wrong(borough: Facts) -> None:
    for path in ("/v1/reports/secret_name", "/v1/measures/secret_name"):
        answer = await borough.get(path, from_="never")
        assert answer.status_code == 404
        assert "secret_name" not in answer.text
    assert (await borough.get("/v1/reports/secret_name", "")).status_code == 401
    assert (await borough.get("/v1/reports/secret_name", "sites:read")).status_code == 403


async def test_the_catalogue_and_the_breakdowns_say_what_there_is(borough: Facts) -> None:
    listed = (await borough.get("/v1/measures")).json()
    assert [measure["id"] for measure in listed["items"]] == list(MEASURES)
    assert (await borough.get("/v1/measures/referrals_received")).json() == listed["items"][0]
    for entry in listed["items"]:
        CatalogueEntry.model_validate(entry)
        assert ("end_code" in entry["breakdowns"]) is MEASURES[entry["id"]].of_ends
    answer = await borough.get("/v1/breakdowns")
    body = Breakdowns.model_validate(answer.json())
    assert [each.id for each in body.dimensions] == list(DIMENSIONS)
    assert body.allowed.exact.at_most == 3
    assert ("site", "ethnic_group") in body.allowed.published.pairs
    assert not any("source_system" in pair for pair in body.allowed.published.pairs)
    long = next(each for each in body.dimensions if each.id == "language")
    assert (long.groups, long.more) == ([], "/v1/breakdowns/language")
    languages = (await borough.get("/v1/breakdowns/language")).json()["groups"]
    assert next(sorted(group["codes"], key=len) for group in languages if group["label"] == "Bengali") == ["bn", "ben"]
    sites = next(each for each in body.dimensions if each.id == "site").groups
    assert all(UUID(group.codes[0]) for group in sites if group.codes)
    async with borough.door.caller("reports:read") as caller:
        same = await caller.get("/v1/breakdowns", headers={"If-None-Match": answer.headers["ETag"]})
    assert same.status_code == 304


async def test_empty_parameters_are_absent_ones(borough: Facts) -> None:
    plain = await borough.get(REPORTS, **YEARS)
    empty = await borough.get(REPORTS, **YEARS, by="", site_id="", cluster="", format="")
    assert empty.json() == plain.json()


async def test_the_first_page_needs_no_token_and_shows_no_figures(borough: Facts) -> None:
    answer = await borough.get("/", "")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Referrals received" in answer.text
    assert "M001" in answer.text
    for link in ('href="/docs"', 'href="/openapi.json"', 'href="/health/ready"'):
        assert link in answer.text
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_every_operation_has_examples_that_fit_its_schema(borough: Facts) -> None:
    document = (await borough.get("/openapi.json", "")).json()
    for path, operations in document["paths"].items():
        if not path.startswith("/v1/"):
            continue
        content = operations["get"]["responses"]["200"]["content"]
        told = content["application/json"]
        schema = told["schema"] | {"components": document["components"]}
        Draft202012Validator(schema).validate(told["example"])
        if path in {REPORTS.replace("referrals_received", "{measure_id}"), "/v1/completeness"}:
            assert content["text/csv"]["example"].endswith("\r\n")
        assert operations["get"]["summary"]
    for model, example in (
        (Report, REPORT),
        (Completeness, COMPLETENESS),
        (Breakdowns, BREAKDOWNS),
        (CatalogueEntry, CATALOGUE_ENTRY),
    ):
        model.model_validate_json(json.dumps(example))
