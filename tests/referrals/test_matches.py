from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import rows
from tests.referrals.histories import ADA, NUMBERS, RECORDER, changed, matched, recorded, standing

HERE, THERE = uuid4(), uuid4()
TWIN = ADA | {"given_name": "Chidi"}


@pytest.fixture
async def caller(referrals: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with referrals.caller(RECORDER, client="decider") as client:
        yield client


async def posted(caller: httpx.AsyncClient, person: UUID, what: str, **body: Any) -> httpx.Response:
    content = {name: str(value) for name, value in body.items()}
    return await caller.post(f"/v1/people/{person}/{what}", json=content)


async def done(caller: httpx.AsyncClient, person: UUID, what: str, **body: Any) -> dict[str, Any]:
    answer = await posted(caller, person, what, **body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def refused(caller: httpx.AsyncClient, person: UUID, what: str, **body: Any) -> tuple[int, str]:
    answer = await posted(caller, person, what, **body)
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


async def matches(caller: httpx.AsyncClient, person: UUID) -> dict[str, Any]:
    answer = await caller.get(f"/v1/people/{person}/matches")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def open_questions(caller: httpx.AsyncClient, status: str = "open") -> list[set[str]]:
    items = (await caller.get(f"/v1/matches?status={status}")).json()["items"]
    return [{item["person_id"], item["other_id"]} for item in items]


async def test_a_question_is_asked_decided_and_not_asked_again(
    referrals: Door, database: Database, caller: httpx.AsyncClient
) -> None:
    one, twin = await recorded(referrals, HERE, **ADA), await recorded(referrals, HERE, **TWIN)
    await matched(database)
    assert await open_questions(caller) == [{str(one), str(twin)}]
    assert (await matches(caller, one))["verdict"] == "possible_match"
    told = await done(caller, twin, "not-same", other=one)
    assert told == {"person_id": str(twin), "merged_into": None, "version": 2}
    assert (await done(caller, twin, "not-same", other=one))["version"] == 2, "said before"
    await changed(database, one, given_name="Chidi")
    await matched(database)
    assert await open_questions(caller) == []
    assert await open_questions(caller, "decided") == [{str(one), str(twin)}]
    assert await standing(database, [one, twin]) == {one: one, twin: twin}
    found = (await matches(caller, one))["matches"][0]
    assert (found["verdict"], found["score"], found["decision"], found["merged"]) == ("match", 95, "not_same", False)


async def test_matches_are_fresh_before_the_matcher_came_by_again(
    referrals: Door, database: Database, caller: httpx.AsyncClient
) -> None:
    one = await recorded(referrals, HERE, **ADA)
    await matched(database)
    two = await recorded(referrals, HERE, **ADA | {"postcode": "E1 6AN", "nhs_number": NUMBERS[0]})
    found = await matches(caller, two)
    assert found == {
        "person_id": str(two),
        "verdict": "possible_match",
        "merged_into": None,
        "matches": [
            {
                "person_id": str(one),
                "verdict": "possible_match",
                "score": 75,
                "reasons": ["family_name_equal", "given_name_equal", "birth_date_equal", "postcode_differs"],
                "decision": None,
                "decided_at": None,
                "reason": None,
                "merged": False,
            }
        ],
    }
    assert await rows(database, "possible_matches") == []


async def test_a_merge_by_people_is_announced_and_taken_back_as_if_it_had_not_been(
    referrals: Door, database: Database, caller: httpx.AsyncClient
) -> None:
    one = await recorded(referrals, HERE, given_name="A", ethnic_category="N")
    two = await recorded(referrals, HERE, given_name="B")
    told = await done(caller, one, "merge", into=two, reason="She told us so.")
    assert told == {"person_id": str(one), "merged_into": str(two), "version": 2}
    await matched(database)
    assert await standing(database, [one, two]) == {one: two, two: two}, "into the newer one, since somebody said so"
    found = await matches(caller, two)
    assert (found["merged_into"], found["matches"][0]["merged"]) == (None, True)
    assert found["matches"][0]["reason"] == "She told us so."
    assert (await done(caller, one, "merge", into=two))["version"] == 2, "decided before"
    told = await done(caller, one, "unmerge", reason="A cousin.")
    assert told == {"person_id": str(one), "merged_into": None, "version": 3}
    await matched(database)
    assert await standing(database, [one, two]) == {one: one, two: two}
    found = (await matches(caller, one))["matches"][0]
    assert (found["decision"], found["reason"], found["merged"]) == ("not_same", "A cousin.", False)
    assert b"cousin" not in b"".join(row["undone_reason"] or b"" for row in await rows(database, "merges"))
    assert await refused(caller, one, "unmerge") == (409, "not-merged")


async def test_merges_chain_and_each_is_taken_back_alone(
    referrals: Door, database: Database, caller: httpx.AsyncClient
) -> None:
    a, b, c = [await recorded(referrals, HERE, given_name=name) for name in "ABC"]
    await done(caller, a, "merge", into=b)
    told = await done(caller, b, "merge", into=c)
    assert told["merged_into"] == str(c)
    assert (await matches(caller, a))["merged_into"] == str(c)
    await matched(database)
    assert await standing(database, [a, b, c]) == {a: c, b: c, c: c}
    await done(caller, b, "unmerge")
    await matched(database)
    assert await standing(database, [a, b, c]) == {a: b, b: b, c: c}
    await done(caller, b, "merge", into=c)
    await done(caller, a, "unmerge")
    await matched(database)
    assert await standing(database, [a, b, c]) == {a: a, b: c, c: c}


async def test_a_merge_by_rule_that_was_taken_back_is_not_made_again_not_even_by_way_of_a_third(
    referrals: Door, database: Database, caller: httpx.AsyncClient
) -> None:
    people = [await recorded(referrals, uuid4(), nhs_number=NUMBERS[0]) for _ in range(3)]
    await matched(database)
    await done(caller, people[1], "unmerge")
    await matched(database)
    assert await standing(database, people) == {people[0]: people[0], people[1]: people[1], people[2]: people[0]}
    assert await open_questions(caller) == [{str(people[1]), str(people[2])}], "a match that a decision keeps apart"
    await done(caller, people[1], "merge", into=people[0])
    await matched(database)
    assert set((await standing(database, people)).values()) == {people[0]}
    assert await open_questions(caller) == []


async def test_a_merge_by_rule_can_be_confirmed_and_then_survives_a_correction(
    referrals: Door, database: Database, caller: httpx.AsyncClient
) -> None:
    one, two = [await recorded(referrals, site, nhs_number=NUMBERS[0]) for site in (HERE, THERE)]
    await matched(database)
    await done(caller, two, "merge", into=one)
    await changed(database, two, nhs_number=None)
    await matched(database)
    assert await standing(database, [one, two]) == {one: one, two: one}


async def test_a_rule_merge_ends_when_somebody_says_that_they_are_not_the_same(
    referrals: Door, database: Database, caller: httpx.AsyncClient
) -> None:
    one, two = [await recorded(referrals, site, nhs_number=NUMBERS[0]) for site in (HERE, THERE)]
    await matched(database)
    await done(caller, one, "not-same", other=two)
    await matched(database)
    assert await standing(database, [one, two]) == {one: one, two: two}


async def test_what_cannot_be_decided_is_refused(referrals: Door, caller: httpx.AsyncClient) -> None:
    a, b, c = [await recorded(referrals, HERE, given_name=name) for name in "ABC"]
    await done(caller, a, "merge", into=b)
    assert await refused(caller, a, "merge", into=c) == (409, "person-merged")
    assert await refused(caller, b, "merge", into=a) == (409, "person-merged")
    assert await refused(caller, a, "not-same", other=b) == (409, "person-merged")
    assert await refused(caller, a, "merge", into=a) == (422, "malformed-request")
    assert await refused(caller, a, "not-same", other=a) == (422, "malformed-request")
    assert await refused(caller, a, "merge", into=uuid4()) == (404, "not-found")
    assert await refused(caller, uuid4(), "merge", into=a) == (404, "not-found")
    assert await refused(caller, c, "unmerge") == (409, "not-merged")
    assert await refused(caller, a, "merge", into=b, why="x") == (422, "malformed-request")


async def test_a_restricted_person_is_neither_merged_nor_separated(
    referrals: Door, database: Database, caller: httpx.AsyncClient
) -> None:
    one, two, three = [await recorded(referrals, HERE, given_name=name) for name in "ABC"]
    await done(caller, one, "merge", into=two)
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute("UPDATE referrals.people SET restricted_at = now() WHERE id = $1", two)
    await connection.close()
    assert await refused(caller, three, "merge", into=two) == (409, "person-restricted")
    assert await refused(caller, three, "not-same", other=two) == (409, "person-restricted")
    assert await refused(caller, one, "unmerge") == (409, "person-restricted")


async def test_scopes_say_who_may_look_and_who_may_decide(referrals: Door) -> None:
    one, two = await recorded(referrals, HERE, **ADA), await recorded(referrals, HERE, **TWIN)
    async with referrals.caller("people:read") as reader, referrals.caller("people:write") as writer:
        assert (await posted(reader, one, "merge", into=two)).status_code == 403
        assert (await writer.get(f"/v1/people/{one}/matches")).status_code == 403
        assert (await writer.get("/v1/matches")).status_code == 403
        assert (await posted(writer, one, "merge", into=two)).status_code == 200


async def test_a_stale_etag_is_refused_and_a_retry_with_its_key_is_not(
    referrals: Door, caller: httpx.AsyncClient
) -> None:
    one, two = await recorded(referrals, HERE, given_name="A"), await recorded(referrals, HERE, given_name="B")
    headers = {"If-Match": '"1"', "Idempotency-Key": "merge-1"}
    first = await caller.post(f"/v1/people/{one}/merge", json={"into": str(two)}, headers=headers)
    again = await caller.post(f"/v1/people/{one}/merge", json={"into": str(two)}, headers=headers)
    stale = await caller.post(f"/v1/people/{one}/unmerge", json={}, headers={"If-Match": '"1"'})
    held = await caller.post(f"/v1/people/{one}/unmerge", json={}, headers={"If-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, stale.status_code, held.status_code) == (200, 200, 412, 200)
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")


async def test_a_site_decides_about_its_own_people_as_if_nobody_elses_were_there(
    referrals: Door, database: Database
) -> None:
    """What ties their people to those of others must change no answer, version or error that they get."""
    alone = [await recorded(referrals, THERE, **person | {"birth_date": "1971-11-30"}) for person in (ADA, TWIN)]
    own = [
        await recorded(referrals, HERE, nhs_number=NUMBERS[0], **ADA),
        await recorded(referrals, HERE, **TWIN | {"nhs_number": NUMBERS[1]}),
    ]
    others = [await recorded(referrals, uuid4(), nhs_number=number) for number in NUMBERS]
    await matched(database)
    async with referrals.caller(RECORDER) as everybody:
        await done(everybody, own[0], "merge", into=others[0])
        await done(everybody, own[1], "merge", into=others[1])
        assert (await matches(everybody, own[0]))["merged_into"] == str(others[0])
    await matched(database)
    async with referrals.caller(RECORDER, sites=[HERE]) as site, referrals.caller(RECORDER, sites=[THERE]) as control:
        assert (await matches(site, own[0]))["merged_into"] is None
        for first, what, second in (
            (0, "unmerge", None),
            (0, "merge", 1),
            (0, "merge", 1),
            (1, "merge", 0),
            (0, "unmerge", None),
            (0, "not-same", 1),
        ):
            field = {"merge": "into", "not-same": "other"}.get(what, "")
            here, there = [
                await posted(who, two[first], what, **({} if second is None else {field: two[second]}))
                for who, two in ((site, own), (control, alone))
            ]
            assert here.status_code == there.status_code
            assert here.headers.get("ETag") == there.headers.get("ETag")
            assert shape(here, own) == shape(there, alone)
            await matched(database)
        for hidden in (others[0], alone[0], uuid4()):
            for answer in (
                await site.get(f"/v1/people/{hidden}/matches"),
                await posted(site, hidden, "unmerge"),
                await posted(site, own[0], "merge", into=hidden),
                await posted(site, own[0], "not-same", other=hidden),
            ):
                assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def shape(answer: httpx.Response, people: list[UUID]) -> str:
    """Return an answer with the people's ids replaced by their places, and without its trace."""
    body = answer.json()
    body.pop("trace_id", None)
    text = str(body)
    for place, person in enumerate(people):
        text = text.replace(str(person), f"person {place}")
    return text


async def test_everybody_shown_is_in_the_access_log_and_no_log_says_what_was_decided_across_sites(
    referrals: Door, database: Database, caller: httpx.AsyncClient
) -> None:
    one, two = await recorded(referrals, HERE, **ADA), await recorded(referrals, THERE, **TWIN)
    await matched(database)
    await matches(caller, one)
    await open_questions(caller)
    await done(caller, one, "merge", into=two)
    log = [
        (row["person_id"], row["action"], row["detail"])
        for row in await rows(database, "audit", "WHERE client = 'decider' ORDER BY id")
    ]
    expected = {(person, "read", "matches") for person in (one, two)}
    assert set(log) == expected | {(None, "read", "list open rows=1"), (one, "update", None), (two, "update", None)}
    assert len(log) == 7


async def test_the_queue_comes_in_pages_the_oldest_question_first(
    referrals: Door, database: Database, caller: httpx.AsyncClient
) -> None:
    first = [await recorded(referrals, HERE, **ADA), await recorded(referrals, HERE, **TWIN)]
    await matched(database)
    await recorded(referrals, HERE, **ADA | {"given_name": "Zainab"})
    await matched(database)
    pages, cursor = [], ""
    while True:
        page = (await caller.get(f"/v1/matches?limit=1{cursor}")).json()
        pages.append({page["items"][0]["person_id"], page["items"][0]["other_id"]})
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(pages) == 3
    assert pages[0] == {str(one) for one in first}
