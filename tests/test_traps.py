"""Traps already paid for that belong to every service at once; the others have their tests where their mechanism is."""

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import requires, version
from importlib.util import find_spec
from inspect import isasyncgenfunction, iscoroutinefunction

import asyncpg
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from packaging.requirements import Requirement
from packaging.version import Version
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import BaseRoute

from deploy import SERVICES
from shared.gate import Gate
from tests.databases import Database

SERVING = [name for name in SERVICES if find_spec(f"services.{name}.app")]
ISSUER = "issuer"


def app_of(service: str) -> FastAPI:
    app: FastAPI = import_module("deploy.issuer" if service == ISSUER else f"services.{service}.app").app
    return app


def operations(routes: list[BaseRoute]) -> Iterator[APIRoute]:
    """Yield every operation, of included routers too."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif (included := getattr(route, "original_router", None)) is not None:
            yield from operations(included.routes)


def needed(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from needed(inner)


def is_asynchronous(call: object) -> bool:
    return iscoroutinefunction(call) or iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004 - not whether


@pytest.mark.parametrize("service", [*SERVING, ISSUER])
def test_no_middleware_costs_most_of_the_throughput(service: str) -> None:
    kinds: list[object] = [middleware.cls for middleware in app_of(service).user_middleware]
    assert not [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseHTTPMiddleware)]
    if service != ISSUER:
        assert kinds == [Gate], "one pure ASGI gate"


@pytest.mark.parametrize("service", SERVING)
def test_nothing_of_a_request_waits_for_a_thread(service: str) -> None:
    """A synchronous endpoint or dependency, a plain class included, is run in a thread and costs half."""
    found = list(operations(app_of(service).routes))
    assert len(found) > 3
    waits = [
        f"{route.path}: {getattr(each.call, '__qualname__', each.call)}"
        for route in found
        for each in needed(route.dependant)
        if not (is_asynchronous(each.call) or isasyncgenfunction(each.call))
    ]
    assert waits == []


@pytest.mark.parametrize("service", SERVING)
def test_whatever_ends_with_a_request_ends_before_its_answer(service: str) -> None:
    """FastAPI runs a dependency's exit after the answer left, unless its scope says function: a commit comes too late then."""
    late = [
        f"{route.path}: {getattr(each.call, '__qualname__', each.call)}"
        for route in operations(app_of(service).routes)
        for each in needed(route.dependant)
        if isasyncgenfunction(each.call) and each.scope != "function"
    ]
    assert late == []


def test_starlette_is_new_enough_and_must_be() -> None:
    (floor,) = [Requirement(each) for each in requires("roundtable") or [] if Requirement(each).name == "starlette"]
    assert Version(version("starlette")) >= Version("1.3.1")
    assert not floor.specifier.contains("1.3.0"), "CVE-2026-48710"


def test_sqlalchemy_brings_what_its_async_part_needs() -> None:
    (needed_,) = [Requirement(each) for each in requires("roundtable") or [] if Requirement(each).name == "sqlalchemy"]
    assert "asyncio" in needed_.extras
    assert find_spec("greenlet")


@pytest.mark.parametrize("service", [each for each in SERVICES if each != "reporting"])
async def test_no_row_of_a_site_is_without_row_level_security(database: Database, service: str) -> None:
    """Forced, so that it holds for the owner of the tables as well; reporting holds pseudonymous facts, the same for all."""
    connection = await asyncpg.connect(database.admin_dsn)
    tables = await connection.fetch(
        "SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,"
        " (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'"
        " AND (c.relname = 'sites' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname ="
        " ANY ('{site_id,person_id}')) AND c.relname <> 'audit')",
        service,
    )
    await connection.close()
    assert tables
    assert [table["name"] for table in tables if not (table["forced"] and table["policies"])] == []


@pytest.mark.parametrize("service", SERVICES)
async def test_a_services_role_owns_nothing_and_bypasses_nothing(database: Database, service: str) -> None:
    connection = await asyncpg.connect(database.dsn(service))
    role = await connection.fetchrow("SELECT * FROM pg_roles WHERE rolname = current_user")
    owned = await connection.fetchval("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
    others = await connection.fetch(
        "SELECT n.nspname FROM pg_namespace n WHERE has_schema_privilege(n.oid, 'USAGE')"
        " AND nspname !~ '^(pg_|information_schema)' AND nspname <> $1",
        service,
    )
    creates = await connection.fetchval("SELECT has_schema_privilege($1, 'CREATE')", service)
    await connection.close()
    assert role is not None
    assert not any(role[right] for right in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolinherit"))
    assert (owned, others, creates) == (0, [], False)


async def test_no_index_tells_one_site_that_another_knows_a_person(database: Database) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    unique = await connection.fetchval(
        "SELECT count(*) FROM pg_indexes WHERE schemaname = 'referrals' AND tablename = 'people'"
        " AND indexdef LIKE '%UNIQUE%' AND indexname <> 'pk_people'"
    )
    await connection.close()
    assert unique == 0


async def test_no_parameter_reaches_the_servers_log(database: Database) -> None:
    """Only what our own servers are told is ours to test; operations.md says it for others."""
    connection = await asyncpg.connect(database.admin_dsn)
    told = {
        name: await connection.fetchval("SELECT current_setting($1)", name)
        for name in ("log_parameter_max_length", "log_parameter_max_length_on_error", "log_statement")
    }
    await connection.close()
    assert told == {
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_statement": "none",
    }
