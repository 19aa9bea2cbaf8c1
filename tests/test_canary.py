"""Identifiers are found nowhere but, encrypted, in the referrals service: real processes, their logs, every store."""

import asyncio
import json
import os
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy import PORT_OFFSETS
from deploy.embedded import Nats, Postgres
from deploy.programs import Program, answers, running
from tests.auth.forge import AUDIENCE, ISSUER, Forge
from tests.auth.keyserver import KeyServer
from tests.canary import CANARY, NOTE, a_canary, files, find, forms, needles
from tests.databases import Database
from tests.doors import key_file
from tests.referrals.builders import rows
from tests.running_system import free_port_base
from tests.streams import eventually, fresh_stream

WRITE = "referrals:write"
ALL = "referrals:write referrals:read people:read people:write"


@dataclass
class Hay:
    """Whatever was said, with where it was said."""

    answers: list[tuple[str, bytes]] = field(default_factory=list)

    def keep(self, answer: httpx.Response) -> httpx.Response:
        """Note an answer."""
        head = json.dumps(dict(answer.headers)).encode()
        self.answers.append((f"the answer to {answer.request.method} {len(self.answers)}", head + answer.content))
        return answer


@asynccontextmanager
async def program(verb: str, service: str, environment: Mapping[str, str], folder: Path) -> AsyncIterator[None]:
    """Run one of a service's processes, as the supervisor does; its log is kept in the folder."""
    port = int(environment["ROUNDTABLE_PORT_BASE"]) + PORT_OFFSETS[service] if verb == "serve" else None
    child = running(
        Program(
            name=f"{verb}-{service}",
            kind="api" if port else "worker",
            command=(sys.executable, "-m", "deploy.cli", verb, service),
            environment=environment,
            ready=lambda: answers("127.0.0.1", port, "/health/live"),
        ),
        folder / f"{verb}-{service}.log",
    )
    await asyncio.to_thread(child.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(child.__exit__, None, None, None)


async def sent_in_every_way(url: str, forge: Forge, database: Database, hay: Hay) -> None:
    """Send the canary in every right and wrong way, as its senders do."""
    headers = {"Authorization": f"Bearer {forge.token(scope=ALL)}"}
    bare = {name: value for name, value in CANARY.items() if name != "nhs_number"}
    async with httpx.AsyncClient(base_url=url, headers=headers) as caller:
        key = {"Idempotency-Key": "k-1"}
        for _ in range(2):  # the second is replayed
            hay.keep(await caller.post("/v1/referrals", json=a_canary(), headers=key))
        for body in (
            a_canary(source="A1"),  # differs from what is recorded
            a_canary(received_on="2999-01-01"),
            a_canary(source_id=NOTE * 9),
            a_canary(person=bare | {"nhs_number": CANARY["nhs_number"][:-1] + "0"}),
            a_canary(person={name: [value] for name, value in CANARY.items()}),
            a_canary(person=dict.fromkeys(CANARY.values(), 1)),
            a_canary(person={name: f"{value}\u0000" for name, value in CANARY.items()}),
            a_canary(person=" ".join(CANARY.values())),
            [a_canary()],
            NOTE,
        ):
            hay.keep(await caller.post("/v1/referrals", json=body))
        broken = json.dumps(a_canary(source_id="C-2"))[:-2].encode()
        hay.keep(await caller.post("/v1/referrals", content=broken, headers={"Content-Type": "application/json"}))
        hay.keep(await caller.post("/v1/referrals", content=broken, headers={"Content-Type": "text/plain"}))
        lines = [a_canary(source_id="C-3"), a_canary(source_id="C-3", source="A1"), {NOTE: 1}, CANARY]
        for more in ("", "?dry_run=true"):
            content = b"\n".join([*(json.dumps(line).encode() for line in lines), broken])
            hay.keep(await caller.post(f"/v1/referrals/bulk{more}", content=content))
        for text in needles().values():
            hay.keep(await caller.get(f"/v1/referrals/{quote(text, safe='')}"))
            hay.keep(await caller.get("/v1/referrals", params={"cursor": text, text: text, "status": text}))
            hay.keep(await caller.get(f"/v1/{quote(text, safe='')}"))
        hay.keep(await caller.get("/v1/referrals"))
        await change(database, "REVOKE INSERT ON referrals.audit FROM roundtable_referrals")
        hay.keep(await caller.post("/v1/referrals", json=a_canary(source_id="C-4")))
        hay.keep(await caller.post("/v1/referrals/bulk", json=[a_canary(source_id="C-5")]))
        await change(database, "GRANT INSERT ON referrals.audit TO roundtable_referrals")
        hay.keep(await caller.get("/metrics"))


async def known_in_every_way(url: str, forge: Forge, hay: Hay) -> None:
    """Correct the canary, look it up, move it, restrict it, wrongly too; keep every answer but those that are to name it."""
    headers = {"Authorization": f"Bearer {forge.token(scope=ALL)}"}
    held = {"If-Match": "*", "Idempotency-Key": "k-2"}
    async with httpx.AsyncClient(base_url=url, headers=headers) as caller:
        first, *_, last = (await caller.get("/v1/referrals")).json()["items"]
        assert first["person_id"] == last["person_id"], "the number found the person again"
        person, search = f"/v1/people/{first['person_id']}", "/v1/people/search"
        stranger = (await caller.post("/v1/referrals", json=a_canary(source_id="C-6", person={}))).json()["person_id"]
        for change in (dict.fromkeys(CANARY), CANARY):
            told = hay.keep(await caller.patch(f"{person}/demographics", json=change, headers={"If-Match": "*"}))
            assert told.status_code == 200, told.text
        number = {"nhs_number": CANARY["nhs_number"]}
        for path, wrong, more in (
            (person, {name: [value] for name, value in CANARY.items()}, held),
            (person, dict.fromkeys(CANARY.values(), 1), held),
            (person, CANARY, {}),
            (person, CANARY, {"If-Match": '"1"'}),
            (person, CANARY | {"nhs_number": "9990548608"}, held),
            (person, {"birth_date": "2999-01-01"}, held),
            (f"/v1/people/{stranger}", number, held),  # in use
        ):
            told = hay.keep(await caller.patch(f"{path}/demographics", json=wrong, headers=more))
            assert told.status_code >= 400, told.text
        for wanted in (
            {name: CANARY[name] for name in ("family_name", "given_name", "postcode")},
            dict.fromkeys(CANARY.values(), 1),
            number | {"cursor": CANARY["email"]},
            number | {"family_name": "Somebody else"},
        ):
            hay.keep(await caller.post(search, json=wanted))
        for wanted in (number, {name: CANARY[name] for name in ("family_name", "birth_date")}):
            found = (await caller.post(search, json=wanted)).json()
            assert [each["id"] for each in found["items"]] == [first["person_id"]]
        for text in needles().values():
            for path in (f"/v1/people/{quote(text, safe='')}", f"{person}/audit?cursor={quote(text)}"):
                hay.keep(await caller.get(path))
        triage = {"decision": "accepted", "on": "2026-03-15", "reason": NOTE}
        hay.keep(await caller.post(f"/v1/referrals/{last['id']}/triage", json=triage))
        moved = hay.keep(
            await caller.patch(f"/v1/referrals/{last['id']}", json={"site_id": str(uuid4())}, headers={"If-Match": "*"})
        )
        assert moved.json()["person_id"] != first["person_id"]
        for decision in ({"reason": NOTE}, {"reason": NOTE, "restricted": False}):
            assert hay.keep(await caller.post(f"{person}/restrict", json=decision)).status_code == 200
        hay.keep(await caller.get(f"{person}/audit"))


async def change(database: Database, sql: str) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute(sql)
    await connection.close()


async def test_identifiers_are_found_nowhere_but_encrypted_in_their_own_columns(
    database: Database, postgres_server: Postgres, nats_server: Nats, servers: Path, tmp_path: Path
) -> None:
    forge, hay, base = Forge(), Hay(), free_port_base()
    async with KeyServer(forge.jwks()) as keys, fresh_stream(nats_server.url()):

        def environment(service: str) -> dict[str, str]:
            return {
                "PATH": os.defpath,
                "ROUNDTABLE_PORT_BASE": str(base),
                "ROUNDTABLE_DATABASE_URL": database.dsn(service),
                "ROUNDTABLE_NATS_URL": nats_server.url(service),
                "ROUNDTABLE_JWKS_URL": keys.url,
                "ROUNDTABLE_ISSUER": ISSUER,
                "ROUNDTABLE_AUDIENCE": AUDIENCE,
                "ROUNDTABLE_LOG_LEVEL": "DEBUG",
            }

        mine = environment("referrals") | {"ROUNDTABLE_KEY_FILE": str(key_file(tmp_path))}
        async with (
            program("serve", "referrals", mine, tmp_path),
            program("work", "referrals", mine, tmp_path),
            program("work", "reporting", environment("reporting"), tmp_path),
            program("serve", "reporting", environment("reporting"), tmp_path),
        ):
            await sent_in_every_way(f"http://127.0.0.1:{base + 1}", forge, database, hay)
            await known_in_every_way(f"http://127.0.0.1:{base + 1}", forge, hay)

            async def projected() -> bool:
                (position,) = await rows(database, "inbox_position", schema="reporting")
                waiting = await rows(database, "audit", "WHERE position IS NULL")
                waiting += await rows(database, "people", "WHERE examined_at IS NULL")
                return position["events"] == len(await rows(database, "outbox")) and not waiting

            await eventually(projected)
            assert len(await rows(database, "merges")) == 1, "the matcher tied the copy to the record it was made from"
            for store in ("corrections", "match_keys"):
                assert await rows(database, store), "there is something to be found"
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{base + 4}") as caller:
                hay.keep(await caller.get("/metrics"))
            identified = await read_back(f"http://127.0.0.1:{base + 1}", forge)
        dump = dumped(postgres_server, database)

    stores = [("the dump of every schema", dump), *files(nats_server.folder)]
    logs = [each for each in (*files(tmp_path), *files(servers)) if each[0].endswith(".log")]
    assert len(logs) >= 6, "four processes and two servers"
    assert find(needles(), [*hay.answers, *stores, *logs]) == []

    assert len(find(needles() | {"ours": "C-3"}, [("", dump)])) == 1, "the dump is all there, to be searched"
    assert find({"ours": "referrals.received.v1"}, files(nats_server.folder)), "so are the stream's files"
    assert b"request_failed" in b"".join(content for _, content in logs) or b"database_refused" in b"".join(
        content for _, content in logs
    ), "something was logged of the requests that failed"
    assert find(CANARY, [("", identified)]) == [f"{name} in " for name in CANARY], "and it was not lost either"


async def read_back(url: str, forge: Forge) -> bytes:
    """Return the referral as somebody with `people:read` sees it: the one place where identifiers come out."""
    headers = {"Authorization": f"Bearer {forge.token(scope=ALL)}"}
    async with httpx.AsyncClient(base_url=url, headers=headers) as caller:
        listed: list[dict[str, Any]] = (await caller.get("/v1/referrals")).json()["items"]
        (first,) = [each["id"] for each in listed if each["source_id"] == "C-1"]
        return (await caller.get(f"/v1/referrals/{first}")).content


def dumped(server: Postgres, database: Database) -> bytes:
    """Return the whole database as text, bytes in hexadecimal."""
    command = [str(server.binaries / "pg_dump"), "--dbname", database.admin_dsn]
    return subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603 - our own program


WAYS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode(),
    "shouted": lambda text: text.upper().encode(),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "base64": lambda text: b64encode(text.encode()),
    "base64, shifted": lambda text: b64encode(b"x" + text.encode() + b"yz"),
    "base64 of a cursor": lambda text: urlsafe_b64encode(b"[" + text.encode() + b"]"),
    "JSON": lambda text: json.dumps(text).encode(),
    "a URL": lambda text: quote(text).encode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_search_finds_a_canary_in_every_form(way: str) -> None:
    for name, text in needles().items():
        assert find({name: text}, [("here", b"...\x00" + WAYS[way](text) + b"...")]) == [f"{name} in here"]
    assert find(needles(), [("here", b"nothing to see")]) == []


def test_no_form_is_so_short_that_it_is_everywhere() -> None:
    assert min(len(form) for text in needles().values() for form in forms(text)) >= 6
