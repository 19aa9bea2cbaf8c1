import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.referrals.commands import matcher
from services.referrals.commands.matcher import examine
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import rows
from tests.referrals.histories import (
    ADA,
    NUMBERS,
    RECORDER,
    announced,
    changed,
    matched,
    pictures,
    recorded,
    standing,
    worker_sessions,
)

HERE, THERE, ELSEWHERE = uuid4(), uuid4(), uuid4()


async def merges(database: Database) -> dict[tuple[UUID, UUID], str]:
    return {
        (row["person_id"], row["into_id"]): row["rule"]
        for row in await rows(database, "merges", "WHERE undone_at IS NULL")
    }


async def test_two_sites_that_know_one_nhs_number_are_tied_together_where_neither_sees_it(
    referrals: Door, database: Database
) -> None:
    one = await recorded(referrals, HERE, nhs_number=NUMBERS[0], ethnic_category="N")
    two = await recorded(referrals, THERE, nhs_number=NUMBERS[0], language="ig")
    alone = await recorded(referrals, THERE, nhs_number=NUMBERS[1])
    assert await matched(database) == 3
    assert await merges(database) == {(two, one): "nhs_number"}
    assert await standing(database, [one, two, alone]) == {one: one, two: one, alone: alone}
    assert await pictures(database, one) == [{"ethnic_category": "N"}, {"ethnic_category": "N", "language": "ig"}]
    for site, person in ((HERE, one), (THERE, two)):
        async with referrals.caller(RECORDER, sites=[site]) as caller:
            found = (await caller.get(f"/v1/people/{person}/matches")).json()
            assert found == {"person_id": str(person), "verdict": "no_match", "merged_into": None, "matches": []}
            assert (await caller.get("/v1/matches")).json()["items"] == []
            assert (await caller.post(f"/v1/people/{person}/unmerge", json={})).json()["type"] == "/problems/not-merged"
    async with referrals.caller(RECORDER, sites=[HERE, THERE]) as caller:
        found = (await caller.get(f"/v1/people/{two}/matches")).json()
    assert (found["merged_into"], found["verdict"]) == (str(one), "match")
    assert found["matches"][0]["merged"] is True


async def test_the_database_itself_shows_what_ties_records_only_to_who_sees_both(
    referrals: Door, database: Database
) -> None:
    for site in (HERE, THERE):
        await recorded(referrals, site, nhs_number=NUMBERS[0])
        await recorded(referrals, site, **ADA | {"postcode": "E1 6AN" if site == HERE else "SW17 0QT"})
    await matched(database)
    role = await asyncpg.connect(database.dsn("referrals"))
    for context, seen in ((str(HERE), 0), (str(THERE), 0), (f"{HERE},{THERE}", 1), ("*", 1), ("", 0)):
        await role.execute("SELECT set_config('app.sites', $1, false)", context)
        for table in ("merges", "possible_matches", "announced_roots"):
            assert await role.fetchval(f"SELECT count(*) FROM {table}") == seen, (context, table)  # noqa: S608 - ours
        found = await role.fetch("SELECT person_id FROM match_keys UNION SELECT id FROM people")
        owners = await role.fetch("SELECT id FROM people")
        assert (len(found), len(owners)) == ({0: 2, 1: 4}[seen] if context else 0,) * 2
    await role.close()


async def test_everything_but_a_number_that_agrees_is_a_match_and_anything_less_a_question(
    referrals: Door, database: Database
) -> None:
    ada = await recorded(referrals, HERE, **ADA)
    same = await recorded(referrals, HERE, **ADA | {"family_name": "OKAFOR"})
    twin = await recorded(referrals, HERE, **ADA | {"given_name": "Chidi"})
    await matched(database)
    assert await merges(database) == {(same, ada): "name_birth_date_postcode"}
    questions = {
        frozenset((row["person_id"], row["other_id"])): row for row in await rows(database, "possible_matches")
    }
    assert questions.keys() == {frozenset((ada, twin)), frozenset((same, twin))}
    assert {row["verdict"] for row in questions.values()} == {"possible_match"}


async def test_examining_again_changes_nothing(referrals: Door, database: Database) -> None:
    for site in (HERE, THERE, ELSEWHERE):
        await recorded(referrals, site, nhs_number=NUMBERS[0], **ADA)
        await recorded(referrals, site, **ADA | {"given_name": "Chidi"})
    await matched(database)
    before = await everything(database)
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute("UPDATE referrals.people SET examined_at = NULL")
    await connection.close()
    assert await matched(database, batch=2) == 6
    assert await everything(database) == before


async def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    return {
        table: await rows(database, table, f"ORDER BY {order}")
        for table, order in {
            "outbox": "id",
            "merges": "id",
            "possible_matches": "person_id, other_id",
            "announced_roots": "person_id",
            "match_keys": "key, person_id",
        }.items()
    }


