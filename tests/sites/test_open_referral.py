"""The public feed: right where the standard is silent, open to any page, at a fair pace."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.sites.open_referral.pace import Pace, household
from shared.settings import settings
from tests.doors import Door
from tests.sites.builders import WRITE, times
from tests.sites.feed import FEED, a_directory, changed, names, offer, read, site

ADDRESSES = ("/", "", "/services", "/taxonomies", "/taxonomy_terms", "/service_at_locations", f"/services/{uuid4()}")
ALL = ["Talking over tea", "Evening circle", "Open room", "Prayer & company", "Safe talk"]


async def test_languages_are_said_by_name_and_code_and_as_an_attribute(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)
        service = await read(reader, f"/services/{ids['tea']}")
    assert [(each["name"], each["code"]) for each in service["languages"]] == [("English", "en"), ("Somali", "so")]
    said = {(each["link_type"], each["taxonomy_term"]["term"]): each for each in service["attributes"]}
    assert said["language", "so"]["taxonomy_term"]["name"] == "Somali"
    assert said["accepting_referrals", "yes"]["taxonomy_term"]["taxonomy"] == "Accepting referrals"
    assert said["availability", "capacity"]["value"] == "12"
    assert said["availability", "next_available_on"]["value"] == "2026-12-04"
    assert {("need", "low_mood"), ("need", "loneliness"), ("programme", "talking_therapies")} <= said.keys()
    assert [each["link_type"] for each in service["organization"]["attributes"]] == ["organisation_kind"]


async def test_what_has_no_value_is_left_out(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)
        service = await read(reader, f"/services/{ids['bare']}")
    assert "null" not in json.dumps(service)
    assert service.keys() == {
        *("id", "organization_id", "name", "description", "status", "last_modified", "organization"),
        *("service_at_locations", "attributes"),
    }
    assert service["organization"]["description"] == "Balham Mosque", "required, so an undescribed one says its name"


async def test_ids_are_uuids_and_stay_the_same(sites: Door) -> None:
    def ids(body: Any) -> Iterator[str]:
        for name, part in body.items() if isinstance(body, dict) else enumerate(body):
            if name == "id":
                yield part
            elif isinstance(part, dict | list):
                yield from ids(part)

    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        tea = (await a_directory(caller))["tea"]
        first = list(ids(await read(reader, f"/services/{tea}")))
        await changed(caller, f"/v1/offers/{tea}", capacity=3)
        again = list(ids(await read(reader, f"/services/{tea}")))
    assert first == again
    assert all(str(UUID(each)) == each for each in first)
    terms = 1  # said twice: nothing
    assert max(first.count(each) for each in first) == terms


async def test_pages_add_up(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        await a_directory(caller)
        pages = [await read(reader, "/services", per_page=2, page=number) for number in (1, 2, 3, 4)]
        nothing = await read(reader, "/services", search="nowhere")
    assert [[each["name"] for each in page["contents"]] for page in pages] == [ALL[:2], ALL[2:4], ALL[4:], []]
    envelopes = [{key: value for key, value in page.items() if key != "contents"} for page in [*pages, nothing]]
    same = {"total_items": 5, "total_pages": 3}
    assert envelopes == [
        same | {"page_number": 1, "size": 2, "first_page": True, "last_page": False, "empty": False},
        same | {"page_number": 2, "size": 2, "first_page": False, "last_page": False, "empty": False},
        same | {"page_number": 3, "size": 1, "first_page": False, "last_page": True, "empty": False},
        same | {"page_number": 4, "size": 0, "first_page": False, "last_page": True, "empty": True},
        {"total_items": 0, "total_pages": 0, "page_number": 1, "size": 0}
        | {"first_page": True, "last_page": True, "empty": True},
    ]


async def term_id(reader: httpx.AsyncClient, kind: str, code: str) -> str:
    for term in (await read(reader, "/taxonomy_terms", per_page=1000))["contents"]:
        if (term["taxonomy"], term["term"]) == (kind, code):
            found: str = term["id"]
            return found
    raise LookupError(code)


async def test_filters_hold_together(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)
        for asked, expected in (
            ({"search": "TEA"}, ["Talking over tea"]),
            ({"search": "circle evening"}, ["Evening circle"]),
            ({"search": "balham"}, ["Open room", "Prayer & company"]),  # the mosque's name, and the town's
            ({"search": "testament tea"}, ["Talking over tea"]),
            ({"search": "' & !x:* \\ ("}, []),
            ({"minimum_age": 20}, ["Evening circle"]),
            ({"maximum_age": 40}, ["Prayer & company"]),
            ({"maximum_age": 39}, []),
            ({"day": "monday"}, ["Evening circle"]),
            ({"day": "FR", "start_time": "10:00", "end_time": "12:00", "search": "tea"}, ["Talking over tea"]),
            ({"day": "MO", "end_time": "12:00"}, []),  # of one entry, not of any two
            ({"start_time": "18:00"}, ["Evening circle"]),
            ({"organization_id": ids["mosque"]}, ["Open room", "Prayer & company"]),
            ({"organization_id": ids["mosque"], "maximum_age": 40}, ["Prayer & company"]),
            ({"organization_id": str(uuid4())}, []),
            ({"taxonomy_term_id": await term_id(reader, "Language", "ta")}, ["Evening circle"]),
            (
                {"taxonomy_term_id": await term_id(reader, "Language", "so")},  # and som, which is the same
                ["Talking over tea", "Prayer & company", "Safe talk"],
            ),
            ({"taxonomy_term_id": await term_id(reader, "Accepting referrals", "no")}, ["Open room"]),
            ({"taxonomy_term_id": await term_id(reader, "Need", "faith")}, ["Prayer & company"]),
            (
                {"taxonomy_term_id": await term_id(reader, "Kind of organisation", "mosque"), "maximum_age": 50},
                ALL[3:4],
            ),
            ({"taxonomy_term_id": await term_id(reader, "Cluster", "Tooting")}, ["Talking over tea", "Evening circle"]),
            ({"taxonomy_term_id": str(uuid4())}, []),
            ({"taxonomy_id": str(uuid4())}, []),
        ):
            assert await names(reader, **asked) == expected, asked
        for taxonomy in (await read(reader, "/taxonomies"))["contents"]:
            found = await names(reader, taxonomy_id=taxonomy["id"])
            in_full = (await read(reader, "/services", full=True))["contents"]
            having = [each["name"] for each in in_full if taxonomy["name"] in json.dumps(each)]
            assert found == having, taxonomy["name"]


async def test_a_times_day_counts_until_it_is_over(sites: Door) -> None:
    over = times(freq="MONTHLY", byday=["2SU"], valid_to="2026-03-31")
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)
        await changed(caller, f"/v1/offers/{ids['bare']}", schedule=[over])
        await changed(caller, f"/v1/offers/{ids['prayer']}", schedule=[over | {"valid_to": None}])
        assert await names(reader, day="Sunday") == ["Prayer & company"]


async def test_near_a_place_is_what_is_within_so_many_metres_nearest_first(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        await a_directory(caller)
        room, hall = ["Open room", "Prayer & company"], ["Talking over tea", "Evening circle"]
        assert await names(reader, postcode="sw129aa", proximity=500) == room
        assert await names(reader, postcode="SW12 9AA") == [*room, *hall]
        assert await names(reader, latitude=51.4385, longitude=-0.1679, proximity=1) == hall
        assert await names(reader, latitude=51.4385, longitude=-0.1679, proximity=1300) == [*hall, *room]
        at = await read(reader, "/service_at_locations", postcode="SW12 9AA", proximity=500)
        assert [each["name"] for each in at["contents"]] == room
        unknown = await reader.get(f"{FEED}/services", params={"postcode": "EH1 1YZ"})
        assert (unknown.status_code, unknown.json()["type"]) == (422, "/problems/postcode-unknown")


async def test_what_is_asked_wrongly_is_refused_not_ignored(sites: Door) -> None:
    async with sites.caller() as reader:
        for asked in (
            {"postcode": "nowhere"},
            {"proximity": "500"},
            {"latitude": "51.4"},
            {"latitude": "51.4", "longitude": "-0.1", "postcode": "SW12 9AA"},
            {"latitude": "100", "longitude": "101"},
            {"page": "0"},
            {"per_page": "100000"},
            {"day": "someday"},
            {"start_time": "25:00"},
            {"modified_after": "2026-01-01T00:00:00"},
            {"modified_after": "yesterday"},
            {"taxonomy_id": "need"},
            {"minimal": "true", "full": "true"},
            {"format": "csv"},
            {"api_key": "1"},
        ):
            refused = await reader.get(f"{FEED}/services", params=asked)
            assert refused.status_code == 422, asked
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.headers["access-control-allow-origin"] == "*"


async def test_any_origin_may_read_without_a_token_and_with_any(sites: Door) -> None:
    async with sites.caller() as reader:
        for address in ADDRESSES:
            for token in ({}, {"Authorization": "Bearer nonsense"}):
                answer = await reader.get(f"{FEED}{address}", headers={"Origin": "https://example.org", **token})
                assert answer.status_code in {200, 404}
                assert answer.headers["access-control-allow-origin"] == "*"
            before = await reader.options(
                f"{FEED}{address}",
                headers={"Origin": "https://example.org", "Access-Control-Request-Method": "GET"},
            )
            assert before.status_code == 204
            assert before.headers["access-control-allow-origin"] == "*"
            assert "If-None-Match" in before.headers["access-control-allow-headers"]
            assert "GET" in before.headers["access-control-allow-methods"]
        other = await reader.get("/v1/sites", headers={"Origin": "https://example.org"})
        assert "access-control-allow-origin" not in other.headers
        assert (await reader.post(f"{FEED}/services", json={})).status_code == 405
        assert (await reader.get(f"{FEED}/services/1")).status_code == 422
        assert (await reader.get(f"{FEED}/organizations")).status_code == 404


async def test_what_is_held_already_is_not_sent_again_until_it_changes(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        tea = (await a_directory(caller))["tea"]
        (language,) = [each for each in (await read(reader, "/taxonomies"))["contents"] if each["name"] == "Language"]
        addresses = ["/", "/services", "/services?format=ndjson", f"/services/{tea}", "/service_at_locations"]
        addresses += ["/taxonomies", f"/taxonomies/{language['id']}", "/taxonomy_terms"]
        for address in addresses:
            first = await reader.get(f"{FEED}{address}")
            assert first.headers["cache-control"] == "public, max-age=60"
            tags = f'"other", {first.headers["etag"]}'
            again = await reader.get(f"{FEED}{address}", headers={"If-None-Match": tags})
            assert (again.status_code, again.content) == (304, b""), address
            assert again.headers["etag"] == first.headers["etag"]
            assert again.headers["cache-control"] == first.headers["cache-control"]
        held = {path: (await reader.get(f"{FEED}{path}")).headers["etag"] for path in addresses[1:4]}
        await changed(caller, f"/v1/offers/{tea}", accepting_referrals=False)
        for path, tag in held.items():
            assert (await reader.get(f"{FEED}{path}", headers={"If-None-Match": tag})).status_code == 200


async def test_all_of_them_line_by_line(sites: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.sites.open_referral.lists.CHUNK", 2)
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)
        for path in ("/services", "/service_at_locations"):
            for shape in ({}, {"minimal": True}, {"full": True}):
                answer = await reader.get(f"{FEED}{path}", params={"format": "ndjson", **shape})
                assert answer.headers["content-type"] == "application/x-ndjson"
                lines = [json.loads(line) for line in answer.text.splitlines()]
                pages = await read(reader, path, per_page=1000, **shape)
                assert lines == pages["contents"]
        one = await reader.get(f"{FEED}/services", params={"format": "ndjson", "organization_id": ids["mosque"]})
        assert len(one.text.splitlines()) == 2
        none = await reader.get(f"{FEED}/services", params={"format": "ndjson", "search": "nowhere"})
        assert (none.status_code, none.content) == (200, b"")
        full = [await read(reader, f"/services/{ids[name]}") for name in ("tea", "evening", "bare", "prayer", "safe")]
        assert (await read(reader, "/services", full=True))["contents"] == full


async def test_a_copy_is_kept_up_to_date_by_what_changed(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)
        since = max(each["last_modified"] for each in (await read(reader, "/services"))["contents"])
        assert await names(reader, modified_after=since) == ["Safe talk"], "at that instant, or later"
        await changed(caller, f"/v1/offers/{ids['tea']}", fees="A pound.")
        await changed(caller, f"/v1/organisations/{ids['mosque']}", website="https://example.org/mosque")
        assert (await caller.delete(f"/v1/offers/{ids['evening']}", headers={"If-Match": "*"})).status_code == 204
        await changed(caller, f"/v1/sites/{ids['refuge']}", status="closed")
        found = (await read(reader, "/services", modified_after=since))["contents"]
        assert [(each["name"], each["status"]) for each in found] == [
            ("Talking over tea", "active"),
            ("Withdrawn", "defunct"),
            ("Open room", "active"),
            ("Prayer & company", "active"),
            ("Withdrawn", "defunct"),
        ]
        assert found[1].keys() == {"id", "name", "status", "last_modified"}
        assert await names(reader) == ["Talking over tea", "Open room", "Prayer & company"]
        assert await names(reader, modified_after=since, search="evening") == []
        for name in ("evening", "safe"):
            assert (await reader.get(f"{FEED}/services/{ids[name]}")).status_code == 404


async def test_a_place_that_pauses_closes_its_services_for_now(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)
        inactive = await offer(caller, ids["hall"], name="Resting", status="inactive")
        closed = await offer(caller, ids["room"], name="Closed", status="temporarily_closed")
        assert (await read(reader, f"/services/{closed}"))["status"] == "temporarily closed"
        await changed(caller, f"/v1/sites/{ids['hall']}", status="paused")
        for found, status, own in (
            (ids["tea"], "temporarily closed", "active"),
            (inactive, "inactive", "inactive"),
        ):
            service = await read(reader, f"/services/{found}")
            assert service["status"] == status
            said = {each["link_type"]: each["taxonomy_term"]["term"] for each in service["attributes"]}
            assert said["offer_status"] == own


async def test_who_asks_too_often_waits(sites: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDTABLE_FEED_REQUESTS_PER_MINUTE", "12")
    settings.cache_clear()
    async with sites.caller() as reader:
        answers = [await reader.get(f"{FEED}/") for _ in range(12)]
        refused = await reader.get(f"{FEED}/services", params={"page": "nonsense"})
        elsewhere = await reader.get("/v1/sites")
    assert {answer.status_code for answer in answers} == {200}
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 5
    assert refused.headers["access-control-allow-origin"] == "*"
    assert elsewhere.status_code == 401


def test_a_bucket_fills_again_as_time_passes_and_no_further() -> None:
    pace = Pace(60)
    assert [pace.wait("a", 0.0) for _ in range(61)] == [0] * 60 + [1]
    assert pace.wait("b", 0.0) == 0
    assert pace.wait("a", 0.5) == 1
    assert pace.wait("a", 1.5) == 0
    assert [pace.wait("a", 9999.0) for _ in range(61)] == [0] * 60 + [1]
    assert [pace.wait("c", 0.0, cost=10) for _ in range(7)] == [0] * 6 + [10]
    assert Pace(5).wait("a", 0.0, cost=10) == 0, "a dear request is not impossible"


def test_neighbours_in_one_network_share_a_bucket() -> None:
    assert household("2001:db8:1:2::1") == household("2001:db8:1:2:ffff::9%eth0")
    assert household("2001:db8:1:2::1") != household("2001:db8:1:3::1")
    assert household("::ffff:192.0.2.1") == household("192.0.2.1")
    assert household("testclient") == "testclient"


async def test_sites_of_no_offer_are_not_in_the_feed(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)
        await site(caller, ids["church"], name="Empty hall", cluster="Nobody's")
        assert "Nobody's" not in json.dumps(await read(reader, "/taxonomy_terms", per_page=1000))
        assert await names(reader, search="Empty") == []
