"""What every service says of itself is valid, whole, and true of who may do what."""

import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from deploy import SERVICES
from shared.scopes import SCOPES
from tests.databases import Database
from tests.doors import Door, open_door
from tests.test_traps import app_of

SERVING = [name for name in SERVICES if find_spec(f"services.{name}.app")]
ANY_TOKEN = {"/v1/sync"}  # each operation in a batch needs its own scopes
KEYLESS = {"/v1/sync", "/v1/people/search"}  # its operations have keys; nothing is written
METHODS = {"get", "put", "post", "patch", "delete"}
PUBLIC = {"/health/live", "/health/ready", "/metrics", "/", "/FHIR/R4/metadata", "/v1/questions/public"}
OPEN = ("/open-referral/",)  # below these, everything

each_service = pytest.mark.parametrize("service", SERVING)


def document_of(service: str) -> dict[str, Any]:
    document: dict[str, Any] = app_of(service).openapi()
    return document


def operations(service: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document_of(service)["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield method.upper(), path, operation


def scopes_of(operation: dict[str, Any]) -> list[str]:
    return [scope for each in operation.get("security", []) for scopes in each.values() for scope in scopes]


@each_service
def test_the_document_is_valid_openapi(service: str) -> None:
    document = document_of(service)
    validate(document)
    assert document["openapi"].startswith("3.1")


@each_service
def test_every_operation_says_what_it_does(service: str) -> None:
    silent = [
        f"{method} {path}"
        for method, path, operation in operations(service)
        if not (operation.get("summary") and operation.get("description", "").endswith("."))
    ]
    assert silent == []


@each_service
def test_whatever_is_not_public_names_its_scopes_and_refusals(service: str) -> None:
    for method, path, operation in operations(service):
        if path in PUBLIC or path.startswith(OPEN):
            assert not operation.get("security")
            continue
        scopes = scopes_of(operation)
        assert scopes or path in ANY_TOKEN, f"{method} {path} is open to anybody with a token, or without"
        assert set(scopes) <= SCOPES.keys()
        assert {"401", "403", "422", "503"} <= operation["responses"].keys(), f"{method} {path}"
        refusals = [answer for status, answer in operation["responses"].items() if status[0] in "45"]
        face = "application/fhir+json" if path.startswith("/FHIR/") else "application/problem+json"
        assert all(list(answer["content"]) == [face] for answer in refusals), f"{method} {path}"


@each_service
def test_where_there_is_a_sync_every_write_takes_a_key_so_that_a_batch_may_hold_it(service: str) -> None:
    written = [
        (f"{method} {path}", [each["name"] for each in operation.get("parameters", ())])
        for method, path, operation in operations(service)
        if method != "GET" and path.startswith("/v1/") and path not in KEYLESS
    ]
    has_sync = "/v1/sync" in document_of(service)["paths"]
    assert [what for what, names in written if has_sync and "Idempotency-Key" not in names] == []


@each_service
def test_every_body_has_an_example_that_fits_its_schema(service: str) -> None:
    document = document_of(service)
    for method, path, operation in operations(service):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if not kind.endswith("json"):
                continue
            examples = list(examples_of(document, content))
            assert examples, f"{method} {path} shows no example"
            whole = {**content["schema"], "components": document["components"]}
            for example in examples:
                Draft202012Validator(whole).validate(example)


def examples_of(document: dict[str, Any], content: dict[str, Any]) -> Iterator[Any]:
    yield from (example["value"] for example in content.get("examples", {}).values())
    name = content["schema"].get("$ref", "").rpartition("/")[2]
    yield from document["components"]["schemas"].get(name, {}).get("examples", [])


@each_service
async def test_who_may_do_what_is_what_the_document_says(
    service: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every operation with every kind of token that is not good enough, and one that is."""
    async with open_door(service, database, tmp_path, monkeypatch) as door:
        for method, path, operation in operations(service):
            if path in PUBLIC or path.startswith(OPEN):
                continue
            needed = scopes_of(operation)
            verdicts = {
                what: (await asked(door, method, path, token)).status_code
                for what, token in tokens(door, needed).items()
            }
            good = verdicts.pop("good")
            assert verdicts == {
                "none": 401,
                "nonsense": 401,
                "expired": 401,
                "not yet": 401,
                "another's audience": 401,
                "another issuer": 401,
                "no scope": good if path in ANY_TOKEN else 403,
                "every other scope": good if path in ANY_TOKEN else 403,
                "all but one": good if path in ANY_TOKEN else 403,
            }, f"{method} {path}"
            assert good not in {401, 403, 500}, f"{method} {path}"


def tokens(door: Door, needed: list[str]) -> dict[str, str | None]:
    now, forge, scope = int(time.time()), door.forge, " ".join(needed)
    others = " ".join(SCOPES.keys() - set(needed))
    return {
        "none": None,
        "nonsense": "nonsense",
        "expired": forge.token(scope=scope, iat=now - 600, exp=now - 300),
        "not yet": forge.token(scope=scope, nbf=now + 300),
        "another's audience": forge.token(scope=scope, aud="elsewhere"),
        "another issuer": forge.token(scope=scope, iss="https://elsewhere.example"),
        "no scope": forge.token(scope=""),
        "every other scope": forge.token(scope=others),
        "all but one": forge.token(scope=f"{others} {' '.join(needed[1:])}"),
        "good": forge.token(scope=" ".join(SCOPES)),
    }


async def asked(door: Door, method: str, path: str, token: str | None) -> httpx.Response:
    """Ask for an operation with a body that nobody should get to read."""
    for name in ("referral_id", "site_id", "organisation_id", "response_id", "person_id"):
        path = path.replace(f"{{{name}}}", str(uuid4()))
    path = path.replace("{", "").replace("}", "")
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with door.caller() as caller:
        body = None if method == "GET" else b"nobody reads this"
        return await caller.request(method, path, headers=headers | {"Content-Type": "application/json"}, content=body)
