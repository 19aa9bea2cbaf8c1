"""What a verified caller may do: scopes first, then sites; and how little that costs."""

import time
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from shared.auth import Caller, Doorkeeper, SiteRequired, SiteUnknown, needs
from shared.scopes import SCOPES, UnknownScope
from shared.tokens import PublishedKeys, Verifier
from tests.auth.forge import AUDIENCE, ISSUER, Forge
from tests.auth.keyserver import KeyServer
from tests.auth.service import make_app

HERE, THERE, ELSEWHERE = uuid4(), uuid4(), uuid4()


def caller(*sites: object, limited: bool = True) -> Caller:
    return Caller("site-app", frozenset({"referrals:write"}), frozenset(sites) if limited else None)  # type: ignore[arg-type]


def test_a_caller_of_all_sites_writes_for_the_site_it_names_or_none() -> None:
    assert caller(limited=False).own_site(HERE) == HERE
    assert caller(limited=False).own_site(None) is None


def test_a_caller_of_one_site_means_its_own() -> None:
    assert caller(HERE).own_site(None) == HERE
    assert caller(HERE).own_site(HERE) == HERE


def test_a_caller_of_several_sites_must_say_which() -> None:
    assert caller(HERE, THERE).own_site(THERE) == THERE
    with pytest.raises(SiteRequired) as refused:
        caller(HERE, THERE).own_site(None)
    assert refused.value.status == 422
    assert [error.pointer for error in refused.value.errors] == ["/site_id"]


@pytest.mark.parametrize("sites", [(HERE,), (HERE, THERE), ()])
def test_nobody_writes_for_a_site_that_is_not_theirs(sites: tuple[object, ...]) -> None:
    with pytest.raises(SiteUnknown) as refused:
        caller(*sites).own_site(ELSEWHERE)
    assert refused.value.status == 404


def test_a_caller_of_no_sites_writes_nowhere() -> None:
    with pytest.raises(SiteUnknown):
        caller().own_site(None)


def test_a_caller_sees_its_sites_and_nothing_without_one() -> None:
    assert caller(HERE).may_see(HERE)
    assert not caller(HERE).may_see(THERE)
    assert not caller(HERE).may_see(None)
    assert not caller().may_see(HERE)
    assert caller(limited=False).may_see(None)


def test_an_operation_cannot_ask_for_a_scope_that_does_not_exist() -> None:
    with pytest.raises(UnknownScope, match="referrals:write"):
        needs("referral:write")


async def test_a_missing_scope_is_named(forge: Forge, service: httpx.AsyncClient) -> None:
    token = forge.token(scope="referrals:read people:read")
    answer = await service.delete("/v1/letters", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert answer.json()["type"] == "/problems/scope-missing"
    assert answer.json()["missing"] == ["people:erase"]
    assert 'error="insufficient_scope", scope="people:erase"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("scope", [None, "", "referrals:*", "REFERRALS:READ", "referrals:read-all"])
async def test_a_scope_is_held_by_its_exact_name_only(
    scope: str | None, forge: Forge, service: httpx.AsyncClient
) -> None:
    token = forge.token(scope=scope)
    answer = await service.get("/v1/letters/1", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403


async def test_refusals_come_in_order_whatever_the_body_is(forge: Forge, service: httpx.AsyncClient) -> None:
    writer, reader = forge.token(), forge.token(scope="referrals:read")
    for body in (b"{", b"[" * 100, b'{"site_id": 1}', b"\x00", b""):
        sent = {"content": body, "headers": {"Content-Type": "application/json"}}
        assert (await service.post("/v1/letters", **sent)).status_code == 401  # type: ignore[arg-type]
        for token, status in ((reader, 403), (writer, 422)):
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
            assert (await service.post("/v1/letters", content=body, headers=headers)).status_code == status
    assert (await service.get("/v1/letters/one")).status_code == 401
    answer = await service.get("/v1/letters/one", headers={"Authorization": f"Bearer {reader}"})
    assert answer.status_code == 422


async def test_a_body_is_not_read_before_its_sender_is_known(forge: Forge, service: httpx.AsyncClient) -> None:
    parts_read = []

    async def body() -> AsyncIterator[bytes]:
        for part in (b"{", b"}"):
            parts_read.append(part)
            yield part

    headers = {"Content-Type": "application/json"}
    assert (await service.post("/v1/letters", content=body(), headers=headers)).status_code == 401
    assert parts_read == []
    headers |= {"Authorization": f"Bearer {forge.token()}"}
    assert (await service.post("/v1/letters", content=body(), headers=headers)).status_code == 200
    assert parts_read == [b"{", b"}"]


async def test_an_operation_that_needs_no_token_asks_for_none(service: httpx.AsyncClient) -> None:
    assert (await service.get("/v1/open", headers={"Authorization": "Bearer nonsense"})).status_code == 200


def test_the_document_says_which_scopes_an_operation_needs() -> None:
    document = make_app().openapi()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    needed = {
        f"{method} {path}": operation.get("security")
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if path.startswith("/v1")
    }
    assert needed == {
        "get /v1/open": None,
        "get /v1/me": [{"bearer": []}],
        "get /v1/letters/{number}": [{"bearer": ["referrals:read"]}],
        "post /v1/letters": [{"bearer": ["referrals:write"]}],
        "delete /v1/letters": [{"bearer": ["people:read", "people:erase"]}],
    }


def test_every_scope_has_a_meaning() -> None:
    assert all(meaning.endswith(".") for meaning in SCOPES.values())


@pytest.fixture
def door(keys: KeyServer) -> Doorkeeper:
    return Doorkeeper(Verifier(PublishedKeys(keys.url), ISSUER, AUDIENCE), remembered=3)


async def test_a_token_seen_before_is_not_checked_again_and_not_kept(door: Doorkeeper, forge: Forge) -> None:
    token = forge.token()
    first = await door.caller(token)
    assert await door.caller(token) is first
    assert token not in repr(door.__dict__)


async def test_what_is_remembered_is_bounded_and_the_least_used_goes_first(door: Doorkeeper, forge: Forge) -> None:
    tokens = [forge.token() for _ in range(3)]
    kept, forgotten, _ = [await door.caller(token) for token in tokens]
    assert await door.caller(tokens[0]) is kept
    await door.caller(forge.token())
    assert len(door.seen) == 3
    assert await door.caller(tokens[0]) is kept
    assert await door.caller(tokens[1]) is not forgotten


async def test_nothing_is_remembered_beyond_a_minute_or_its_expiry(door: Doorkeeper, forge: Forge) -> None:
    now = time.time()
    for lives in (20, 300):
        await door.caller(forge.token(exp=int(now) + lives))
    short, long = (until for until, _, _ in door.seen.values())
    assert short == int(now) + 20
    assert now + 59 < long < time.time() + 61


async def test_a_token_past_its_expiry_is_checked_every_time(door: Doorkeeper, forge: Forge) -> None:
    token = forge.token(exp=int(time.time()) - 3)  # within what two clocks may differ
    first = await door.caller(token)
    assert await door.caller(token) is not first


async def test_a_remembered_token_costs_next_to_nothing(door: Doorkeeper, forge: Forge) -> None:
    token = forge.token(sites=[str(HERE), str(THERE)])
    await door.caller(token)
    began = time.perf_counter()
    for _ in range(1000):
        await door.caller(token)
    assert time.perf_counter() - began < 0.05
