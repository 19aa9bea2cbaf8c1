"""A site's caller meets its own people only; the database holds to it where the service forgets."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows
from tests.referrals.two_sites import (
    ALL,
    HERE,
    TABLES,
    THERE,
    WEBHOOKS,
    WITHOUT_POLICY,
    filled,
    household,
    same,
    three_households,
)


@pytest.fixture
async def role(database: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Connect as the service does, without the service and its filters."""
    connection = await asyncpg.connect(database.dsn("referrals"))
    yield connection
    await connection.close()


async def test_a_site_reads_its_own_and_nothing_tells_it_that_others_exist(referrals: Door) -> None:
    own, *others = await three_households(referrals)
    async with referrals.caller(ALL, sites=[HERE]) as caller:
        read = (await caller.get(f"/v1/referrals/{own.referrals[0]}")).json()
        assert read["person"]["family_name"] == "Okafor"
        for hidden in others:
            for kind, ids in (
                ("referrals", hidden.referrals),
                ("people", hidden.people),
                ("contacts", hidden.contacts),
            ):
                for each in ids:
                    there = await caller.get(f"/v1/{kind}/{each}")
                    assert there.status_code == 404
                    assert same(there, await caller.get(f"/v1/{kind}/{uuid4()}"))
        for query in ("", f"?site_id={THERE}", f"?site_id={HERE}"):
            listed = (await caller.get(f"/v1/referrals{query}")).json()["items"]
            assert {one["id"] for one in listed} == (set() if str(THERE) in query else set(own.referrals))


async def test_a_site_records_for_itself_only(referrals: Door) -> None:
    async with referrals.caller(ALL, sites=[HERE]) as one, referrals.caller(ALL, sites=[HERE, THERE]) as two:
        meant = await one.post("/v1/referrals", json=a_referral())
        refused = await one.post("/v1/referrals", json=a_referral(site_id=str(THERE)))
        unclear = await two.post("/v1/referrals", json=a_referral())
        bulk = await one.post("/v1/referrals/bulk", json=[a_referral(site_id=str(THERE)), a_referral()])
    assert (meant.status_code, meant.json()["site_id"]) == (201, str(HERE))
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/site-unknown")
    assert (unclear.status_code, unclear.json()["type"]) == (422, "/problems/site-required")
    assert [result["status"] for result in bulk.json()["results"]] == ["rejected", "created"]


async def test_every_table_is_under_row_level_security_or_holds_nobodys_data(database: Database) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    found = await admin.fetch(
        "SELECT relname, relrowsecurity AND relforcerowsecurity AS held, "
        "(SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) AS policies "
        "FROM pg_class c WHERE relnamespace = 'referrals'::regnamespace AND relkind IN ('r', 'p')"
    )
    await admin.close()
    assert {row["relname"] for row in found if row["held"] and row["policies"]} == {*TABLES, *WEBHOOKS}
    assert {row["relname"] for row in found if not row["held"]} == WITHOUT_POLICY


async def seen_in(role: "asyncpg.Connection[asyncpg.Record]", table: str) -> list[set[str]]:
    """Return about whom each row of a table is, of those that the role sees."""
    columns = ", ".join(TABLES[table])
    return [{str(value) for value in row} for row in await role.fetch(f"SELECT {columns} FROM {table}")]  # noqa: S608 - ours


async def test_the_database_itself_shows_own_rows_only(
    referrals: Door, role: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    own, foreign, nobodys = await three_households(referrals)
    await filled(own, foreign, nobodys)
    everything = own.ids() | foreign.ids() | nobodys.ids()
    await role.execute("SELECT set_config('app.sites', '*', false)")
    whole = {table: await seen_in(role, table) for table in TABLES}
    assert all(whole.values()), "every table has rows to be hidden"
    contexts: list[tuple[str, set[str]]] = [
        ("", set()),
        (str(uuid4()), set()),
        (str(HERE), own.ids()),
        (f"{HERE},{THERE}", own.ids() | foreign.ids()),
        ("*", everything),
    ]
    for context, visible in contexts:
        await role.execute("SELECT set_config('app.sites', $1, false)", context)
        for table, rows_there in whole.items():
            expected = [about for about in rows_there if about <= visible]
            assert sorted(map(sorted, await seen_in(role, table))) == sorted(map(sorted, expected)), (table, context)
            count = await role.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - ours
            assert count == len(expected), (table, context)


async def test_a_connection_that_was_told_nothing_sees_nothing(
    referrals: Door, role: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await filled(*await three_households(referrals))
    assert {table: await seen_in(role, table) for table in TABLES} == {table: [] for table in TABLES}


async def test_the_database_itself_takes_and_changes_own_rows_only(
    referrals: Door, database: Database, role: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    own, foreign, nobodys = await three_households(referrals)
    await filled(own, foreign, nobodys)
    await role.execute("SELECT set_config('app.sites', $1, false)", str(HERE))
    before = {table: await hidden(database, table, own.ids()) for table in TABLES}
    for table, (column, *_) in TABLES.items():
        mine = len(await seen_in(role, table))
        touched = await role.execute(f"UPDATE {table} SET {column} = {column}")  # noqa: S608 - ours
        assert touched == f"UPDATE {mine}", table
        locked = await role.fetch(f"SELECT FROM {table} FOR UPDATE")
        assert len(locked) == mine, table
    for table in ("referrals", "people", "person_keys", "demographics", "corrections", "erasures", "messages"):
        for elsewhere in (THERE, None):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await role.execute(f"UPDATE {table} SET site_id = $1", elsewhere)  # noqa: S608 - ours
    for table, columns in TABLES.items():
        others = f"DELETE FROM {table} WHERE {columns[-1]} = ANY ($1)"  # noqa: S608 - ours
        gone = await role.execute(others, [UUID(one) for one in foreign.ids()])
        assert gone == "DELETE 0", table
    after = {table: await hidden(database, table, own.ids()) for table in TABLES}
    assert after == before


async def hidden(database: Database, table: str, visible: set[str]) -> list[dict[str, Any]]:
    """Return a table's rows that are not about these only, as the administrator sees them."""
    found = await rows(database, table)
    return sorted((row for row in found if not {str(row[name]) for name in TABLES[table]} <= visible), key=str)


async def test_the_database_itself_ties_nothing_to_what_is_not_ones_own(
    referrals: Door, role: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """What hangs on a row of another site cannot be put there, nor is it told from a row that is nowhere."""
    own, foreign = [UUID(one.people[0]) for one in [await household(referrals, site) for site in (HERE, THERE)]]
    await role.execute("SELECT set_config('app.sites', $1, false)", str(HERE))
    for target in (foreign, uuid4()):
        for statement in (
            "INSERT INTO merges VALUES (gen_random_uuid(), $1, $2, 'x', now(), 'x')",
            "INSERT INTO possible_matches VALUES ($1, $2, 'match', 100, '{}', now())",
            "INSERT INTO announced_roots VALUES ($1, $2)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await role.execute(statement, own, target)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await role.execute("INSERT INTO match_keys VALUES ('x', $1)", target)


async def test_the_service_cannot_lift_its_own_limits(role: "asyncpg.Connection[asyncpg.Record]") -> None:
    for forbidden in (
        "SET ROLE roundtable_owner",
        "SET SESSION AUTHORIZATION postgres",
        "ALTER TABLE referrals NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE people DISABLE ROW LEVEL SECURITY",
        "DROP POLICY by_site ON referrals",
        "CREATE TABLE mine (x int)",
        "SELECT * FROM sites.sites",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute(forbidden)
    await role.execute("SET row_security = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await role.fetch("SELECT * FROM referrals")