@pytest.mark.parametrize("batch", [1, 2, 200])
async def test_the_oldest_record_stands_for_all_whatever_comes_together(
    referrals: Door, database: Database, batch: int
) -> None:
    sites = [uuid4() for _ in range(5)]
    people = [await recorded(referrals, site, nhs_number=NUMBERS[0]) for site in sites]
    await matched(database, batch)
    assert set((await standing(database, people)).values()) == {people[0]}
    assert len(await merges(database)) == 10, "every pair, so that whoever sees two sees them merged"


async def test_a_corrected_number_ends_the_merge_it_made(referrals: Door, database: Database) -> None:
    one = await recorded(referrals, HERE, nhs_number=NUMBERS[0], religion="276119007")
    two = await recorded(referrals, THERE, nhs_number=NUMBERS[0], ethnic_category="A")
    three = await recorded(referrals, ELSEWHERE, nhs_number=NUMBERS[0])
    await matched(database)
    await changed(database, one, nhs_number=NUMBERS[1])
    await matched(database)
    assert await merges(database) == {(three, two): "nhs_number"}
    assert await standing(database, [one, two, three]) == {one: one, two: two, three: two}
    assert (await pictures(database, one))[-1] == {"religion": "276119007"}
    assert [row["undone_by"] for row in await rows(database, "merges", "WHERE undone_at IS NOT NULL")] == ["rule"] * 2
    await changed(database, one, nhs_number=NUMBERS[0])
    await matched(database)
    assert set((await standing(database, [one, two, three])).values()) == {one}


async def test_a_question_is_taken_back_when_the_records_agree_no_longer(referrals: Door, database: Database) -> None:
    await recorded(referrals, HERE, **ADA)
    twin = await recorded(referrals, THERE, **ADA | {"given_name": "Chidi"})
    await matched(database)
    assert len(await rows(database, "possible_matches")) == 1
    await changed(database, twin, birth_date="1990-11-02")
    await matched(database)
    assert await rows(database, "possible_matches") == []


async def test_what_was_answered_last_at_any_site_is_what_counts(referrals: Door, database: Database) -> None:
    one = await recorded(referrals, HERE, nhs_number=NUMBERS[0], ethnic_category="N", birth_date="1980-05-17")
    two = await recorded(referrals, THERE, nhs_number=NUMBERS[0], ethnic_category="A", language="ig")
    await matched(database)
    combined = {"birth_month": "1980-05", "ethnic_category": "A", "language": "ig"}
    assert (await pictures(database, one))[-1] == combined
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute(
        "INSERT INTO referrals.demographics (person_id, version, recorded_at, recorded_by, answered, language) "
        "VALUES ($1, 2, now(), 'x', '{ethnic_category}', 'ig')",
        two,
    )
    await connection.execute("UPDATE referrals.people SET examined_at = NULL WHERE id = $1", two)
    await connection.close()
    await matched(database)
    assert (await pictures(database, one))[-1] == combined | {"ethnic_category": "N"}, "a withdrawn answer is none"


