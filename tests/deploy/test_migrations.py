"""Migrations build exactly what the models say, and every service's role opens only its own doors."""

import asyncpg
import pytest

from deploy import SERVICES, CannotRunError
from deploy.home import free_port
from deploy.migrate import check, migrate
from tests.databases import Database

PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


@pytest.mark.parametrize("service", SERVICES)
async def test_migrations_build_what_the_models_say(database: Database, service: str) -> None:
    await check(database.admin_dsn, service)


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    assert await migrate(database.admin_dsn, database.passwords) == []


async def test_a_role_keeps_its_password_when_none_is_given(database: Database) -> None:
    await migrate(database.admin_dsn, {})
    connection = await asyncpg.connect(database.dsn("sites"))
    await connection.close()


async def test_no_role_is_more_than_a_login(database: Database) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    roles = await connection.fetch("SELECT * FROM pg_roles WHERE rolname LIKE 'roundtable_%'")
    memberships = await connection.fetchval(
        "SELECT count(*) FROM pg_auth_members JOIN pg_roles r ON r.oid = member WHERE rolname LIKE 'roundtable_%'"
    )
    await connection.close()
    assert {role["rolname"] for role in roles} == {"roundtable_owner", *(f"roundtable_{name}" for name in SERVICES)}
    assert memberships == 0
    for role in roles:
        assert role["rolcanlogin"] is (role["rolname"] != "roundtable_owner")
        for power in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication"):
            assert role[power] is False, (role["rolname"], power)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_role_has_no_right_in_another_schema_and_owns_nothing(database: Database, service: str) -> None:
    connection = await asyncpg.connect(database.dsn(service))
    usable = await connection.fetch(
        "SELECT nspname FROM pg_namespace "
        "WHERE nspname !~ '^(pg_|information_schema)' AND has_schema_privilege(oid, 'USAGE')"
    )
    assert [row["nspname"] for row in usable] == [service]
    assert not await connection.fetchval("SELECT has_schema_privilege($1, 'CREATE')", service)
    assert not await connection.fetchval("SELECT has_database_privilege(current_database(), 'CREATE, TEMPORARY')")
    tables = await connection.fetch(
        "SELECT c.oid, nspname, relname, pg_get_userbyid(relowner) AS owner FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = ANY($1) AND relkind IN ('r', 'p', 'v', 'm')",
        list(SERVICES),
    )
    for table in tables:
        assert table["owner"] == "roundtable_owner"
        allowed = [
            privilege
            for privilege in PRIVILEGES
            if await connection.fetchval("SELECT has_table_privilege($1::oid, $2)", table["oid"], privilege)
        ]
        assert set(allowed) <= {"SELECT", "INSERT", "UPDATE", "DELETE"} if table["nspname"] == service else not allowed
    await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_cannot_pretend_to_be_migrated(database: Database, service: str) -> None:
    connection = await asyncpg.connect(database.dsn(service))
    assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("DELETE FROM alembic_version")
    await connection.close()


async def test_a_new_schema_is_found_by_its_role_alone(database: Database) -> None:
    connection = await asyncpg.connect(database.dsn("surveys"))
    assert await connection.fetchval("SELECT current_schema()") == "surveys"
    await connection.close()


async def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute("UPDATE sites.alembic_version SET version_num = 'of tomorrow'")
    await connection.close()
    with pytest.raises(CannotRunError, match="newer version"):
        await migrate(database.admin_dsn, {})


async def test_a_database_that_does_not_answer_is_named(database: Database) -> None:
    with pytest.raises(CannotRunError, match=r"PostgreSQL at 127\.0\.0\.1 cannot be used"):
        await migrate(f"postgresql://nobody:nothing@127.0.0.1:{free_port()}/roundtable", {})
    with pytest.raises(CannotRunError) as refused:
        await migrate(database.admin_dsn.replace("postgres:", "postgres:wrong-"), {})
    assert "wrong-" not in str(refused.value)
