"""A place whose address is redacted is found by nothing that would tell where it is, and says nothing of it."""

import json
from typing import Any

from tests.doors import Door
from tests.sites.builders import WRITE
from tests.sites.feed import FEED, a_directory, changed, names, read

SECRETS = ("Secret Close", "Concealed", "Whisperham", "SW19", "1ZZ", "51.42", "-0.2", "Hidden cluster", "green door")
SHAPES: tuple[dict[str, Any], ...] = ({}, {"minimal": True}, {"full": True}, {"format": "ndjson"})


async def test_nothing_the_feed_says_holds_a_redacted_whereabouts(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)
        service = await read(reader, f"/services/{ids['safe']}")
        (at_location,) = service["service_at_locations"]
        said = [service, await read(reader, f"/service_at_locations/{at_location['id']}")]
        said += [await read(reader, path, per_page=1000) for path in ("/taxonomies", "/taxonomy_terms")]
        for path in ("/services", "/service_at_locations"):
            for shape in (*SHAPES, {"full": True, "format": "ndjson"}):
                answer = await reader.get(f"{FEED}{path}", params=shape)
                said.append(answer.text + str(answer.headers))
    everything = json.dumps(said)
    assert [secret for secret in SECRETS if secret in everything] == []
    location = at_location["location"]
    assert location.keys() == {"id", "location_type", "name", "languages", "attributes"}
    assert {each["link_type"] for each in location["attributes"]} == {"participation", "site_status"}
    assert service["email"] == "tea@example.org", "the offer's own contact is how people get there"
    assert service["phones"][0]["number"] == "020 7946 0018"


async def test_nothing_that_is_asked_finds_out_where_it_is(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        await a_directory(caller)
        asked: dict[str, Any]
        for asked, others in (
            ({"latitude": 51.42, "longitude": -0.2, "proximity": 1_000_000}, 4),
            ({"latitude": 51.42, "longitude": -0.2, "proximity": 10}, 0),
            ({"postcode": "SW12 9AA", "proximity": 1_000_000}, 4),
            ({"search": "Whisperham"}, 0),
            ({"search": "Secret"}, 0),
            ({"search": "SW19 1ZZ"}, 0),
            ({"search": "Concealed"}, 0),
        ):
            for path in ("/services", "/service_at_locations"):
                page = await read(reader, path, **asked)
                assert "Safe talk" not in json.dumps(page), asked
                assert page["total_items"] == others
        for postcode in ("SW19 1ZZ", "SW19 9ZZ"):  # its own, and one that nobody has
            unknown = await reader.get(f"{FEED}/services", params={"postcode": postcode})
            assert unknown.status_code == 422
            assert unknown.json()["type"] == "/problems/postcode-unknown"
        assert "Safe talk" in await names(reader)


async def test_moving_a_redacted_place_shows_only_that_something_changed(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)

        async def seen() -> dict[str, Any]:
            service: dict[str, Any] = await read(reader, f"/services/{ids['safe']}")
            return {name: part for name, part in service.items() if name != "last_modified"}

        before = await seen()
        await changed(caller, f"/v1/sites/{ids['refuge']}", postcode="SW20 0AA", address={"line_1": "2 New Close"})
        assert await seen() == before


async def test_a_place_that_becomes_redacted_is_gone_from_every_filter_at_once(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)
        assert await names(reader, postcode="SW17 7BU", proximity=10) == ["Talking over tea", "Evening circle"]
        await changed(caller, f"/v1/sites/{ids['hall']}", redacted_address=True)
        assert (await reader.get(f"{FEED}/services", params={"postcode": "SW17 7BU"})).status_code == 422
        assert await names(reader, latitude=51.4385, longitude=-0.1679, proximity=10) == []
        assert "Beechcroft" not in json.dumps(await read(reader, "/services", full=True)).replace(
            "Beechcroft Road hall", ""
        )