async def test_a_matcher_killed_in_the_middle_has_done_nothing_and_the_next_does_it_all(
    referrals: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await recorded(referrals, HERE, nhs_number=NUMBERS[0])
    two = await recorded(referrals, THERE, nhs_number=NUMBERS[0])
    before = await everything(database)

    async def dies(*_: object) -> None:
        raise ConnectionResetError

    async with worker_sessions(database) as made:
        with monkeypatch.context() as patched:
            patched.setattr(matcher, "announce", dies)
            with pytest.raises(ConnectionResetError):
                await examine(made)
        assert await everything(database) == before
    await matched(database)
    assert await standing(database, [one, two]) == {one: one, two: one}


async def test_a_record_that_somebody_is_changing_waits_for_the_next_time_and_nobody_waits_for_it(
    referrals: Door, database: Database
) -> None:
    one = await recorded(referrals, HERE, nhs_number=NUMBERS[0])
    await matched(database)
    two = await recorded(referrals, THERE, nhs_number=NUMBERS[0])
    apart = await recorded(referrals, THERE, nhs_number=NUMBERS[1])
    new = await recorded(referrals, ELSEWHERE, nhs_number=NUMBERS[1])
    request = await asyncpg.connect(database.dsn("referrals"))
    await request.execute("SELECT set_config('app.sites', '*', false)")
    async with asyncio.timeout(10), request.transaction():
        await request.execute("UPDATE people SET version = version + 1 WHERE id = ANY ($1)", [one, new])
        assert await matched(database) == 1, "what has nothing to do with it goes on"
        assert await merges(database) == {}
    assert await matched(database) == 2
    assert await standing(database, [one, two, apart, new]) == {one: one, two: one, apart: apart, new: apart}
    await request.close()


async def test_a_second_matcher_leaves_the_turn_to_the_first(referrals: Door, database: Database) -> None:
    await recorded(referrals, HERE, nhs_number=NUMBERS[0])
    first = await asyncpg.connect(database.dsn("referrals"))
    await first.execute("SELECT pg_advisory_lock($1)", matcher.TURN)
    assert await matched(database) == 0
    await first.close()
    assert await matched(database) == 1


async def test_changes_and_the_matcher_at_the_same_time_leave_the_same_as_one_after_the_other(
    referrals: Door, database: Database
) -> None:
    people = [await recorded(referrals, uuid4(), nhs_number=NUMBERS[0]) for _ in range(6)]
    done = asyncio.Event()

    async def change() -> None:
        for turn in range(10):
            for one in people[:3]:
                await changed(database, one, nhs_number=NUMBERS[turn % 2])
        done.set()

    async def keep_matching() -> None:
        async with worker_sessions(database) as made:
            while not done.is_set():
                await examine(made)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(change())
        tasks.create_task(keep_matching())
        tasks.create_task(keep_matching())
    await matched(database)
    found = await standing(database, people)
    assert found == dict.fromkeys(people[:3], people[0]) | dict.fromkeys(people[3:], people[3])


async def test_an_erased_person_is_tied_to_nobody_and_nothing_more_is_announced_of_them(
    referrals: Door, database: Database
) -> None:
    people = [await recorded(referrals, uuid4(), nhs_number=NUMBERS[0], ethnic_category=c) for c in "ABC"]
    await recorded(referrals, HERE, **ADA)
    twin = await recorded(referrals, THERE, **ADA | {"given_name": "Chidi"})
    await matched(database)
    spoken = len(await announced(database))
    connection = await asyncpg.connect(database.admin_dsn)
    for one in (people[0], twin):
        await connection.execute("DELETE FROM referrals.person_keys WHERE person_id = $1", one)
        await connection.execute(
            "UPDATE referrals.people SET erased_at = now(), examined_at = NULL, nhs_number = NULL WHERE id = $1", one
        )
    await connection.close()
    await matched(database)
    assert await merges(database) == {(people[2], people[1]): "nhs_number"}
    assert await rows(database, "possible_matches") == []
    kept = {row["person_id"] for row in await rows(database, "match_keys")}
    assert kept.isdisjoint({people[0], twin})
    after = (await announced(database))[spoken:]
    assert sorted(event["subject"] for event in after) == [
        "people.demographics_recorded.v1",
        "people.merged.v1",
        "people.unmerged.v1",
    ]
    assert (await pictures(database, people[1]))[-1] == {"ethnic_category": "C"}


async def test_what_an_erased_record_had_answered_counts_for_nobody_any_more(
    referrals: Door, database: Database
) -> None:
    one = await recorded(referrals, HERE, nhs_number=NUMBERS[0], ethnic_category="N")
    two = await recorded(referrals, THERE, nhs_number=NUMBERS[0], language="ig")
    await matched(database)
    assert (await pictures(database, one))[-1] == {"ethnic_category": "N", "language": "ig"}
    async with referrals.caller("people:erase", sites=[THERE]) as caller:
        decision = {"reason": "Asked for it.", "decided_by": "Caldicott guardian"}
        answer = await caller.request("DELETE", f"/v1/people/{two}", json=decision)
        assert answer.status_code < 300, answer.text
    await matched(database)
    assert (await pictures(database, one))[-1] == {"ethnic_category": "N"}
    assert await rows(database, "announced_roots") == []


async def test_a_restricted_person_is_not_compared_with_anybody(referrals: Door, database: Database) -> None:
    one = await recorded(referrals, HERE, nhs_number=NUMBERS[0])
    two = await recorded(referrals, THERE, nhs_number=NUMBERS[0])
    connection = await asyncpg.connect(database.admin_dsn)
    restrict = "UPDATE referrals.people SET restricted_at = $2, examined_at = NULL WHERE id = $1"
    await connection.execute(restrict, one, (await rows(database, "people"))[0]["created_at"])
    assert await matched(database) == 2
    assert await merges(database) == {}
    await connection.execute(restrict, one, None)
    await connection.close()
    await matched(database)
    assert await merges(database) == {(two, one): "nhs_number"}


async def test_a_record_that_cannot_be_read_stops_nobody(referrals: Door, database: Database) -> None:
    one = await recorded(referrals, HERE, nhs_number=NUMBERS[0])
    two = await recorded(referrals, THERE, nhs_number=NUMBERS[0])
    broken = await recorded(referrals, ELSEWHERE, nhs_number=NUMBERS[0])
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute("UPDATE referrals.person_keys SET wrapped = 'x' WHERE person_id = $1", broken)
    await connection.close()
    assert await matched(database) == 3
    assert await merges(database) == {(two, one): "nhs_number"}


async def test_one_number_at_very_many_sites_is_still_one_human(
    referrals: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.referrals.queries.records.MOST", 3)
    monkeypatch.setattr(matcher, "MOST", 3)
    people = [await recorded(referrals, uuid4(), nhs_number=NUMBERS[0]) for _ in range(8)]
    await matched(database, 3)
    assert set((await standing(database, people)).values()) == {people[0]}
